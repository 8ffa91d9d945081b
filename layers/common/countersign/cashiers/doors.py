"""The cashiers that send notifications, by the name in their path: what a callback may import, and nothing more."""

from collections.abc import Mapping

from countersign.cashiers.hc1 import notify as hc1
from countersign.cashiers.notices import Door
from countersign.cashiers.stripe import notify as stripe

DOORS: Mapping[str, Door] = {"hc1": hc1.DOOR, "stripe": stripe.DOOR}

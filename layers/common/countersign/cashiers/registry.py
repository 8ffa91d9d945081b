"""The cashiers that there are, by the word in their path and in their accounts' folder: how each is reached."""

from collections.abc import Callable, Mapping
from typing import Any

from countersign.cashiers.doors import DOORS
from countersign.cashiers.hc1 import connector as hc1
from countersign.cashiers.port import Cashier
from countersign.cashiers.stripe import connector as stripe
from countersign.cashiers.wechat_native import settings as wechat_native
from countersign.store import OrderStore

LOADS = {name: door.load for name, door in DOORS.items()} | {"wechat_native": wechat_native.load}
# (the account as orders name it, its settings, the store) -> the account's connector
CONNECT: Mapping[str, Callable[..., Cashier]] = {"hc1": hc1.connect, "stripe": stripe.connect}


def connect(name: str, settings: Any, *, store: OrderStore, **how: Any) -> Cashier:
    """Return the connector of `{cashier}.{account}`; `how` bounds its calls where somebody waits."""
    return CONNECT[name.partition(".")[0]](name, settings, store=store, **how)

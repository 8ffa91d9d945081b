"""Attempts to pay one order of a shop: one is open at a time, each under a number of its own.

The numbers are `{base}-1`, `{base}-2`, …: whoever counts at the same moment comes to the same one, and the record lets
only one of them begin it. The next attempt replaces the last one: that is asked about and ended at the cashier first
(`api.payments`), so that two can never be paid.
"""

from collections.abc import Callable
from typing import NamedTuple

from countersign.money import Money
from countersign.orders.changes import OrderKey
from countersign.orders.state import Order
from countersign.store import OrderStore

MOST = 100  # of one order: who comes so far is no shopper


class Attempt(NamedTuple):
    """The attempt that a shopper is to pay by: its reference, the one that it replaces, and what is known of it."""

    reference: str
    replaces: str = ""
    order: Order | None = None

    @property
    def is_paid(self) -> bool:
        """Tell whether the order of the shop is paid by it already."""
        return self.order is not None and self.order.payment is not None


def current(store: OrderStore, key_of: Callable[[str], OrderKey], base: str, amount: Money, *, now: int) -> Attempt:
    """Return the attempt that counts: the last one while it may be paid or was, else the next.

    `key_of` gives the order of a reference. An attempt is over when it ended, failed, its time is over or the order
    comes to another amount by now.
    """
    last = Attempt(f"{base}-1", order=store.get(key_of(f"{base}-1")))
    for number in range(2, MOST + 1):
        following = f"{base}-{number}"
        if last.order is None:
            return last
        found = store.get(key_of(following))
        if found is None:
            over = not last.is_paid and not _is_open(last.order, amount, now)
            return Attempt(following, last.reference) if over else last
        last = Attempt(following, last.reference, found)
    return last


def _is_open(order: Order, amount: Money, now: int) -> bool:
    waits = order.status in ("created", "pending", "review")
    return waits and order.terms.amount == amount and now < order.terms.expires_at

"""Attempts to pay one order of a shop: one is open at a time, each under a number of its own.

The numbers are `{base}-1`, `{base}-2`, …: whoever counts at the same moment comes to the same one, and the record lets
only one of them begin it. The next attempt replaces the last one: that is asked about and ended at the cashier first
(`api.payments`; at another cashier `was_paid`), so that two can never be paid. An attempt stays at the cashier that it
began at (`store.attempts`).
"""

from collections.abc import Callable
from typing import NamedTuple

from countersign.errors import ConflictError, PlatformUnavailableError, RateLimitedError
from countersign.money import Money
from countersign.orders.changes import Change, CloseRequested, Operator, OrderKey
from countersign.orders.schedule import must_close
from countersign.orders.state import Order
from countersign.platforms.port import Closes
from countersign.store import OrderStore
from countersign.store.attempts import AttemptStore, Begun

MOST = 100  # of one order: who comes so far is no shopper


class Attempt(NamedTuple):
    """The attempt that a shopper is to pay by: its number, order and cashier, what is known of it, and the one before.

    `order` is None where it has yet to begin.
    """

    number: int
    key: OrderKey
    cashier: str
    order: Order | None = None
    before: Order | None = None

    @property
    def is_paid(self) -> bool:
        """Tell whether the order of the shop is paid by it already."""
        return self.order is not None and self.order.payment is not None


def current(
    store: OrderStore, whole: OrderKey, amount: Money, *, cashier: str, next_key: Callable[[int], OrderKey], now: int
) -> Attempt:
    """Return the attempt that counts: the last one while it may be paid or was, else the next, at `cashier`.

    `next_key` gives the order of an attempt's number there. An attempt is over when it ended, failed, its time is over
    or the order comes to another amount by now. Raises RateLimitedError beyond MOST.
    """
    rows = AttemptStore(store.client, store.table)
    last = next(reversed(rows.of(whole)), None)
    known = store.get(last.key) if last is not None else None
    if last is not None and (known is None or known.payment is not None or _is_open(known, amount, now)):
        return Attempt(*last, known, _before(store, whole, last, rows) if known is None else None)
    number = last.number + 1 if last is not None else 1
    if number > MOST:
        raise RateLimitedError("too many attempts to pay one order")
    begun = rows.begin(whole, Begun(number, next_key(number), cashier))
    return Attempt(*begun, store.get(begun.key), known)


def _before(store: OrderStore, whole: OrderKey, one: Begun, rows: AttemptStore) -> Order | None:
    """Return the attempt before one that was chosen and never began: whoever chose it ended in between."""
    found = next((other for other in rows.of(whole) if other.number == one.number - 1), None)
    return store.get(found.key) if found is not None else None


def _is_open(order: Order, amount: Money, now: int) -> bool:
    waits = order.status in ("created", "pending", "review")
    return waits and order.terms.amount == amount and now < order.terms.expires_at


def of(store: OrderStore, whole: OrderKey) -> tuple[Order, ...]:
    """Return the attempts to pay an order that were recorded, oldest first."""
    found = (store.get(one.key) for one in AttemptStore(store.client, store.table).of(whole))
    return tuple(order for order in found if order is not None)


def was_paid(store: OrderStore, cashier: Closes, old: Order, *, by: str, now: int) -> bool:
    """End an attempt before one begins at another cashier; tell whether it turned out to be paid.

    At the same cashier the new one replaces it. Raises PlatformUnavailableError while it cannot be ended.
    """
    for change in cashier.query_order(old, now=now):
        old = store.record(change, now=now).order or old
    if old.payment is not None:
        return True
    asked = Change(old.key, CloseRequested(now), Operator(by), "merchant", system=old.terms.system)
    old = store.record(asked, now=now).order or old
    try:
        closed = cashier.close(old, now=now) if must_close(old, now) else None
    except ConflictError:
        closed = None
    if closed is not None:
        old = store.record(closed, now=now).order or old
    if old.status != "closed":
        raise PlatformUnavailableError("the attempt before may still be paid, at another cashier")
    return False

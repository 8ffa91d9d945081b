"""From the mini store's word about an order to our facts: its beginning, its payment, its end.

The store's own documents could not be confirmed: what does not fit what we know of them is never taken for a payment.
"""

import json
import re

from countersign.errors import MalformedError
from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Closed,
    Fact,
    Flagged,
    Line,
    OrderCreated,
    OrderKey,
    Paid,
    Prepared,
    Queried,
    Terms,
    Unrecognised,
)
from countersign.platforms.wechat.settings import Settings
from countersign.platforms.wechat.store_orders import SHIPPED, TO_SHIP, UNPAID, StoreOrder, StoreProduct
from countersign.signing import digests

SYSTEM = "store"
ORDER_UNKNOWN = frozenset({100002})  # [M] errcodes by which the store knows no such order
LIFETIME = 24 * 3600  # seconds until an unpaid order should be over; only shown, for the store closes it
_CURRENCY = "CNY"
_MAX_LINES, _MAX_TITLE, _MAX_DESCRIPTION = 100, 256, 127
_CANCELLED_AFTER_SALES, _CANCELLED_UNPAID = 200, 250  # [M]
_TRANSACTION = re.compile(r"[0-9A-Za-z_-]{1,64}")
_SPACES = re.compile(r"\s+")


def opened(order: StoreOrder, settings: Settings, key: OrderKey) -> Change:
    """Return the order's beginning, for an order that is not known here yet."""
    content = [order.order_id, order.amount, _CURRENCY, order.created_at]
    lines = tuple(_line(product) for product in order.products[:_MAX_LINES] if product.title.strip())
    terms = Terms(
        amount=Money(order.amount, _CURRENCY),
        system=SYSTEM,
        method="store",
        digest=digests.sha256(json.dumps(content).encode()),
        created_at=order.created_at,
        expires_at=order.created_at + LIFETIME,
        description=_description(lines),
        appid=settings.store.appid if settings.store else "",
        paid_late_policy=settings.paid_late_policy,
        review_refund=settings.review_refund,
        lines=lines,
        external=True,
    )
    return _change(key, OrderCreated(terms), settings)


def changes(order: StoreOrder, settings: Settings, key: OrderKey, *, now: int) -> tuple[Change, ...]:
    """Return what the order's state says; `now` is when a cancelled one became known to be so."""
    return tuple(_change(key, fact, settings) for fact in _facts(order, now))


def _facts(order: StoreOrder, now: int) -> list[Fact]:
    if order.status in UNPAID:
        return [Prepared()]
    if order.status in TO_SHIP | SHIPPED:
        return [_paid(order)]
    if order.status == _CANCELLED_UNPAID:
        return [Closed(now)]
    if order.status == _CANCELLED_AFTER_SALES:
        # The refunds are in the store's console only: a person must see that this payment is not to be shipped.
        if not order.transaction_id:
            return [Closed(now)]
        return [_paid(order), Flagged("cancelled_after_payment", order.order_id), Closed(now)]
    return [Unrecognised("store status", str(order.status))]


def _paid(order: StoreOrder) -> Paid:
    if not _TRANSACTION.fullmatch(order.transaction_id) or order.pay_time is None:
        raise MalformedError("a paid order of the store lacks its transaction_id or time")
    return Paid(order.transaction_id, Money(order.amount, _CURRENCY), order.pay_time)


def _change(key: OrderKey, fact: Fact, settings: Settings) -> Change:
    return Change(key, fact, Queried(), "query", settings.mchid, SYSTEM)


def _line(product: StoreProduct) -> Line:
    return Line(_SPACES.sub(" ", product.title).strip()[:_MAX_TITLE], product.quantity, product.price)


def _description(lines: tuple[Line, ...]) -> str:
    more = f" +{len(lines) - 1}" if len(lines) > 1 else ""
    return lines[0].title[: _MAX_DESCRIPTION - len(more)] + more if lines else ""

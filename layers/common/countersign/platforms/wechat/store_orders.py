"""What a mini store says about an order, and what that means in our facts.

The store's own documents could not be confirmed: paths, fields and numbers here are as far as they are known, and what
cannot be read is never taken for a payment. Names, addresses and openids stay in the answer.
"""

# https://developers.weixin.qq.com/doc/store/shop/API/channels-shop-order/order/api_getorder.html

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from countersign.errors import MalformedError
from countersign.money import MAX_MINOR, Money
from countersign.orders.changes import (
    Change,
    Closed,
    Fact,
    Flagged,
    Line,
    Opened,
    OrderKey,
    Paid,
    Prepared,
    Queried,
    Terms,
    Unrecognised,
)
from countersign.platforms.wechat.settings import Settings
from countersign.signing import digests

SYSTEM = "store"
ORDER_UNKNOWN = frozenset({100002})  # errcodes by which the store knows no such order; from memory
LIFETIME = 24 * 3600  # seconds until an unpaid order should be over; only shown, for the store closes it
_CURRENCY = "CNY"
_MAX_LINES, _MAX_TITLE, _MAX_DESCRIPTION = 100, 256, 127
# The store's numbers of an order's state; from memory.
_UNPAID = frozenset({10})
_PAID = frozenset({20, 21, 30, 100})  # to ship, partly shipped, shipped, done
_CANCELLED_AFTER_SALES, _CANCELLED_UNPAID = 200, 250
_TRANSACTION = re.compile(r"[0-9A-Za-z_-]{1,64}")
_SPACES = re.compile(r"\s+")


class StoreOrder(NamedTuple):
    """One order, as the store tells it."""

    order_id: str
    status: int
    created_at: int
    amount: Money
    lines: tuple[Line, ...]
    transaction_id: str = ""
    paid_at: int | None = None


def read(answer: Mapping[str, Any], order_id: str) -> StoreOrder:
    """Read the answer to a question about `order_id`; MalformedError if it is not about that, or lacks its money."""
    order = _object(answer, "order")
    detail = _object(order, "order_detail")
    if str(order.get("order_id")) != order_id:
        raise MalformedError("the store's answer is about another order")
    pay = detail.get("pay_info") or {}
    transaction_id = pay.get("transaction_id") or "" if isinstance(pay, Mapping) else ""
    if not isinstance(transaction_id, str) or (transaction_id and not _TRANSACTION.fullmatch(transaction_id)):
        raise MalformedError("transaction_id is not what the platform promises")
    return StoreOrder(
        order_id,
        _integer(order, "status"),
        _integer(order, "create_time"),
        Money(_integer(_object(detail, "price_info"), "order_price"), _CURRENCY),
        _lines(detail.get("product_infos")),
        transaction_id,
        _integer(pay, "pay_time") if transaction_id else None,
    )


def opened(order: StoreOrder, settings: Settings, key: OrderKey) -> Change:
    """Return the order's beginning, for an order that is not known here yet."""
    content = [order.order_id, order.amount.minor, order.amount.currency, order.created_at]
    terms = Terms(
        amount=order.amount,
        system=SYSTEM,
        method="store",
        digest=digests.sha256(json.dumps(content).encode()),
        created_at=order.created_at,
        expires_at=order.created_at + LIFETIME,
        description=_description(order.lines),
        appid=settings.store.appid if settings.store else "",
        paid_late_policy=settings.paid_late_policy,
        lines=order.lines,
        made_there=True,
    )
    return _change(key, Opened(terms), settings)


def news(order: StoreOrder, settings: Settings, key: OrderKey, *, now: int) -> tuple[Change, ...]:
    """Return what the order's state says; `now` is when a cancelled one became known to be so."""
    return tuple(_change(key, fact, settings) for fact in _facts(order, now))


def _facts(order: StoreOrder, now: int) -> list[Fact]:
    if order.status in _UNPAID:
        return [Prepared()]
    if order.status in _PAID:
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
    if not order.transaction_id or order.paid_at is None:
        raise MalformedError("a paid order of the store lacks its transaction_id or time")
    return Paid(order.transaction_id, order.amount, order.paid_at)


def _change(key: OrderKey, fact: Fact, settings: Settings) -> Change:
    return Change(key, fact, Queried(), "query", settings.mchid, SYSTEM)


def _lines(products: object) -> tuple[Line, ...]:
    """Return what was bought, as far as it can be read: no title keeps a payment from being known."""
    found = []
    for product in products if isinstance(products, list) else ():
        if not isinstance(product, Mapping):
            continue
        title = product.get("title")
        with suppress(MalformedError):
            quantity, minor = _integer(product, "sku_cnt"), _integer(product, "sale_price")
            if isinstance(title, str) and title.strip():
                found.append(Line(_SPACES.sub(" ", title).strip()[:_MAX_TITLE], quantity, minor))
    return tuple(found[:_MAX_LINES])


def _description(lines: tuple[Line, ...]) -> str:
    more = f" +{len(lines) - 1}" if len(lines) > 1 else ""
    return lines[0].title[: _MAX_DESCRIPTION - len(more)] + more if lines else ""


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    if not isinstance(value, Mapping):
        raise MalformedError(f"{name} is missing")
    return value


def _integer(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if type(value) is not int or not 0 <= value <= MAX_MINOR:
        raise MalformedError(f"{name} is not a whole number")
    return value

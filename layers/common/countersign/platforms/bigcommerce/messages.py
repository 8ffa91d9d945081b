"""What BigCommerce says of an order, a refund or an event, read into plain values.

Amounts are decimal text, sometimes numbers; the currency that the shopper pays in is the one that is called default.
Names and addresses of buyers are not read at all; an e-mail address is, for the one mail that a merchant may switch on,
and is recorded nowhere.
"""

import re
from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from countersign.errors import MalformedError
from countersign.fields import epoch, free_text, mapping, text, whole
from countersign.money import Money
from countersign.platforms.bigcommerce import settlement
from countersign.values import dataclass

_WORD = re.compile(r"[^\x00-\x1f\x7f]{0,255}")
_CART = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_DATE = re.compile(r"[A-Za-z]{3}, [0-9]{1,2} [A-Za-z]{3} [0-9]{4} [0-9:]{8} [+-][0-9]{4}", re.ASCII)
_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[^\s@<>,;:\"()\[\]\\]{1,190}", re.ASCII)
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", re.ASCII)
_SCOPE = re.compile(r"[A-Za-z0-9_/*]{1,100}", re.ASCII)
_PRODUCER = re.compile(r"stores/([a-z0-9]{1,64})", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
STATUSES = range(15)


@dataclass(frozen=True, slots=True)
class StoreOrder:
    """An order of a store; times are epoch seconds.

    `due` is what the shopper still pays; None where it cannot be charged exactly, and `problem` says why.
    """

    number: str
    status_id: int
    due: Money | None
    problem: str
    payment_method: str
    cart_id: str  # in lower case; empty for an order that no cart became
    customer_id: int  # 0 for a guest
    channel_id: int
    is_deleted: bool
    is_digital: bool
    created_at: int
    modified_at: int
    locale: str = ""
    email: str = field(default="", repr=False)  # the shopper's; never recorded


class StoreRefund(NamedTuple):
    """A refund that is recorded of an order; `reason` is what was said with its first line."""

    number: str
    amount: Money
    reason: str
    at: int | None


class Event(NamedTuple):
    """A delivery: the store that it is of, its scope, and the order and refund that it names (empty: none)."""

    store_hash: str
    scope: str
    order_id: str
    refund_id: str
    created_at: int | None
    previous_status: int | None = None
    new_status: int | None = None


def read_order(fields: Mapping[str, Any]) -> StoreOrder:
    """Read an order; MalformedError where what it is to be judged by is missing."""
    status = whole(fields, "status_id")
    if status is None or status not in STATUSES:
        raise MalformedError("status_id is not a status of orders")
    due, problem = None, ""
    try:
        due = settlement.due(fields)
    except MalformedError as error:
        problem = str(error)
    created = _moment(fields, "date_created")
    if created is None:
        raise MalformedError("date_created is missing")
    cart = fields.get("cart_id")
    locale = fields.get("customer_locale")
    billing = fields.get("billing_address")
    email = billing.get("email") if isinstance(billing, dict) else None
    return StoreOrder(
        number=text(fields, "id", _NUMBER, numbers=True),
        status_id=status,
        due=due,
        problem=problem,
        payment_method=text(fields, "payment_method", _WORD, default=""),
        cart_id=cart.lower() if isinstance(cart, str) and _CART.fullmatch(cart) else "",
        customer_id=whole(fields, "customer_id", digits=True) or 0,
        channel_id=whole(fields, "channel_id", digits=True) or 0,
        is_deleted=fields.get("is_deleted") is True,
        is_digital=fields.get("order_is_digital") is True,
        created_at=created,
        modified_at=_moment(fields, "date_modified") or created,
        locale=locale if isinstance(locale, str) and _LOCALE.fullmatch(locale) else "",
        email=email if isinstance(email, str) and _EMAIL.fullmatch(email) else "",
    )


def read_refund(fields: Mapping[str, Any], currency: str) -> StoreRefund:
    """Read a refund of an order that is charged in a currency."""
    items = fields.get("items")
    first = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
    total = {"total_inc_tax": fields.get("total_amount"), "default_currency_code": currency}
    return StoreRefund(
        text(fields, "id", _NUMBER, numbers=True), settlement.due(total), free_text(first, "reason"), None
    )


def read_event(fields: Mapping[str, Any]) -> Event:
    """Read a delivery's body; MalformedError where it names no store or no scope.

    Ids come as numbers or as text, and under several names: `id`, `order_id`, `orderId`.
    """
    store_hash = store_of(fields)
    if not store_hash:
        raise MalformedError("producer names no store")
    scope, data = text(fields, "scope", _SCOPE), mapping(fields, "data")
    status = mapping(data, "status")
    return Event(
        store_hash,
        scope,
        _order_of(scope, data),
        _id(mapping(data, "refund"), "refund_id"),
        whole(fields, "created_at", digits=True),
        whole(status, "previous_status_id", digits=True),
        whole(status, "new_status_id", digits=True),
    )


def store_of(fields: Mapping[str, Any]) -> str:
    """Return the store that a delivery names, whatever else is wrong with it; empty where it names none."""
    producer = fields.get("producer")
    match = _PRODUCER.fullmatch(producer) if isinstance(producer, str) else None
    return match[1] if match else ""


def order_of(fields: Mapping[str, Any]) -> str:
    """Return the order that a delivery names, whatever else is wrong with it; empty where it names none."""
    try:
        return read_event(fields).order_id
    except MalformedError:
        return ""


def decimal_of(money: Money) -> Decimal:
    """Return an amount as BigCommerce writes it."""
    return Decimal(str(money).partition(" ")[0])


def _order_of(scope: str, data: Mapping[str, Any]) -> str:
    if "/order/" not in scope and scope != "store/cart/converted":
        return ""
    if scope.startswith("store/order/metafield"):
        return _id(data, "resource_id")
    if data.get("type") == "order":
        return _id(data, "id")
    return _id(data, "order_id") or _id(data, "orderId")


def _id(fields: Mapping[str, Any], name: str) -> str:
    return text(fields, name, _NUMBER, default="", numbers=True)


def _moment(fields: Mapping[str, Any], name: str) -> int | None:
    """Return epoch seconds of a time such as `Tue, 05 Mar 2019 21:40:11 +0000`, in any zone."""
    written = text(fields, name, _DATE, default="")
    if not written:
        return None
    try:
        return epoch(parsedate_to_datetime(written))
    except (TypeError, ValueError, OverflowError):
        raise MalformedError(f"{name} is not a time") from None

"""What the mini store says about one of its orders, read strictly into typed values.

A push names the order and nothing else, so everything about it is asked for. What says who bought is left out.
"""

# https://developers.weixin.qq.com/doc/store/API/order/get.html

from collections.abc import Mapping
from typing import Any, NamedTuple

from countersign.errors import MalformedError
from countersign.money import MAX_MINOR

# [M] Collected from the store's documents: no account of ours has shown them.
UNPAID = frozenset({10, 12, 13})
SENT_IN_PART = 21
TO_SHIP = frozenset({20, SENT_IN_PART})
SHIPPED = frozenset({30, 100})
CANCELLED = frozenset({200, 250})  # 200: paid, and all of it went back

_MAX_TEXT = 64
_MAX_TITLE = 1000


class StoreProduct(NamedTuple):
    """One line of a store order; `price` is that of one piece, in fen."""

    product_id: str
    sku_id: str
    title: str
    quantity: int
    price: int


class StoreOrder(NamedTuple):
    """One order of the mini store; what an unpaid one lacks is empty or None."""

    order_id: str
    status: int
    amount: int  # fen: what the buyer pays, postage included
    transaction_id: str
    pay_time: int | None
    created_at: int
    products: tuple[StoreProduct, ...]
    waybills: tuple[str, ...] = ()  # the parcels that were sent so far


def read(answer: Mapping[str, Any]) -> StoreOrder:
    """Read the answer to a question about one order; raises MalformedError."""
    order = _object(answer, "order")
    detail = _object(order, "order_detail")
    payment = _object(detail, "pay_info", default={})
    sent = _objects(_object(detail, "delivery_info", default={}), "delivery_product_info")
    return StoreOrder(
        order_id=_number(order, "order_id"),
        status=_integer(order, "status"),
        amount=_integer(_object(detail, "price_info"), "order_price"),
        transaction_id=_text(payment, "transaction_id", _MAX_TEXT),
        pay_time=_integer(payment, "pay_time", default=0) or None,
        created_at=_integer(order, "create_time"),
        products=tuple(_product(product) for product in _objects(detail, "product_infos")),
        waybills=tuple(filter(None, (_text(parcel, "waybill_id", _MAX_TITLE) for parcel in sent))),
    )


def _product(fields: Mapping[str, Any]) -> StoreProduct:
    return StoreProduct(
        product_id=_number(fields, "product_id"),
        sku_id=_number(fields, "sku_id"),
        title=_text(fields, "title", _MAX_TITLE),
        quantity=_integer(fields, "sku_cnt"),
        price=_integer(fields, "sale_price", default=0),
    )


def _number(fields: Mapping[str, Any], name: str) -> str:
    """Return an id; WeChat writes the same ones as texts here and as numbers of 19 digits there."""
    value = fields.get(name)
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not 0 < len(text) <= _MAX_TEXT or not (text.isascii() and text.isdigit()):
        raise MalformedError(f"{name} is not what the platform promises")
    return text


def _text(fields: Mapping[str, Any], name: str, longest: int) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise MalformedError(f"{name} is not what the platform promises")
    return value


def _integer(fields: Mapping[str, Any], name: str, *, default: int | None = None) -> int:
    value = fields.get(name, default)
    if type(value) is not int or not 0 <= value <= MAX_MINOR:  # a bool is an int too
        raise MalformedError(f"{name} is not a whole number")
    return value


def _object(fields: Mapping[str, Any], name: str, *, default: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    value = fields.get(name, default)
    if not isinstance(value, Mapping):
        raise MalformedError(f"{name} is not an object")
    return value


def _objects(fields: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise MalformedError(f"{name} is not a list of objects")
    return value

"""What the mini store says about one of its orders, read strictly into typed values.

A push names the order and nothing else, so everything about it is asked for. What says who bought is left out.
"""

# https://developers.weixin.qq.com/doc/store/API/order/get.html

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from countersign.errors import MalformedError
from countersign.fields import mapping, mappings, required, text, whole

# [M] Collected from the store's documents: no account of ours has shown them.
UNPAID = frozenset({10, 12, 13})
SENT_IN_PART = 21
TO_SHIP = frozenset({20, SENT_IN_PART})
SHIPPED = frozenset({30, 100})
CANCELLED = frozenset({200, 250})  # 200: paid, and all of it went back

_NUMBER = re.compile(r"[0-9]{1,64}")
_SHORT = re.compile(r".{0,64}", re.DOTALL)
_TITLE = re.compile(r".{0,1000}", re.DOTALL)


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
    payment = mapping(detail, "pay_info")
    sent = mappings(mapping(detail, "delivery_info"), "delivery_product_info")
    return StoreOrder(
        order_id=_number(order, "order_id"),
        status=_integer(order, "status"),
        amount=_integer(_object(detail, "price_info"), "order_price"),
        transaction_id=text(payment, "transaction_id", _SHORT, default=""),
        pay_time=whole(payment, "pay_time") or None,
        created_at=_integer(order, "create_time"),
        products=tuple(_product(product) for product in mappings(detail, "product_infos")),
        waybills=tuple(filter(None, (text(parcel, "waybill_id", _TITLE, default="") for parcel in sent))),
    )


def _product(fields: Mapping[str, Any]) -> StoreProduct:
    return StoreProduct(
        product_id=_number(fields, "product_id"),
        sku_id=_number(fields, "sku_id"),
        title=text(fields, "title", _TITLE, default=""),
        quantity=_integer(fields, "sku_cnt"),
        price=whole(fields, "sale_price") or 0,
    )


def _number(fields: Mapping[str, Any], name: str) -> str:
    """Return an id; WeChat writes the same ones as texts here and as numbers of 19 digits there."""
    return text(fields, name, _NUMBER, numbers=True)


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object that must be there."""
    if fields.get(name) is None:
        raise MalformedError(f"{name} is missing")
    return mapping(fields, name)


def _integer(fields: Mapping[str, Any], name: str) -> int:
    return required(whole(fields, name), name)

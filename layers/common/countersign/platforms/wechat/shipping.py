"""A shipment as WeChat's order shipping management hears of it, what it says about one, and what its codes mean.

WeChat tells the buyer, and keeps the money until goods were sent. One payment can be corrected once: whatever is
uploaded after everything was sent, or by another way of sending, uses that chance up.
"""

# https://developers.weixin.qq.com/miniprogram/dev/server/API/order_shipping/api_uploadshippinginfo

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from countersign.errors import MalformedError
from countersign.orders import shipments
from countersign.orders.changes import Parcel
from countersign.orders.shipments import Shipment
from countersign.platforms.wechat import store_orders
from countersign.platforms.wechat.payments import beijing
from countersign.platforms.wechat.store_orders import StoreOrder

UPLOAD = "/wxa/sec/order/upload_shipping_info"
GET_ORDER = "/wxa/sec/order/get_order"
DESCRIPTION_CHARACTERS = 120

_BY_TRANSACTION = 2  # of order_number_type
_LOGISTICS = {"express": 1, "local": 2, "virtual": 3, "pickup": 4}
_UNIFIED, _SPLIT = 1, 2
_WANTS_CONTACT = frozenset({"SF"})  # only with four digits of a phone number can its parcels be followed
_CONTACT = re.compile(r".*[0-9]{4}", re.DOTALL)
_SHIPPED = frozenset({2, 3, 4, 6})  # sent, received, done, about to be settled; 1 is to be sent, 5 refunded
# [M] Of the store's calls: an express parcel, and what no carrier brings.
_STORE_EXPRESS, _STORE_NOTHING_TO_FOLLOW = 1, 3

UNKNOWN_PAYMENT = 10060001  # right after the payment that is a lag of up to a minute
_DONE = frozenset({10060002, 10060023})  # shipped completely already; nothing changed
_ANEW = "then record the shipment anew"
_FIELDS = f"WeChat does not take what is said about the shipment: correct it, {_ANEW}"
_ACCOUNT = f"WeChat does not take the app's credentials: correct appid and secret in the account document, {_ANEW}"
_THIRD_PARTY = "Another platform manages this app and may not report shipments: allow it there, or ship in its console"
# What all shipments of the account meet just now, and none any more once a person has put it right.
OF_THE_ACCOUNT = frozenset({40013, 40125, 40164, 48001})
_PROBLEMS = {
    UNKNOWN_PAYMENT: "WeChat's shipping management does not find the payment: one of another app, a test payment, or "
    "made before the mini program joined; look in the mini program's console and ship there",
    10060003: "The one chance to correct this order's shipment is used up: what WeChat shows can no longer be changed",
    10060004: "WeChat does not let this order be shipped, as one that was refunded: look in the mini program's console",
    10060005: _FIELDS,
    10060006: f"Only express can be sent in parts: record one complete shipment, {_ANEW}",
    10060007: _FIELDS,
    10060008: f"WeChat wants a description of the goods: give one, {_ANEW}",
    10060009: f"The description of the goods is too long for WeChat: shorten it, {_ANEW}",
    10060031: "The payment is not this payer's: compare appid and mchid of the account document with the order",
    268485226: f"The tracking number is missing: add it, {_ANEW}",
    268485227: f"The carrier is missing: add WeChat's code of it, {_ANEW}",
    47001: _FIELDS,
    40097: f"WeChat does not take the carrier's code, the tracking number or the contact: correct it, {_ANEW}",
    40003: _FIELDS,
    40013: _ACCOUNT,
    40125: _ACCOUNT,
    40164: f"WeChat takes calls for this app from listed addresses only: take the list away, {_ANEW}",
    48001: f"The app may not report shipments: join the shipping management in its console, {_ANEW}",
    61003: _THIRD_PARTY,
    61004: _THIRD_PARTY,
    61011: _THIRD_PARTY,
}

NOT_PAID = "WeChat does not show this order as paid: look in the merchant console before anything is sent"
NO_OPENID = "WeChat names no payer for this payment: ship in the mini program's console"
OTHER_APP = "The payment was made in another app than the account's mini program: ship in that app's console"
NO_SECRET = f"The account has no mini_program_secret: enter it, {_ANEW}"
NO_STORE = f"The account names no mini store: enter it as store, {_ANEW}"
OTHER_PARCELS = "WeChat has this order as sent with other parcels: compare in the mini program's console"
_NO_CONTACT = "needs four digits of the receiver's phone number: give it as contact (189****1234)"
_NOT_IN_PARTS = "Only express can be sent in parts: record the shipment as complete once everything is handed over"
_ALL_SENT = "WeChat has everything of this order as sent: record a complete shipment to correct that, once"
_OTHER_WAY = "WeChat knows another way of sending for this order: change it in the mini program's console"
_STORE_PARTS = (
    "The store wants to know which goods lie in which parcel: send this order in the store's console, or in one parcel"
)
_STORE_STATES = "The store has this order as unpaid or cancelled: look in the store's console"

Json = dict[str, Any]


class OrderSeen(NamedTuple):
    """What the shipping management knows of a payment."""

    shipped: bool
    tracking_numbers: frozenset[str]

    def has(self, shipment: Shipment) -> bool:
        """Tell whether the shipment is there, all of it."""
        there = {parcel.tracking_no for parcel in shipment.parcels} <= self.tracking_numbers
        if shipment.method != "express":
            return self.shipped
        return there and (self.shipped or not shipment.complete)


def obstacle(shipment: Shipment, reported: Sequence[Shipment]) -> str:
    """Return why WeChat would not take a shipment after those `reported`, or an empty string."""
    if shipment.method != "express" and not shipment.complete:
        return _NOT_IN_PARTS
    if any(earlier.method != shipment.method for earlier in reported):
        return _OTHER_WAY
    if not shipment.complete and any(earlier.complete for earlier in reported):
        return _ALL_SENT
    for parcel in shipment.parcels:
        if parcel.carrier.upper() in _WANTS_CONTACT and not _CONTACT.fullmatch(parcel.contact):
            return f"{parcel.carrier} {_NO_CONTACT}, {_ANEW}"
    return ""


def repeats(shipment: Shipment, reported: Sequence[Shipment]) -> bool:
    """Tell whether WeChat was told all of it with an earlier shipment: telling it again would be a correction."""
    same = [earlier for earlier in reported if earlier.method == shipment.method]
    if shipment.complete and not any(earlier.complete for earlier in same):
        return False
    told = {_number(parcel) for earlier in same for parcel in earlier.parcels}
    return bool(same) and all(_number(parcel) in told for parcel in shipment.parcels)


def upload(
    shipment: Shipment, reported: Sequence[Shipment], *, transaction_id: str, openid: str, goods: str, now: int
) -> Json:
    """Return what tells WeChat of a shipment; `goods` describes them where a parcel's own words are missing."""
    in_parts = any(len(one.parcels) > 1 or not one.complete for one in (shipment, *reported))
    body: Json = {
        "order_key": {"order_number_type": _BY_TRANSACTION, "transaction_id": transaction_id},
        "logistics_type": _LOGISTICS[shipment.method],
        "delivery_mode": _SPLIT if in_parts else _UNIFIED,
        "shipping_list": [_item(shipment, parcel, goods) for parcel in shipment.parcels],
        "upload_time": f"{beijing(now):%Y-%m-%dT%H:%M:%S}.000+08:00",
        "payer": {"openid": openid},
    }
    return {**body, "is_all_delivered": shipment.complete} if in_parts else body


def read_order(answer: Mapping[str, Any]) -> OrderSeen:
    """Read the shipping management's answer about a payment; raises MalformedError."""
    order = answer.get("order")
    shipping = order.get("shipping") if isinstance(order, Mapping) else None
    state = order.get("order_state") if isinstance(order, Mapping) else None
    parcels = (shipping.get("shipping_list") or []) if isinstance(shipping, Mapping) else []
    if type(state) is not int or not isinstance(parcels, list):
        raise MalformedError("the order is not what the platform promises")
    numbers = {parcel.get("tracking_no") for parcel in parcels if isinstance(parcel, Mapping)}
    return OrderSeen(state in _SHIPPED, frozenset(number for number in numbers if isinstance(number, str)))


def is_done(code: int) -> bool:
    """Tell whether a refusal means that WeChat has the shipment."""
    return code in _DONE


def problem(code: int) -> str:
    """Return what a person can do about a refusal."""
    advice = _PROBLEMS.get(code, f"Look the reason up in the mini program's console, {_ANEW}")
    return f"{advice} (errcode {code})"


def store_obstacle(shipment: Shipment, order: StoreOrder) -> str:
    """Return why the mini store cannot be told of a shipment, or an empty string."""
    if order.status not in store_orders.TO_SHIP:
        return _STORE_STATES
    partly = order.status == store_orders.SENT_IN_PART
    return _STORE_PARTS if partly or len(shipment.parcels) > 1 or not shipment.complete else ""


def store_delivery(shipment: Shipment, order: StoreOrder) -> Json:
    """Return what tells the mini store that all goods of an order lie in one parcel."""
    (parcel,) = shipment.parcels
    express = shipment.method == "express"
    delivery = {"delivery_id": parcel.carrier, "waybill_id": parcel.tracking_no} if express else {}
    goods = [
        {"product_id": product.product_id, "sku_id": product.sku_id, "product_cnt": product.quantity}
        for product in order.products
    ]
    kind = _STORE_EXPRESS if express else _STORE_NOTHING_TO_FOLLOW
    return {
        "order_id": order.order_id,
        "delivery_list": [{**delivery, "deliver_type": kind, "product_infos": goods}],
    }


def _number(parcel: Parcel) -> tuple[str, str]:
    return parcel.carrier, parcel.tracking_no


def _item(shipment: Shipment, parcel: Parcel, goods: str) -> Json:
    described = parcel.description.strip() or goods.strip()
    item: Json = {"item_desc": described[:DESCRIPTION_CHARACTERS]}
    if shipment.method == "express":
        item |= {"tracking_no": parcel.tracking_no, "express_company": parcel.carrier}
        if _CONTACT.fullmatch(parcel.contact):
            item["contact"] = {"receiver_contact": shipments.masked(parcel.contact)}
    return item

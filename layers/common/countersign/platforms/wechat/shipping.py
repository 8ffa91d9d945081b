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
from countersign.orders.reasons import Reason, because
from countersign.orders.shipments import Shipment
from countersign.platforms.wechat import store_orders
from countersign.platforms.wechat.carriers import WANTS_CONTACT
from countersign.platforms.wechat.payments import beijing
from countersign.platforms.wechat.store_orders import StoreOrder

UPLOAD = "/wxa/sec/order/upload_shipping_info"
GET_ORDER = "/wxa/sec/order/get_order"
DESCRIPTION_CHARACTERS = 120

_BY_TRANSACTION = 2  # of order_number_type
_LOGISTICS = {"express": 1, "local": 2, "virtual": 3, "pickup": 4}
_UNIFIED, _SPLIT = 1, 2
_CONTACT = re.compile(r".*[0-9]{4}", re.DOTALL)
_SHIPPED = frozenset({2, 3, 4, 6})  # sent, received, done, about to be settled; 1 is to be sent, 5 refunded
# [M] Of the store's calls: an express parcel, and what no carrier brings.
_STORE_EXPRESS, _STORE_NOTHING_TO_FOLLOW = 1, 3

UNKNOWN_PAYMENT = 10060001  # right after the payment that is a lag of up to a minute
_DONE = frozenset({10060002, 10060023})  # shipped completely already; nothing changed
# What all shipments of the account meet just now, and none any more once a person has put it right.
OF_THE_ACCOUNT = frozenset({40013, 40125, 40164, 48001})
_PROBLEMS = {
    UNKNOWN_PAYMENT: "wechat.payment_not_found",
    10060003: "wechat.no_correction_left",
    10060004: "wechat.not_to_be_shipped",
    10060005: "wechat.shipment_fields",
    10060006: "wechat.only_express_in_parts",
    10060007: "wechat.shipment_fields",
    10060008: "wechat.goods_not_described",
    10060009: "wechat.goods_described_too_long",
    10060031: "wechat.another_payer",
    268485226: "wechat.no_tracking_number",
    268485227: "wechat.no_carrier",
    47001: "wechat.shipment_fields",
    40097: "wechat.carrier_not_taken",
    40003: "wechat.shipment_fields",
    40013: "wechat.app_credentials",
    40125: "wechat.app_credentials",
    40164: "wechat.calls_from_listed_addresses",
    48001: "wechat.no_shipping_management",
    61003: "wechat.managed_by_others",
    61004: "wechat.managed_by_others",
    61011: "wechat.managed_by_others",
}

NOT_PAID = because("wechat.not_shown_as_paid")
NO_OPENID = because("wechat.no_payer_named")
OTHER_APP = because("wechat.paid_in_another_app")
NO_SECRET = because("wechat.no_mini_program_secret")
NO_STORE = because("wechat.no_mini_store")
OTHER_PARCELS = because("wechat.sent_with_other_parcels")
_NOT_IN_PARTS = because("wechat.complete_only")
_ALL_SENT = because("wechat.all_sent_already")
_OTHER_WAY = because("wechat.other_way_of_sending")
_STORE_PARTS = because("wechat.store_wants_goods_of_parcels")
_STORE_STATES = because("wechat.store_has_it_unpaid")

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


def obstacle(shipment: Shipment, reported: Sequence[Shipment]) -> Reason | None:
    """Return why WeChat would not take a shipment after those `reported`, or None."""
    if shipment.method != "express" and not shipment.complete:
        return _NOT_IN_PARTS
    if any(earlier.method != shipment.method for earlier in reported):
        return _OTHER_WAY
    if not shipment.complete and any(earlier.complete for earlier in reported):
        return _ALL_SENT
    for parcel in shipment.parcels:
        if parcel.carrier.upper() in WANTS_CONTACT and not _CONTACT.fullmatch(parcel.contact):
            return because("wechat.contact_needed", carrier=parcel.carrier)
    return None


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


def problem(code: int) -> Reason:
    """Return what a person can do about a refusal."""
    return because(_PROBLEMS.get(code, "wechat.shipment_refused"), code=code)


def store_obstacle(shipment: Shipment, order: StoreOrder) -> Reason | None:
    """Return why the mini store cannot be told of a shipment, or None."""
    if order.status not in store_orders.TO_SHIP:
        return _STORE_STATES
    partly = order.status == store_orders.SENT_IN_PART
    return _STORE_PARTS if partly or len(shipment.parcels) > 1 or not shipment.complete else None


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

"""From the messages that WeChat pushes to our facts: what happened to which order, never how much was paid.

A push names an order and little else, so it is a reason to ask; what the answer says counts.
"""

# https://developers.weixin.qq.com/miniprogram/dev/platform-capabilities/business-capabilities/order-shipping/order-shipping.html

import re
from collections.abc import Mapping
from typing import Any

from countersign.errors import MalformedError
from countersign.orders.changes import AccountNews, Change, Hint, OrderKey, PlatformEvent, Trust, Verified
from countersign.platforms.wechat import messages, store_changes
from countersign.platforms.wechat.push import Pushed
from countersign.platforms.wechat.settings import Settings

PLATFORM = "wechat"
_STORE = "channels_ec_order_"
_LEGACY = "merchant_order"  # the mini store of 2018, discontinued
_REMINDER, _SETTLED = "trade_manage_remind_shipping", "trade_manage_order_settlement"
# What an event of the store says besides its order's number.
_DETAILS = ("cancel_type", "pay_time", "finish_delivery", "confirm_type", "settle_time", "type")
_SETTLEMENT = ("estimated_settlement_time", "confirm_receive_method", "confirm_receive_time", "settlement_time")
# Told for every consent and every message that is sent, and about no order. From memory, not confirmed.
_PASSING = frozenset({
    *("subscribe_msg_popup_event", "subscribe_msg_change_event", "subscribe_msg_sent_event"),
    "user_enter_tempsession",
})  # fmt: skip
# What an event without an order means, for who finds it among the exceptions.
_MEANINGS = {
    "trade_manage_remind_access_api": "WeChat asks the merchant to report shipments, or payments may be stopped",
}
_STORE_NUMBER = re.compile(r"[1-9][0-9]{0,19}")
_LEGACY_NUMBER = re.compile(r"[0-9A-Za-z_-]{1,64}")
_DETAIL = re.compile(r"[0-9A-Za-z_.-]{1,32}")
_SECONDS = re.compile(r"[1-9][0-9]{0,10}")


def is_news(pushed: Pushed) -> bool:
    """Tell whether a message is to be recorded.

    What people write to the shop is not, nor what tells about no order; unsigned, only what names an order is.
    """
    if pushed.fields.get("MsgType") != "event":
        return False
    event = pushed.fields.get("Event")
    if not isinstance(event, str):
        return pushed.signed
    return event not in _PASSING and (pushed.signed or _names_an_order(event))


def to_change(pushed: Pushed, settings: Settings, account: str) -> Change | AccountNews:
    """Return what a message says about an order, or that it is about none of this account.

    MalformedError names what a person must know: the message lacks what it promises, or the merchant must act.
    """
    fields = pushed.fields
    event = messages.word(fields, "Event")
    if event in _MEANINGS:
        raise MalformedError(_MEANINGS[event])
    if not _names_an_order(event):
        return AccountNews(event)
    at = _seconds(fields.get("CreateTime"))
    if event.startswith(_STORE):
        info = _order_info(fields)
        order_id, system = _number(info.get("order_id"), _STORE_NUMBER), store_changes.SYSTEM
        fact = PlatformEvent(event, at, _detail(info, _DETAILS))
    elif event == _LEGACY:
        order_id, system = _number(fields.get("OrderId"), _LEGACY_NUMBER), store_changes.SYSTEM
        fact = PlatformEvent(f"{event} (legacy)", at, _detail(fields, ("OrderStatus",)))
    else:
        if not _is_ours(fields, settings):
            return AccountNews(event)
        order_id, system = messages.order_number(fields, "merchant_trade_no"), ""
        fact = PlatformEvent(event, at, _detail(fields, _SETTLEMENT), overdue=event == _REMINDER, query=False)
    trust: Trust = Verified(pushed.key_id) if pushed.signed else Hint()
    # An unsigned message is another event than the signed one that says the same: it must not stand in its place.
    via = "push" if pushed.signed else "push_plain"
    return Change(OrderKey(PLATFORM, account, order_id), fact, trust, via, settings.mchid, system)


def _names_an_order(event: str) -> bool:
    return event.startswith(_STORE) or event in (_LEGACY, _REMINDER, _SETTLED)


def _order_info(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    info = fields.get("order_info")
    if not isinstance(info, Mapping):
        raise MalformedError("order_info is missing")
    return info


def _number(value: object, pattern: re.Pattern[str]) -> str:
    """Return an order number as text; in JSON the store's are integers beyond what other languages keep exact."""
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise MalformedError("the order's number is not what the platform promises")
    return text


def _seconds(value: object) -> int:
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not _SECONDS.fullmatch(text):
        raise MalformedError("CreateTime is not a time")
    return int(text)


def _detail(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """Return what tells two events of one name and time apart."""
    found = {name: str(fields[name]) for name in names if type(fields.get(name)) in (int, str)}
    return " ".join(f"{name}={value}" for name, value in found.items() if _DETAIL.fullmatch(value))


def _is_ours(fields: Mapping[str, Any], settings: Settings) -> bool:
    """Tell whether the payment is of this merchant number: several may use one mini program."""
    merchant, sub_merchant = fields.get("merchant_id"), fields.get("sub_merchant_id")
    if type(merchant) not in (int, str):
        raise MalformedError("merchant_id is missing")
    return str(merchant) == settings.mchid and str(sub_merchant or "") == settings.sub_mchid


def order_of(pushed: Pushed) -> str:
    """Return the order's number in a message that could not be read otherwise; empty where there is none."""
    info = pushed.fields.get("order_info")
    given = info.get("order_id") if isinstance(info, Mapping) else pushed.fields.get("merchant_trade_no")
    number = str(given) if type(given) is int else given
    return number if isinstance(number, str) and _LEGACY_NUMBER.fullmatch(number) else ""

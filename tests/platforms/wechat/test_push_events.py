"""What each pushed message means: a reason to ask about an order, evidence, or nothing that concerns us."""

from typing import Any

import pytest

from countersign.errors import MalformedError
from countersign.orders.changes import AccountNews, Change, Hint, OrderKey, PlatformEvent, Verified
from countersign.platforms.wechat import push_events
from countersign.platforms.wechat.push import Pushed
from tests.platforms.wechat.pushing import NEW_ORDER, ORDER_ID, account
from tests.platforms.wechat.support import MCHID, NOW

ACCOUNT = account()
MANAGED: dict[str, Any] = {
    "CreateTime": NOW,
    "MsgType": "event",
    "Event": "trade_manage_order_settlement",
    "transaction_id": "4200002901202611221403050001",
    "merchant_id": MCHID,
    "sub_merchant_id": "",
    "merchant_trade_no": "T-0001",
    "pay_time": NOW - 100,
}
LEGACY = {"CreateTime": str(NOW), "MsgType": "event", "Event": "merchant_order", "OrderId": "test_order_id"}


def pushed(fields: dict[str, Any], *, signed: bool = True) -> Pushed:
    """Return a message that was verified."""
    return Pushed("push.0" if signed else "", fields, b"", signed)


def change(fields: dict[str, Any], *, signed: bool = True, settings: Any = ACCOUNT) -> Change:
    """Return what a message says."""
    return push_events.to_change(pushed(fields, signed=signed), settings, "shop")


@pytest.mark.parametrize(
    ("event", "more", "detail"),
    [
        ("new", {}, ""),
        ("cancel", {"cancel_type": 1}, "cancel_type=1"),
        ("pay", {"pay_time": NOW}, f"pay_time={NOW}"),
        ("wait_shipping", {}, ""),
        ("deliver", {"finish_delivery": 1}, "finish_delivery=1"),
        ("confirm", {"confirm_type": 2}, "confirm_type=2"),
        ("settle", {"settle_time": NOW}, f"settle_time={NOW}"),
        ("ext_info_update", {"type": 1}, "type=1"),
        ("something_new", {"unheard_of": 1}, ""),
    ],
)
def test_the_stores_events_are_reasons_to_ask_about_its_order(event: str, more: dict[str, Any], detail: str) -> None:
    word = f"channels_ec_order_{event}"

    said = change({**NEW_ORDER, "Event": word, "order_info": {"order_id": ORDER_ID, **more}})

    assert said.key == OrderKey("wechat", "shop", str(ORDER_ID))
    assert said.fact == PlatformEvent(word, NOW - 2, detail)
    assert (said.trust, said.via, said.tenant, said.system) == (Verified("push.0"), "push", MCHID, "store")


def test_an_order_number_may_come_as_text_as_it_does_in_xml() -> None:
    said = change({**NEW_ORDER, "CreateTime": str(NOW), "order_info": {"order_id": str(ORDER_ID)}})

    assert (said.key.order_id, said.fact.identity()[1]) == (str(ORDER_ID), NOW)


def test_the_discontinued_stores_event_is_marked() -> None:
    said = change({**LEGACY, "OrderStatus": "2", "ProductId": "p", "SkuInfo": "10001:1000012"})

    assert said.key.order_id == "test_order_id"
    assert said.fact == PlatformEvent("merchant_order (legacy)", NOW, "OrderStatus=2")
    assert said.system == "store"


def test_a_reminder_urges_to_ship_and_asks_nothing() -> None:
    said = change({**MANAGED, "Event": "trade_manage_remind_shipping", "msg": "请尽快发货"})

    assert said.key.order_id == "T-0001"
    assert said.fact == PlatformEvent("trade_manage_remind_shipping", NOW, overdue=True, query=False)
    assert said.system == ""


def test_the_two_tellings_of_a_settlement_are_two_events() -> None:
    first = change({**MANAGED, "estimated_settlement_time": NOW + 9})
    settled = {"confirm_receive_method": 1, "confirm_receive_time": NOW + 5, "settlement_time": NOW + 8}
    second = change({**MANAGED, **settled})

    assert isinstance(first.fact, PlatformEvent)
    assert not (first.fact.overdue or first.fact.query)
    assert first.fact.detail == f"estimated_settlement_time={NOW + 9}"
    assert first.fact.identity() != second.fact.identity()


def test_B6_a_payment_of_another_merchant_number_is_no_order_of_ours() -> None:
    for wrong in ({"merchant_id": "1900099009"}, {"merchant_id": 1900099009}, {"sub_merchant_id": "1900099008"}):
        assert change({**MANAGED, **wrong}) == AccountNews(MANAGED["Event"])
    with pytest.raises(MalformedError, match="merchant_id"):
        change({**MANAGED, "merchant_id": None})
    served = account(sub_mchid="1900099008")
    assert change({**MANAGED, "sub_merchant_id": "1900099008"}, settings=served).key.order_id == "T-0001"


def test_an_unsigned_message_is_a_hint_and_never_stands_in_the_place_of_a_signed_one() -> None:
    hint, signed = change(NEW_ORDER, signed=False), change(NEW_ORDER)

    assert hint.trust == Hint()
    assert hint.fact == signed.fact
    assert hint.via != signed.via


@pytest.mark.parametrize("event", ["wxa_media_check", "debug_demo", "view_miniprogram"])
def test_C13_an_event_about_no_order_is_news(event: str) -> None:
    assert change({"CreateTime": NOW, "MsgType": "event", "Event": event, "detail": [{"label": 100}]}) == AccountNews(
        event
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"Event": "trade_manage_remind_access_api", "msg": "x"}, "report shipments"),
        ({"Event": 1}, "Event"),
        ({"Event": "a b\n"}, "Event"),
        ({"Event": "channels_ec_order_new", "order_info": {}}, "number"),
        ({"Event": "channels_ec_order_new", "order_info": []}, "order_info"),
        ({"Event": "channels_ec_order_new", "order_info": {"order_id": True}}, "number"),
        ({"Event": "channels_ec_order_new", "order_info": {"order_id": 3.7e18}}, "number"),
        ({"Event": "channels_ec_order_new", "order_info": {"order_id": -1}}, "number"),
        ({"Event": "channels_ec_order_new", "order_info": {"order_id": 10**20}}, "number"),
        ({"Event": "channels_ec_order_new", "order_info": {"order_id": "1\n"}}, "number"),
        ({"Event": "channels_ec_order_new", "order_info": {"order_id": "１"}}, "number"),
        ({"Event": "merchant_order", "OrderId": "#{}"}, "number"),
        ({"Event": "merchant_order"}, "number"),
        ({**MANAGED, "merchant_trade_no": ""}, "merchant_trade_no"),
        ({**MANAGED, "merchant_trade_no": "~1"}, "merchant_trade_no"),
        ({**NEW_ORDER, "CreateTime": None}, "CreateTime"),
        ({**NEW_ORDER, "CreateTime": "soon"}, "CreateTime"),
        ({**NEW_ORDER, "CreateTime": True}, "CreateTime"),
    ],
)
def test_C14_what_names_no_order_says_why(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        change({"CreateTime": NOW, "MsgType": "event", **fields})


def test_a_detail_that_is_not_plain_is_left_out() -> None:
    info = {"order_id": ORDER_ID, "cancel_type": "a b", "pay_time": True, "confirm_type": {"x": 1}}

    assert change({**NEW_ORDER, "order_info": info}).fact == PlatformEvent("channels_ec_order_new", NOW - 2)


@pytest.mark.parametrize(
    ("fields", "signed", "expected"),
    [
        (NEW_ORDER, True, True),
        (NEW_ORDER, False, True),
        ({"MsgType": "event", "Event": "debug_demo"}, True, True),
        ({"MsgType": "event", "Event": "debug_demo"}, False, False),
        ({"MsgType": "event", "Event": ["x"]}, False, False),
        ({"MsgType": "event"}, True, True),
        ({"MsgType": "event", "Event": "subscribe_msg_sent_event"}, True, False),
        ({"MsgType": "text", "Content": "hello"}, True, False),
        ({"MsgType": "image"}, False, False),
        ({}, True, False),
    ],
)
def test_what_is_news(fields: dict[str, Any], signed: bool, expected: bool) -> None:
    assert push_events.is_news(pushed(fields, signed=signed)) is expected

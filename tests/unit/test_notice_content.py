"""What notices say: placeholders, times and amounts."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from countersign.errors import KeysUnavailableError
from countersign.money import Money
from countersign.notices import content
from countersign.notices.content import Facts
from countersign.orders.changes import Line, OrderKey, Parcel, Terms
from countersign.orders.reasons import because
from countersign.orders.refunds import Refund
from countersign.orders.shipments import Shipment
from countersign.orders.state import Order, ReportedPayment

KEY = OrderKey("wechat", "shop", "A-1")
NOON = 1795328845  # 2026-11-22 14:27:25 in Beijing
TERMS = Terms(
    Money(8800, "CNY"),
    "v3",
    "jsapi",
    "digest",
    NOON,
    NOON + 7200,
    description="奶茶",
    metadata=(("table", "7"),),
    lines=(Line("奶茶", 2, 3000), Line("蛋糕", 1, 2800)),
)
PAID = Order(KEY, TERMS, claims=(ReportedPayment("4200", Money(8800, "CNY"), "v3", "", NOON + 60, 8000),))


def told(text: str, facts: Facts) -> str:
    return content.fill(text, content.values(facts))


def test_a_paid_order_fills_its_placeholders():
    text = "{event_zh} {order_id} {status}/{status_zh} {amount} {paid} {payer_paid} {items} {paid_at} {transaction_id}"

    assert told(text, Facts(KEY, "order.paid", NOON + 61, PAID)) == (
        "新订单 A-1 paid/已支付 ¥88.00 ¥80.00 ¥80.00 奶茶 x2, 蛋糕 x1 2026-11-22 14:28 4200"
    )


@pytest.mark.parametrize("platform", ["wechat", "douyin"])
@pytest.mark.parametrize(
    ("payer_paid", "paid", "discount"),
    [(7566, "¥75.66", "¥12.34"), (8800, "¥88.00", ""), (None, "¥88.00", ""), (0, "¥0.00", "¥88.00")],
)
def test_what_is_told_as_paid_is_what_the_payer_paid_and_the_rest_is_a_discount(platform, payer_paid, paid, discount):
    payment = ReportedPayment("4200", Money(8800, "CNY"), "v3", "", NOON, payer_paid)
    order = Order(OrderKey(platform, "shop", "A-1"), TERMS, claims=(payment,))

    text = told("{amount}|{paid}|{discount}", Facts(order.key, "order.paid", NOON, order))

    assert text == f"¥88.00|{paid}|{discount}"


def test_times_are_told_where_the_account_is_or_else_where_its_platform_is():
    def at(platform: str, zone: Any = None) -> str:
        return told("{at}", Facts(OrderKey(platform, "shop", "A-1"), "order.paid", NOON, zone=zone))

    assert at("wechat") == at("douyin") == "2026-11-22 14:27"
    assert at("elsewhere") == "2026-11-22 06:27"
    assert at("wechat", ZoneInfo("America/New_York")) == "2026-11-22 01:27"


def test_metadata_is_told_by_name_and_an_absent_one_is_empty():
    assert told("[{metadata.table}|{metadata.seat}]", Facts(KEY, "order.paid", NOON, PAID)) == "[7|]"


def test_refunds_and_shipments_are_told():
    refund = Refund(
        "rf1",
        Money(1250, "CNY"),
        "needs_action",
        "merchant",
        reason="漏了",
        problem=because("said_by_the_platform", text="top the balance up"),
    )
    parcels = (Parcel("SF", "SF001"), Parcel("SF", "SF002"))
    shipment = Shipment("sh1", "recorded", "express", parcels, complete=True)

    refunded = told("{refund_amount} {reason} {problem}", Facts(KEY, "refund.needs_action", NOON, PAID, refund))
    shipped = told("{carrier} {tracking_no}", Facts(KEY, "shipment.created", NOON, PAID, None, shipment))

    assert refunded == "¥12.50 漏了 top the balance up"
    assert shipped == "SF SF001, SF002"


def test_what_is_unknown_here_is_empty_and_its_reason_is_told():
    facts = Facts(KEY, "order.orphan", NOON, reason="the order is still unknown here")

    assert told("{order_id}:{amount}:{reason}", facts) == "A-1::the order is still unknown here"


@pytest.mark.parametrize("event", sorted(content.EVENTS_ZH))
def test_every_placeholder_has_a_value_for_every_event(event):
    values = content.values(Facts(KEY, event, NOON, PAID))

    assert values.keys() >= content.PLACEHOLDERS
    assert all(isinstance(value, str) for value in values.values())


@pytest.mark.parametrize("text", ["{amuont}", "{", "}", "{}", "{order_id", "{{order_id}}", "{metadata.}", "{Order_id}"])
def test_a_placeholder_that_does_not_exist_is_refused(text):
    with pytest.raises(KeysUnavailableError, match="text has a"):
        content.require_known(text, "text")


def test_control_characters_of_people_do_not_travel():
    order = Order(KEY, Terms(Money(1, "CNY"), "v3", "jsapi", "d", NOON, NOON, description="a\r\nBcc: b\x1b\u2028c"))

    assert told("{description}", Facts(KEY, "order.paid", NOON, order)) == "a \nBcc: b  c"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Money(5, "CNY"), "¥0.05"),
        (Money(88, "JPY"), "¥88"),
        (Money(1234, "KWD"), "1.234 KWD"),
        (Money(100, "USD"), "$1.00"),
    ],
)
def test_amounts_have_their_currencys_decimals(amount, text):
    assert content.money(amount) == text

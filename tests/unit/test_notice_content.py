"""What notices say: placeholders, times and amounts, and what WeChat's templates hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.errors import KeysUnavailableError
from countersign.money import Money
from countersign.notices import content
from countersign.notices.content import Facts
from countersign.orders.changes import Line, OrderKey, Parcel, Terms
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
        "新订单 A-1 paid/已支付 ¥88.00 ¥88.00 ¥80.00 奶茶 x2, 蛋糕 x1 2026-11-22 14:28 4200"
    )


def test_metadata_is_told_by_name_and_an_absent_one_is_empty():
    assert told("[{metadata.table}|{metadata.seat}]", Facts(KEY, "order.paid", NOON, PAID)) == "[7|]"


def test_refunds_and_shipments_are_told():
    refund = Refund("rf1", Money(1250, "CNY"), "needs_action", "merchant", reason="漏了", problem="top the balance up")
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


@pytest.mark.parametrize(
    ("key", "text", "sent"),
    [
        ("thing1", "奶" * 21, "奶" * 19 + "…"),
        ("thing12", "奶" * 20, "奶" * 20),
        ("thing1", "a\n  b", "a b"),
        ("thing1", " ", "-"),
        ("character_string2", "订单A-1", "A-1"),
        ("character_string2", "订单", "-"),
        ("character_string2", "x" * 40, "x" * 32),
        ("name3", "欧阳" * 6, "欧阳欧阳欧阳欧阳欧…"),
        ("name3", "Anna Maria Smith", "Anna Maria Smith"),
        ("phrase4", "已经全部支付", "已经全部支"),
        ("phrase4", "", "无"),
        ("amount5", "¥1234567890.00", "¥1234567890.00"),
        ("amount5", "", "0"),
        ("number6", "", "0"),
        ("time7", "", "2026-11-22 14:27"),
        ("date7", "2026-11-22 14:28", "2026-11-22 14:28"),
        ("const8", "z" * 30, "z" * 20),
    ],
)
def test_values_are_cut_by_characters_and_never_empty(key, text, sent):
    assert content.template_value(key, text, at=NOON) == sent


@given(st.sampled_from(sorted(content.LIMITS)), st.text(max_size=80))
def test_no_value_is_longer_than_its_kind_or_empty(kind, text):
    sent = content.template_value(f"{kind}1", text, at=NOON)

    limit = 20 if kind == "name" and sent.isascii() else content.LIMITS[kind]
    assert 0 < len(sent) <= limit
    assert sent.strip() == sent or kind not in ("thing", "name")

"""Values and rows: whatever is stored is read back as it was, smaller than it is, by versions of before and after."""

import json
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countersign.errors import UnreadableError
from countersign.money import Money
from countersign.orders.changes import Change, Fact, OrderKey, Terms, Trust
from countersign.orders.children import BY_NAME
from countersign.orders.decision import Decision
from countersign.orders.reasons import because
from countersign.orders.state import Order
from countersign.store import codec
from countersign.store.children import child_item, child_of
from countersign.store.record import event_item

KEY = OrderKey("wechat", "shop", "A|b*-_1")
NOW = 1_795_328_845

st.register_type_strategy(Money, st.builds(Money, st.integers(0, 2**53 - 1), st.sampled_from(["CNY", "JPY", "KWD"])))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from(get_args(Fact)), st.from_type(Trust), st.sampled_from(["", "v3"]))
def test_every_fact_of_a_message_is_read_as_it_was_said(data, kind, trust, system):
    fact = data.draw(st.from_type(kind))
    said = tuple(
        Change(KEY, one, trust, "notify", "1900", system, anomaly, "envelope", (("refund", "R#1"),))
        for one, anomaly in ((fact, ""), (fact, "sub_merchant_unexpected"))
    )

    row, _ = event_item(said, Decision("orphan", because("order_unknown")), "paid.notify.1", b"", NOW)

    assert codec.read_changes(row) == said


# Whole orders of any content take long to make, longer on a busy machine.
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.from_type(Order))
def test_an_order_is_read_as_it_was_written(order):
    assert codec.read_order(codec.order_item(order, owner="wechat_poll", due_at=None)) == order


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from(sorted(BY_NAME)))
def test_a_child_of_any_kind_is_read_as_it_was_written(data, name):
    child = data.draw(st.from_type(BY_NAME[name].value))

    item = child_item(KEY, child, now=NOW)

    assert child_of(item) == child


def test_a_field_that_has_its_default_takes_no_room():
    terms = Terms(Money(8800, "CNY"), "v3", "jsapi", "d", NOW, NOW + 7200)

    facts = json.loads(codec.order_item(Order(KEY, terms), owner="wechat_poll", due_at=None)["facts"]["S"])

    assert facts == {
        "terms": {
            "amount": [8800, "CNY"],
            "system": "v3",
            "method": "jsapi",
            "digest": "d",
            "created_at": NOW,
            "expires_at": NOW + 7200,
        }
    }


def test_a_row_without_what_it_must_have_is_an_error_of_ours():
    item = codec.order_item(
        Order(KEY, Terms(Money(1, "CNY"), "v3", "jsapi", "d", NOW, NOW)), owner="wechat_poll", due_at=None
    )

    with pytest.raises(UnreadableError):
        codec.read_order({**item, "facts": {"S": '{"terms":{"amount":[1,"CNY"]}}'}})


@pytest.mark.parametrize(
    ("attribute", "size"),
    [
        # docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
        ({"S": "支付"}, 6),
        ({"B": b"123"}, 3),
        ({"N": "1795328845"}, 6),
        ({"N": "-1795328845"}, 7),
        ({"N": "1200"}, 2),
        ({"N": "0"}, 2),
        ({"L": []}, 3),
        ({"L": [{"S": "order.paid"}]}, 14),
        ({"M": {"a": {"S": "b"}}}, 6),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
    ],
)
def test_an_attribute_is_as_large_as_dynamodb_counts_it(attribute: dict[str, Any], size: int):
    assert codec.item_bytes({"name": attribute}) == 4 + size

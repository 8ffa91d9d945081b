"""Each order is on one work list, by who must act on it."""

from dataclasses import replace

import pytest

from countersign.money import Money
from countersign.orders.changes import OrderKey, Terms
from countersign.orders.state import Anomaly, Order, ReportedPayment
from countersign.orders.work import ALL_LISTS, work_list

NOW = 1_795_328_845
NEW = Order(OrderKey("wechat", "shop", "A-1"), Terms(Money(100, "CNY"), "v3", "jsapi", "d", NOW, NOW + 7200))
PAID = replace(NEW, claims=(ReportedPayment("t1", Money(100, "CNY"), "v3", "", NOW + 5),))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (NEW, "waiting"),
        (replace(NEW, prepared=True), "waiting"),
        (replace(NEW, closed_at=NOW), "done"),
        (replace(NEW, failed=True), "done"),
        (PAID, "to_ship"),
        (replace(PAID, refunded=40), "to_ship"),
        (replace(PAID, refunded=100), "done"),
        (replace(PAID, shipped="part"), "to_ship"),
        (replace(PAID, shipped="sent"), "done"),
        (replace(PAID, terms=replace(PAID.terms, external=True)), "done"),
        (replace(PAID, terms=replace(PAID.terms, not_offered=("ship",))), "done"),
        (replace(PAID, anomalies=(Anomaly("refunded_twice", "r1"),)), "decide"),
        (replace(PAID, test=True), "aside"),
        (replace(PAID, money_of=("shopify", "shop", "1")), "aside"),
    ],
)
def test_an_order_is_on_the_list_of_whoever_must_act(order: Order, expected: str) -> None:
    assert work_list(order, order.status, in_review=bool(order.review_items)) == expected
    assert expected in ALL_LISTS

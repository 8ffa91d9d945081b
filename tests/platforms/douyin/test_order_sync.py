"""Which state Douyin is told that an order is in."""

from dataclasses import replace

import pytest

from countersign.money import Money
from countersign.orders.changes import OrderKey, Terms
from countersign.orders.refunds import Refund
from countersign.orders.shipments import Shipment
from countersign.orders.state import Order, ReportedPayment
from countersign.platforms.douyin.order_sync import state_of

PRICE = Money(8800, "CNY")
TERMS = Terms(PRICE, "ecpay", "mini_program", "d", 0, 1800)
PAYMENT = ReportedPayment("N1", PRICE, "ecpay", "", 60)
OPEN = Order(OrderKey("douyin", "app", "A-1"), TERMS)
PAID = replace(OPEN, prepared=True, claims=(PAYMENT,))
WHOLE, PART = Shipment("s1", "recorded", "express", (), True), Shipment("s2", "recorded", "express", (), False)


def refund(status: str, *, released: bool = False) -> Refund:
    return Refund("rf1", Money(800, "CNY"), status, "merchant", released=released)


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (OPEN, None),  # Douyin does not know it yet
        (replace(OPEN, prepared=True), 0),
        (replace(OPEN, prepared=True, closed_at=1900), 2),
        (replace(OPEN, prepared=True, failed=True), None),  # it may still be paid
        (replace(OPEN, claims=(replace(PAYMENT, total=Money(1, "CNY")),)), None),  # a person must look first
        (PAID, 1),
        (replace(PAID, closed_at=30), 1),
        (replace(PAID, refunded=800), 1),
        (replace(PAID, refunded=8800), 6),
    ],
)
def test_an_order_has_one_state(order: Order, code: int | None) -> None:
    state = state_of(order, (), ())

    assert (state.code if state else None) == code


@pytest.mark.parametrize(
    ("refunds", "shipments", "code"),
    [
        ([refund("requested")], [], 1),  # nobody has decided
        ([refund("rejected")], [], 1),
        ([refund("approved")], [], 5),
        ([refund("processing")], [WHOLE], 5),
        ([refund("needs_action")], [], 8),
        ([refund("failed")], [WHOLE], 8),
        ([refund("failed"), refund("processing")], [], 5),
        ([refund("failed", released=True)], [], 1),
        ([refund("succeeded")], [WHOLE], 4),
        ([], [PART], 1),
        ([], [PART, WHOLE], 4),
    ],
)
def test_children_come_before_what_is_paid(refunds: list[Refund], shipments: list[Shipment], code: int) -> None:
    state = state_of(PAID, refunds, shipments)

    assert state is not None
    assert state.code == code

"""Shipments: recorded for a paid order, reported once, and the same whatever sequence the news came in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Fact,
    Hint,
    Operator,
    OrderCreated,
    OrderKey,
    Paid,
    Parcel,
    PlatformEvent,
    Queried,
    RefundReported,
    ShipmentReported,
    ShipmentRequested,
    Terms,
    Trust,
    Verified,
)
from countersign.orders.decide import decide
from countersign.orders.decision import Decision, View
from countersign.orders.reasons import because
from countersign.orders.shipments import Shipment
from countersign.orders.state import Order

KEY = OrderKey("wechat", "shop", "A-1")
T0 = 1_795_328_845
PROBLEM = because("said_by_the_platform", text="the carrier is unknown")
PARCEL = Parcel("SF", "SF100", "Milk tea", "138****1234")
ASKED = ShipmentRequested("sh1", "express", (PARCEL,), True, T0 + 100)
REPORTED = ShipmentReported("sh1", "reported", at=T0 + 160)
REFUSED = ShipmentReported("sh1", "needs_action", PROBLEM)
SUPERSEDED = ShipmentReported("sh1", "superseded", PROBLEM)


def change(fact: Fact, trust: Trust | None = None) -> Change:
    return Change(KEY, fact, trust or Queried(), "query", "1900000001", "v3")


def order(*, paid: bool = True) -> Order:
    terms = Terms(Money(8800, "CNY"), "v3", "jsapi", "d", T0, T0 + 7200)
    made = decide(None, change(OrderCreated(terms), Operator("m"))).order
    assert made is not None
    if not paid:
        return made
    after = decide(made, change(Paid("4200", Money(8800, "CNY"), T0 + 60), Verified("k"))).order
    assert after is not None
    return after


def recorded() -> Shipment:
    return decide(order(), change(ASKED, Operator("ben"))).children[0]


def test_a_shipment_of_a_paid_order_is_recorded_and_told():
    decision = decide(order(), change(ASKED, Operator("ben")))

    assert (decision.outcome, decision.emits) == ("applied", ("shipment.created",))
    assert decision.children == (
        Shipment("sh1", "recorded", "express", (PARCEL,), True, requested_by="ben", requested_at=T0 + 100),
    )


def test_nothing_is_shipped_that_is_not_paid_or_went_back():
    unpaid = decide(order(paid=False), change(ASKED, Operator("ben")))
    back = RefundReported("r1", Money(8800, "CNY"), "succeeded", total=Money(8800, "CNY"))
    refunded = decide(decide(order(), change(back, Verified("k"))).order, change(ASKED, Operator("ben")))

    assert (unpaid.outcome, unpaid.reason) == ("refused", because("not_paid", status="created"))
    assert (refunded.outcome, refunded.reason) == ("refused", because("order_refunded"))


@pytest.mark.parametrize(("sent", "shipped"), [((False,), "part"), ((False, True), "sent"), ((True, False), "sent")])
def test_the_order_knows_how_much_of_it_was_sent(sent, shipped):
    after = order()
    for number, complete in enumerate(sent):
        fact = ShipmentRequested(f"sh{number}", "express", (PARCEL,), complete, T0 + 100)
        after = decide(after, change(fact, Operator("ben"))).order

    assert order().shipped == ""
    assert after is not None
    assert after.shipped == shipped


def test_a_number_is_one_shipment():
    decision = decide(order(), change(ASKED, Operator("ben")), view=View({("shipment", "sh1"): recorded()}))

    assert decision.outcome == "refused"


@given(st.lists(st.sampled_from((REPORTED, REFUSED, SUPERSEDED)), min_size=1, max_size=6))
def test_D3_reports_in_any_sequence_end_alike(news):
    shipment, emitted = recorded(), []
    for fact in news:
        decision = decide(order(), change(fact), view=View({("shipment", "sh1"): shipment}))
        shipment = next(iter(decision.children), shipment)
        emitted += decision.emits

    last = "superseded" if SUPERSEDED in news else "needs_action"
    assert shipment.status == ("reported" if REPORTED in news else last)
    assert (shipment.problem, shipment.reported_at) == ((None, T0 + 160) if REPORTED in news else (PROBLEM, None))
    assert len(emitted) == len(set(emitted))


def test_a_report_of_an_unknown_shipment_changes_nothing():
    assert decide(order(), change(REPORTED)).outcome == "unchanged"


@pytest.mark.parametrize("overdue", [True, False])
def test_a_signal_changes_nothing_and_asks_the_platform_unless_it_urges_to_ship(overdue):
    decision = decide(order(), change(PlatformEvent("some_event", T0, overdue=overdue), Verified("k")))

    assert (decision.outcome, decision.query_now) == ("unchanged", not overdue)
    assert decision.emits == (("shipment.overdue",) if overdue else ())


def test_a_signal_that_tells_all_there_is_asks_nobody():
    decision = decide(order(), change(PlatformEvent("some_event", T0, query=False), Verified("k")))

    assert (decision.outcome, decision.query_now, decision.emits) == ("unchanged", False, ())


def test_an_unsigned_signal_is_only_a_reason_to_ask():
    decision = decide(order(), change(PlatformEvent("some_event", T0, overdue=True), Hint()))

    assert decision == Decision("unchanged", because("hint"), order())

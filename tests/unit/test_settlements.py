"""Settlements: planned by the payment, asked once, and the same whatever sequence the news came in."""

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Fact,
    Operator,
    OrderCreated,
    OrderKey,
    Paid,
    Queried,
    RefundAudited,
    RefundDecided,
    RefundReported,
    RefundStarted,
    SettlementReported,
    SettlementRequested,
    Terms,
    Trust,
    Verified,
)
from countersign.orders.decide import decide
from countersign.orders.decision import View
from countersign.orders.reasons import Reason, because
from countersign.orders.refunds import Refund, awaits_audit
from countersign.orders.settlements import Settlement, most_shared, shares_of

if TYPE_CHECKING:
    from countersign.orders.state import Order

KEY = OrderKey("douyin", "app", "A-1")
T0, DAY = 1_795_328_845, 86_400
NUMBER = "A-1"
LIMIT = 3000  # basis points


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


PAID = Paid("N1", cny(8800), T0 + 60)
DONE = SettlementReported(NUMBER, cny(8800), "succeeded", "S1", fee=52, at=T0 + 8 * DAY)
TAKEN = SettlementReported(NUMBER, cny(8800), "processing", "S1")


class Fold:
    """An order and its children, as the store would keep them."""

    def __init__(self, settle_after: int | None = 7 * DAY) -> None:
        terms = Terms(
            cny(8800),
            "ecpay",
            "mini_program",
            "d",
            T0,
            T0 + 1800,
            settle_after=settle_after,
            max_share_basis_points=LIMIT,
        )
        opened = Change(KEY, OrderCreated(terms), Operator("m"), "merchant", "app", "ecpay")
        self.order: Order | None = decide(None, opened).order
        self.settlements: dict[str, Settlement] = {}
        self.refunds: dict[str, Refund] = {}
        self.emitted: list[str] = []
        self.reason: Reason | None = None

    def tell(self, fact: Fact, trust: Trust | None = None, system: str = "ecpay") -> str:
        refund = self.refunds.get(getattr(fact, "refund_id", ""))
        known = {("refund", refund.refund_id): refund} if refund else {}
        view = View({("settlement", number): one for number, one in self.settlements.items()} | known)
        change = Change(KEY, fact, trust or Verified("k"), "notify", "app", system)
        decision = decide(self.order, change, "e", view)
        if decision.outcome == "applied":
            self.order = decision.order
            self.settlements |= {one.number: one for one in decision.children if isinstance(one, Settlement)}
            self.refunds |= {one.number: one for one in decision.children if isinstance(one, Refund)}
            self.emitted += decision.emits
        self.reason = decision.reason
        return decision.outcome


def test_a_payment_plans_the_settlement_of_its_day() -> None:
    fold = Fold()
    fold.tell(PAID)

    assert fold.settlements == {NUMBER: Settlement(NUMBER, "planned", T0 + 60 + 7 * DAY)}


def test_nothing_is_planned_where_the_platform_settles_by_itself() -> None:
    fold = Fold(settle_after=None)
    fold.tell(PAID)

    assert fold.settlements == {}
    assert fold.tell(SettlementRequested(NUMBER, T0), Operator("m")) == "refused"


@pytest.mark.parametrize("sequence", list(permutations([PAID, TAKEN, DONE, DONE])))
def test_D3_any_sequence_ends_the_same(sequence: tuple[Fact, ...]) -> None:
    fold, expected = Fold(), Fold()
    for fact in sequence:
        fold.tell(fact)
    for fact in (PAID, TAKEN, DONE):
        expected.tell(fact)

    (one,), (other,) = fold.settlements.values(), expected.settlements.values()
    assert (one.status, one.amount, one.due, one.fee, one.settled_at) == (
        other.status,
        other.amount,
        other.due,
        other.fee,
        other.settled_at,
    )
    assert fold.order is not None
    assert expected.order is not None
    assert (fold.order.settled, fold.order.status) == (expected.order.settled, expected.order.status) == (8800, "paid")


def test_D4_a_settlement_only_moves_forward() -> None:
    fold = Fold()
    for fact in (
        PAID,
        DONE,
        SettlementReported(NUMBER, cny(8800), "failed", reason=because("said_by_the_platform", text="late")),
        TAKEN,
    ):
        fold.tell(fact)

    assert fold.settlements[NUMBER].status == "succeeded"
    assert fold.emitted.count("settlement.succeeded") == 1


def test_more_than_thirty_per_cent_is_not_shared() -> None:
    fold = Fold()
    fold.tell(PAID)

    assert fold.tell(SettlementRequested(NUMBER, T0, (("7", 2641),)), Operator("m")) == "refused"
    assert fold.tell(SettlementRequested(NUMBER, T0, (("7", 2640),)), Operator("m")) == "applied"
    assert fold.settlements[NUMBER].due == T0 + 60 + 7 * DAY


def test_how_much_may_be_shared_is_the_orders_own_term() -> None:
    fold = Fold()
    assert fold.order is not None
    fold.order = replace(fold.order, terms=replace(fold.order.terms, max_share_basis_points=10_000))
    fold.tell(PAID)

    assert fold.tell(SettlementRequested(NUMBER, T0, (("7", 8801),)), Operator("m")) == "refused"
    assert fold.tell(SettlementRequested(NUMBER, T0, (("7", 8800),)), Operator("m")) == "applied"


def test_what_the_platform_has_taken_cannot_be_changed() -> None:
    fold = Fold()
    fold.tell(PAID)
    fold.tell(TAKEN)

    assert fold.tell(SettlementRequested(NUMBER, T0, (("7", 1),)), Operator("m")) == "refused"


def test_news_of_the_other_system_or_of_more_than_the_order_is_a_question() -> None:
    fold = Fold()
    fold.tell(PAID)
    fold.tell(SettlementReported("S2", cny(8801), "succeeded", at=T0), system="trade")

    assert fold.order is not None
    assert sorted(one.reason for one in fold.order.review_items) == ["settled_more_than_paid", "system_mismatch"]


@given(
    st.integers(0, 10**10),
    st.lists(st.integers(1, 1000), max_size=3).filter(lambda points: sum(points) <= LIMIT),
)
def test_shares_never_reach_over_the_limit(minor: int, points: list[int]) -> None:
    order = Fold().order
    assert order is not None
    shares = shares_of(minor, [(str(index), point) for index, point in enumerate(points)])

    assert sum(part for _, part in shares) <= most_shared(order, minor)
    assert all(part > 0 for _, part in shares)


class TestUsersRefunds:
    STARTED = RefundStarted("Uotr1", cny(8800), "otr1", T0 + 3 * DAY, "wrong size", "N1", T0 + 100)

    def test_it_waits_for_the_desk_and_reserves_its_amount(self) -> None:
        fold = Fold()
        fold.tell(PAID)
        fold.tell(self.STARTED)

        assert fold.order is not None
        assert (fold.refunds["Uotr1"].status, fold.refunds["Uotr1"].source) == ("requested", "user")
        assert (fold.order.reserved, fold.emitted[-1]) == (8800, "refund.requested")
        assert awaits_audit(fold.refunds["Uotr1"])

    def test_what_needs_no_decision_is_on_its_way(self) -> None:
        fold = Fold()
        fold.tell(PAID)
        fold.tell(RefundStarted("Uotr1", cny(8800), "otr1", 0))

        assert fold.refunds["Uotr1"].status == "processing"
        assert not awaits_audit(fold.refunds["Uotr1"])

    def test_a_refused_one_stays_refused_when_the_platform_fails_it(self) -> None:
        fold = Fold()
        fold.tell(PAID)
        fold.tell(self.STARTED)
        fold.tell(RefundDecided("Uotr1", approved=False, at=T0), Operator("anna"))
        fold.tell(RefundAudited("Uotr1", approved=False), Queried())
        fold.tell(RefundReported("Uotr1", cny(8800), "failed", source="user"))

        assert fold.order is not None
        assert (fold.refunds["Uotr1"].status, fold.order.reserved) == ("rejected", 0)
        assert not awaits_audit(fold.refunds["Uotr1"])

    def test_D16_whoever_asked_the_platform_cannot_be_who_approves(self) -> None:
        fold = Fold()
        fold.tell(PAID)
        fold.tell(self.STARTED)

        assert fold.tell(RefundDecided("Uotr1", approved=True, at=T0), Operator("user")) == "refused"
        assert fold.tell(RefundDecided("Uotr1", approved=True, at=T0), Operator("anna")) == "applied"


@pytest.mark.parametrize(
    ("confirm", "trust", "status"),
    [(True, Verified("k"), "processing"), (True, Queried(), "succeeded"), (False, Verified("k"), "succeeded")],
)
def test_a_refund_that_names_no_order_counts_once_a_query_agrees(confirm: bool, trust: Trust, status: str) -> None:
    fold = Fold()
    fold.tell(PAID)
    fold.tell(RefundReported("c1", cny(500), "succeeded", at=T0, confirm=confirm), trust)

    assert fold.refunds["c1"].status == status

"""Refunds in the order's state machine: asked for, judged, refused, tried again, settled by people, reported."""

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.orders.changes import (
    BillDiffers,
    Fact,
    Operator,
    Queried,
    RefundAbsent,
    RefundDecided,
    RefundRefused,
    RefundReported,
    RefundRequested,
    RefundResolved,
    RefundRetried,
    Verified,
)
from countersign.orders.reasons import because
from countersign.orders.reconcile import BillLine, payment_difference, refund_difference
from countersign.orders.refunds import LAST_REFUND_QUERY, REFUND_RANK, Refund, next_refund_step
from countersign.orders.schedule import DAILY, RETRY_DELAYS, retry_refund_at
from tests.unit.test_decide import T0, TXN, Fold, change, cny, opened, paid

PROBLEM = because("said_by_the_platform", text="top up (NOTENOUGH)")
NUMBERS = ("r1", "r2", "r3")


def by(who: str, fact: Fact, via: str = "operator") -> object:
    return change(fact, Operator(who), via=via)


def told(fact: Fact, via: str = "query") -> object:
    return change(fact, Queried("k") if via == "query" else Verified("k"), via=via)


def approved(number: str = "r1", minor: int = 1000) -> Fold:
    fold = Fold().take(opened(), change(paid()))
    fold.take(by("ben", RefundRequested(number, cny(minor), "", T0)), by("anna", RefundDecided(number, True, T0)))
    assert fold.refunds[number].status == "approved"
    return fold


def refused(attempt: int = 0) -> object:
    return told(RefundRefused("r1", attempt, PROBLEM), "refund")


def reported(status: str, via: str = "query", minor: int = 1000) -> object:
    return told(RefundReported("r1", cny(minor), status, at=T0 + 9), via)


def test_a_refused_refund_needs_a_person_and_keeps_its_amount():
    fold = approved().take(refused())

    refund = fold.refunds["r1"]
    assert (refund.status, refund.problem, refund.refused) == ("needs_action", PROBLEM, True)
    assert fold.order is not None and fold.order.reserved == 1000
    assert fold.emitted[-1] == "refund.needs_action"


def test_a_retry_is_the_same_refund_approved_again():
    fold = approved().take(refused(), by("anna", RefundRetried("r1", 0, T0)))

    refund = fold.refunds["r1"]
    assert (refund.status, refund.attempt, refund.problem, refund.refused) == ("approved", 1, None, False)
    assert fold.emitted[-1] == "refund.approved"
    fold.take(refused(1))
    assert fold.refunds["r1"].status == "needs_action"


def test_a_late_word_about_an_earlier_attempt_changes_nothing():
    fold = approved().take(refused(), by("anna", RefundRetried("r1", 0, T0)))

    fold.take(told(RefundRefused("r1", 0, PROBLEM), "late"))

    assert fold.refunds["r1"].status == "approved"


@pytest.mark.parametrize("status", ["processing", "succeeded", "needs_action", "failed"])
def test_what_the_platform_reports_wins_over_its_refusal_whichever_came_first(status):
    one = approved().take(refused(), reported(status))
    other = approved().take(reported(status), refused())

    assert one.refunds == other.refunds
    assert one.order is not None and other.order is not None
    assert (one.order.reserved, one.order.refunded) == (other.order.reserved, other.order.refunded)
    assert one.refunds["r1"].status == status


@pytest.mark.parametrize(
    "fact",
    [RefundRetried("r1", 0, T0), RefundResolved("r1", "given_up", "n", T0), RefundDecided("r1", True, T0)],
)
def test_D16_who_asked_for_it_decides_nothing(fact):
    fold = Fold().take(opened(), change(paid()), by("ben", RefundRequested("r1", cny(1000), "", T0)))
    if not isinstance(fact, RefundDecided):
        fold.take(by("anna", RefundDecided("r1", True, T0)), refused())
    before = fold.refunds["r1"]

    fold.take(by("ben", fact))

    assert (fold.outcomes[-1], fold.refunds["r1"]) == ("refused", before)


@pytest.mark.parametrize("fact", [RefundRetried("r1", 0, T0), RefundResolved("r1", "given_up", "n", T0)])
def test_a_refund_that_needs_nobody_is_left_alone(fact):
    assert approved().take(by("anna", fact)).outcomes[-1] == "refused"
    assert Fold().take(opened(), change(paid()), by("anna", fact)).outcomes[-1] == "refused"


def test_an_abnormal_refund_cannot_be_tried_again():
    fold = approved().take(reported("needs_action"), by("anna", RefundRetried("r1", 0, T0)))

    assert (fold.outcomes[-1], fold.refunds["r1"].status) == ("refused", "needs_action")


def test_refunded_elsewhere_counts_as_refunded():
    fold = approved().take(refused(), by("anna", RefundResolved("r1", "refunded_elsewhere", "bank", T0 + 5)))

    refund = fold.refunds["r1"]
    assert (refund.status, refund.succeeded_at, refund.resolved_by) == ("succeeded", T0 + 5, "anna")
    assert fold.order is not None and (fold.order.refunded, fold.status) == (1000, "partially_refunded")


def test_refunded_elsewhere_and_by_the_platform_too_is_a_question():
    fold = approved().take(reported("needs_action"), by("anna", RefundResolved("r1", "refunded_elsewhere", "n", T0)))

    fold.take(reported("succeeded"))

    assert fold.order is not None
    assert [question.reason for question in fold.order.review_items] == ["refunded_twice"]
    assert fold.order.refunded == 1000


def test_given_up_frees_the_amount_only_when_the_platform_has_none():
    fold = approved().take(refused(), by("anna", RefundResolved("r1", "given_up", "n", T0)))
    assert fold.order is not None and (fold.refunds["r1"].status, fold.order.reserved) == ("failed", 1000)

    fold.take(told(RefundAbsent("r1")))

    assert (fold.order.reserved, fold.order.refundable) == (0, 8800)


def test_given_up_and_paid_out_all_the_same_is_refunded():
    fold = approved().take(reported("needs_action"), by("anna", RefundResolved("r1", "given_up", "n", T0)))

    fold.take(reported("succeeded", via="notify"))

    assert fold.order is not None and (fold.order.refunded, fold.order.reserved) == (1000, 1000)


def test_an_absent_refund_that_has_not_failed_stays_as_it_is():
    fold = approved().take(told(RefundAbsent("r1")))

    assert (fold.outcomes[-1], fold.refunds["r1"].status) == ("unchanged", "approved")


def test_an_approval_is_refused_where_a_console_refund_took_what_was_left():
    fold = Fold().take(opened(), change(paid()), by("ben", RefundRequested("r1", cny(8000), "", T0)))
    fold.take(told(RefundReported("c1", cny(900), "succeeded", at=T0)))

    fold.take(by("anna", RefundDecided("r1", True, T0)))

    assert fold.outcomes[-1] == "refused"


def test_a_bill_that_differs_changes_nothing():
    fold = Fold().take(opened(), change(paid()))
    before = fold.order

    fold.take(told(BillDiffers("2026-11-22", "payment_amount", TXN), "bill"))

    assert (fold.outcomes[-1], fold.order) == ("unchanged", before)


FACTS = st.one_of(
    st.builds(RefundRequested, st.sampled_from(NUMBERS), st.integers(0, 9000).map(cny), st.just(""), st.just(T0)),
    st.builds(RefundDecided, st.sampled_from(NUMBERS), st.booleans(), st.just(T0)),
    st.builds(RefundRefused, st.sampled_from(NUMBERS), st.integers(0, 2), st.just(PROBLEM)),
    st.builds(RefundRetried, st.sampled_from(NUMBERS), st.integers(0, 2), st.just(T0)),
    st.builds(
        RefundResolved,
        st.sampled_from(NUMBERS),
        st.sampled_from(["refunded_elsewhere", "given_up", "?"]),
        st.just("n"),
        st.just(T0),
    ),
    st.builds(RefundAbsent, st.sampled_from(NUMBERS)),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(FACTS, st.sampled_from(["ben", "anna", "carl"])), max_size=25))
def test_D6_nothing_that_people_do_asks_for_more_than_was_paid(steps):
    fold = Fold().take(opened(), change(paid()))

    for index, (fact, who) in enumerate(steps):
        fold.take(by(who, fact, via=f"step {index}"))

    assert fold.order is not None
    assert fold.order.reserved == sum(refund.reserves for refund in fold.refunds.values()) <= 8800
    assert fold.order.refunded == sum(refund.refunds for refund in fold.refunds.values())
    assert dict(fold.order.refund_tally) == Counter(refund.status for refund in fold.refunds.values())
    assert all(refund.judged_by != refund.requested_by for refund in fold.refunds.values())


REPORTS = st.sampled_from(["processing", "needs_action", "failed", "succeeded"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(REPORTS, st.sampled_from(["notify", "query", "refund"])), min_size=1, max_size=6), st.data())
def test_reports_and_a_refusal_end_equal_in_any_sequence(reports, data):
    news = [reported(status, via) for status, via in reports] + [refused()]
    shuffled = data.draw(st.permutations(news))

    one, other = approved().take(*news), approved().take(*shuffled)

    assert one.refunds == other.refunds
    assert one.order is not None and other.order is not None
    assert (one.order.refunded, one.order.reserved) == (other.order.refunded, other.order.reserved)
    assert one.order.refund_tally == other.order.refund_tally == ((one.refunds["r1"].status, 1),)
    expected = max((status for status, _ in reports), key=lambda status: REFUND_RANK[status])
    assert one.refunds["r1"].status == expected


def refund(status: str, **more: object) -> Refund:
    return Refund("r1", cny(1), status, "merchant", **more)  # type: ignore[arg-type]


def test_a_refund_on_its_way_is_asked_about_at_the_rungs_and_then_daily():
    looks, now = [], T0
    while (look := next_refund_step(refund("processing"), T0, now)) is not None:
        looks.append(look - T0)
        now = look

    assert looks[:5] == [60, 300, 1800, 7200, DAILY]
    assert looks[-1] == LAST_REFUND_QUERY
    assert len(looks) == 34


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (refund("requested"), None),
        (refund("rejected"), None),
        (refund("approved"), T0),
        (refund("needs_action", refused=True), None),
        (refund("needs_action"), T0 + 60),
        (refund("failed"), T0),
        (refund("failed", released=True), None),
        (refund("succeeded"), None),
    ],
)
def test_who_is_looked_at_when(one, expected):
    assert next_refund_step(one, T0, T0) == expected


def test_calls_of_unknown_outcome_are_repeated_ever_more_slowly():
    waits = [retry_refund_at(looks, 0) for looks in range(9)]

    assert waits[: len(RETRY_DELAYS)] == list(RETRY_DELAYS)
    assert waits == sorted(waits)
    assert waits[0] >= 60


def line(minor: int = 8800, refund_id: str = "", txn: str = TXN) -> BillLine:
    return BillLine("shop", "A|b*-_1", txn, cny(minor), "2026-11-22 14:03:05", refund_id)


def test_a_payments_line_and_our_order():
    order = Fold().take(opened(), change(paid())).order

    assert payment_difference(line(), order) == ""
    assert payment_difference(line(8801), order) == "payment_amount"
    assert payment_difference(line(txn="other"), order) == "payment_missing_here"
    assert payment_difference(line(), None) == "payment_unknown_here"


def test_a_refunds_line_and_our_refund():
    fold = approved()
    order = fold.order
    assert refund_difference(line(1000, "r1"), order, fold.refunds["r1"]) == "refund_missing_here"

    fold.take(reported("processing"))

    assert refund_difference(line(1000, "r1"), order, fold.refunds["r1"]) == ""
    assert refund_difference(line(999, "r1"), order, fold.refunds["r1"]) == "refund_amount"
    assert refund_difference(line(1000, "r1"), order, None) == "refund_missing_here"
    assert refund_difference(line(1000, "r1"), None, None) == "refund_unknown_here"


class TestWhatComesBack:
    """A bank may return a refund that had succeeded: it failed then for good, in whatever sequence that is told."""

    def facts(self) -> list[object]:
        returned = RefundReported("r1", cny(1000), "failed", came_back=True, problem=PROBLEM)
        return [reported("processing"), reported("succeeded"), told(returned), reported("succeeded", via="notify")]

    def test_in_any_sequence_it_ends_as_failed_and_its_money_is_the_orders_again(self) -> None:
        for sequence in itertools.permutations(self.facts()):
            fold = approved().take(*sequence)
            refund = fold.refunds["r1"]

            assert (refund.status, refund.succeeded_at, refund.problem) == ("failed", None, PROBLEM)
            assert fold.order is not None
            assert (fold.order.status, fold.order.refunded, fold.order.refundable) == ("paid", 0, 8800)

    def test_another_platforms_failure_may_still_succeed(self) -> None:
        fold = approved().take(reported("failed"), reported("succeeded"))

        assert fold.refunds["r1"].status == "succeeded"

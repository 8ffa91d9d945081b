"""Orders that are made at a platform: the newest report and the money count, whatever sequence they came in."""

from collections import Counter
from itertools import permutations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from countersign.money import Money
from countersign.orders.changes import (
    Attempt,
    Change,
    Closed,
    CloseRequested,
    Fact,
    Operator,
    OrderCreated,
    OrderKey,
    OrderReported,
    Paid,
    Queried,
    RefundDecided,
    RefundReported,
    RefundRequested,
    Report,
    Resolved,
    Terms,
    Trust,
    Verified,
)
from countersign.orders.decide import decide, decide_message
from countersign.orders.decision import Decision, View
from countersign.orders.explain import explanation
from countersign.orders.present import order_json
from countersign.orders.refunds import Refund, over_ceiling
from countersign.orders.reports import says_more
from countersign.orders.schedule import next_poll
from countersign.orders.state import Order
from tests.unit import order_model_oracle as oracle

KEY = OrderKey("acme", "shop", "1001")
T0 = 1_795_328_845
DAY = 86_400
HOUR = 3_600


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def terms(amount: int, **changed: object) -> Terms:
    fields = {"system": "", "method": "web", "digest": "d", "pays": "parts", "external": True, "closable": False}
    return Terms(eur(amount), created_at=T0, expires_at=T0 + 30 * DAY, **(fields | changed))  # type: ignore[arg-type]


def report(
    version: int,
    amount: int,
    *,
    read: int = 0,
    includes_refunds: bool = True,
    attempts: tuple[Attempt, ...] = (),
    **more,
) -> OrderReported:
    shown = {
        name: more.pop(name) for name in ("received", "authorized", "state", "ended_at", "shop_amount") if name in more
    }
    return OrderReported(
        terms(amount, includes_refunds=includes_refunds, **more), Report(version, read, **shown), attempts
    )


def paid(transaction: str, minor: int, at: int = T0 + 10, *, currency: str = "EUR", **more: object) -> Paid:
    return Paid(transaction, Money(minor, currency), at, **more)  # type: ignore[arg-type]


def refund(number: str, minor: int, status: str = "succeeded") -> RefundReported:
    return RefundReported(number, eur(minor), status, at=T0 + 900)


class Fold:
    """What the store does, in memory: orphans wait for their order, children lie beside it."""

    def __init__(self) -> None:
        self.order: Order | None = None
        self.refunds: dict[str, Refund] = {}
        self.orphans: list[Change] = []
        self.emitted: list[str] = []
        self.decision = Decision("unchanged", None)  # type: ignore[arg-type] - nothing was decided yet

    def take(self, *facts: Fact, trust: Trust | None = None, by: str = "") -> "Fold":
        for fact in facts:
            who = Operator(by) if by else trust or Queried("k")
            self._take(Change(KEY, fact, who, "operator" if by else "query", external=True))
        return self

    def _take(self, change: Change) -> None:
        view = View({("refund", number): one for number, one in self.refunds.items()})
        self.decision = decision = decide(self.order, change, "e", view)
        if decision.outcome == "orphan":
            self.orphans.append(change)
            return
        first = self.order is None
        self.order = decision.order or self.order
        self.emitted += decision.emits
        self.refunds |= {child.number: child for child in decision.children if isinstance(child, Refund)}
        waiting, self.orphans = (self.orphans, []) if first else ([], self.orphans)
        for one in waiting:
            self._take(one)

    @property
    def known(self) -> Order:
        assert self.order is not None
        return self.order

    @property
    def status(self) -> str:
        return self.known.status

    @property
    def questions(self) -> list[str]:
        return [question.review_id for question in self.known.review_items]


def seen(order: Order) -> dict[str, object]:
    return {
        "status": order.status,
        "paid": order.paid,
        "refunded": order.refunded,
        "balance_due": order.balance_due,
        "overpaid": order.overpaid,
        "paid_at": order.paid_at,
        "review": sorted(question.review_id for question in order.review_items),
        "refundable": order.refundable,
    }


def in_ours(fact: oracle.Fact, includes_refunds: bool) -> Fact:
    """Return one of the oracle's facts in our words; what ties break by is part of a report's content."""
    if fact[0] == "report":
        one = fact[1]
        return report(
            one.version,
            one.amount,
            read=one.read_at,
            includes_refunds=includes_refunds,
            received=one.received,
            authorized=one.authorized,
            state=one.state,
            description=one.tie,
        )
    if fact[0] == "pay":
        return paid(*fact[1:])
    return refund(*fact[1:])


def content(one: oracle.Report) -> str:
    """Return what orders two reports of one moment here, so that the oracle breaks ties alike."""
    fact = in_ours(("report", one), True)
    assert isinstance(fact, OrderReported)
    return repr((fact.terms, Report(0, 0, one.received, one.authorized, one.state)))


def rep(version: int, amount: int, *, read: int = 0, **more: object) -> oracle.Fact:
    return ("report", oracle.Report(version, read, amount, **more))  # type: ignore[arg-type]


REPORTS = st.builds(
    oracle.Report,
    st.integers(0, 2),
    st.just(0),
    st.sampled_from([0, 60, 70, 100, 250]),
    st.sampled_from([0, 0, 60, 100]),
    st.sampled_from([0, 0, 40]),
    st.sampled_from(["open", "open", "cancelled", "failed"]),
)
PAYMENTS = st.tuples(
    st.just("pay"), st.sampled_from(["t1", "t2", "t3"]), st.sampled_from([40, 50, 100]), st.integers(1, 3)
)
AMOUNTS = {"r1": 40, "r2": 30, "r3": 100}
REFUNDS = st.tuples(st.sampled_from(sorted(AMOUNTS)), st.sampled_from(["processing", "failed", "succeeded"])).map(
    lambda one: ("refund", one[0], AMOUNTS[one[0]], one[1])
)
READ = st.builds(
    oracle.Report,
    st.just(3),
    st.just(50),
    st.sampled_from([0, 60, 100, 250]),
    st.sampled_from([0, 100]),
    st.sampled_from([0, 40]),
    st.sampled_from(["open", "cancelled"]),
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(REPORTS, min_size=1, max_size=3, unique_by=lambda one: one),
    st.lists(st.one_of(PAYMENTS, REFUNDS), max_size=5),
    READ,
    st.booleans(),
    st.randoms(use_true_random=False),
    st.data(),
)
def test_D3_every_permutation_with_duplicates_ends_as_the_model_says_and_a_read_makes_up_for_what_was_dropped(
    reports, money, read, includes_refunds, random, data
):
    pushed = [("report", one._replace(tie="")) for one in reports] + money
    ordered = [("report", fact[1]._replace(tie="")) if fact[0] == "report" else fact for fact in pushed]
    expected = oracle.run(
        [("report", fact[1]._replace(tie=content(fact[1]))) if fact[0] == "report" else fact for fact in ordered]
    )
    news = [*pushed, *data.draw(st.lists(st.sampled_from(pushed), max_size=4))]
    random.shuffle(news)

    fold = Fold().take(*(in_ours(fact, includes_refunds) for fact in news))

    shown = seen(fold.known)
    conflicts = [one for one in shown["review"] if one.startswith("payment_amount_conflict")]  # type: ignore[attr-defined]
    wanted = oracle.seen(expected, includes_refunds=includes_refunds)
    if conflicts and wanted["status"] in ("pending", "authorized", "closed", "failed"):
        wanted["status"] = "review"
    assert shown | {"review": [one for one in shown["review"] if one not in conflicts]} == wanted  # type: ignore[attr-defined]

    # Pushes are dropped at random; one authenticated reading holds everything that there is.
    kept = [fact for fact in news if random.random() < 0.5]
    last = [("report", read._replace(received=max([read.received, *(one.received for one in reports)])))]
    whole = [*(fact for fact in pushed if fact[0] != "report"), *last]
    after_drops = Fold().take(*(in_ours(fact, includes_refunds) for fact in [*kept, *whole]))
    after_all = Fold().take(*(in_ours(fact, includes_refunds) for fact in whole))
    assert seen(after_drops.known) == seen(after_all.known)


STORIES = {
    "exchanged for something dearer": (
        [rep(1, 100, received=100), ("pay", "t1", 100, 10), ("pay", "t2", 150, 30), rep(2, 250)],
        [rep(2, 250, read=50, received=250), ("pay", "t1", 100, 10), ("pay", "t2", 150, 30)],
        True,
        {"status": "paid", "paid": 250, "paid_at": 30, "balance_due": 0, "review": []},
    ),
    "exchanged for something cheaper": (
        [rep(1, 100, received=100), ("pay", "t1", 100, 10), ("refund", "r1", 40, "succeeded"), rep(2, 60)],
        [rep(2, 60, read=50, received=100), ("pay", "t1", 100, 10), ("refund", "r1", 40, "succeeded")],
        True,
        {"status": "partially_refunded", "paid": 100, "refunded": 40, "balance_due": 0, "review": []},
    ),
    "a refund on its way": (
        [rep(1, 100, received=100), ("pay", "t1", 100, 10), ("refund", "r1", 30, "processing"), rep(2, 70)],
        [rep(2, 70, read=50, received=100), ("pay", "t1", 100, 10), ("refund", "r1", 30, "processing")],
        True,
        {"status": "paid", "overpaid": 0, "refundable": 70, "review": []},
    ),
    "a refund that failed": (
        [rep(1, 100, received=100), ("pay", "t1", 100, 10), ("refund", "r1", 30, "processing"), rep(2, 70)],
        [rep(2, 70, read=50, received=100), ("pay", "t1", 100, 10), ("refund", "r1", 30, "failed")],
        True,
        {"status": "paid", "overpaid": 30, "refundable": 100, "review": ["overpaid.30"]},
    ),
    "two halves": (
        [rep(1, 100), ("pay", "h1", 50, 10), ("pay", "h2", 50, 400), rep(2, 100, received=100)],
        [rep(2, 100, read=500, received=100), ("pay", "h1", 50, 10), ("pay", "h2", 50, 400)],
        True,
        {"status": "paid", "paid_at": 400},
    ),
    "authorized, taken in part": (
        [rep(1, 100, authorized=100), ("pay", "c1", 60, 10), rep(2, 100, authorized=40)],
        [rep(2, 100, read=9, authorized=40, received=60), ("pay", "c1", 60, 10)],
        True,
        {"status": "partially_paid", "paid": 60, "balance_due": 40, "paid_at": None},
    ),
    "paid twice, the surplus sent back": (
        [rep(1, 100), ("pay", "a", 100, 5), ("pay", "b", 100, 6), ("refund", "x", 100, "succeeded")],
        [rep(1, 100, read=9), ("pay", "a", 100, 5), ("pay", "b", 100, 6), ("refund", "x", 100, "succeeded")],
        False,
        {"status": "paid", "paid": 200, "refunded": 100, "review": [], "refundable": 100},
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_a_story_ends_as_the_shop_itself_shows_it_whatever_was_told_first_or_not_at_all(story):
    pushes, read, includes_refunds, expected = STORIES[story]
    for told in permutations(pushes):
        for kept in (told, told[:2], told[2:], ()):
            fold = Fold().take(*(in_ours(fact, includes_refunds) for fact in [*kept, *read, *kept]))
            shown = seen(fold.known)

            assert {name: shown[name] for name in expected} == expected
            assert shown == oracle.seen(oracle.run([*kept, *read]), includes_refunds=includes_refunds)


def test_the_first_report_opens_the_order_and_says_so_once():
    fold = Fold().take(report(1, 100))
    assert (fold.status, fold.decision.outcome, fold.emitted) == ("pending", "applied", [])

    fold.take(report(1, 100))

    assert fold.decision.outcome == "unchanged"
    assert not fold.decision.query_now


def test_money_before_any_report_is_an_orphan_that_is_asked_about_at_once():
    fold = Fold().take(paid("t1", 100))
    assert (fold.decision.outcome, fold.decision.query_now) == ("orphan", True)

    created_here = decide(None, Change(KEY, paid("t1", 100), Verified("k"), "notify"))

    assert (created_here.outcome, created_here.query_now) == ("orphan", False)
    assert fold.take(report(1, 100)).status == "paid"


def test_one_message_of_several_facts_is_decided_in_sequence_with_what_opens_the_order_first():
    facts = (paid("t1", 60), refund("r1", 10), paid("t2", 40), report(1, 90, received=100))
    changes = [Change(KEY, fact, Verified("k"), "webhook", external=True) for fact in facts]

    decision = decide_message(None, changes, "e")

    assert decision.outcome == "applied"
    assert decision.order is not None
    assert (decision.order.status, decision.order.paid, decision.order.refunded) == ("partially_refunded", 100, 10)
    assert [child.number for child in decision.children] == ["r1"]
    assert len(decision.reasons) == 4
    assert decision_again(decision, changes).outcome == "unchanged"


def decision_again(before: Decision, changes: list[Change]) -> Decision:
    children = {(child.kind, child.number): child for child in before.children}
    return decide_message(before.order, changes, "e", View(children))


def test_several_facts_about_one_refund_of_one_message_end_as_its_last_state():
    order = Fold().take(report(1, 100, received=100)).known
    changes = [
        Change(KEY, refund("r1", 30, status), Verified("k"), "webhook") for status in ("processing", "succeeded")
    ]

    decision = decide_message(order, changes, "e")

    (child,) = decision.children
    assert (child.status, decision.order.refunded if decision.order else 0) == ("succeeded", 30)
    assert decision.emits == ("refund.succeeded",)


def test_a_message_without_facts_changes_nothing():
    assert decide_message(None, ()).outcome == "unchanged"


def test_a_message_about_an_order_that_nobody_knows_is_one_orphan():
    changes = [Change(KEY, fact, Verified("k"), "webhook", external=True) for fact in (paid("t1", 1), refund("r", 1))]

    decision = decide_message(None, changes)

    assert (decision.outcome, decision.order, decision.query_now, decision.children) == ("orphan", None, True, ())


@pytest.mark.parametrize(
    ("later", "asked"),
    [
        (report(2, 120), True),  # the same moment, another content
        (report(1, 100), True),  # overtaken by what was read
        (report(2, 100), False),
        (report(3, 120), False),
    ],
)
def test_the_platform_is_asked_where_a_report_shows_that_the_newest_may_not_be_it(later, asked):
    fold = Fold().take(report(2, 100, read=T0)).take(later, trust=Verified("k"))

    assert fold.decision.query_now == asked


def test_of_two_contents_of_one_moment_the_same_one_wins_and_a_later_reading_settles_it():
    one, other = Fold().take(report(1, 120), report(1, 130)), Fold().take(report(1, 130), report(1, 120))
    assert one.known.terms == other.known.terms

    assert one.take(report(1, 120, read=9)).known.terms.amount == eur(120)
    assert one.take(report(1, 125, read=11)).known.terms.amount == eur(125)


def test_a_reading_is_worth_a_record_only_where_it_says_more():
    order = Fold().take(report(1, 100)).known
    assert says_more(order, report(1, 100, read=9))

    read = Fold().take(report(1, 100, read=9)).known

    assert not says_more(read, report(1, 100, read=99))
    assert says_more(read, report(1, 100, read=99, received=10))
    assert says_more(read, report(2, 100, read=99))


def test_a_shop_may_reopen_what_it_cancelled():
    fold = Fold().take(report(1, 100, read=1, state="cancelled", ended_at=T0 + 60))
    assert (fold.status, fold.known.ended_at, fold.emitted) == ("closed", T0 + 60, ["order.closed"])

    fold.take(report(2, 100, read=2))

    assert (fold.status, fold.known.ended_at) == ("pending", None)


@pytest.mark.parametrize("state", ["failed", "expired"])
def test_what_failed_or_expired_there_failed(state):
    fold = Fold().take(report(1, 100, state=state))

    assert (fold.status, fold.emitted) == ("failed", ["order.failed"])


def test_no_report_takes_a_payment_away():
    fold = Fold().take(report(1, 100, received=100), report(2, 100, read=9, received=0))

    assert (fold.status, fold.known.paid) == ("paid", 100)


def test_repriced_upwards_after_payment_is_a_balance_and_no_question():
    fold = Fold().take(report(1, 100), paid("t1", 100))
    fold.emitted.clear()

    fold.take(report(2, 150, read=9))

    assert (fold.status, fold.known.balance_due, fold.questions) == ("partially_paid", 50, [])
    assert fold.emitted == ["order.repriced", "order.partially_paid"]
    assert fold.decision.reason.to_json() == {"code": "repriced", "args": {"before": "1.00 EUR", "after": "1.50 EUR"}}
    assert fold.take(paid("t2", 50, T0 + 99)).emitted[-1] == "order.paid"
    assert fold.known.paid_at == T0 + 99


def test_a_refund_that_the_total_shows_later_is_no_payment():
    fold = Fold().take(report(1, 100), paid("t1", 100))
    fold.emitted.clear()

    fold.take(refund("r1", 30), report(2, 70))

    assert fold.status == "partially_refunded"
    assert "order.paid" not in fold.emitted


def test_a_free_order_is_paid():
    fold = Fold().take(report(1, 0))

    assert (fold.status, fold.emitted, order_json(fold.known)["paid"]) == ("paid", ["order.paid"], None)


def test_from_pushes_alone_a_contradiction_only_has_the_platform_asked():
    fold = Fold().take(report(1, 100), trust=Verified("k")).take(paid("t1", 100), paid("t2", 100), trust=Verified("k"))

    assert (fold.questions, fold.decision.query_now) == ([], True)
    assert fold.take(report(1, 100, read=9)).questions == ["overpaid.100"]
    assert fold.emitted[-1] == "order.review"


def test_a_question_about_totals_can_be_dismissed_and_another_amount_is_another_question():
    fold = Fold().take(report(1, 100, read=9), paid("t1", 150))
    assert fold.take(Resolved("overpaid.50", "dismiss", "a tip", T0, "anna"), by="anna").questions == []

    assert fold.take(paid("t2", 20)).questions == ["overpaid.70"]


def test_a_payment_in_another_currency_does_not_count_and_can_only_go_back():
    fold = Fold().take(report(1, 100), paid("t1", 100, currency="USD"))
    assert (fold.status, fold.known.paid, fold.questions) == ("review", 0, ["currency_mismatch.t1"])

    for who in ("anna", "ben"):
        answer = Resolved("currency_mismatch.t1", "accept", "", T0, who)
        assert fold.take(answer, by=who).decision.outcome == "refused"
    fold.take(Resolved("currency_mismatch.t1", "refund", "", T0, "anna"), by="anna")

    assert (fold.refunds["review-t1"].amount, fold.refunds["review-t1"].status) == (Money(100, "USD"), "requested")
    assert (fold.status, fold.known.reserved) == ("pending", 0)


def test_a_payment_told_with_two_amounts_counts_with_the_smaller_and_is_a_question():
    for sequence in permutations([report(1, 100), paid("t1", 100), paid("t1", 90)]):
        fold = Fold().take(*sequence)

        assert (fold.known.paid, fold.status) == (90, "partially_paid")
        assert fold.questions == ["payment_amount_conflict.t1"]


def test_a_transaction_of_another_order_does_not_count():
    order = Fold().take(report(1, 100)).known
    owners = {("transaction", "t1"): OrderKey("acme", "shop", "1000")}

    decision = decide(order, Change(KEY, paid("t1", 100), Verified("k"), "webhook"), "e", View(owners=owners))

    assert decision.order is not None
    assert (decision.order.paid, decision.order.status) == (0, "review")
    assert [one.review_id for one in decision.order.review_items] == ["transaction_of_another_order.t1"]


def test_refunds_are_bounded_by_what_arrived_and_name_no_payment():
    fold = Fold().take(report(1, 100, received=100))
    assert fold.take(RefundRequested("r1", eur(101), "", T0), by="ben").decision.outcome == "refused"
    assert fold.take(RefundRequested("r1", Money(1, "USD"), "", T0), by="ben").decision.outcome == "refused"

    fold.take(RefundRequested("r1", eur(80), "", T0), by="ben").take(RefundDecided("r1", True, T0), by="anna")

    assert (fold.refunds["r1"].status, fold.refunds["r1"].transaction_id) == ("approved", "")
    assert (fold.known.refundable, over_ceiling(fold.known, fold.refunds["r1"])) == (20, False)
    fold.take(refund("c1", 30))
    assert over_ceiling(fold.known, fold.refunds["r1"])


def test_what_the_platform_words_otherwise_is_no_fact_about_an_order_that_is_made_there():
    fold = Fold().take(report(1, 100)).take(Closed(T0))
    assert (fold.decision.outcome, fold.decision.query_now, fold.status) == ("unchanged", True, "pending")

    assert fold.take(CloseRequested(T0), by="anna").decision.outcome == "refused"


def test_a_report_about_an_order_that_was_created_here_changes_nothing():
    here = Terms(eur(100), "v3", "native", "d", T0, T0 + 60)
    order = decide(None, Change(KEY, OrderCreated(here), Operator("m"), "merchant")).order

    decision = decide(order, Change(KEY, report(9, 1), Queried(), "query"))

    assert (decision.outcome, decision.order) == ("unchanged", order)


@pytest.mark.parametrize("sequence", list(permutations([report(1, 100, test=True), report(2, 100), paid("t1", 100)])))
def test_an_order_is_a_test_once_anything_said_so(sequence):
    assert Fold().take(*sequence).known.test
    assert order_json(Fold().take(report(1, 100), paid("t", 100, test=True)).known)["test"]
    assert not Fold().take(report(1, 100), paid("t", 100)).known.test


def test_whose_totals_count_the_money_stays_known_once_it_is():
    fold = Fold().take(report(1, 100, money_of=("acme", "shop", "77")), report(2, 100))

    assert order_json(fold.known)["money_of"] == {"platform": "acme", "account": "shop", "order_id": "77"}


FIRST, SECOND = Attempt(1, T0 + 1, "card_declined"), Attempt(2, T0 + 2, "expired_card")


def test_failed_tries_are_told_once_each_and_their_end_too():
    fold = Fold().take(report(1, 100, attempts=(FIRST,)), report(2, 100, attempts=(FIRST, SECOND)))
    fold.take(report(3, 100, attempts=(SECOND,)))
    assert fold.emitted == ["charge.failed", "charge.failed"]
    assert [one["number"] for one in order_json(fold.known)["attempts"]] == [1, 2]

    fold.take(report(4, 100, received=100, attempts=(FIRST, SECOND)))

    assert fold.emitted[2:] == ["order.paid", "charge.recovered"]
    assert fold.take(report(5, 100, received=100)).emitted.count("charge.recovered") == 1


@given(st.permutations([report(1, 9, attempts=(FIRST,)), report(2, 9, attempts=(SECOND,)), report(3, 9)]))
def test_tries_are_a_set(sequence):
    assert Fold().take(*sequence).known.charge_attempts == (FIRST, SECOND)


def test_the_merchants_books_are_sums_of_what_was_said_and_never_converted():
    fold = Fold().take(
        report(1, 100, shop_amount=Money(110, "USD")),
        paid("t1", 60, shop_amount=Money(66, "USD")),
        paid("t2", 40, T0 + 20, shop_amount=Money(43, "USD")),
        RefundReported("r1", eur(10), "succeeded", at=T0 + 30, shop_amount=Money(11, "USD")),
    )

    shown = order_json(fold.known)
    assert shown["shop"] == {"currency": "USD", "amount": 110, "paid": 109, "refunded": 11}
    assert [one["shop_amount"]["minor"] for one in shown["payments"]] == [66, 43]
    assert order_json(Fold().take(report(1, 100, shop_amount=eur(100))).known)["shop"] is None


def test_the_order_json_says_what_is_left_held_and_too_much():
    shown = order_json(Fold().take(report(1, 100, authorized=40), paid("t1", 60)).known)

    assert (shown["balance_due"]["minor"], shown["authorized"]["minor"], shown["overpaid"]["minor"]) == (40, 40, 0)
    assert (shown["paid"], shown["paid_at"], shown["transaction_id"]) == ({"minor": 60, "currency": "EUR"}, None, "t1")
    assert (shown["test"], shown["money_of"], shown["closed_reason"], shown["attempts"]) == (False, None, None, None)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ((report(1, 100, authorized=100),), "holds 1.00 EUR of 1.00 EUR"),
        ((report(1, 100), paid("t", 60)), "Paid 0.60 EUR of 1.00 EUR. 0.40 EUR are left to pay."),
        ((report(1, 100), paid("t", 100), refund("r", 30), report(2, 70)), "0.30 EUR of 1.00 EUR were refunded."),
        ((report(1, 100, state="failed"),), "paying failed."),
        ((report(1, 100, state="cancelled"),), "Closed"),
    ],
)
def test_the_explanation_says_how_much_of_it_is_paid(facts, words):
    assert words in explanation(Fold().take(*facts).known, [])["summary"]


def test_an_order_that_waits_is_asked_about_less_and_less_and_not_for_ever():
    order = Fold().take(report(1, 100)).known
    looks, now = [], T0
    while (look := next_poll(order, now)) is not None:
        looks.append(look - T0)
        now = look

    assert looks[:6] == [10, 30, 120, 600, 1800, HOUR]
    assert looks[-1] < 121 * DAY
    assert all(later - sooner == DAY for sooner, later in zip(looks[-80:], looks[-79:], strict=False))
    assert next_poll(Fold().take(report(1, 100, received=100)).known, T0) is None
    assert next_poll(Fold().take(report(1, 100, received=10)).known, T0) == T0 + 10


FACTS = st.one_of(
    st.builds(report, st.integers(0, 2), st.integers(0, 200), read=st.sampled_from([0, 5])),
    st.builds(paid, st.sampled_from("ab"), st.integers(0, 200), currency=st.sampled_from(["EUR", "USD"])),
    st.builds(refund, st.sampled_from("rs"), st.integers(0, 200), st.sampled_from(["processing", "succeeded"])),
    st.builds(RefundRequested, st.sampled_from("xy"), st.integers(0, 300).map(eur), st.just(""), st.just(T0)),
    st.builds(RefundDecided, st.sampled_from("xy"), st.booleans(), st.just(T0)),
    st.builds(
        Resolved,
        st.sampled_from(["currency_mismatch.a", "overpaid.100", "payment_amount_conflict.a"]),
        st.sampled_from(["accept", "refund", "dismiss"]),
        st.just(""),
        st.just(T0),
        st.sampled_from(["anna", "ben"]),
    ),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(FACTS, st.sampled_from(["", "anna", "ben"])), max_size=14))
@example([(report(0, 0), ""), (paid("a", 0), "")])
def test_decide_is_total_and_sums_hold_whatever_is_said(steps):
    fold = Fold()
    for fact, who in steps:
        fold.take(fact, by=who)

    if fold.order is None:
        return
    order = fold.known
    assert order.reserved == sum(one.reserves for one in fold.refunds.values())
    assert order.refunded == sum(one.refunds for one in fold.refunds.values()) <= order.reserved
    assert dict(order.refund_tally) == Counter(one.status for one in fold.refunds.values())
    assert min(order.balance_due, order.overpaid, order.refundable) >= 0
    assert order_json(order)["status"] == order.status
    assert explanation(order, [])["summary"]

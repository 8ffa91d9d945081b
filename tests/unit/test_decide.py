"""The order's state machine: every sequence of the same news ends in the same order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Closed,
    CloseRequested,
    Fact,
    Failed,
    Flagged,
    Hint,
    Operator,
    OrderCreated,
    OrderKey,
    Paid,
    Prepared,
    Queried,
    RefundDecided,
    RefundReported,
    RefundRequested,
    Replaced,
    Resolved,
    Terms,
    Trust,
    Unpaid,
    Unrecognised,
    Verified,
)
from countersign.orders.decide import decide
from countersign.orders.decision import View
from countersign.orders.explain import explanation
from countersign.orders.present import order_json
from countersign.orders.reasons import because
from countersign.orders.refunds import Refund
from countersign.orders.schedule import must_close, next_poll
from countersign.orders.state import Order
from countersign.orders.times import timestamp

KEY = OrderKey("wechat", "shop", "A|b*-_1")
T0 = 1_795_328_845
TXN = "4200002901202611221403050001"


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def terms(**changed: object) -> Terms:
    fields = {"amount": cny(8800), "system": "v3", "method": "jsapi", "digest": "d", "created_at": T0} | changed
    return Terms(expires_at=T0 + 7200, **fields)  # type: ignore[arg-type]


def change(
    fact: Fact, trust: Trust | None = None, *, system: str = "v3", via: str = "notify", anomaly: str = ""
) -> Change:
    return Change(KEY, fact, trust or Verified("PUB_KEY_ID_1"), via, "1900099001", system, anomaly)


def paid(
    minor: int = 8800, *, txn: str = TXN, at: int = T0 + 60, currency: str = "CNY", payer: int | None = None
) -> Paid:
    return Paid(txn, Money(minor, currency), at, payer)


class Fold:
    """What the store does, in memory: orphans wait for their order, children lie beside it."""

    def __init__(self) -> None:
        self.order: Order | None = None
        self.refunds: dict[str, Refund] = {}
        self.seen: set[str] = set()
        self.orphans: list[Change] = []
        self.emitted: list[str] = []
        self.outcomes: list[str] = []

    def take(self, *news: Change) -> "Fold":
        for one in news:
            self._take(one)
        return self

    def _take(self, one: Change) -> None:
        event_id = repr((one.fact.kind, one.via, one.fact.identity()))
        if event_id in self.seen:
            self.outcomes.append("duplicate")
            return
        view = View({("refund", number): refund for number, refund in self.refunds.items()})
        decision = decide(self.order, one, event_id, view)
        self.outcomes.append(decision.outcome)
        self.seen.add(event_id)
        if decision.outcome == "orphan":
            self.orphans.append(one)
            self.seen.discard(event_id)
            return
        self.order = decision.order or self.order
        self.emitted += decision.emits
        self.refunds |= {child.number: child for child in decision.children if isinstance(child, Refund)}
        if one.fact.kind == "opened":
            waiting, self.orphans = self.orphans, []
            self.take(*waiting)

    @property
    def status(self) -> str:
        assert self.order is not None
        return self.order.status


def opened(**changed: object) -> Change:
    return change(OrderCreated(terms(**changed)), Operator("merchant"), via="merchant")


def refund_news(
    number: str, minor: int, status: str = "succeeded", *, via: str = "notify", total: int = 8800
) -> Change:
    trust: Trust = Queried("k") if via == "query" else Verified("k")
    return change(RefundReported(number, cny(minor), status, total=cny(total), at=T0 + 900), trust, via=via)


STORY = (
    opened(),
    change(Prepared(), Queried("k"), via="query"),
    change(Unpaid("NOTPAY"), Queried("k"), via="query"),
    change(paid()),
    change(paid(), Queried("k"), via="query"),
    refund_news("r1", 1000, "processing"),
    refund_news("r1", 1000),
    refund_news("r2", 2000),
    refund_news("r2", 2000, via="query"),
    change(Closed(T0 + 7300), Queried("k"), via="query"),
    change(Failed("PAYERROR"), Queried("k"), via="query"),
    change(Unrecognised("trade_state", "FROZEN")),
)


@settings(max_examples=400, deadline=None)
@given(st.permutations(STORY), st.lists(st.sampled_from(STORY), max_size=8), st.randoms(use_true_random=False))
def test_D3_every_permutation_with_duplicates_ends_in_the_same_order(sequence, repeated, random):
    news = [*sequence, *repeated]
    random.shuffle(news)

    fold = Fold().take(*news)

    expected = Fold().take(*STORY)
    assert fold.order == expected.order
    assert fold.refunds == expected.refunds
    assert fold.status == "partially_refunded"
    assert fold.order is not None and fold.order.refunded == 3000
    assert fold.emitted.count("order.paid") == 1


ODD = (
    opened(),
    change(paid(1)),
    change(paid(8800, txn="4200002901202611221403050002", at=T0 + 70)),
    change(paid(8800, currency="HKD", txn="4200002901202611221403050003")),
    change(paid(8800, txn="4200002901202611221403050004"), system="v2"),
    change(paid(8800, txn="4200002901202611221403050005", at=T0 + 50)),
    change(paid(), anomaly="sub_merchant_unexpected"),
    refund_news("r9", 100),
    refund_news("r9", 200),
    refund_news("r8", 100, total=9),
    change(Closed(T0 + 40), Queried("k"), via="query"),
    change(Closed(T0 + 30)),
    change(Flagged("transaction_of_another_order", "t"), Queried()),
    change(Replaced("NEW-ORDER"), Operator("m"), via="merchant"),
    change(CloseRequested(T0 + 10), Operator("m"), via="merchant"),
)


@settings(max_examples=400, deadline=None)
@given(st.permutations(ODD))
def test_contradicting_news_ends_in_the_same_order_and_the_same_questions(sequence):
    fold, expected = Fold().take(*sequence), Fold().take(*ODD)

    assert fold.order is not None and expected.order is not None
    # The policy's refund of late money is a decision taken at a moment, not a fact: it takes what is left then.
    late = f"late-{expected.order.payment.transaction_id}" if expected.order.payment else ""
    assert {n: r for n, r in fold.refunds.items() if n != late and not n.startswith("late-")} == {
        n: r for n, r in expected.refunds.items() if n != late and not n.startswith("late-")
    }
    assert [q.review_id for q in fold.order.review_items] == [q.review_id for q in expected.order.review_items]
    assert fold.order.claims == expected.order.claims
    assert (fold.status, fold.order.refunded) == (expected.status, expected.order.refunded)
    assert fold.emitted.count("order.paid") == 1
    assert fold.order.paid_late == expected.order.paid_late


@given(st.permutations((opened(), change(paid()), change(Closed(T0 + 30), Queried("k"), via="query"))))
def test_D5_money_after_closing_is_paid_late_and_the_policy_acts_once_whatever_came_first(sequence):
    fold = Fold().take(*sequence).take(*sequence)

    assert fold.status == "paid"
    assert fold.order is not None and fold.order.paid_late
    assert list(fold.refunds) == [f"late-{TXN}"]
    assert fold.refunds[f"late-{TXN}"].status == "requested"
    assert fold.emitted.count("order.paid_late") == 1


def test_the_keep_policy_makes_no_refund_of_late_money():
    fold = Fold().take(opened(paid_late_policy="keep"), change(Closed(T0 + 30)), change(paid()))

    assert fold.order is not None and fold.order.paid_late
    assert fold.refunds == {}


def test_the_refund_policy_approves_the_refund_of_late_money():
    fold = Fold().take(opened(paid_late_policy="refund"), change(Closed(T0 + 30)), change(paid()))

    assert fold.refunds[f"late-{TXN}"].status == "approved"
    assert "refund.approved" in fold.emitted


def test_an_order_paid_before_it_was_closed_is_not_late():
    fold = Fold().take(opened(), change(Closed(T0 + 90)), change(paid(at=T0 + 60)))

    assert fold.order is not None and not fold.order.paid_late


@pytest.mark.parametrize("fact", [Failed("PAYERROR"), Closed(T0 + 999), Unpaid("USERPAYING"), Unpaid("NOTPAY")])
def test_D4_nothing_unpays_a_paid_order(fact):
    fold = Fold().take(opened(), change(paid()), change(fact, Queried("k"), via="query"))

    assert fold.status == "paid"


def test_a_failed_order_that_is_paid_later_is_plainly_paid():
    fold = Fold().take(opened(), change(Failed("PAYERROR"), Queried("k"), via="query"))
    assert fold.status == "failed"

    assert fold.take(change(paid())).status == "paid"


@pytest.mark.parametrize(
    ("news", "reason"),
    [
        (change(paid(1)), "amount_mismatch"),
        (change(paid(8801)), "amount_mismatch"),
        (change(paid(0)), "amount_mismatch"),
        (change(paid(currency="HKD")), "currency_mismatch"),
        (change(paid(), system="v2"), "system_mismatch"),
        (change(paid(), anomaly="sub_merchant_unexpected"), "sub_merchant_unexpected"),
        (change(paid(payer=8801)), "payer_paid_more_than_total"),
    ],
)
def test_B10_a_payment_that_does_not_fit_is_a_question_and_never_pays(news, reason):
    fold = Fold().take(opened(), news)

    assert fold.status == "review"
    assert fold.order is not None and fold.order.payment is None
    assert [question.reason for question in fold.order.review_items] == [reason]
    assert fold.emitted == ["order.review"]


def test_a_later_matching_payment_closes_the_question():
    fold = Fold().take(opened(), change(paid(1)), change(paid(), Queried("k"), via="query"))

    assert fold.status == "paid"
    assert fold.order is not None and fold.order.review_items == ()


def answered(decision: str, by: str, *, question: str = f"amount_mismatch.{TXN}", at: int = T0 + 99) -> Change:
    return change(Resolved(question, decision, "a voucher", at, by), Operator(by), via="operator")


def test_two_people_who_accept_a_payment_of_another_amount_make_the_order_paid_by_that_amount():
    fold = Fold().take(opened(), change(paid(8000)), answered("accept", "anna"))

    assert (fold.status, fold.outcomes[-1]) == ("review", "applied")
    assert fold.order is not None
    (waiting,) = fold.order.review_items
    assert [(answer.by, answer.decision) for answer in waiting.answers] == [("anna", "accept")]

    fold.take(answered("accept", "anna", at=T0 + 200))
    assert (fold.status, fold.outcomes[-1]) == ("review", "duplicate")

    fold.take(answered("accept", "ben"))

    assert fold.status == "paid"
    assert fold.order.payment is not None
    assert fold.order.payment.total == cny(8000)
    assert fold.order.refundable == 8000
    assert [answer["by"] for answer in order_json(fold.order)["answers"]] == ["anna", "ben"]
    assert fold.emitted[-1] == "order.paid"


def test_one_person_is_enough_where_the_order_says_so():
    fold = Fold().take(opened(review_refund="one_person"), change(paid(8000)), answered("accept", "anna"))

    assert fold.status == "paid"


@pytest.mark.parametrize("decision", ["dismiss", "refund"])
def test_another_answer_ends_a_question_that_waits_for_a_second_person(decision):
    fold = Fold().take(opened(), change(paid(8000)), answered("accept", "anna"), answered(decision, "ben"))

    assert (fold.status, fold.outcomes[-1]) == ("pending", "applied")


def test_a_payment_in_another_currency_is_refunded_or_dismissed_and_never_accepted():
    question = f"currency_mismatch.{TXN}"
    fold = Fold().take(opened(), change(paid(currency="HKD")))

    for who in ("anna", "ben"):
        fold.take(answered("accept", who, question=question))

    assert fold.outcomes[-2:] == ["refused", "refused"]
    assert fold.take(answered("refund", "anna", question=question)).outcomes[-1] == "applied"
    assert fold.refunds[f"review-{TXN}"].amount == Money(8800, "HKD")


def judged(approved: bool, by: str, at: int = T0 + 120) -> Change:
    return change(RefundDecided(f"review-{TXN}", approved, at), Operator(by), via=f"operator {by}")


def sent_back(status: str = "succeeded", trust: Trust | None = None) -> Change:
    fact = RefundReported(f"review-{TXN}", cny(8000), status, total=cny(8000), at=T0 + 900)
    return change(fact, trust or Verified("k"))


def in_review(**changed: object) -> Fold:
    fold = Fold().take(opened(**changed), change(paid(8000)))
    return fold.take(answered("refund", "anna"))


def test_a_refund_that_answers_a_question_waits_for_a_second_person():
    fold = in_review()

    refund = fold.refunds[f"review-{TXN}"]
    assert (refund.status, refund.requested_by, refund.judged_by) == ("requested", "anna", "")
    assert fold.emitted[-1] == "refund.requested"
    assert fold.take(judged(True, "anna")).outcomes[-1] == "refused"
    assert fold.take(judged(True, "ben")).refunds[f"review-{TXN}"].status == "approved"
    assert fold.order is not None
    assert (fold.status, fold.order.reserved, fold.order.refunded) == ("pending", 0, 0)


def test_one_person_refunds_alone_only_where_the_order_says_so():
    refund = in_review(review_refund="one_person").refunds[f"review-{TXN}"]

    assert (refund.status, refund.requested_by, refund.judged_by) == ("approved", "anna", "anna")


def test_an_order_whose_money_went_back_ends_with_its_reason_and_nobody_is_asked_any_more():
    fold = in_review().take(judged(True, "ben"), sent_back("processing"))
    assert fold.order is not None
    assert fold.status == "pending"
    assert "on its way back" in summary(fold.order)

    fold.take(sent_back())

    assert (fold.status, fold.order.closed_reason, fold.order.ended_at) == (
        "closed",
        "refunded_in_review",
        T0 + 900,
    )
    assert fold.emitted[-1] == "order.closed"
    content = order_json(fold.order)
    assert (content["closed_reason"], content["closed_at"], content["paid"]) == (
        "refunded_in_review",
        timestamp(T0 + 900),
        None,
    )
    for later in (T0 + 901, T0 + 8 * 86400):
        assert next_poll(fold.order, later) is None
        assert not must_close(fold.order, later)
    assert "went back to the payer" in summary(fold.order)


@pytest.mark.parametrize("decision", ["refund", "dismiss"])
def test_an_order_that_people_decided_about_does_not_wait_for_its_payer_and_is_not_asked_about_for_ever(decision):
    fold = Fold().take(opened(), change(paid(8000)), answered(decision, "anna"))

    assert fold.order is not None
    assert "waits for the payer" not in summary(fold.order)
    now, looks = T0 + 7230, 0
    while (look := next_poll(fold.order, now)) is not None:
        now, looks = look, looks + 1
    assert looks == 30


@given(
    st.permutations(
        [
            sent_back("processing"),
            sent_back(),
            sent_back(trust=Queried("k")),
            change(paid(8000)),
            change(paid(8000), via="query"),
        ]
    )
)
def test_an_order_ends_in_review_the_same_whatever_came_first(sequence):
    fold, expected = in_review().take(judged(True, "ben")), in_review().take(judged(True, "ben"), sent_back())

    fold.take(*sequence)

    assert fold.order is not None and expected.order is not None
    assert (fold.status, fold.order.returned, fold.order.ended_at) == ("closed", expected.order.returned, T0 + 900)


def test_an_order_stays_open_until_every_payment_that_does_not_fit_went_back():
    other = "4200002901202611221403050002"
    fold = in_review().take(judged(True, "ben"), change(paid(1, txn=other)), sent_back())
    assert fold.status == "review"

    fold.take(answered("refund", "anna", question=f"amount_mismatch.{other}"))
    assert fold.status == "pending"
    refund = change(RefundReported(f"review-{other}", cny(1), "succeeded", at=T0 + 950))

    assert fold.take(refund).status == "closed"
    assert fold.order is not None
    assert fold.order.ended_at == T0 + 950


def test_a_matching_payment_pays_an_order_whose_other_payment_went_back():
    fold = in_review().take(judged(True, "ben"), sent_back(), change(paid(txn="4200002901202611221403050009")))

    assert (fold.status, fold.order.closed_reason if fold.order else None) == ("paid", "")


def test_a_question_whose_refund_was_rejected_is_open_again_and_can_be_answered_anew():
    fold = in_review().take(judged(False, "ben"))

    assert fold.status == "review"
    assert fold.order is not None
    (question,) = fold.order.review_items
    assert (question.undone, question.answers) == (1, ())
    again = change(Resolved(question.review_id, "refund", "", T0 + 300, "anna", 1), Operator("anna"), via="operator")

    fold.take(again)

    assert (fold.outcomes[-1], fold.refunds[f"review-{TXN}"].status) == ("applied", "requested")
    assert fold.take(judged(True, "ben", T0 + 400)).refunds[f"review-{TXN}"].status == "approved"


def summary(order: Order) -> str:
    return str(explanation(order, [])["summary"])


def test_resolving_a_question_that_is_not_open_is_refused():
    fold = Fold().take(opened(), change(Resolved("amount_mismatch.x", "dismiss", "", T0), Operator("anna")))

    assert fold.outcomes[-1] == "refused"


def test_a_transaction_of_another_order_cannot_be_accepted():
    order = Fold().take(opened()).order
    flagged = decide(
        order, change(paid()), "e", View(owners={("transaction", TXN): OrderKey("wechat", "shop", "OTHER1")})
    ).order

    answer = Resolved(f"transaction_of_another_order.{TXN}", "accept", "", T0)

    assert flagged is not None and flagged.status == "review"
    assert decide(flagged, change(answer, Operator("anna"))).outcome == "refused"


def test_a_second_payment_is_a_question_that_does_not_hide_paid():
    fold = Fold().take(opened(), change(paid()), change(paid(txn="42000029012026112214030500099", at=T0 + 99)))

    assert fold.status == "paid"
    assert fold.order is not None
    assert [question.reason for question in fold.order.review_items] == ["second_payment"]


def test_a_hint_changes_nothing_whatever_it_says():
    order = Fold().take(opened(), change(paid())).order

    decision = decide(order, change(RefundReported("r1", cny(8800), "succeeded"), Hint()))

    assert (decision.outcome, decision.order, decision.children, decision.emits) == ("unchanged", order, (), ())


def test_news_of_an_unknown_order_is_an_orphan():
    assert decide(None, change(paid())).outcome == "orphan"


def test_C13_unknown_words_are_kept_and_change_nothing():
    order = Fold().take(opened()).order

    decision = decide(order, change(Unrecognised("event_type", "COUPON.USED")))

    assert (decision.outcome, decision.order) == ("unchanged", order)
    assert decision.reason == because("unrecognised", what="event_type", word="COUPON.USED")


def test_D8_an_accepted_refund_is_processing_and_refunds_nothing_yet():
    fold = Fold().take(opened(), change(paid()), refund_news("r1", 8800, "processing"))

    assert fold.order is not None
    assert (fold.status, fold.order.refunded, fold.order.reserved) == ("paid", 0, 8800)


def test_a_refund_that_failed_keeps_its_reservation_until_a_query_says_so():
    fold = Fold().take(opened(), change(paid()), refund_news("r1", 8800, "failed"))
    assert fold.order is not None and fold.order.reserved == 8800

    fold.take(refund_news("r1", 8800, "failed", via="query"))

    assert (fold.order.reserved, fold.order.refundable) == (0, 8800)


def test_a_refund_before_its_payment_is_kept_and_the_platform_is_asked():
    order = Fold().take(opened()).order

    decision = decide(order, refund_news("r1", 100))

    assert decision.query_now
    assert decision.children[0].source == "console"


def test_B15_a_report_of_another_amount_moves_nothing_of_our_own_refund():
    fold = Fold().take(opened(), change(paid()))
    fold.take(change(RefundRequested("r1", cny(1000), "", T0), Operator("ben"), via="operator"))

    fold.take(refund_news("r1", 999))

    assert fold.order is not None
    assert fold.refunds["r1"].status == "requested"
    assert fold.order.refunded == 0
    assert [question.reason for question in fold.order.review_items] == ["refund_amount_mismatch"]


def test_D6_refunds_that_are_asked_for_never_exceed_what_was_paid():
    fold = Fold().take(opened(), change(paid()))
    for number in range(4):
        fold.take(change(RefundRequested(f"r{number}", cny(2640), "", T0), Operator("ben"), via="operator"))

    assert fold.outcomes[-4:] == ["applied", "applied", "applied", "refused"]
    assert fold.order is not None and fold.order.reserved == 3 * 2640


def test_D16_nobody_judges_a_refund_that_they_asked_for():
    fold = Fold().take(opened(), change(paid()))
    fold.take(change(RefundRequested("r1", cny(100), "", T0), Operator("ben"), via="operator"))

    fold.take(change(RefundDecided("r1", True, T0), Operator("ben"), via="operator"))
    assert fold.outcomes[-1] == "refused"

    fold.take(change(RefundDecided("r1", True, T0 + 1), Operator("anna"), via="desk"))
    assert fold.refunds["r1"].status == "approved"


def test_a_rejected_refund_frees_its_amount():
    fold = Fold().take(opened(), change(paid()))
    fold.take(change(RefundRequested("r1", cny(8800), "", T0), Operator("ben"), via="operator"))

    fold.take(change(RefundDecided("r1", False, T0), Operator("anna"), via="operator"))

    assert fold.order is not None and fold.order.refundable == 8800


def test_more_refunded_than_paid_is_a_question():
    fold = Fold().take(opened(), change(paid()), refund_news("r1", 8000), refund_news("r2", 8000))

    assert fold.status == "refunded"
    assert fold.order is not None
    assert [question.reason for question in fold.order.review_items] == ["refunded_more_than_paid"]


STATUSES = ["created", "pending", "paid", "partially_refunded", "refunded", "closed", "failed", "review"]
FACTS = st.sampled_from([one.fact for one in (*STORY, *ODD)]) | st.builds(
    Resolved,
    st.text(max_size=20),
    st.sampled_from(["accept", "refund", "dismiss", "?"]),
    st.text(max_size=5),
    st.just(T0),
)
TRUSTS = st.sampled_from([Verified("k"), Queried("k"), Operator("anna"), Hint()])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.builds(change, FACTS, TRUSTS), max_size=12))
def test_decide_is_total_and_money_never_goes_negative(news):
    fold = Fold().take(*news)

    if fold.order is not None:
        assert fold.order.refunded >= 0
        assert fold.order.reserved >= fold.order.refunded
        assert fold.status in (
            ["created", "pending", "paid", "partially_refunded", "refunded", "closed", "failed", "review"]
        )

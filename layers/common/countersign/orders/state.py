"""The order: facts that only accumulate, and everything else derived from them.

Status, totals and questions are properties, never stored decisions, so that the same facts give the same
order in whatever sequence they arrived.

An order is paid whole (the merchant asked for an amount, and one payment of it pays) or in parts (it is made at the
platform, which changes its total, splits payments and refunds): `terms.pays` says which of the two sets of rules holds.
"""

from collections.abc import Iterable
from dataclasses import replace

from countersign.money import Money
from countersign.orders.changes import Attempt, OrderKey, Report, Terms
from countersign.values import dataclass

NOT_OURS = "transaction_of_another_order"
REFUNDED_IN_REVIEW = "refunded_in_review"
PAID_STATES = ("paid", "partially_paid", "partially_refunded", "refunded")
_FOR_A_PAYER = frozenset({"payment_never_begun"})  # questions that a payment answers
# The status of an order that is made at a platform, by its state there, while no money came; else pending.
_WITHOUT_MONEY = {"scheduled": "created", "cancelled": "closed", "failed": "failed", "expired": "failed"}


@dataclass(frozen=True, slots=True, order=True)
class ReportedPayment:
    """One version of one payment, as told; several tellings of the same version are merged."""

    transaction_id: str
    total: Money
    system: str
    anomaly: str
    paid_at: int
    payer_paid: int | None = None
    evidence: tuple[str, ...] = ()
    shop_amount: Money | None = None  # in the currency of the merchant's books, where that is another one

    def says_the_same_as(self, other: "ReportedPayment") -> bool:
        """Tell whether both are the same version of the same payment."""
        return (self.transaction_id, self.total, self.system, self.anomaly) == (
            other.transaction_id,
            other.total,
            other.system,
            other.anomaly,
        )

    def merged(self, other: "ReportedPayment") -> "ReportedPayment":
        """Return what both tellings say together, the same whichever came first."""
        known = [amount for amount in (self.payer_paid, other.payer_paid) if amount is not None]
        shop_amounts = [amount for amount in (self.shop_amount, other.shop_amount) if amount is not None]
        return replace(
            self,
            paid_at=min(self.paid_at, other.paid_at),
            payer_paid=min(known) if known else None,
            evidence=tuple(sorted({*self.evidence, *other.evidence})),
            shop_amount=min(shop_amounts) if shop_amounts else None,
        )

    def mismatch(self, terms: Terms) -> str:
        """Return why this payment is not the one that the order asks for, or an empty string."""
        if self.anomaly:
            return self.anomaly
        if self.total.currency != terms.amount.currency:
            return "currency_mismatch"
        if terms.pays == "parts":
            return ""
        if self.total != terms.amount:
            return "amount_mismatch"
        if self.system and self.system != terms.system:
            return "system_mismatch"
        if self.payer_paid is not None and self.payer_paid > self.total.minor:
            return "payer_paid_more_than_total"
        return ""


@dataclass(frozen=True, slots=True, order=True)
class Anomaly:
    """Something about the order as a whole that a person must look at."""

    reason: str
    subject: str


@dataclass(frozen=True, slots=True, order=True)
class Resolution:
    """What a person answered to a question."""

    review_id: str
    decision: str
    by: str
    note: str
    at: int


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """An open question; `review_id` is stable and names its reason and subject.

    `answers` are those that wait for a second person; `undone` says how often an answer came to nothing, because the
    refund that it asked for was rejected or given up.
    """

    reason: str
    subject: str
    evidence: tuple[str, ...] = ()
    answers: tuple[Resolution, ...] = ()
    undone: int = 0

    @property
    def review_id(self) -> str:
        """The question's name in the merchant API."""
        return f"{self.reason}.{self.subject}" if self.subject else self.reason


@dataclass(frozen=True, slots=True)
class Order:
    """One order: its terms, the facts so far, and running totals of its children.

    Of an order that is paid in parts `terms` and `newest` are those of the newest report, and `received` is the most
    that any report said to have been taken, for each currency.
    """

    key: OrderKey
    terms: Terms
    prepared: bool = False
    handle: str = ""  # what the platform wants to be asked by, where that is not the order's number
    claims: tuple[ReportedPayment, ...] = ()
    closed_at: int | None = None  # when the platform ended it, as told; `ended_at` says when it ended
    failed: bool = False
    close_asked_at: int | None = None
    anomalies: tuple[Anomaly, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    undone: tuple[tuple[str, int], ...] = ()  # (review id, how often): answers whose refund came to nothing
    refund_seen: bool = False
    refunded: int = 0
    reserved: int = 0
    refund_tally: tuple[tuple[str, int], ...] = ()  # (status, how many) of its refunds
    refund_parts: tuple[tuple[str, str], ...] = ()  # (movement, refund): what the platform made of a refund of ours
    settled: int = 0
    shipped: str = ""  # part or sent, as far as shipments were recorded
    late_refund_id: str = ""
    returned: tuple[tuple[str, int], ...] = ()  # (transaction, when): payments that a review's refund sent back
    replaced_by: tuple[tuple[int, str], ...] = ()  # (when, order number) of the orders in its place, oldest first
    others_paid: tuple[tuple[str, int], ...] = ()  # (order number, when paid) of other orders of the same purchase
    instruction_id: str = ""  # the one that is open: what moves money is done one at a time
    newest: Report | None = None
    received: tuple[tuple[str, int], ...] = ()
    charge_attempts: tuple[Attempt, ...] = ()  # failed tries to take the money, where the platform takes it itself
    shop_refunded: int = 0
    test: bool = False
    money_of: tuple[str, str, str] | None = None  # the order whose totals count this one's money already
    attempts: int = 1  # at having the platform take the order
    refused_attempts: tuple[int, ...] = ()  # those that created nothing there
    version: int = 0
    updated_at: int = 0

    @property
    def payments(self) -> tuple[ReportedPayment, ...]:
        """Accepted payments, earliest first; where one pays the whole order, more than one is an open question."""
        claims = self.claims
        if len(claims) <= 1 and not (self.returned or self.resolutions):  # nearly always
            return claims if claims and not claims[0].mismatch(self.terms) else ()
        counted = self._parts() if self.terms.pays == "parts" else self._accepted()
        return tuple(sorted(counted, key=lambda claim: (claim.paid_at, claim.transaction_id)))

    def _accepted(self) -> Iterable[ReportedPayment]:
        resolved = self._accepted_by_people() if self.resolutions else ()
        returned = dict(self.returned)
        accepted: dict[str, ReportedPayment] = {}
        for claim in self.claims:
            mismatch = claim.mismatch(self.terms)
            if not mismatch or (
                ReviewItem(mismatch, claim.transaction_id).review_id in resolved
                and claim.transaction_id not in self._matched()
            ):
                accepted.setdefault(claim.transaction_id, claim)
        return [claim for number, claim in accepted.items() if number not in returned]

    def _parts(self) -> Iterable[ReportedPayment]:
        """Return each payment that counts: of several amounts that were told for one, the smallest."""
        counted: dict[str, ReportedPayment] = {}
        for claim in self.claims:
            known = counted.get(claim.transaction_id)
            if not claim.mismatch(self.terms) and (
                known is None or (claim.total.minor, claim.paid_at) < (known.total.minor, known.paid_at)
            ):
                counted[claim.transaction_id] = claim
        foreign = {claim.transaction_id for claim in self.claims if claim.anomaly == NOT_OURS}
        return [claim for number, claim in counted.items() if number not in foreign]

    def _accepted_by_people(self) -> set[str]:
        """Return the questions about payments that enough people answered with accept."""
        answers: dict[str, set[str]] = {}
        for resolution in self.resolutions:
            if resolution.decision == "accept":
                answers.setdefault(resolution.review_id, set()).add(resolution.by)
        return {review_id for review_id, people in answers.items() if len(people) >= self.people_to_accept}

    @property
    def people_to_accept(self) -> int:
        """How many people must agree that a payment which does not fit pays the order."""
        return 1 if self.terms.review_refund == "one_person" else 2

    def _matched(self) -> set[str]:
        return {claim.transaction_id for claim in self.claims if not claim.mismatch(self.terms)}

    @property
    def payment(self) -> ReportedPayment | None:
        """The payment that paid the order, or its first part."""
        payments = self.payments
        return payments[0] if payments else None

    @property
    def paid(self) -> int:
        """Minor units that arrived for the order, before refunds.

        What the platform says it received and the payments that it names are both lower bounds, and neither falls.
        """
        if self.terms.pays == "parts":
            received = dict(self.received).get(self.terms.amount.currency, 0)
            return max(received, sum(payment.total.minor for payment in self.payments))
        payment = self.payment
        return payment.total.minor if payment is not None else 0

    @property
    def paid_at(self) -> int | None:
        """When the order was paid: of parts, when those up to it reached what the order comes to; else None."""
        if self.terms.pays != "parts":
            payment = self.payment
            return payment.paid_at if payment is not None else None
        if self.status not in ("paid", "partially_refunded", "refunded"):
            return None
        sum_, wanted = 0, self.terms.amount.minor + (self.refunded if self.terms.includes_refunds else 0)
        for part in self.payments:
            sum_ += part.total.minor
            if sum_ >= wanted:
                return part.paid_at
        return None

    @property
    def balance_due(self) -> int:
        """Minor units that the order still asks for."""
        amount = self.terms.amount.minor
        if self.terms.pays != "parts":
            return amount if self.payment is None else 0
        return max(0, amount - self.paid + (self.refunded if self.terms.includes_refunds else 0))

    @property
    def overpaid(self) -> int:
        """Minor units that arrived beyond what the order asks for and refunds have taken; only of parts."""
        return max(0, self.paid - self.reserved - self.terms.amount.minor) if self.terms.pays == "parts" else 0

    @property
    def sent(self) -> str:
        """How far it is sent, as recorded here or told by the platform: part, sent, or empty."""
        told = self.newest.shipped if self.newest is not None else ""
        return "sent" if "sent" in (self.shipped, told) else self.shipped or told

    @property
    def authorized(self) -> int:
        """Minor units that the payer's bank holds for the order and that nobody has taken yet."""
        return self.newest.authorized if self.newest is not None else 0

    @property
    def paid_late(self) -> bool:
        """Tell whether the money came after the order was closed, whichever news arrived first."""
        if self.closed_at is None or self.terms.pays == "parts":
            return False
        payment = self.payment
        return payment is not None and payment.paid_at > self.closed_at

    @property
    def refunded_in_review(self) -> bool:
        """Tell whether every payment that was reported went back by a review, and none was accepted."""
        if not self.returned or self.payment is not None:
            return False
        returned = dict(self.returned)
        return all(claim.transaction_id in returned for claim in self.claims)

    @property
    def ended_at(self) -> int | None:
        """When the order ended without being paid, in the clock of who says so; None while it has not."""
        if self.terms.pays == "parts":
            return self.newest.ended_at if self.newest is not None and self.newest.state == "cancelled" else None
        if self.closed_at is None and self.refunded_in_review:
            return max(at for _, at in self.returned)
        return self.closed_at

    @property
    def closed_reason(self) -> str:
        """Why the order ended, where it is not the platform that closed it."""
        return REFUNDED_IN_REVIEW if self.refunded_in_review else ""

    @property
    def review_items(self) -> tuple[ReviewItem, ...]:
        """Open questions, in a fixed sequence."""
        if self._raises_no_question():
            return ()
        found = [*self._payment_questions(), *self._total_questions()]
        found += [ReviewItem(anomaly.reason, anomaly.subject) for anomaly in self.anomalies]
        if not (self.resolutions or self.undone):
            return tuple(found)
        return tuple(asked for question in found if (asked := self._unanswered(question)) is not None)

    def _raises_no_question(self) -> bool:
        """Tell at a glance that nothing can be asked, which is so of nearly every order."""
        if self.anomalies or self.newest is not None or self.others_paid or self.refunded or len(self.claims) > 1:
            return False
        return not self.claims or not self.claims[0].mismatch(self.terms)

    def _unanswered(self, question: ReviewItem) -> ReviewItem | None:
        """Return a question with what was answered so far, or None where that answers it."""
        answers = tuple(one for one in self.resolutions if one.review_id == question.review_id)
        people = {one.by for one in answers if one.decision == "accept"}
        needed = self.people_to_accept if self.makes_paid(question) else 1
        if len(people) >= needed or any(one.decision != "accept" for one in answers):
            return None
        return replace(question, answers=answers, undone=dict(self.undone).get(question.review_id, 0))

    def makes_paid(self, question: ReviewItem) -> bool:
        """Tell whether accepting a question would make a payment count that does not fit the order."""
        return any(
            claim.transaction_id == question.subject and claim.mismatch(self.terms) == question.reason
            for claim in self.claims
        )

    def _payment_questions(self) -> Iterable[ReviewItem]:
        matched = self._matched()
        parts = self.terms.pays == "parts"
        for claim in self.claims:
            mismatch = claim.mismatch(self.terms)
            if mismatch and (parts or claim.transaction_id not in matched):
                yield ReviewItem(mismatch, claim.transaction_id, claim.evidence)
        if parts:
            yield from self._conflicting_amounts()
        elif len(self.claims) > 1:
            for claim in self.payments[1:]:
                yield ReviewItem("second_payment", claim.transaction_id, claim.evidence)
        if not self.others_paid:
            return
        paid_at = self.payment.paid_at if self.payment is not None else None
        for number, at in self.others_paid:  # of two paid orders of one purchase, the one that was paid later
            if paid_at is not None and (paid_at, self.key.order_id) > (at, number):
                yield ReviewItem("double_payment", number)

    def _conflicting_amounts(self) -> Iterable[ReviewItem]:
        amounts: dict[str, set[int]] = {}
        for claim in self.claims:
            if not claim.mismatch(self.terms):
                amounts.setdefault(claim.transaction_id, set()).add(claim.total.minor)
        for number, told in sorted(amounts.items()):
            if len(told) > 1:
                evidence = {one for claim in self.claims if claim.transaction_id == number for one in claim.evidence}
                yield ReviewItem("payment_amount_conflict", number, tuple(sorted(evidence)))

    def _total_questions(self) -> Iterable[ReviewItem]:
        if self.terms.pays == "parts":
            # What a push says may be halfway: a refund can still travel. A read holds everything at one moment.
            yield from self.contradictions if self.newest is not None and self.newest.read_at else ()
            return
        payment = self.payment if self.refunded else None
        if payment is not None and self.refunded > payment.total.minor:
            yield ReviewItem("refunded_more_than_paid", "")

    @property
    def contradictions(self) -> tuple[ReviewItem, ...]:
        """What the totals of an order that is paid in parts say against each other, as far as is known now."""
        if self.terms.pays != "parts":
            return ()
        found = []
        if self.overpaid:
            found.append(ReviewItem("overpaid", str(self.overpaid)))
        if self.newest is not None and self.newest.state == "cancelled" and self.paid > self.reserved:
            found.append(ReviewItem("cancelled_after_payment", ""))
        if self.refunded > self.paid:
            found.append(ReviewItem("refunded_more_than_paid", ""))
        return tuple(found)

    @property
    def status(self) -> str:
        """The order's state in the words of the contract."""
        if self.terms.pays == "parts":
            return self._status_in_parts()
        payment = self.payment
        if payment is not None:
            if self.refunded == 0:
                return "paid"
            return "refunded" if self.refunded >= payment.total.minor else "partially_refunded"
        if self.review_items:
            return "review"
        if self.closed_at is not None or self.refunded_in_review:
            return "closed"
        if self.failed:
            return "failed"
        return "pending" if self.prepared else "created"

    @property
    def waits_for_payer(self) -> bool:
        """Whether somebody may still pay it: it has not ended, and no question is about money that came."""
        if self.status in ("created", "pending", "partially_paid", "failed"):
            return True
        questions = {question.reason for question in self.review_items}
        return self.status == "review" and self.ended_at is None and not self.claims and questions <= _FOR_A_PAYER

    def _status_in_parts(self) -> str:
        paid, refunded, amount = self.paid, self.refunded, self.terms.amount.minor
        state = self.newest.state if self.newest is not None else "open"
        if paid == 0 and amount > 0:
            if self.review_items:
                return "review"
            ended = _WITHOUT_MONEY.get(state)
            return ended or ("authorized" if self.authorized else "pending")
        if refunded >= paid > 0:
            return "refunded"
        if refunded > 0 and (self.terms.includes_refunds or paid - refunded < amount):
            return "partially_refunded"
        return "partially_paid" if self.balance_due > 0 else "paid"

    @property
    def replacements(self) -> tuple[str, ...]:
        """The numbers of the orders that were created in its place, oldest first."""
        return tuple(number for _, number in self.replaced_by)

    @property
    def uncreated(self) -> bool:
        """Tell whether the platform refused every attempt so far: then nobody can pay, and other terms may follow."""
        known = self.prepared or self.claims or self.failed or self.closed_at is not None
        return not known and self.refused_attempts == tuple(range(1, self.attempts + 1))

    @property
    def refundable(self) -> int:
        """Minor units that may still be asked back."""
        return max(0, self.paid - self.reserved)

"""The order: facts that only accumulate, and everything else derived from them.

Status, totals and questions are properties, never stored decisions, so that the same facts give the same
order in whatever sequence they arrived.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from countersign.money import Money
from countersign.orders.changes import OrderKey, Terms


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
        return replace(
            self,
            paid_at=min(self.paid_at, other.paid_at),
            payer_paid=min(known) if known else None,
            evidence=tuple(sorted({*self.evidence, *other.evidence})),
        )

    def mismatch(self, terms: Terms) -> str:
        """Return why this payment is not the one that the order asks for, or an empty string."""
        if self.anomaly:
            return self.anomaly
        if self.total.currency != terms.amount.currency:
            return "currency_mismatch"
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
    """What a person decided about a question."""

    review_id: str
    decision: str
    by: str
    note: str
    at: int


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """An open question; `review_id` is stable and names its reason and subject."""

    reason: str
    subject: str
    evidence: tuple[str, ...] = ()

    @property
    def review_id(self) -> str:
        """The question's name in the merchant API."""
        return f"{self.reason}.{self.subject}" if self.subject else self.reason


@dataclass(frozen=True, slots=True)
class Order:
    """One order: its terms, the facts so far, and running totals of its children."""

    key: OrderKey
    terms: Terms
    prepared: bool = False
    claims: tuple[ReportedPayment, ...] = ()
    closed_at: int | None = None
    failed: bool = False
    close_asked_at: int | None = None
    anomalies: tuple[Anomaly, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    refund_seen: bool = False
    refunded: int = 0
    reserved: int = 0
    settled: int = 0
    shipped: str = ""  # part or sent, as far as shipments were recorded
    late_refund_id: str = ""
    replaced_by: tuple[tuple[int, str], ...] = ()  # (when, order number) of the orders in its place, oldest first
    others_paid: tuple[tuple[str, int], ...] = ()  # (order number, when paid) of other orders of the same purchase
    version: int = 0
    updated_at: int = 0

    @property
    def payments(self) -> tuple[ReportedPayment, ...]:
        """Accepted payments, earliest first; more than one is an open question."""
        if not self.claims:
            return ()
        resolved = {resolution.review_id for resolution in self.resolutions if resolution.decision == "accept"}
        accepted: dict[str, ReportedPayment] = {}
        for claim in self.claims:
            mismatch = claim.mismatch(self.terms)
            if not mismatch or (
                ReviewItem(mismatch, claim.transaction_id).review_id in resolved
                and claim.transaction_id not in self._matched()
            ):
                accepted.setdefault(claim.transaction_id, claim)
        return tuple(sorted(accepted.values(), key=lambda claim: (claim.paid_at, claim.transaction_id)))

    def _matched(self) -> set[str]:
        return {claim.transaction_id for claim in self.claims if not claim.mismatch(self.terms)}

    @property
    def payment(self) -> ReportedPayment | None:
        """The payment that paid the order."""
        payments = self.payments
        return payments[0] if payments else None

    @property
    def paid_late(self) -> bool:
        """Tell whether the money came after the order was closed, whichever news arrived first."""
        if self.closed_at is None:
            return False
        payment = self.payment
        return payment is not None and payment.paid_at > self.closed_at

    @property
    def review_items(self) -> tuple[ReviewItem, ...]:
        """Open questions, in a fixed sequence."""
        if not (self.claims or self.anomalies):
            return ()
        found = [*self._payment_questions(), *self._total_questions()]
        found += [ReviewItem(anomaly.reason, anomaly.subject) for anomaly in self.anomalies]
        answered = {resolution.review_id for resolution in self.resolutions}
        return tuple(question for question in found if question.review_id not in answered)

    def _payment_questions(self) -> Iterable[ReviewItem]:
        matched = self._matched()
        for claim in self.claims:
            if claim.transaction_id not in matched:
                yield ReviewItem(claim.mismatch(self.terms), claim.transaction_id, claim.evidence)
        for claim in self.payments[1:] if len(self.claims) > 1 else ():
            yield ReviewItem("second_payment", claim.transaction_id, claim.evidence)
        payment = self.payment if self.others_paid else None
        if payment is not None:  # of two paid orders of one purchase, the one that was paid later is the question
            for number, paid_at in self.others_paid:
                if (payment.paid_at, self.key.order_id) > (paid_at, number):
                    yield ReviewItem("double_payment", number)

    def _total_questions(self) -> Iterable[ReviewItem]:
        payment = self.payment if self.refunded else None
        if payment is not None and self.refunded > payment.total.minor:
            yield ReviewItem("refunded_more_than_paid", "")

    @property
    def status(self) -> str:
        """The order's state in the words of the contract."""
        payment = self.payment
        if payment is not None:
            if self.refunded == 0:
                return "paid"
            return "refunded" if self.refunded >= payment.total.minor else "partially_refunded"
        if self.review_items:
            return "review"
        if self.closed_at is not None:
            return "closed"
        if self.failed:
            return "failed"
        return "pending" if self.prepared else "created"

    @property
    def replacements(self) -> tuple[str, ...]:
        """The numbers of the orders that were created in its place, oldest first."""
        return tuple(number for _, number in self.replaced_by)

    @property
    def refundable(self) -> int:
        """Minor units that may still be asked back."""
        payment = self.payment
        return max(0, payment.total.minor - self.reserved) if payment else 0

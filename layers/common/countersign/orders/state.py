"""The order: facts that only accumulate, and everything else derived from them.

Status, totals and questions are properties, never stored decisions, so that the same facts give the same
order in whatever sequence they arrived.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from countersign.money import Money
from countersign.orders.changes import OrderKey, Parcel, Terms

REFUND_RANK = {
    "requested": 0,
    "rejected": 1,
    "approved": 2,
    "processing": 3,
    "needs_action": 4,
    "failed": 5,
    "succeeded": 6,
}


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
class Refund:
    """One refund of an order; `refund_id` is the number that the platform sees.

    `reported` holds each amount that the platform told, so that contradicting reports end equal in any sequence.
    `counted` is false for money that the order never counted as paid (a question resolved by refunding it).
    `released` is true once a query says that a failed refund is over, so that its amount may be refunded anew.
    `refused` is true while the platform has not taken the refund at all, which is when asking it again makes sense;
    `problem` says what a person must do, `resolved_by` and `note` who did it and how.
    """

    refund_id: str
    amount: Money
    status: str
    source: str
    reason: str = ""
    requested_by: str = ""
    requested_at: int = 0
    judged_by: str = ""
    judged_at: int = 0
    platform_refund_id: str = ""
    transaction_id: str = ""
    succeeded_at: int | None = None
    reported: tuple[int, ...] = ()
    counted: bool = True
    released: bool = False
    audit_by: int = 0  # until when the platform waits for the merchant's word about the payer's own request
    audited: bool = False
    attempt: int = 0
    refused: bool = False
    problem: str = ""
    resolved_by: str = ""
    note: str = ""

    @property
    def ours(self) -> bool:
        """Tell whether the amount was fixed by our own command."""
        return self.source not in ("console", "user", "support")

    @property
    def reserves(self) -> int:
        """Minor units that this refund takes from what can still be refunded."""
        free = not self.counted or self.status == "rejected" or (self.status == "failed" and self.released)
        return 0 if free else self.amount.minor

    @property
    def refunds(self) -> int:
        """Minor units that went back to the payer."""
        return self.amount.minor if self.counted and self.status == "succeeded" else 0


SETTLEMENT_RANK = {"planned": 0, "asked": 1, "processing": 2, "not_needed": 3, "failed": 4, "succeeded": 5}


@dataclass(frozen=True, slots=True)
class Settlement:
    """One settlement of an order; `settlement_id` is the number that the platform sees.

    It is planned when the order is paid, for the day on which the platform allows it.
    """

    settlement_id: str
    status: str
    due: int
    amount: int = 0
    shares: tuple[tuple[str, int], ...] = ()
    source: str = "plan"  # plan, merchant, or platform (settled by itself or in its console)
    requested_by: str = ""
    platform_settlement_id: str = ""
    fee: int | None = None
    reason: str = ""
    settled_at: int | None = None

    @property
    def settles(self) -> int:
        """Minor units that became the merchant's to withdraw."""
        return self.amount if self.status == "succeeded" else 0


# superseded: the platform has the whole order as sent, by other shipments or by a person's hand there.
SHIPMENT_RANK = {"recorded": 0, "needs_action": 1, "superseded": 2, "reported": 3}


@dataclass(frozen=True, slots=True)
class Shipment:
    """One shipment of an order: recorded by the merchant, then reported to the platform."""

    shipment_id: str
    status: str
    method: str
    parcels: tuple[Parcel, ...]
    complete: bool
    requested_by: str = ""
    requested_at: int = 0
    problem: str = ""
    reported_at: int | None = None


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
    late_refund_id: str = ""
    replaced_by: str = ""
    attempts: int = 1  # at having the platform take the order
    refused_attempts: tuple[int, ...] = ()  # those that created nothing there
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
    def uncreated(self) -> bool:
        """Tell whether the platform refused every attempt so far: then nobody can pay, and other terms may follow."""
        known = self.prepared or self.claims or self.failed or self.closed_at is not None
        return not known and self.refused_attempts == tuple(range(1, self.attempts + 1))

    @property
    def linked(self) -> str:
        """The order that this one replaces or that replaces it: only one of the two may be paid."""
        return self.terms.replaces or self.replaced_by

    @property
    def refundable(self) -> int:
        """Minor units that may still be asked back."""
        payment = self.payment
        return max(0, payment.total.minor - self.reserved) if payment else 0

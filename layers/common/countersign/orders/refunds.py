"""Refund rules: who may ask how much, what the platform's reports do, and what happens to late money."""

from dataclasses import replace

from countersign.money import Money
from countersign.orders.changes import (
    Queried,
    RefundAudited,
    RefundDecided,
    RefundRefused,
    RefundReported,
    RefundRequested,
    RefundResolved,
    RefundRetried,
    RefundStarted,
    Resolved,
    Trust,
    Verified,
)
from countersign.orders.state import REFUND_RANK, Order, Refund, ReviewItem


def asked(order: Order, known: Refund | None, fact: RefundRequested, by: str) -> Refund | str:
    """Return the requested refund, or why it cannot be asked for."""
    if known is not None:
        return "a refund with this number exists"
    payment = order.payment
    if payment is None:
        return "the order is not paid"
    if fact.amount.currency != payment.total.currency:
        return "the refund's currency is not the order's"
    if fact.amount.minor == 0:
        return "a refund needs an amount"
    if fact.amount.minor > order.refundable:
        return "more than can still be refunded"
    return Refund(
        fact.refund_id,
        fact.amount,
        "requested",
        fact.source,
        reason=fact.reason,
        requested_by=by,
        requested_at=fact.at,
        transaction_id=payment.transaction_id,
    )


def judged(order: Order, known: Refund | None, fact: RefundDecided, by: str) -> Refund | str:
    """Return the approved or rejected refund, or why it cannot be judged so."""
    if known is None:
        return "there is no such refund"
    if known.status != "requested":
        return f"the refund is {known.status} already"
    if by == known.requested_by:
        return "a refund is judged by somebody else than its requester"
    if fact.approved and over_ceiling(order, known):
        return "more than can still be refunded"
    return replace(known, status="approved" if fact.approved else "rejected", judged_by=by, judged_at=fact.at)


def over_ceiling(order: Order, refund: Refund) -> bool:
    """Tell whether this order's refunds, this one among them, reserve more than was paid."""
    return refund.counted and (order.payment is None or order.reserved > order.payment.total.minor)


def refused(known: Refund | None, fact: RefundRefused) -> Refund | None:
    """Return the refund that the platform refused to make; what it reports of the same refund is the better news."""
    if known is None or (known.status, known.attempt) != ("approved", fact.attempt):
        return None
    return replace(known, status="needs_action", refused=True, problem=fact.problem)


def retried(known: Refund | None, fact: RefundRetried, by: str) -> Refund | str:
    """Return the refund to be asked for again under its number, or why that cannot be."""
    objection = _needs_somebody_else(known, by)
    if objection or known is None:
        return objection
    if not known.refused:
        return "the platform has taken this refund: asking again does not help, its problem says what does"
    if known.attempt != fact.attempt:
        return "the refund was tried again meanwhile"
    return replace(known, status="approved", attempt=known.attempt + 1, refused=False, problem="")


def resolved(known: Refund | None, fact: RefundResolved, by: str) -> Refund | str:
    """Return the refund as a person settled it, or why they cannot.

    One given up still reserves its amount until the platform has said that it does not know it, or failed it.
    """
    objection = _needs_somebody_else(known, by)
    if objection or known is None:
        return objection
    settled = replace(known, resolved_by=by, note=fact.note, refused=False)
    if fact.outcome == "refunded_elsewhere":
        return replace(settled, status="succeeded", problem="", succeeded_at=fact.at)
    if fact.outcome == "given_up":
        return replace(settled, status="failed")
    return "the outcome is neither refunded_elsewhere nor given_up"


def _needs_somebody_else(known: Refund | None, by: str) -> str:
    if known is None:
        return "there is no such refund"
    if known.status != "needs_action":
        return f"the refund is {known.status}: it needs nobody"
    return "a refund is settled by somebody else than its requester" if by == known.requested_by else ""


def absent(known: Refund | None) -> Refund | None:
    """Return the failed refund that frees its amount, as the platform does not know it."""
    return replace(known, released=True) if known is not None and known.status == "failed" else None


def reported(known: Refund | None, fact: RefundReported, trust: Trust) -> tuple[Refund | None, str]:
    """Return the refund after the platform's report, and the question that the report raises, if any.

    A report about our own refund with another amount moves nothing; for a refund made elsewhere the smallest amount
    reported counts until a person has looked.
    """
    if known is not None and known.ours and fact.amount != known.amount:
        return None, "refund_amount_mismatch"
    amounts = tuple(sorted({*(known.reported if known else ()), fact.amount.minor}))
    if known is None and fact.confirm and isinstance(trust, Verified):
        fact = replace(fact, status="processing", at=None, problem="")
    base = known or Refund(fact.refund_id, fact.amount, fact.status, fact.source, problem=fact.problem)
    if base.refused:  # the platform has it after all: as if it had never refused
        base = replace(base, status="approved", refused=False, problem="")
    # What we refused the payer fails at the platform by that, and stays refused here.
    denied = base.status == "rejected" and fact.status == "failed"
    forward = not denied and REFUND_RANK[base.status] < REFUND_RANK[fact.status]
    times = [at for at in (base.succeeded_at, fact.at if fact.status == "succeeded" else None) if at is not None]
    child = replace(
        base,
        amount=base.amount if base.ours else Money(amounts[0], fact.amount.currency),
        status=fact.status if forward else base.status,
        problem=fact.problem if forward else base.problem,
        reported=amounts,
        platform_refund_id=max(base.platform_refund_id, fact.platform_refund_id),
        transaction_id=max(base.transaction_id, fact.transaction_id),
        succeeded_at=min(times) if times else None,
        released=base.released or (fact.status == "failed" and isinstance(trust, Queried)),
    )
    if fact.status == "succeeded" and base.status == "succeeded" and base.resolved_by:
        return child, "refunded_twice"
    return child, "refund_amount_mismatch" if len(amounts) > 1 else ""


def started(known: Refund | None, fact: RefundStarted) -> Refund:
    """Return the refund that the payer asked the platform for: for the merchant to judge where there is time for it."""
    base = known or Refund(
        fact.refund_id, fact.amount, "requested" if fact.audit_by else "processing", "user", requested_by="user"
    )
    times = [at for at in (base.requested_at, fact.at) if at]
    return replace(
        base,
        source="user",
        reason=max(base.reason, fact.reason),
        requested_by="user",
        requested_at=min(times) if times else 0,
        audit_by=max(base.audit_by, fact.audit_by),
        platform_refund_id=max(base.platform_refund_id, fact.platform_refund_id),
        transaction_id=max(base.transaction_id, fact.transaction_id),
    )


def audited(known: Refund | None, fact: RefundAudited) -> Refund | None:
    """Return the refund once the platform has our decision; an agreed one is the platform's to carry out."""
    if known is None or not known.audit_by:
        return None
    status = "processing" if fact.approved and known.status == "approved" else known.status
    return replace(known, audited=True, status=status)


def awaits_audit(refund: Refund) -> bool:
    """Tell whether the platform has yet to hear from us about a refund that the payer asked it for."""
    open_ = refund.status in ("requested", "approved", "rejected")
    return bool(refund.audit_by) and not refund.audited and open_


def late_refund(order: Order) -> Refund | None:
    """Return what the account's policy does with money that came after the order was closed."""
    payment = order.payment
    status = {"refund": "approved", "ask": "requested"}.get(order.terms.paid_late_policy)
    if payment is None or status is None or order.refundable == 0:
        return None
    return Refund(
        f"late-{payment.transaction_id}",
        Money(order.refundable, payment.total.currency),
        status,
        "policy",
        reason="paid after the order was closed",
        requested_by="policy",
        transaction_id=payment.transaction_id,
    )


def review_refund(order: Order, question: ReviewItem, by: str, fact: Resolved) -> Refund | None:
    """Return the approved refund by which a person resolves a question about a payment."""
    claims = [claim for claim in order.claims if claim.transaction_id == question.subject]
    if not claims:
        return None
    claim = claims[0]
    payment = order.payment
    counted = payment is not None and payment.transaction_id == claim.transaction_id
    return Refund(
        f"review-{claim.transaction_id}",
        claim.total,
        "approved",
        "review",
        reason=f"{question.reason}: {fact.note}",
        requested_by=by,
        requested_at=fact.at,
        judged_by=by,
        judged_at=fact.at,
        transaction_id=claim.transaction_id,
        counted=counted,
    )

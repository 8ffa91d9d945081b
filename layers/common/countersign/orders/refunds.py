"""Refund rules: who may ask how much, what the platform's reports do, and what happens to late money."""

from dataclasses import replace

from countersign.money import Money
from countersign.orders.changes import (
    Queried,
    RefundAsked,
    RefundAudited,
    RefundJudged,
    RefundReported,
    RefundStarted,
    Resolved,
    Trust,
)
from countersign.orders.state import REFUND_RANK, Order, Question, Refund


def asked(order: Order, known: Refund | None, fact: RefundAsked, by: str) -> Refund | str:
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
        "merchant",
        reason=fact.reason,
        requested_by=by,
        requested_at=fact.at,
        transaction_id=payment.transaction_id,
    )


def judged(order: Order, known: Refund | None, fact: RefundJudged, by: str) -> Refund | str:
    """Return the approved or rejected refund, or why it cannot be judged so."""
    if known is None:
        return "there is no such refund"
    if known.status != "requested":
        return f"the refund is {known.status} already"
    if by == known.requested_by:
        return "a refund is judged by somebody else than its requester"
    if fact.approved and (order.payment is None or order.reserved > order.payment.total.minor):
        return "more than can still be refunded"
    return replace(known, status="approved" if fact.approved else "rejected", judged_by=by, judged_at=fact.at)


def reported(known: Refund | None, fact: RefundReported, trust: Trust) -> tuple[Refund | None, bool]:
    """Return the refund after the platform's report, and whether the report contradicts what was known.

    A report about our own refund with another amount moves nothing; for a refund made elsewhere the smallest amount
    reported counts until a person has looked.
    """
    if known is not None and known.ours and fact.amount != known.amount:
        return None, True
    amounts = tuple(sorted({*(known.reported if known else ()), fact.amount.minor}))
    base = known or Refund(fact.refund_id, fact.amount, fact.status, fact.source)
    # What we refused the payer fails at the platform by that, and stays refused here.
    refused = base.status == "rejected" and fact.status == "failed"
    keeps = refused or REFUND_RANK[base.status] >= REFUND_RANK[fact.status]
    moved = base.status if keeps else fact.status
    times = [at for at in (base.succeeded_at, fact.at if fact.status == "succeeded" else None) if at is not None]
    child = replace(
        base,
        amount=base.amount if base.ours else Money(amounts[0], fact.amount.currency),
        status=moved,
        reported=amounts,
        platform_refund_id=max(base.platform_refund_id, fact.platform_refund_id),
        transaction_id=max(base.transaction_id, fact.transaction_id),
        succeeded_at=min(times) if times else None,
        released=base.released or (fact.status == "failed" and isinstance(trust, Queried)),
    )
    return child, len(amounts) > 1


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


def audited(known: Refund | None, fact: RefundAudited) -> Refund | str:
    """Return the refund once the platform has our decision; an agreed one is the platform's to carry out."""
    if known is None or not known.audit_by:
        return "the platform does not wait for a decision about this refund"
    status = "processing" if fact.approved and known.status == "approved" else known.status
    return replace(known, audited=True, status=status)


def work(refund: Refund, now: int) -> tuple[str, int] | None:
    """Return which of a platform's functions must look at a refund, and when; None where nothing is open."""
    if refund.audit_by and not refund.audited:
        if refund.status in ("approved", "rejected"):
            return "refund_audit", now
        if refund.status == "requested":  # silence is consent: the platform tells what it made of it
            return "refund_audit", refund.audit_by + 60
    if refund.status in ("approved", "processing") or (refund.status == "failed" and not refund.released):
        return "refund", now
    return None


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


def review_refund(order: Order, question: Question, by: str, fact: Resolved) -> Refund | None:
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

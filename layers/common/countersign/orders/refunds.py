"""Refund rules: who may ask how much, what the platform's reports do, and what happens to late money."""

from dataclasses import replace

from countersign.money import Money
from countersign.orders.changes import Queried, RefundAsked, RefundJudged, RefundReported, Resolved, Trust
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
    moved = base.status if REFUND_RANK[base.status] >= REFUND_RANK[fact.status] else fact.status
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

"""Refunds: who may ask how much, what the platform's reports do, when one is due, and what happens to late money."""

from dataclasses import replace
from typing import Any, ClassVar

from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Queried,
    RefundAbsent,
    RefundAudited,
    RefundDecided,
    RefundFact,
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
from countersign.orders.decision import Decision, View, became, is_of_another_system, of_another_order, with_anomaly
from countersign.orders.kind import Kind
from countersign.orders.reasons import Reason, because
from countersign.orders.schedule import DAILY
from countersign.orders.sentences import ENGLISH, sentence
from countersign.orders.state import Order, ReviewItem
from countersign.orders.times import timestamp
from countersign.values import dataclass

# Seconds since the platform took a refund; then daily, as a bank may take days.
REFUND_QUERY_DELAYS = (60, 300, 1800, 7200)
LAST_REFUND_QUERY = 30 * DAILY

REFUND_RANK = {
    "requested": 0,
    "rejected": 1,
    "approved": 2,
    "processing": 3,
    "needs_action": 4,
    "failed": 5,
    "succeeded": 6,
}


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
    problem: Reason | None = None
    resolved_by: str = ""
    note: str = ""
    shop_amount: Money | None = None  # in the currency of the merchant's books, where that is another one
    part_of: str = ""  # the refund of which the platform made it: then that one counts, and this one does not
    came_back: bool = (
        False  # the payer's bank did not take it: it failed for good, whatever was said before or is after
    )
    kind: ClassVar[str] = "refund"

    @property
    def number(self) -> str:
        """The number by which it is found among the order's refunds."""
        return self.refund_id

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

    @property
    def shop_refunds(self) -> int:
        """Minor units that went back in the currency of the merchant's books, where the platform says so."""
        return self.shop_amount.minor if self.refunds and self.shop_amount is not None else 0


def asked(order: Order, known: Refund | None, fact: RefundRequested, by: str) -> Refund | Reason:
    """Return the requested refund, or why it cannot be asked for."""
    if known is not None:
        return because("refund_number_exists")
    if "refund" in order.terms.not_offered:
        return because("refunds_not_offered")
    if order.paid == 0:
        return because("order_not_paid")
    if fact.amount.currency != order.terms.amount.currency:
        return because("refund_of_other_currency")
    if fact.amount.minor == 0:
        return because("refund_needs_an_amount")
    if fact.amount.minor > order.refundable:
        return because("more_than_refundable", left=Money(order.refundable, fact.amount.currency))
    payment = order.payment
    return Refund(
        fact.refund_id,
        fact.amount,
        "requested",
        fact.source,
        reason=fact.reason,
        requested_by=by,
        requested_at=fact.at,
        # A platform that splits an order's payments splits its refunds too.
        transaction_id=payment.transaction_id if payment is not None and order.terms.pays == "whole" else "",
    )


def judged(order: Order, known: Refund | None, fact: RefundDecided, by: str) -> Refund | Reason:
    """Return the approved or rejected refund, or why it cannot be judged so."""
    if known is None:
        return because("no_such_refund")
    if known.status != "requested":
        return because("refund_is_already", status=known.status)
    if by == known.requested_by:
        return because("refund_judged_by_requester")
    if fact.approved and over_ceiling(order, known):
        left = max(0, order.paid - order.reserved + known.amount.minor)
        return because("more_than_refundable", left=Money(left, known.amount.currency))
    return replace(known, status="approved" if fact.approved else "rejected", judged_by=by, judged_at=fact.at)


def over_ceiling(order: Order, refund: Refund) -> bool:
    """Tell whether this order's refunds, this one among them, reserve more than was paid."""
    return refund.counted and (order.paid == 0 or order.reserved > order.paid)


def refused(known: Refund | None, fact: RefundRefused) -> Refund | None:
    """Return the refund that the platform refused to make; what it reports of the same refund is the better news."""
    if known is None or (known.status, known.attempt) != ("approved", fact.attempt):
        return None
    return replace(known, status="needs_action", refused=True, problem=fact.problem)


def retried(known: Refund | None, fact: RefundRetried, by: str) -> Refund | Reason:
    """Return the refund to be asked for again under its number, or why that cannot be."""
    objection = _needs_somebody_else(known, by)
    if objection is not None or known is None:
        return objection or because("no_such_refund")
    if not known.refused:
        return because("refund_is_with_the_platform")
    if known.attempt != fact.attempt:
        return because("refund_tried_meanwhile")
    return replace(known, status="approved", attempt=known.attempt + 1, refused=False, problem=None)


def resolved(known: Refund | None, fact: RefundResolved, by: str) -> Refund | Reason:
    """Return the refund as a person settled it, or why they cannot.

    One given up still reserves its amount until the platform has said that it does not know it, or failed it.
    """
    objection = _needs_somebody_else(known, by)
    if objection is not None or known is None:
        return objection or because("no_such_refund")
    settled = replace(known, resolved_by=by, note=fact.note, refused=False)
    if fact.outcome == "refunded_elsewhere":
        return replace(settled, status="succeeded", problem=None, succeeded_at=fact.at)
    if fact.outcome == "given_up":
        return replace(settled, status="failed")
    return because("no_such_outcome")


def _needs_somebody_else(known: Refund | None, by: str) -> Reason | None:
    if known is None:
        return because("no_such_refund")
    if known.status != "needs_action":
        return because("refund_needs_nobody", status=known.status)
    return because("refund_settled_by_requester") if by == known.requested_by else None


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
        fact = replace(fact, status="processing", at=None, problem=None)
    base = known or Refund(fact.refund_id, fact.amount, fact.status, fact.source, problem=fact.problem)
    if base.refused:  # the platform has it after all: as if it had never refused
        base = replace(base, status="approved", refused=False, problem=None)
    # What we refused the payer fails at the platform by that, and stays refused here.
    denied = base.status == "rejected" and fact.status == "failed"
    came_back = base.came_back or (fact.came_back and not denied)
    # What came back is behind everything that can be said of a refund; else a later status counts.
    forward = not denied and (
        (fact.came_back and not base.came_back)
        or (not came_back and REFUND_RANK[base.status] < REFUND_RANK[fact.status])
    )
    times = [at for at in (base.succeeded_at, fact.at if fact.status == "succeeded" else None) if at is not None]
    shop_amounts = [amount for amount in (base.shop_amount, fact.shop_amount) if amount is not None]
    child = replace(
        base,
        amount=base.amount if base.ours else Money(amounts[0], fact.amount.currency),
        status=fact.status if forward else base.status,
        problem=fact.problem if forward else base.problem,
        reported=amounts,
        platform_refund_id=max(base.platform_refund_id, fact.platform_refund_id),
        transaction_id=max(base.transaction_id, fact.transaction_id),
        succeeded_at=min(times) if times and not came_back else None,
        came_back=came_back,
        shop_amount=min(shop_amounts) if shop_amounts else None,
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


def review_refund_number(fact: Resolved) -> str:
    """Return the number of the refund by which a question about a payment is resolved: one for each payment."""
    return _number_of(fact.review_id)


def _number_of(review_id: str) -> str:
    return f"review-{review_id.partition('.')[2]}"


def review_refund(order: Order, question: ReviewItem, by: str, fact: Resolved) -> Refund | None:
    """Return the refund by which a person resolves a question about a payment, or None where it is about none.

    It waits for a second person like any refund, unless the order's terms say that one is enough.
    """
    claims = [claim for claim in order.claims if claim.transaction_id == question.subject]
    if not claims:
        return None
    claim = next((claim for claim in claims if claim.mismatch(order.terms) == question.reason), claims[0])
    if order.terms.pays == "parts":
        counted = any(payment.transaction_id == claim.transaction_id for payment in order.payments)
    else:
        counted = order.payment is not None and order.payment.transaction_id == claim.transaction_id
    alone = order.terms.review_refund == "one_person"
    return Refund(
        review_refund_number(fact),
        claim.total,
        "approved" if alone else "requested",
        "review",
        reason=f"{question.reason}: {fact.note}",
        requested_by=by,
        requested_at=fact.at,
        judged_by=by if alone else "",
        judged_at=fact.at if alone else 0,
        transaction_id=claim.transaction_id,
        counted=counted,
    )


def decide(order: Order, known: Refund | None, fact: RefundFact, change: Change, view: View) -> Decision:
    """Return what a fact about one refund does to the order and to that refund."""
    by = change.trust.key_id
    match fact:
        case RefundReported():
            return _reported(order, known, fact, change, view)
        case RefundRequested():
            return _taken(order, None, asked(order, known, fact, by), because("refund_requested", amount=fact.amount))
        case RefundDecided():
            return _taken(order, known, judged(order, known, fact, by), _judgement(known, fact))
        case RefundRetried():
            return _taken(order, known, retried(known, fact, by), because("refund_retried"))
        case RefundResolved():
            return _taken(order, known, resolved(known, fact, by), because("refund_resolved", outcome=fact.outcome))
        case RefundRefused():
            return _news(order, known, refused(known, fact), because("refund_refused"), fact.problem)
        case RefundAbsent():
            return _news(order, known, absent(known), because("refund_absent"))
        case RefundStarted():
            return _started(order, known, fact, change, view)
        case RefundAudited():
            return _news(order, known, audited(known, fact), because("refund_audited"))


def _judgement(known: Refund | None, fact: RefundDecided) -> Reason:
    amount = known.amount if known is not None else ""
    return because("refund_approved", amount=amount) if fact.approved else because("refund_rejected", amount=amount)


def _reported(order: Order, known: Refund | None, fact: RefundReported, change: Change, view: View) -> Decision:
    if view.owner("refund", fact.refund_id) is not None:
        return of_another_order(order, "refund", fact.refund_id)
    whole = dict(order.refund_parts).get(fact.refund_id)
    if whole is not None:
        # Without its refund beside it: what the whole comes to in the shop's currency is known by reading the order.
        ask = fact.may_be_part and fact.shop_amount is not None
        return Decision("unchanged", because("refund_part_of", refund_id=whole), order, query_now=ask)
    if known is None and _may_be_ours(order, fact):
        return Decision("unchanged", because("refund_may_be_ours"), order, query_now=True)
    if known is not None and _is_made_twice(known, fact):
        after = with_anomaly(order, "refunded_twice", fact.refund_id)
        return became(order, after, because("refund_made_twice"))
    if fact.amount.currency != order.terms.amount.currency:  # in no sum: a unit of one is none of another
        after = with_anomaly(order, "refund_currency_mismatch", fact.refund_id)
        return became(order, after, because("refund_of_other_currency"))
    if fact.total is not None and order.terms.pays == "whole" and fact.total not in _refundable_totals(order, known):
        after = with_anomaly(order, "refund_total_mismatch", fact.refund_id)
        return became(order, after, because("refund_of_other_total", total=fact.total, amount=order.terms.amount))
    child, question = reported(known, fact, change.trust)
    after = replace(order, refund_seen=True)
    other_system = "system_mismatch" if is_of_another_system(order, change) else ""
    for anomaly in filter(None, (change.anomaly, question, other_system)):
        after = with_anomaly(after, anomaly, fact.refund_id)
    reason = because("refund_is", amount=fact.amount, status=fact.status)
    further = (fact.problem,) if fact.problem is not None else ()
    if child is None or (child == known and not fact.parts):
        return replace(became(order, after, reason), further=further)
    after, absorbed = _with_parts(with_totals(after, known, child), fact, view)
    if child == known and not absorbed:
        return replace(became(order, after, reason), further=further)
    # A refund proves a payment: if that is not known yet, the platform is asked at once. So it is where it made of a
    # refund what it says in its total as well: nobody may tell of that.
    ask = order.paid == 0 or (bool(fact.parts) and after.refunded != order.refunded and order.terms.includes_refunds)
    return Decision("applied", reason, after, (child, *absorbed), _emits(known, child), query_now=ask, further=further)


def _may_be_ours(order: Order, fact: RefundReported) -> bool:
    """Tell whether a movement of money may be one that the platform makes of a refund of ours just now.

    A reading of the order knows it.
    """
    return fact.may_be_part and any(status in ("approved", "processing") for status, _ in order.refund_tally)


def _is_made_twice(known: Refund, fact: RefundReported) -> bool:
    """Tell whether the platform has two refunds that say to be the same one of ours."""
    names = (known.platform_refund_id, fact.platform_refund_id)
    return bool(fact.parts) and all(names) and names[0] != names[1]


def _with_parts(order: Order, fact: RefundReported, view: View) -> tuple[Order, tuple[Refund, ...]]:
    """Return the order that knows what a refund was made of; what was told of its parts by itself counts no more."""
    order = replace(
        order,
        refund_parts=tuple(sorted({*order.refund_parts, *((number, fact.refund_id) for number in fact.parts)})),
    )
    absorbed = []
    for number in fact.parts:
        part: Refund | None = view.child("refund", number)
        if part is not None and not part.part_of:
            quiet = replace(part, part_of=fact.refund_id, counted=False)
            order = with_totals(order, part, quiet)
            absorbed.append(quiet)
    return order, tuple(absorbed)


def _refundable_totals(order: Order, known: Refund | None) -> set[Money]:
    """Return what the platform may call the total of the payment that is refunded.

    That is what the order asks for; or what was paid instead, where a person accepted it or sent it back.
    """
    accepted = {order.payment.total} if order.payment is not None else set()
    ours = {claim.total for claim in order.claims} if known is not None and known.ours else set()
    return {order.terms.amount} | accepted | ours


def _started(order: Order, known: Refund | None, fact: RefundStarted, change: Change, view: View) -> Decision:
    if view.owner("refund", fact.refund_id) is not None:
        return of_another_order(order, "refund", fact.refund_id)
    child = started(known, fact)
    after = replace(order, refund_seen=True)
    if is_of_another_system(order, change):
        after = with_anomaly(after, "system_mismatch", fact.refund_id)
    reason = because("payer_asks_for_refund", amount=fact.amount)
    if child == known:
        return became(order, after, reason)
    after = with_totals(after, known, child)
    new = known is None and child.status == "requested"
    emits = ("refund.requested",) if new else ()
    return Decision("applied", reason, after, (child,), emits=emits, query_now=order.paid == 0)


def _taken(order: Order, before: Refund | None, result: Refund | Reason, reason: Reason) -> Decision:
    if isinstance(result, Reason):
        return Decision("refused", result, order)
    after = with_totals(order, before, result)
    return Decision("applied", reason, after, (result,), (f"refund.{result.status}",))


def _news(
    order: Order, before: Refund | None, after: Refund | None, reason: Reason, problem: Reason | None = None
) -> Decision:
    """Take what the platform's answer makes of a refund; None is nothing."""
    further = (problem,) if problem is not None else ()
    if after is None or before is None:
        return Decision("unchanged", reason, order, further=further)
    emits = _emits(before, after)
    return Decision("applied", reason, with_totals(order, before, after), (after,), emits, further=further)


def with_totals(order: Order, before: Refund | None, after: Refund) -> Order:
    """Return the order with what a refund takes from it and gave back, after it was `before`.

    A review's refund that succeeded has returned its payment; one that came to nothing leaves the question open again.
    """
    reserved, refunded, shop = after.reserves, after.refunds, after.shop_refunds
    if before is not None:
        reserved, refunded = reserved - before.reserves, refunded - before.refunds
        shop -= before.shop_refunds
    order = replace(
        order,
        reserved=order.reserved + reserved,
        refunded=order.refunded + refunded,
        shop_refunded=order.shop_refunded + shop,
        refund_tally=_tally(order, before, after),
    )
    if after.source != "review":
        return order
    if after.status == "succeeded" and not after.counted:
        times = dict(order.returned)
        at = after.succeeded_at or after.requested_at
        times[after.transaction_id] = min(times.get(after.transaction_id, at), at)
        return replace(order, returned=tuple(sorted(times.items())))
    if after.came_back:  # then its payment did not go back after all
        order = replace(order, returned=tuple(one for one in order.returned if one[0] != after.transaction_id))
    if came_to_nothing(after) and not (before is not None and came_to_nothing(before)):
        return _asked_again(order, after)
    return order


def _tally(order: Order, before: Refund | None, after: Refund) -> tuple[tuple[str, int], ...]:
    """Return how many refunds the order has in each status, so that its row in a list can say so by itself."""
    counts = dict(order.refund_tally)
    for refund, step in ((before, -1), (after, 1)):
        if refund is not None:
            counts[refund.status] = counts.get(refund.status, 0) + step
    return tuple(sorted((status, count) for status, count in counts.items() if count > 0))


def came_to_nothing(refund: Refund) -> bool:
    """Tell whether the money will not go back by this refund: a person rejected it, or the platform has none of it."""
    return refund.status == "rejected" or (refund.status == "failed" and refund.released)


def _asked_again(order: Order, refund: Refund) -> Order:
    """Return the order whose question a refund did not answer after all."""
    void = {
        one for one in order.resolutions if one.decision == "refund" and _number_of(one.review_id) == refund.refund_id
    }
    undone = dict(order.undone)
    for one in void:
        undone[one.review_id] = undone.get(one.review_id, 0) + 1
    left = tuple(one for one in order.resolutions if one not in void)
    return replace(order, resolutions=left, undone=tuple(sorted(undone.items())))


def _emits(before: Refund | None, after: Refund) -> tuple[str, ...]:
    changed = before is None or before.status != after.status
    return (f"refund.{after.status}",) if changed and after.status in ("succeeded", "failed", "needs_action") else ()


def due(refund: Refund, since: int, now: int) -> int | None:
    """Return when to do something about a refund that has its status since `since`, or None where nothing is open."""
    return next_audit(refund, now) if awaits_audit(refund) else next_refund_step(refund, since, now)


def next_refund_step(refund: Refund, since: int, now: int) -> int | None:
    """Return when to do something about a refund that has its status since `since`, or None where nothing is open.

    An approved one is to be made now. One that the platform could not pay out is asked about daily, for staff may have
    helped it in the platform's console; a failed one until a query has confirmed it.
    """
    unconfirmed = refund.status == "failed" and not refund.released
    if refund.status == "approved" or (unconfirmed and since >= now):
        return now
    if not (unconfirmed or refund.status == "processing" or (refund.status == "needs_action" and not refund.refused)):
        return None
    daily = since + DAILY * (max(now - since, 0) // DAILY + 1)
    look = next((since + seconds for seconds in REFUND_QUERY_DELAYS if since + seconds > now), daily)
    return look if look <= since + LAST_REFUND_QUERY else None


def next_audit(refund: Refund, now: int) -> int:
    """Return when to look at a refund about which the platform waits for us.

    A decision is told now; without one the platform decides at its deadline, and then it is asked what it made of it.
    """
    return max(refund.audit_by + 60, now) if refund.status == "requested" else now


def refund_json(refund: Refund, language: str = ENGLISH) -> dict[str, Any]:
    """Return the refund JSON."""
    return {
        "refund_id": refund.refund_id,
        "status": refund.status,
        "amount": refund.amount.to_json(),
        "source": refund.source,
        "reason": refund.reason or None,
        "problem": sentence(refund.problem, language),
        "problem_reason": refund.problem.to_json() if refund.problem is not None else None,
        "requested_by": refund.requested_by or None,
        "requested_at": timestamp(refund.requested_at or None),
        "judged_by": refund.judged_by or None,
        "judged_at": timestamp(refund.judged_at or None),
        "resolved_by": refund.resolved_by or None,
        "note": refund.note or None,
        "platform_refund_id": refund.platform_refund_id or None,
        "transaction_id": refund.transaction_id or None,
        "part_of": refund.part_of or None,
        "succeeded_at": timestamp(refund.succeeded_at),
        "audit_by": timestamp(refund.audit_by or None),
    }


KIND = Kind(
    "refund",
    "refund",
    Refund,
    lambda fact: fact.refund_id,
    decide,
    due,
    lambda refund, _, language: refund_json(refund, language),
    unique=(RefundReported, RefundRequested, RefundStarted),
    listed=True,
    accepted=lambda refund: bool(refund.reported),
    found_by=lambda refund: "" if refund.platform_refund_id == refund.refund_id else refund.platform_refund_id,
)

"""What one change does to one order: a pure, total function.

Facts accumulate (`Order` derives the rest), so any permutation of the same changes, with any duplicates, ends in
the same order. What is refused or not understood is still kept as evidence by the store.
"""

from dataclasses import dataclass, replace

from countersign.money import Money
from countersign.orders import refunds, settlements, shipments
from countersign.orders.changes import (
    BillDiffers,
    Change,
    Closed,
    CloseRequested,
    Failed,
    Flagged,
    Hint,
    OrderCreated,
    OrderKey,
    Paid,
    PaymentAttempted,
    PaymentRefused,
    PlatformEvent,
    Prepared,
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
    Replaced,
    Resolved,
    SettlementReported,
    SettlementRequested,
    ShipmentFact,
    ShipmentReported,
    ShipmentRequested,
    Unpaid,
    Unrecognised,
)
from countersign.orders.state import Anomaly, Order, Refund, ReportedPayment, Resolution, Settlement, Shipment


@dataclass(frozen=True, slots=True)
class View:
    """What the store found beside the order: rows that the change touches."""

    refund: Refund | None = None
    settlement: Settlement | None = None
    shipment: Shipment | None = None
    transaction_owner: OrderKey | None = None  # another order that already has this transaction
    refund_owner: OrderKey | None = None  # another order that already has this refund number
    settlement_owner: OrderKey | None = None
    linked_paid: bool = False  # the order that this one replaces, or that replaces it, is paid


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a change, why, and what to write."""

    outcome: str  # applied, unchanged, orphan or refused
    reason: str
    order: Order | None = None
    refunds: tuple[Refund, ...] = ()  # children to write
    emits: tuple[str, ...] = ()
    query_now: bool = False  # the platform should be asked at once
    settlements: tuple[Settlement, ...] = ()
    shipments: tuple[Shipment, ...] = ()


NOTHING = View()


def decide(order: Order | None, change: Change, event_id: str = "", view: View = NOTHING) -> Decision:
    """Return what `change` does to `order` (None: not created yet); never raises."""
    if isinstance(change.trust, Hint):
        return Decision("unchanged", "an unsigned hint changes nothing; the platform is asked", order)
    if isinstance(change.fact, OrderCreated):
        return _open(order, change.key, change.fact)
    if order is None:
        return Decision("orphan", "the order is not known here yet; kept, and the platform is asked")
    decision = _apply(order, change, event_id, view)
    if decision.outcome != "applied" or decision.order is None:
        return decision
    return _with_consequences(order, decision, view)


def _open(order: Order | None, key: OrderKey, fact: OrderCreated) -> Decision:
    if order is not None and order.uncreated and order.terms.digest != fact.terms.digest:
        after = replace(order, terms=fact.terms, attempts=order.attempts + 1)
        return Decision("applied", f"created anew for {fact.terms.amount}: nothing was created before", after)
    if order is not None:
        return Decision("refused", "the order exists already", order)
    return Decision("applied", f"created for {fact.terms.amount}", Order(key, fact.terms))


def _apply(order: Order, change: Change, event_id: str, view: View) -> Decision:  # noqa: C901 - one case per fact
    fact = change.fact
    match fact:
        case Paid():
            return _paid(order, fact, change, event_id, view)
        case Closed():
            closed_at = fact.closed_at if order.closed_at is None else min(order.closed_at, fact.closed_at)
            return _became(order, replace(order, closed_at=closed_at), "closed: it can no longer be paid")
        case Failed():
            return _became(order, replace(order, failed=True), f"the platform says {fact.word}: paying failed")
        case PaymentAttempted():
            after = replace(order, attempts=max(order.attempts, fact.attempt))
            return _became(order, after, f"attempt {fact.attempt} to have the platform take the order")
        case PaymentRefused():
            after = replace(order, refused_attempts=tuple(sorted({*order.refused_attempts, fact.attempt})))
            return _became(order, after, f"the platform refused the order, nothing was created: {fact.problem}")
        case Prepared():
            return _became(order, replace(order, prepared=True), "the platform took the order and waits for the payer")
        case Unpaid():
            after = replace(order, prepared=True)
            return _became(order, after, f"the platform says {fact.word}: not paid yet")
        case CloseRequested() if order.terms.external:
            return Decision("refused", "the order was made at the platform and is closed there", order)
        case CloseRequested():
            asked_at = fact.at if order.close_asked_at is None else min(order.close_asked_at, fact.at)
            reason = "the merchant asked to close the order"
            if not order.terms.closable:
                reason += ": the platform has no call for that, so it ends when its time is over"
            return _became(order, replace(order, close_asked_at=asked_at), reason)
        case Resolved():
            return _resolved(order, fact, change.trust.key_id)
        case SettlementRequested():
            return _settlement_asked(order, fact, change.trust.key_id, view)
        case SettlementReported():
            return _settlement_reported(order, fact, change, view)
        case ShipmentRequested() | ShipmentReported():
            return _shipment(order, fact, change.trust.key_id, view)
        case PlatformEvent():
            emits = ("shipment.overdue",) if fact.overdue else ()
            reason = f"the platform signals {fact.word}"
            return Decision("unchanged", reason, order, emits=emits, query_now=fact.query and not fact.overdue)
        case BillDiffers():
            return Decision("unchanged", f"the bill of {fact.day} differs: {fact.what}", order)
        case Replaced():
            after = replace(order, replaced_by=max(order.replaced_by, fact.by))
            return _became(order, after, f"replaced by order {fact.by}")
        case Flagged():
            after = _with_anomaly(order, fact.reason, fact.subject)
            return _became(order, after, f"{fact.reason}: a person must look")
        case Unrecognised():
            return Decision("unchanged", f"unknown {fact.what} {fact.word}: kept, changes nothing", order)
        case OrderCreated():
            return Decision("unchanged", "the order exists already", order)
    return _refund(order, fact, change, view)


def _refund(order: Order, fact: RefundFact, change: Change, view: View) -> Decision:
    known, by = view.refund, change.trust.key_id
    match fact:
        case RefundReported():
            return _refund_reported(order, fact, change, view)
        case RefundRequested():
            return _child(order, None, refunds.asked(order, known, fact, by), "refund requested")
        case RefundDecided():
            word = "approved" if fact.approved else "rejected"
            return _child(order, known, refunds.judged(order, known, fact, by), f"refund {word}")
        case RefundRetried():
            return _child(order, known, refunds.retried(known, fact, by), "refund to be tried again")
        case RefundResolved():
            return _child(order, known, refunds.resolved(known, fact, by), f"a person says {fact.outcome}")
        case RefundRefused():
            return _news(order, known, refunds.refused(known, fact), f"the platform refused the refund: {fact.problem}")
        case RefundAbsent():
            return _news(order, known, refunds.absent(known), "the platform knows no such refund")
        case RefundStarted():
            return _refund_started(order, fact, change, view)
        case RefundAudited():
            return _news(order, known, refunds.audited(known, fact), "the platform has our decision about the refund")


def _paid(order: Order, fact: Paid, change: Change, event_id: str, view: View) -> Decision:
    anomaly = "transaction_of_another_order" if view.transaction_owner is not None else change.anomaly
    claim = ReportedPayment(
        fact.transaction_id,
        fact.total,
        change.system,
        anomaly,
        fact.paid_at,
        fact.payer_paid,
        (event_id,) * bool(event_id),
    )
    same = next((known for known in order.claims if known.says_the_same_as(claim)), None)
    others = [known for known in order.claims if known is not same]
    claims = tuple(sorted([*others, same.merged(claim) if same else claim], key=_claim_sequence))
    after = replace(order, claims=claims, prepared=True)
    if view.linked_paid:
        after = _with_anomaly(after, "double_payment", order.linked)
    mismatch = claim.mismatch(order.terms)
    if mismatch:
        reason = (
            f"a payment of {fact.total} does not fit the order of {order.terms.amount} ({mismatch}): a person must look"
        )
    elif after.payment is not None and after.payment.transaction_id != fact.transaction_id:
        reason = f"a second payment of {fact.total}: a person must look"
    else:
        reason = f"paid {fact.total}, as the order asks"
    return _became(order, after, reason)


def _claim_sequence(claim: ReportedPayment) -> tuple[str, str, int, str, str]:
    return (claim.transaction_id, claim.total.currency, claim.total.minor, claim.system, claim.anomaly)


def _refund_reported(order: Order, fact: RefundReported, change: Change, view: View) -> Decision:
    if view.refund_owner is not None:
        after = _with_anomaly(order, "refund_of_another_order", fact.refund_id)
        return _became(order, after, "the refund number belongs to another order: a person must look")
    if fact.total is not None and fact.total not in _refundable_totals(order, view.refund):
        after = _with_anomaly(order, "refund_total_mismatch", fact.refund_id)
        return _became(
            order, after, f"a refund of an order of {fact.total}, not {order.terms.amount}: a person must look"
        )
    child, question = refunds.reported(view.refund, fact, change.trust)
    after = replace(order, refund_seen=True)
    other_system = "system_mismatch" if _is_of_another_system(order, change) else ""
    for reason in filter(None, (change.anomaly, question, other_system)):
        after = _with_anomaly(after, reason, fact.refund_id)
    if child is None or child == view.refund:
        return _became(order, after, f"the platform says the refund of {fact.amount} is {fact.status}")
    after = _with_totals(after, view.refund, child)
    reason = f"the platform says the refund of {fact.amount} is {fact.status}"
    # A refund proves a payment: if that is not known yet, the platform is asked at once.
    return Decision(
        "applied", reason, after, (child,), _refund_emits(view.refund, child), query_now=order.payment is None
    )


def _refundable_totals(order: Order, known: Refund | None) -> set[Money]:
    """Return what the platform may call the total of the payment that is refunded.

    That is what the order asks for; or what was paid instead, where a person accepted it or sent it back.
    """
    accepted = {order.payment.total} if order.payment is not None else set()
    ours = {claim.total for claim in order.claims} if known is not None and known.ours else set()
    return {order.terms.amount} | accepted | ours


def _refund_started(order: Order, fact: RefundStarted, change: Change, view: View) -> Decision:
    if view.refund_owner is not None:
        after = _with_anomaly(order, "refund_of_another_order", fact.refund_id)
        return _became(order, after, "the refund number belongs to another order: a person must look")
    child = refunds.started(view.refund, fact)
    after = replace(order, refund_seen=True)
    if _is_of_another_system(order, change):
        after = _with_anomaly(after, "system_mismatch", fact.refund_id)
    reason = f"the payer asked the platform for a refund of {fact.amount}"
    if child == view.refund:
        return _became(order, after, reason)
    after = _with_totals(after, view.refund, child)
    new = view.refund is None and child.status == "requested"
    emits = ("refund.requested",) if new else ()
    return Decision("applied", reason, after, (child,), emits=emits, query_now=order.payment is None)


def _settlement_asked(order: Order, fact: SettlementRequested, by: str, view: View) -> Decision:
    result = settlements.asked(order, view.settlement, fact, by)
    if isinstance(result, str):
        return Decision("refused", result, order)
    return Decision("applied", "the merchant asked to settle the order", order, settlements=(result,))


def _settlement_reported(order: Order, fact: SettlementReported, change: Change, view: View) -> Decision:
    if view.settlement_owner is not None:
        after = _with_anomaly(order, "settlement_of_another_order", fact.settlement_id)
        return _became(order, after, "the settlement number belongs to another order: a person must look")
    before, child = view.settlement, settlements.reported(view.settlement, fact)
    after = replace(order, settled=order.settled + child.settles - (before.settles if before else 0))
    if _is_of_another_system(order, change):
        after = _with_anomaly(after, "system_mismatch", fact.settlement_id)
    if fact.amount.minor > order.terms.amount.minor:
        after = _with_anomaly(after, "settled_more_than_paid", fact.settlement_id)
    reason = f"the settlement of {fact.amount} is {fact.status}{': ' + fact.reason if fact.reason else ''}"
    if child == before:
        return _became(order, after, reason)
    moved = before is None or before.status != child.status
    emits = (f"settlement.{child.status}",) if moved and child.status in ("succeeded", "failed") else ()
    return Decision("applied", reason, after, settlements=(child,), emits=emits, query_now=order.payment is None)


def _shipment(order: Order, fact: ShipmentFact, by: str, view: View) -> Decision:
    if isinstance(fact, ShipmentRequested):
        asked = shipments.asked(order, view.shipment, fact, by)
        if isinstance(asked, str):
            return Decision("refused", asked, order)
        reason = "shipped" if asked.complete else "shipped in part"
        return Decision("applied", reason, order, shipments=(asked,), emits=("shipment.created",))
    reported = shipments.reported(view.shipment, fact)
    reason = f"the shipment is {fact.status}{': ' + fact.problem if fact.problem else ''}"
    if reported is None:
        return Decision("unchanged", reason, order)
    return Decision("applied", reason, order, shipments=(reported,), emits=(f"shipment.{reported.status}",))


def _is_of_another_system(order: Order, change: Change) -> bool:
    """Tell whether news came by a system that neither the order nor a payment accepted for it came by."""
    known = {order.terms.system, *(claim.system for claim in order.payments)}
    return bool(change.system) and change.system not in known


def _resolved(order: Order, fact: Resolved, by: str) -> Decision:
    question = next((open_ for open_ in order.review_items if open_.review_id == fact.review_id), None)
    if question is None:
        return Decision("refused", "there is no such open question", order)
    if fact.decision == "accept" and question.reason == "transaction_of_another_order":
        return Decision("refused", "the payment belongs to another order and cannot be accepted here", order)
    resolution = Resolution(fact.review_id, fact.decision, by, fact.note, fact.at)
    after = replace(order, resolutions=tuple(sorted([*order.resolutions, resolution])))
    children: tuple[Refund, ...] = ()
    if fact.decision == "refund":
        child = refunds.review_refund(order, question, by, fact)
        if child is None:
            return Decision("refused", "this question is not about money that can be refunded", order)
        after = _with_totals(after, None, child)
        children = (child,)
    reason = f"a person resolved {question.reason}: {fact.decision}"
    return Decision("applied", reason, after, children, ("refund.approved",) if children else ())


def _child(order: Order, before: Refund | None, result: Refund | str, reason: str) -> Decision:
    if isinstance(result, str):
        return Decision("refused", result, order)
    after = _with_totals(order, before, result)
    return Decision("applied", f"{reason}: {result.amount}", after, (result,), (f"refund.{result.status}",))


def _news(order: Order, before: Refund | None, after: Refund | None, reason: str) -> Decision:
    """Take what the platform's answer makes of a refund; None is nothing."""
    if after is None or before is None:
        return Decision("unchanged", reason, order)
    return Decision("applied", reason, _with_totals(order, before, after), (after,), _refund_emits(before, after))


def _became(before: Order, after: Order, reason: str) -> Decision:
    if after == before:
        return Decision("unchanged", reason, before)
    return Decision("applied", reason, after)


def _with_anomaly(order: Order, reason: str, subject: str) -> Order:
    return replace(order, anomalies=tuple(sorted({*order.anomalies, Anomaly(reason, subject)})))


def _with_totals(order: Order, before: Refund | None, after: Refund) -> Order:
    reserved, refunded = after.reserves, after.refunds
    if before is not None:
        reserved, refunded = reserved - before.reserves, refunded - before.refunds
    return replace(order, reserved=order.reserved + reserved, refunded=order.refunded + refunded)


def _refund_emits(before: Refund | None, after: Refund) -> tuple[str, ...]:
    changed = before is None or before.status != after.status
    return (f"refund.{after.status}",) if changed and after.status in ("succeeded", "failed", "needs_action") else ()


def _with_consequences(before: Order, decision: Decision, view: View) -> Decision:
    after = decision.order
    assert after is not None  # noqa: S101 - narrowed by the caller
    emits, children = list(decision.emits), decision.refunds
    if before.payment is None and after.payment is not None:
        emits.append("order.paid")
        plan = settlements.planned(after, view.settlement)
        if plan is not None:
            decision = replace(decision, settlements=(plan,))
    if after.paid_late and not before.paid_late:
        emits.append("order.paid_late")
        child = refunds.late_refund(after)
        if child is not None and not after.late_refund_id:
            after = replace(_with_totals(after, None, child), late_refund_id=child.refund_id)
            children = (*children, child)
            emits.append(f"refund.{child.status}")
    if after.status != before.status and after.status in ("closed", "failed"):
        emits.append(f"order.{after.status}")
    questions = after.review_items
    if questions and {question.review_id for question in questions} - {
        question.review_id for question in before.review_items
    }:
        emits.append("order.review")
    return replace(decision, order=after, refunds=children, emits=tuple(emits))

"""What one change does to one order: a pure, total function.

Facts accumulate (`Order` derives the rest), so any permutation of the same changes, with any duplicates, ends in
the same order. What is refused or not understood is still kept as evidence by the store.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from countersign.orders import purchases, refunds, settlements
from countersign.orders.changes import (
    BillDiffers,
    Change,
    ChildFact,
    Closed,
    CloseRequested,
    Failed,
    Flagged,
    Hint,
    OrderCreated,
    OtherOrderPaid,
    Paid,
    PlatformEvent,
    Prepared,
    Queried,
    Replaced,
    Resolved,
    Unpaid,
    Unrecognised,
)
from countersign.orders.children import KINDS
from countersign.orders.decision import NOTHING, Beside, Child, Decision, View, became, with_anomaly
from countersign.orders.refunds import with_totals
from countersign.orders.state import Order, ReportedPayment, Resolution

OPENS = (OrderCreated,)


def decide_message(
    order: Order | None, changes: Sequence[Change], event_id: str = "", view: View = NOTHING
) -> Decision:
    """Return what the facts of one genuine message do to the one order that they are about; never raises.

    They are decided in sequence, each on what the ones before it made of the order and its children; a fact that opens
    the order comes first. What is to be written is all of it or nothing.
    """
    whole: Decision | None = None
    for change in sorted(changes, key=lambda one: not isinstance(one.fact, OPENS)):
        one = decide(order, change, event_id, view)
        order = one.order or order
        view = view.after(one)
        whole = one if whole is None else whole.then(one)
    return whole or Decision("unchanged", "the message says nothing about an order", order)


def decide(order: Order | None, change: Change, event_id: str = "", view: View = NOTHING) -> Decision:
    """Return what `change` does to `order` (None: not created yet); never raises."""
    if isinstance(change.trust, Hint):
        return Decision("unchanged", "an unsigned hint changes nothing; the platform is asked", order)
    if isinstance(change.fact, OrderCreated):
        return _open(order, change, change.fact, view)
    if order is None:
        return Decision("orphan", "the order is not known here yet; kept, and the platform is asked")
    decision = _apply(order, change, event_id, view)
    if decision.outcome != "applied" or decision.order is None:
        return decision
    return _with_consequences(order, decision, change, view)


def _open(order: Order | None, change: Change, fact: OrderCreated, view: View) -> Decision:
    if order is not None:
        return Decision("refused", "the order exists already", order)
    key, terms = change.key, fact.terms
    beside: tuple[Beside, ...] = ()
    replaced = view.orders.get(purchases.key_of(key, terms.replaces)) if terms.replaces else None
    if replaced is not None:
        objection = purchases.objection(replaced, key.order_id, view.orders)
        if objection:
            return Decision("refused", objection)
        if key.order_id not in replaced.replacements:
            marked = replace(change, key=replaced.key, fact=Replaced(key.order_id, terms.created_at))
            beside = (_beside(replaced, marked, view),)
    return Decision("applied", f"created for {terms.amount}", Order(key, terms), beside=beside)


def _beside(other: Order, change: Change, view: View) -> Beside:
    """Return a change of another order, decided on that one."""
    return Beside(change, decide(other, change, view=View(orders=view.orders)))


def _apply(order: Order, change: Change, event_id: str, view: View) -> Decision:  # noqa: C901 - one case per fact
    fact = change.fact
    match fact:
        case Paid():
            return _paid(order, fact, change, event_id, view)
        case Closed():
            closed_at = fact.closed_at if order.closed_at is None else min(order.closed_at, fact.closed_at)
            return became(order, replace(order, closed_at=closed_at), "closed: it can no longer be paid")
        case Failed():
            return became(order, replace(order, failed=True), f"the platform says {fact.word}: paying failed")
        case Prepared():
            return became(order, replace(order, prepared=True), "the platform took the order and waits for the payer")
        case Unpaid():
            after = replace(order, prepared=True)
            return became(order, after, f"the platform says {fact.word}: not paid yet")
        case CloseRequested() if order.terms.external:
            return Decision("refused", "the order was made at the platform and is closed there", order)
        case CloseRequested():
            asked_at = fact.at if order.close_asked_at is None else min(order.close_asked_at, fact.at)
            reason = "the merchant asked to close the order"
            if not order.terms.closable:
                reason += ": the platform has no call for that, so it ends when its time is over"
            return became(order, replace(order, close_asked_at=asked_at), reason)
        case Resolved():
            return _resolved(order, fact, change.trust.key_id, view)
        case PlatformEvent():
            emits = ("shipment.overdue",) if fact.overdue else ()
            reason = f"the platform signals {fact.word}"
            return Decision("unchanged", reason, order, emits=emits, query_now=fact.query and not fact.overdue)
        case BillDiffers():
            return Decision("unchanged", f"the bill of {fact.day} differs: {fact.what}", order)
        case Replaced():
            objection = purchases.objection(order, fact.by, view.orders)
            if objection:
                return Decision("refused", objection, order)
            return became(order, purchases.replaced(order, fact), f"replaced by order {fact.by}")
        case OtherOrderPaid():
            after = purchases.with_other_paid(order, fact.order_id, fact.paid_at)
            return became(order, after, f"order {fact.order_id} of the same purchase is paid")
        case Flagged():
            after = with_anomaly(order, fact.reason, fact.subject)
            return became(order, after, f"{fact.reason}: a person must look")
        case Unrecognised():
            return Decision("unchanged", f"unknown {fact.what} {fact.word}: kept, changes nothing", order)
        case OrderCreated():
            return Decision("unchanged", "the order exists already", order)
    return _child(order, fact, change, view)


def _child(order: Order, fact: ChildFact, change: Change, view: View) -> Decision:
    kind = KINDS[type(fact)]
    return kind.decide(order, view.child(kind.name, kind.number(fact)), fact, change, view)


def _paid(order: Order, fact: Paid, change: Change, event_id: str, view: View) -> Decision:
    numbers = (fact.transaction_id, fact.channel_id)
    owners = {owner for number in numbers if (owner := view.owner("transaction", number)) is not None}
    anomaly = "transaction_of_another_order" if owners else change.anomaly
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
    mismatch = claim.mismatch(order.terms)
    if mismatch:
        reason = (
            f"a payment of {fact.total} does not fit the order of {order.terms.amount} ({mismatch}): a person must look"
        )
    elif after.payment is not None and after.payment.transaction_id != fact.transaction_id:
        reason = f"a second payment of {fact.total}: a person must look"
    else:
        reason = f"paid {fact.total}, as the order asks"
    known = [view.orders[owner] for owner in sorted(owners) if owner in view.orders]
    flagged = tuple(_flagged(fact.transaction_id, change, owner, view) for owner in known)
    return replace(became(order, after, reason), beside=flagged)


def _flagged(transaction_id: str, change: Change, owner: Order, view: View) -> Beside:
    """Return the question that the order gets which had a payment first that is now said to be another's."""
    fact = Flagged("transaction_of_another_order", transaction_id)
    return _beside(owner, Change(owner.key, fact, Queried(), "store", change.tenant), view)


def _claim_sequence(claim: ReportedPayment) -> tuple[str, str, int, str, str]:
    return (claim.transaction_id, claim.total.currency, claim.total.minor, claim.system, claim.anomaly)


def _resolved(order: Order, fact: Resolved, by: str, view: View) -> Decision:
    question = next((open_ for open_ in order.review_items if open_.review_id == fact.review_id), None)
    if question is None:
        return Decision("refused", "there is no such open question", order)
    if fact.decision == "accept" and question.reason == "transaction_of_another_order":
        return Decision("refused", "the payment belongs to another order and cannot be accepted here", order)
    resolution = Resolution(fact.review_id, fact.decision, by, fact.note, fact.at)
    after = replace(order, resolutions=tuple(sorted([*order.resolutions, resolution])))
    children: tuple[Child, ...] = ()
    if fact.decision == "refund":
        child = refunds.review_refund(order, question, by, fact)
        if child is None:
            return Decision("refused", "this question is not about money that can be refunded", order)
        if view.child("refund", child.refund_id) is not None:
            return Decision("refused", "the payment is being refunded already", order)
        after = with_totals(after, None, child)
        children = (child,)
    reason = f"a person resolved {question.reason}: {fact.decision}"
    return Decision("applied", reason, after, children, ("refund.approved",) if children else ())


def _with_consequences(before: Order, decision: Decision, change: Change, view: View) -> Decision:
    after = decision.order
    assert after is not None  # noqa: S101 - narrowed by the caller
    emits, children, beside = list(decision.emits), list(decision.children), decision.beside
    if after.payment is not None and (before.payment is None or before.payment.paid_at != after.payment.paid_at):
        after, told = _told_of_each_other(after, change, view)
        beside = (*beside, *told)
    if before.payment is None and after.payment is not None:
        emits.append("order.paid")
        known = view.child("settlement", settlements.planned_number(after.key))
        children += filter(None, [settlements.planned(after, known)])
    if after.paid_late and not before.paid_late:
        emits.append("order.paid_late")
        child = refunds.late_refund(after)
        if child is not None and not after.late_refund_id:
            after = replace(with_totals(after, None, child), late_refund_id=child.refund_id)
            children.append(child)
            emits.append(f"refund.{child.status}")
    if after.status != before.status and after.status in ("closed", "failed"):
        emits.append(f"order.{after.status}")
    asked_before = {question.review_id for question in before.review_items}
    if any(question.review_id not in asked_before for question in after.review_items):
        emits.append("order.review")
    return replace(decision, order=after, children=tuple(children), emits=tuple(emits), beside=beside)


def _told_of_each_other(order: Order, change: Change, view: View) -> tuple[Order, Iterator[Beside]]:
    """Return a paid order that knows which others of its purchase are paid, and those others as they know of it."""
    payment = order.payment
    assert payment is not None  # noqa: S101 - narrowed by the caller
    others = purchases.members(order, view.orders)
    for other in others:
        if other.payment is not None:
            order = purchases.with_other_paid(order, other.key.order_id, other.payment.paid_at)
    fact = OtherOrderPaid(order.key.order_id, payment.paid_at)
    told = (_beside(other, Change(other.key, fact, Queried(), "store", change.tenant), view) for other in others)
    return order, told

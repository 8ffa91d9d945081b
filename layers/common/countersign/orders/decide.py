"""What one change, or one message of several, does to one order: a pure, total function.

Facts accumulate (`Order` derives the rest), so any permutation of the same changes, with any duplicates, ends in
the same order. What is refused or not understood is still kept as evidence by the store.
"""

from collections.abc import Iterable, Sequence

from countersign.orders import purchases, refunds, reports, settlements
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
    OrderReported,
    OtherOrderPaid,
    Paid,
    PaymentAttempted,
    PaymentRefused,
    PlatformEvent,
    Prepared,
    Queried,
    Replaced,
    Resolved,
    Unpaid,
    Unrecognised,
)
from countersign.orders.children import KINDS
from countersign.orders.decision import NOTHING, Beside, Decision, View, became, with_anomaly
from countersign.orders.reasons import because
from countersign.orders.refunds import with_totals
from countersign.orders.state import NOT_OURS, Order, ReportedPayment, Resolution, ReviewItem
from countersign.values import replace

OPENS = (OrderCreated, OrderReported)


def decide_message(
    order: Order | None, changes: Sequence[Change], event_id: str = "", view: View = NOTHING
) -> Decision:
    """Return what the facts of one genuine message do to the one order that they are about; never raises.

    They are decided in sequence, each on what the ones before it made of the order and its children; a fact that opens
    the order comes first. What is to be written is all of it or nothing.
    """
    whole: Decision | None = None
    before = order
    for change in sorted(changes, key=lambda one: not isinstance(one.fact, OPENS)):
        one = decide(order, change, event_id, view)
        order = one.order or order
        view = view.after(one)
        whole = one if whole is None else whole.then(one)
    if whole is None:
        return Decision("unchanged", because("says_nothing"), order)
    return _as_it_ended(before, whole) if len(changes) > 1 else whole


def _as_it_ended(before: Order | None, whole: Decision) -> Decision:
    """Return the decision without what was so between two facts of one message only: nobody is told of that."""
    after = whole.order
    if after is None:
        return whole
    known = {question.review_id for question in before.review_items} if before is not None else set()
    passing = set()
    if all(question.review_id in known for question in after.review_items):
        passing.add("order.review")
    if after.terms.pays == "parts" and after.status != "partially_paid":
        passing.add("order.partially_paid")
    return replace(whole, emits=tuple(emit for emit in whole.emits if emit not in passing))


def decide(order: Order | None, change: Change, event_id: str = "", view: View = NOTHING) -> Decision:
    """Return what `change` does to `order` (None: not created yet); never raises."""
    if isinstance(change.trust, Hint):
        return Decision("unchanged", because("hint"), order)
    if isinstance(change.fact, OrderCreated):
        return _open(order, change, change.fact, view)
    if isinstance(change.fact, OrderReported):
        return _reported(order, change, change.fact, view)
    if order is None:
        # What is made at the platform is created by no call of ours that may be on its way.
        at_once = change.external or isinstance(change.fact, PlatformEvent)
        return Decision("orphan", because("order_unknown"), query_now=at_once)
    decision = _apply(order, change, event_id, view)
    if decision.outcome != "applied" or decision.order is None:
        return decision
    return _with_consequences(order, decision, change, view)


def _open(order: Order | None, change: Change, fact: OrderCreated, view: View) -> Decision:
    if order is not None and order.uncreated and order.terms.digest != fact.terms.digest:
        after = replace(order, terms=fact.terms, attempts=order.attempts + 1)
        return Decision("applied", because("created_anew", amount=fact.terms.amount), after)
    if order is not None:
        return Decision("refused", because("order_exists"), order)
    key, terms = change.key, fact.terms
    beside: tuple[Beside, ...] = ()
    replaced = view.orders.get(purchases.key_of(key, terms.replaces)) if terms.replaces else None
    if replaced is not None:
        objection = purchases.objection(replaced, key.order_id, view.orders, terms.created_at)
        if objection is not None:
            return Decision("refused", objection)
        if key.order_id not in replaced.replacements:
            marked = replace(change, key=replaced.key, fact=Replaced(key.order_id, terms.created_at))
            beside = (_beside(replaced, marked, view),)
    created = Order(key, terms, test=terms.test, money_of=terms.money_of)
    return Decision("applied", because("created", amount=terms.amount), created, beside=beside)


def _beside(other: Order, change: Change, view: View) -> Beside:
    """Return a change of another order, decided on that one."""
    return Beside(change, decide(other, change, view=View(orders=view.orders)))


def _reported(order: Order | None, change: Change, fact: OrderReported, view: View) -> Decision:
    if order is not None and order.terms.pays != "parts":
        return Decision("unchanged", because("report_of_a_whole_order"), order)
    if order is None:
        opened = reports.opened(change.key, fact)
        decision = Decision("applied", because("reported", amount=fact.terms.amount, state=fact.report.state), opened)
        return _with_consequences(None, decision, change, view)
    after = reports.joined(order, fact)
    if after.terms.amount != order.terms.amount:
        reason = because("repriced", before=order.terms.amount, after=after.terms.amount)
    else:
        reason = because("reported", amount=fact.terms.amount, state=fact.report.state)
    decision = replace(became(order, after, reason), query_now=reports.is_doubtful(order, fact))
    return _with_consequences(order, decision, change, view) if decision.outcome == "applied" else decision


def _apply(order: Order, change: Change, event_id: str, view: View) -> Decision:  # noqa: C901 - one case per fact
    fact = change.fact
    match fact:
        case Paid():
            return _paid(order, fact, change, event_id, view)
        case Closed() | Failed() | Prepared() | Unpaid() if order.terms.pays == "parts":
            return Decision("unchanged", because("only_reports_count"), order, query_now=True)
        case Closed():
            closed_at = fact.closed_at if order.closed_at is None else min(order.closed_at, fact.closed_at)
            return became(order, replace(order, closed_at=closed_at), because("closed"))
        case Failed():
            return became(order, replace(order, failed=True), because("paying_failed", word=fact.word))
        case PaymentAttempted():
            after = replace(order, attempts=max(order.attempts, fact.attempt))
            return became(order, after, because("payment_attempted", attempt=fact.attempt))
        case PaymentRefused():
            after = replace(order, refused_attempts=tuple(sorted({*order.refused_attempts, fact.attempt})))
            further = (fact.problem,) if fact.problem is not None else ()
            return replace(became(order, after, because("payment_refused")), further=further)
        case Prepared():
            after = replace(order, prepared=True, handle=max(order.handle, fact.handle))
            return became(order, after, because("waits_for_payer"))
        case Unpaid():
            return became(order, replace(order, prepared=True), because("not_paid_yet", word=fact.word))
        case CloseRequested() if order.terms.external:
            return Decision("refused", because("closed_at_the_platform_only"), order)
        case CloseRequested():
            asked_at = fact.at if order.close_asked_at is None else min(order.close_asked_at, fact.at)
            reason = because("close_requested") if order.terms.closable else because("close_requested_without_call")
            return became(order, replace(order, close_asked_at=asked_at), reason)
        case Resolved():
            return _resolved(order, fact, change.trust.key_id, view)
        case PlatformEvent():
            emits = (fact.told_as,) if fact.told_as else ()
            reason = because("platform_event", word=fact.word)
            return Decision("unchanged", reason, order, emits=emits, query_now=fact.query and not fact.overdue)
        case BillDiffers():
            return Decision("unchanged", because("bill_differs", day=fact.day, what=fact.what), order)
        case Replaced():
            objection = purchases.objection(order, fact.by, view.orders, fact.at)
            if objection is not None:
                return Decision("refused", objection, order)
            return became(order, purchases.replaced(order, fact), because("replaced", order_id=fact.by))
        case OtherOrderPaid():
            after = purchases.with_other_paid(order, fact.order_id, fact.paid_at)
            return became(order, after, because("other_order_paid", order_id=fact.order_id))
        case Flagged():
            after = with_anomaly(order, fact.reason, fact.subject)
            return became(order, after, because("flagged", question=fact.reason))
        case Unrecognised():
            return Decision("unchanged", because("unrecognised", what=fact.what, word=fact.word), order)
        case OrderCreated() | OrderReported():
            return Decision("unchanged", because("order_exists"), order)
    return _child(order, fact, change, view)


def _child(order: Order, fact: ChildFact, change: Change, view: View) -> Decision:
    kind = KINDS[type(fact)]
    return kind.decide(order, view.child(kind.name, kind.number(fact)), fact, change, view)


def _paid(order: Order, fact: Paid, change: Change, event_id: str, view: View) -> Decision:
    numbers = (fact.transaction_id, fact.channel_id)
    owners = {owner for number in numbers if (owner := view.owner("transaction", number)) is not None}
    claim = ReportedPayment(
        fact.transaction_id,
        fact.total,
        change.system,
        NOT_OURS if owners else change.anomaly,
        fact.paid_at,
        fact.payer_paid,
        (event_id,) * bool(event_id),
        fact.shop_amount,
    )
    same = next((known for known in order.claims if known.says_the_same_as(claim)), None)
    others = [known for known in order.claims if known is not same]
    claims = tuple(sorted([*others, same.merged(claim) if same else claim], key=_claim_sequence))
    after = replace(order, claims=claims, prepared=True, test=order.test or fact.test)
    mismatch = claim.mismatch(order.terms)
    if mismatch:
        reason = because("payment_does_not_fit", paid=fact.total, amount=order.terms.amount, question=mismatch)
    elif order.terms.pays == "parts":
        reason = because("paid_in_part" if after.balance_due else "paid_up", amount=fact.total)
    elif after.payment is not None and after.payment.transaction_id != fact.transaction_id:
        reason = because("second_payment", amount=fact.total)
    else:
        reason = because("paid", amount=fact.total)
    known_owners = [view.orders[owner] for owner in sorted(owners) if owner in view.orders]
    flagged = tuple(_flagged(fact.transaction_id, change, owner, view) for owner in known_owners)
    decision = became(order, after, reason)
    return replace(decision, beside=flagged) if flagged else decision


def _flagged(transaction_id: str, change: Change, owner: Order, view: View) -> Beside:
    """Return the question that the order gets which had a payment first that is now said to be another's."""
    fact = Flagged(NOT_OURS, transaction_id)
    return _beside(owner, Change(owner.key, fact, Queried(), "store", change.tenant), view)


def _claim_sequence(claim: ReportedPayment) -> tuple[str, str, int, str, str]:
    return (claim.transaction_id, claim.total.currency, claim.total.minor, claim.system, claim.anomaly)


def _resolved(order: Order, fact: Resolved, by: str, view: View) -> Decision:
    question = next((open_ for open_ in order.review_items if open_.review_id == fact.review_id), None)
    if question is None:
        return Decision("refused", because("no_such_question"), order)
    if fact.decision == "refund":
        return _refunded(order, question, fact, by, view)
    if fact.decision == "accept" and order.makes_paid(question):
        if question.reason == NOT_OURS:
            return Decision("refused", because("payment_of_another_order"), order)
        if question.reason == "currency_mismatch" or order.terms.pays == "parts":
            return Decision("refused", because("only_refund_or_dismiss", question=question.reason), order)
        if any((answer.decision, answer.by) == ("accept", by) for answer in question.answers):
            return Decision("unchanged", because("second_person_needed", question=question.reason), order)
    after = _answered(order, fact, by)
    if fact.decision == "accept" and any(open_.review_id == fact.review_id for open_ in after.review_items):
        return Decision("applied", because("second_person_needed", question=question.reason), after)
    return Decision("applied", because("resolved", question=question.reason, decision=fact.decision), after)


def _refunded(order: Order, question: ReviewItem, fact: Resolved, by: str, view: View) -> Decision:
    """Return what the answer does that the money goes back: a refund, which a second person approves."""
    if "refund" in order.terms.not_offered:
        return Decision("refused", because("refunds_not_offered"), order)
    child = refunds.review_refund(order, question, by, fact)
    if child is None:
        return Decision("refused", because("not_about_money"), order)
    known = view.child("refund", child.refund_id)
    if known is not None and not refunds.came_to_nothing(known):
        return Decision("refused", because("refund_exists"), order)
    after = with_totals(_answered(order, fact, by), known, child)
    reason = because("resolved", question=question.reason, decision=fact.decision)
    return Decision("applied", reason, after, (child,), (f"refund.{child.status}",))


def _answered(order: Order, fact: Resolved, by: str) -> Order:
    resolution = Resolution(fact.review_id, fact.decision, by, fact.note, fact.at)
    return replace(order, resolutions=tuple(sorted({*order.resolutions, resolution})))


def _with_consequences(before: Order | None, decision: Decision, change: Change, view: View) -> Decision:
    after = decision.order
    assert after is not None  # noqa: S101 - narrowed by the caller
    if after.terms.pays == "parts":
        return _with_consequences_in_parts(before, after, decision, change)
    assert before is not None  # noqa: S101 - only a report opens an order here
    emits, children, beside = list(decision.emits), list(decision.children), decision.beside
    payment, known_payment = after.payment, before.payment
    if payment is not None and (known_payment is None or known_payment.paid_at != payment.paid_at):
        after, told = _told_of_each_other(after, payment.paid_at, change, view)
        beside = (*beside, *told)
    if known_payment is None and payment is not None:
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
    emits += _of_status_and_questions(before, after)
    return replace(decision, order=after, children=tuple(children), emits=tuple(emits), beside=beside)


def _with_consequences_in_parts(before: Order | None, after: Order, decision: Decision, change: Change) -> Decision:
    """Return the decision with what the bus is told: of amounts that were reached, and not of states."""
    emits = list(decision.emits)
    paid, due = (before.paid, before.balance_due) if before is not None else (0, 1)
    if before is not None and before.terms.amount != after.terms.amount:
        emits.append("order.repriced")
    # A refund that the total does not show yet looks like a balance for a while: its end is no payment.
    if due and not after.balance_due and (after.paid > paid or due > after.refunded):
        emits.append("order.paid")
    if after.status == "partially_paid" and (before is None or before.status != "partially_paid" or after.paid > paid):
        emits.append("order.partially_paid")
    emits += _of_tries(before, after)
    emits += _of_status_and_questions(before, after)
    known = {question.review_id for question in before.contradictions} if before is not None else set()
    doubtful = any(question.review_id not in known for question in after.contradictions)
    query_now = decision.query_now or (doubtful and not isinstance(change.trust, Queried))
    return replace(decision, order=after, emits=tuple(dict.fromkeys(emits)), query_now=query_now)


def _of_tries(before: Order | None, after: Order) -> Iterable[str]:
    """Yield what is told of a charge: each try that failed, and that it succeeded after such; then nothing more."""
    if before is not None and before.paid:
        return
    tried = {attempt.number for attempt in before.charge_attempts} if before is not None else set()
    if after.paid:
        if tried:
            yield "charge.recovered"
    elif any(attempt.number not in tried for attempt in after.charge_attempts):
        yield "charge.failed"


def _of_status_and_questions(before: Order | None, after: Order) -> Iterable[str]:
    status = after.status
    if status in ("closed", "failed") and (before is None or status != before.status):
        yield f"order.{status}"
    questions = after.review_items
    known = {question.review_id for question in before.review_items} if before is not None and questions else set()
    if any(question.review_id not in known for question in questions):
        yield "order.review"


def _told_of_each_other(order: Order, paid_at: int, change: Change, view: View) -> tuple[Order, list[Beside]]:
    """Return a paid order that knows which others of its purchase are paid, and those others as they know of it."""
    others = purchases.members(order, view.orders)
    for other in others:
        if other.payment is not None:
            order = purchases.with_other_paid(order, other.key.order_id, other.payment.paid_at)
    fact = OtherOrderPaid(order.key.order_id, paid_at)
    told = [_beside(other, Change(other.key, fact, Queried(), "store", change.tenant), view) for other in others]
    return order, told

"""Reports of orders that are made at the platform: the newest one counts, whatever sequence they came in."""

from collections.abc import Sequence
from dataclasses import replace

from countersign.orders.changes import (
    Attempt,
    Fact,
    Hint,
    OrderKey,
    OrderReported,
    Paid,
    RefundReported,
    Report,
    Terms,
    Trust,
    Unrecognised,
)
from countersign.orders.decision import Decision
from countersign.orders.state import Order, ReportedPayment

# Of the metadata of an order that is made at its platform: what people and the merchant's own shop call it.
NAMES = ("number", "reference")


def names(order: Order) -> tuple[tuple[str, str], ...]:
    """Return (kind, text) of what an order is called beside its id; several orders may be called the same."""
    return tuple(one for one in order.terms.metadata if order.terms.external and one[0] in NAMES and one[1])


def opened(key: OrderKey, fact: OrderReported) -> Order:
    """Return the order as its first report has it."""
    return _with_sums(Order(key, fact.terms, newest=fact.report), fact)


def joined(order: Order, fact: OrderReported) -> Order:
    """Return the order after one more report, the same in any sequence and however often it is told."""
    newer = order.newest is None or _age(fact.terms, fact.report) > _age(order.terms, order.newest)
    after = replace(order, terms=fact.terms, newest=fact.report) if newer else order
    return _with_sums(after, fact)


def is_doubtful(order: Order, fact: OrderReported) -> bool:
    """Tell whether a report shows that what is known may not be the newest, so that the platform is to be asked.

    That is one that says something else of the same moment, or one that was overtaken by what was read.
    """
    newest = order.newest
    if newest is None or "query" in order.terms.not_offered:
        return False
    same_moment = fact.report.version == newest.version and _said(fact.terms, fact.report) != _said(order.terms, newest)
    return same_moment or (newest.read_at > 0 and fact.report.version < newest.version)


def says_more(order: Order, fact: OrderReported) -> bool:
    """Tell whether a report that was read is worth a record: more than that all is as it was when last read."""
    after = joined(order, fact)
    if after.newest is not None and order.newest is not None and order.newest.read_at:
        after = replace(after, newest=replace(after.newest, read_at=order.newest.read_at))
    return after != order


def tells_more(order: Order | None, facts: Sequence[Fact]) -> bool:
    """Tell whether what one reading says is worth a record: a report that says more, or a payment that is not known.

    A word beside a report that nobody knows is worth one as often as the report is.
    """
    if order is None:
        return True
    known = {claim.transaction_id for claim in order.claims}
    if any(isinstance(fact, OrderReported) for fact in facts):
        facts = [fact for fact in facts if not isinstance(fact, Unrecognised)]
    return any(
        says_more(order, fact)
        if isinstance(fact, OrderReported)
        else not isinstance(fact, Paid) or fact.transaction_id not in known
        for fact in facts
    )


def repeated(before: Order | None, facts: Sequence[Fact], trust: Trust, decision: Decision) -> Order | None:
    """Return the order with the moment of its newest report where a message decided nothing else; None otherwise.

    So it is with every change of what is not kept here (a tag, a note, an address), and of those a shop has many; and
    with each look at what still waits, which only says when to look again. What is not understood, or is to be asked
    about, is no repetition.
    """
    after = decision.order
    if before is None or after is None or before.newest is None or after.newest is None or isinstance(trust, Hint):
        return None
    if not facts or not isinstance(facts[0], OrderReported):
        return None
    if not all(isinstance(fact, OrderReported | Paid | RefundReported) for fact in facts):
        return None
    if decision.children or decision.emits or decision.beside or decision.query_now:
        return None
    first, newest = facts[0], before.newest
    said = replace(first.report, version=newest.version, read_at=newest.read_at)
    if said.expected_at is not None and newest.expected_at is not None and first.report.read_at:
        said = replace(said, expected_at=min(said.expected_at, newest.expected_at))  # one that is earlier is news
    same = replace(after, newest=newest, claims=before.claims) == before and _told(after) == _told(before)
    if (said, first.terms) != (newest, before.terms) or not same or after.review_items != before.review_items:
        return None
    return replace(before, newest=after.newest)


def _told(order: Order) -> list[ReportedPayment]:
    """Return what was said of payments, whichever messages said it."""
    return [replace(claim, evidence=()) for claim in order.claims]


def _age(terms: Terms, report: Report) -> tuple[int, int, str]:
    """Return what orders reports; of two at one moment with other contents the same one always wins."""
    return (report.version, report.read_at, _content(terms, report))


def _content(terms: Terms, report: Report) -> str:
    return repr((terms, replace(report, version=0, read_at=0)))


def _said(terms: Terms, report: Report) -> str:
    """Return what a report says of the order; when to look again is said by whoever reads it, anew each time."""
    return _content(terms, replace(report, expected_at=None))


def _with_sums(order: Order, fact: OrderReported) -> Order:
    """Return the order with what any report said at least: what was received, test, whose money, tries that failed."""
    received = dict(order.received)
    currency, most = fact.terms.amount.currency, fact.report.received
    if most > received.get(currency, 0):
        received[currency] = most
    attempts: dict[int, Attempt] = {}
    for attempt in (*order.charge_attempts, *fact.attempts):
        attempts[attempt.number] = min(attempt, attempts.get(attempt.number, attempt))
    # A platform says either what went back in all, or names each refund: a sum of those is kept by their own rules.
    refunded = max(order.refunded, fact.report.refunded)
    return replace(
        order,
        received=tuple(sorted(received.items())),
        refunded=refunded,
        reserved=max(order.reserved, refunded),
        charge_attempts=tuple(sorted(attempts.values())),
        test=order.test or fact.terms.test,
        money_of=max(filter(None, (order.money_of, fact.terms.money_of)), default=None),
    )

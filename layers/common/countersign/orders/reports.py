"""Reports of orders that are made at the platform: the newest one counts, whatever sequence they came in."""

from collections.abc import Sequence
from dataclasses import replace

from countersign.orders.changes import Attempt, Fact, OrderKey, OrderReported, Paid, Report, Terms
from countersign.orders.state import Order


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
    if newest is None:
        return False
    same_moment = fact.report.version == newest.version and _content(fact.terms, fact.report) != _content(
        order.terms, newest
    )
    return same_moment or (newest.read_at > 0 and fact.report.version < newest.version)


def says_more(order: Order, fact: OrderReported) -> bool:
    """Tell whether a report that was read is worth a record: more than that all is as it was when last read."""
    after = joined(order, fact)
    if after.newest is not None and order.newest is not None and order.newest.read_at:
        after = replace(after, newest=replace(after.newest, read_at=order.newest.read_at))
    return after != order


def tells_more(order: Order | None, facts: Sequence[Fact]) -> bool:
    """Tell whether what one reading says is worth a record: a report that says more, or a payment that is not known."""
    if order is None:
        return True
    known = {claim.transaction_id for claim in order.claims}
    return any(
        says_more(order, fact)
        if isinstance(fact, OrderReported)
        else not isinstance(fact, Paid) or fact.transaction_id not in known
        for fact in facts
    )


def _age(terms: Terms, report: Report) -> tuple[int, int, str]:
    """Return what orders reports; of two at one moment with other contents the same one always wins."""
    return (report.version, report.read_at, _content(terms, report))


def _content(terms: Terms, report: Report) -> str:
    return repr((terms, replace(report, version=0, read_at=0)))


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

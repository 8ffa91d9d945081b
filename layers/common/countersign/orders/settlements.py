"""Settlement rules: when an order is settled, what a report does to a settlement, and who may get how much."""

from collections.abc import Iterable
from dataclasses import replace

from countersign.orders.changes import SettlementReported, SettlementRequested
from countersign.orders.state import SETTLEMENT_RANK, Order, Settlement

PLAN = "plan"  # who asks where nobody did: the account's own settings
_OVER = ("failed", "succeeded", "not_needed")


def planned(order: Order, known: Settlement | None) -> Settlement | None:
    """Return the settlement that a payment plans, or None where the platform settles unasked.

    The order's own number is its settlement's: the platform takes one settlement of an order.
    """
    payment, after = order.payment, order.terms.settle_after
    if payment is None or after is None:
        return None
    if known is None:
        return Settlement(order.key.order_id, "planned", payment.paid_at + after)
    return replace(known, due=payment.paid_at + after)


def asked(order: Order, known: Settlement | None, fact: SettlementRequested, by: str) -> Settlement | str:
    """Return the settlement as the merchant wants it, or why it cannot be."""
    payment = order.payment
    if payment is None:
        return "the order is not paid"
    if order.terms.settle_after is None:
        return "the platform settles this order by itself"
    if known is not None and known.status not in ("planned", "asked"):
        return f"the settlement is {known.status} already"
    if sum(minor for _, minor in fact.shares) > most_shared(order, payment.total.minor - order.refunded):
        return f"more than {order.terms.max_share_basis_points / 100:g} % of the order would be shared"
    due = max(fact.at, payment.paid_at + order.terms.settle_after)
    source = known.source if known is not None and by == PLAN else "merchant"
    return Settlement(fact.settlement_id, "asked", due, shares=fact.shares, source=source, requested_by=by)


def reported(known: Settlement | None, fact: SettlementReported) -> Settlement:
    """Return the settlement after the platform's report; a state only moves forward."""
    base = known or Settlement(fact.settlement_id, fact.status, 0, source="platform")
    moved = base.status if SETTLEMENT_RANK[base.status] >= SETTLEMENT_RANK[fact.status] else fact.status
    amounts = [amount for amount in (base.amount, fact.amount.minor) if amount]
    times = [at for at in (base.settled_at, fact.at if fact.status == "succeeded" else None) if at is not None]
    fees = [fee for fee in (base.fee, fact.fee) if fee is not None]
    return replace(
        base,
        status=moved,
        amount=min(amounts) if amounts else 0,
        platform_settlement_id=max(base.platform_settlement_id, fact.platform_settlement_id),
        fee=min(fees) if fees else None,
        reason=max(base.reason, fact.reason),
        settled_at=min(times) if times else None,
    )


def is_open(settlement: Settlement) -> bool:
    """Tell whether something remains to be done about it."""
    return settlement.status not in _OVER


def most_shared(order: Order, minor: int) -> int:
    """Return how much of an amount (minor units) may go to others than the seller, by the order's terms."""
    return minor * order.terms.max_share_basis_points // 10_000


def shares_of(minor: int, receivers: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return each receiver's part of an amount by its basis points, rounded down: a fen in doubt is the seller's."""
    parts = [(uid, minor * points // 10_000) for uid, points in receivers]
    return tuple((uid, part) for uid, part in parts if part)

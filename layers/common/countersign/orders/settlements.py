"""Settlements: when an order is settled, what a report does to a settlement, and who may get how much."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

from countersign.orders.changes import Change, OrderKey, SettlementFact, SettlementReported, SettlementRequested
from countersign.orders.decision import Decision, View, became, is_of_another_system, of_another_order, with_anomaly
from countersign.orders.kind import Kind
from countersign.orders.reasons import Reason, because
from countersign.orders.sentences import ENGLISH, sentence
from countersign.orders.state import Order
from countersign.orders.times import timestamp
from countersign.values import dataclass

PLAN = "plan"  # who asks where nobody did: the account's own settings
_OVER = ("failed", "succeeded", "not_needed")
SETTLEMENT_RANK = {"planned": 0, "asked": 1, "processing": 2, "not_needed": 3, "failed": 4, "succeeded": 5}


@dataclass(frozen=True, slots=True)
class Settlement:
    """One settlement of an order; `settlement_id` is the number that the platform sees.

    It is planned when the order is paid, for the day on which the platform allows it.
    """

    settlement_id: str
    status: str
    due: int
    amount: int = 0
    shares: tuple[tuple[str, int], ...] = ()
    source: str = "plan"  # plan, merchant, or platform (settled by itself or in its console)
    requested_by: str = ""
    platform_settlement_id: str = ""
    fee: int | None = None
    reason: Reason | None = None
    settled_at: int | None = None
    kind: ClassVar[str] = "settlement"

    @property
    def number(self) -> str:
        """The number by which it is found among the order's settlements."""
        return self.settlement_id

    @property
    def settles(self) -> int:
        """Minor units that became the merchant's to withdraw."""
        return self.amount if self.status == "succeeded" else 0


def planned_number(key: OrderKey) -> str:
    """Return the number of the settlement that a payment plans: the order's own."""
    return key.order_id


def planned(order: Order, known: Settlement | None) -> Settlement | None:
    """Return the settlement that a payment plans, or None where the platform settles unasked.

    The order's own number is its settlement's: the platform takes one settlement of an order.
    """
    payment, after = order.payment, order.terms.settle_after
    if payment is None or after is None:
        return None
    if known is None:
        return Settlement(planned_number(order.key), "planned", payment.paid_at + after)
    return replace(known, due=payment.paid_at + after)


def asked(order: Order, known: Settlement | None, fact: SettlementRequested, by: str) -> Settlement | Reason:
    """Return the settlement as the merchant wants it, or why it cannot be."""
    payment = order.payment
    if payment is None:
        return because("order_not_paid")
    if order.terms.settle_after is None:
        return because("settles_by_itself")
    if known is not None and known.status not in ("planned", "asked"):
        return because("settlement_is_already", status=known.status)
    if sum(minor for _, minor in fact.shares) > most_shared(order, payment.total.minor - order.refunded):
        return because("shares_too_much", percent=percent(order.terms.max_share_basis_points))
    due = max(fact.at, payment.paid_at + order.terms.settle_after)
    source = known.source if known is not None and by == PLAN else "merchant"
    return Settlement(fact.settlement_id, "asked", due, shares=fact.shares, source=source, requested_by=by)


def percent(basis_points: int) -> str:
    """Return hundredths of a per cent as a person writes per cent: 3000 is 30, 1250 is 12.5."""
    whole, hundredths = divmod(basis_points, 100)
    return f"{whole}.{hundredths:02}".rstrip("0").rstrip(".")


def reported(known: Settlement | None, fact: SettlementReported) -> Settlement:
    """Return the settlement after the platform's report; a state only moves forward."""
    base = known or Settlement(fact.settlement_id, fact.status, 0, source="platform")
    moved = base.status if SETTLEMENT_RANK[base.status] >= SETTLEMENT_RANK[fact.status] else fact.status
    amounts = [amount for amount in (base.amount, fact.amount.minor) if amount]
    times = [at for at in (base.settled_at, fact.at if fact.status == "succeeded" else None) if at is not None]
    reasons = [reason for reason in (base.reason, fact.reason) if reason is not None]
    fees = [fee for fee in (base.fee, fact.fee) if fee is not None]
    return replace(
        base,
        status=moved,
        amount=min(amounts) if amounts else 0,
        platform_settlement_id=max(base.platform_settlement_id, fact.platform_settlement_id),
        fee=min(fees) if fees else None,
        reason=max(reasons, key=repr) if reasons else None,
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


def decide(order: Order, known: Settlement | None, fact: SettlementFact, change: Change, view: View) -> Decision:
    """Return what a fact about one settlement does to the order and to that settlement."""
    if isinstance(fact, SettlementReported):
        return _reported(order, known, fact, change, view)
    result = asked(order, known, fact, change.trust.key_id)
    if isinstance(result, Reason):
        return Decision("refused", result, order)
    return Decision("applied", because("settlement_requested"), order, (result,))


def _reported(
    order: Order, before: Settlement | None, fact: SettlementReported, change: Change, view: View
) -> Decision:
    if view.owner("settlement", fact.settlement_id) is not None:
        return of_another_order(order, "settlement", fact.settlement_id)
    child = reported(before, fact)
    after = replace(order, settled=order.settled + child.settles - (before.settles if before else 0))
    if is_of_another_system(order, change):
        after = with_anomaly(after, "system_mismatch", fact.settlement_id)
    if fact.amount.minor > order.terms.amount.minor:
        after = with_anomaly(after, "settled_more_than_paid", fact.settlement_id)
    reason = because("settlement_is", amount=fact.amount, status=fact.status)
    further = (fact.reason,) if fact.reason is not None else ()
    if child == before:
        return replace(became(order, after, reason), further=further)
    moved = before is None or before.status != child.status
    emits = (f"settlement.{child.status}",) if moved and child.status in ("succeeded", "failed") else ()
    unpaid = order.payment is None
    return Decision("applied", reason, after, (child,), emits, query_now=unpaid, further=further)


def due(settlement: Settlement, _since: int, now: int) -> int | None:
    """Return when to settle or ask about it, or None where nothing is open."""
    return max(settlement.due, now) if is_open(settlement) else None


def settlement_json(settlement: Settlement, currency: str, language: str = ENGLISH) -> dict[str, Any]:
    """Return the settlement JSON; `currency` is the order's."""
    return {
        "settlement_id": settlement.settlement_id,
        "status": settlement.status,
        "due": timestamp(settlement.due or None),
        "amount": {"minor": settlement.amount, "currency": currency} if settlement.amount else None,
        "shares": [
            {"merchant_uid": uid, "amount": {"minor": minor, "currency": currency}} for uid, minor in settlement.shares
        ],
        "source": settlement.source,
        "requested_by": settlement.requested_by or None,
        "platform_settlement_id": settlement.platform_settlement_id or None,
        "fee": {"minor": settlement.fee, "currency": currency} if settlement.fee is not None else None,
        "reason": sentence(settlement.reason, language),
        "settled_at": timestamp(settlement.settled_at),
    }


KIND = Kind(
    "settlement",
    "settle",
    Settlement,
    lambda fact: fact.settlement_id,
    decide,
    due,
    settlement_json,
    unique=(SettlementReported,),
)

"""Disputes: a payer's objections to payments, as the platform tells of them. They move no money here; refunds do."""

from dataclasses import replace
from typing import Any, ClassVar

from countersign.money import Money
from countersign.orders.changes import Change, DisputeReported
from countersign.orders.decision import Decision, View
from countersign.orders.kind import Kind
from countersign.orders.reasons import because
from countersign.orders.state import Order
from countersign.orders.times import timestamp
from countersign.values import dataclass

# The words of before a decision, in their sequence; any other ends a dispute.
_OPEN = ("needs_response", "under_review")


@dataclass(frozen=True, slots=True)
class Dispute:
    """One dispute; `status` is the platform's own word of it."""

    dispute_id: str
    status: str
    type: str = ""
    amount: Money | None = None
    reason: str = ""
    initiated_at: int | None = None
    evidence_due_by: int | None = None
    finalized_at: int | None = None
    kind: ClassVar[str] = "dispute"

    @property
    def number(self) -> str:
        """The number by which it is found among the order's disputes."""
        return self.dispute_id

    @property
    def is_open(self) -> bool:
        """Tell whether it is not decided yet."""
        return self.status in _OPEN

    @property
    def rank(self) -> tuple[int, int, str]:
        """By what two tellings of one dispute are compared: the later state counts, in whatever sequence they came."""
        step = _OPEN.index(self.status) if self.is_open else len(_OPEN)
        return (step, self.finalized_at or 0, self.status)


def decide(order: Order, known: Dispute | None, fact: DisputeReported, _change: Change, _view: View) -> Decision:
    """Return what a telling of a dispute does to it; it only moves forward."""
    told = Dispute(
        fact.dispute_id,
        fact.status,
        fact.type,
        fact.amount,
        fact.reason,
        fact.initiated_at,
        fact.evidence_due_by,
        fact.finalized_at,
    )
    reason = because("dispute_is", status=fact.status)
    if known is not None and told.rank <= known.rank:
        return Decision("unchanged", reason, order)
    opened = ("dispute.opened",) * (known is None)
    closed = ("dispute.closed",) * (not told.is_open)
    earliest = [at for at in (told.initiated_at, known.initiated_at if known is not None else None) if at is not None]
    child = replace(told, initiated_at=min(earliest) if earliest else None)
    return Decision("applied", reason, order, (child,), (*opened, *closed))


def dispute_json(dispute: Dispute) -> dict[str, Any]:
    """Return the dispute JSON."""
    return {
        "dispute_id": dispute.dispute_id,
        "status": dispute.status,
        "open": dispute.is_open,
        "type": dispute.type or None,
        "amount": dispute.amount.to_json() if dispute.amount is not None else None,
        "reason": dispute.reason or None,
        "initiated_at": timestamp(dispute.initiated_at),
        "evidence_due_by": timestamp(dispute.evidence_due_by),
        "finalized_at": timestamp(dispute.finalized_at),
    }


KIND = Kind(
    "dispute",
    "dispute",
    Dispute,
    lambda fact: fact.dispute_id,
    decide,
    lambda _dispute, _since, _now: None,
    lambda dispute, _currency, _language: dispute_json(dispute),
    sequence=lambda dispute: (dispute.initiated_at or 0, dispute.dispute_id),
)

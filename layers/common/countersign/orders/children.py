"""The children that an order can have: their kinds by the facts about them, and what a change touches of them."""

from collections.abc import Mapping
from typing import Any, get_args

from countersign.orders import disputes, instructions, refunds, retries, sessions, settlements, shipments
from countersign.orders.changes import (
    Change,
    DisputeReported,
    Hint,
    InstructionFact,
    Paid,
    Prepared,
    RefundFact,
    RefundReported,
    Resolved,
    RetryFact,
    SessionFact,
    SettlementFact,
    ShipmentFact,
    ShipmentRequested,
    is_unmatched,
)
from countersign.orders.decision import Number
from countersign.orders.kind import Kind

# A new child is its facts in changes.py, its room beside this file, and one line here.
KINDS: Mapping[type[Any], Kind] = {
    **dict.fromkeys(get_args(RefundFact), refunds.KIND),
    **dict.fromkeys(get_args(SettlementFact), settlements.KIND),
    **dict.fromkeys(get_args(ShipmentFact), shipments.KIND),
    **dict.fromkeys(get_args(RetryFact), retries.KIND),
    **dict.fromkeys(get_args(InstructionFact), instructions.KIND),
    **dict.fromkeys(get_args(SessionFact), sessions.KIND),
    DisputeReported: disputes.KIND,
}
BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS.values()}


def touched(change: Change) -> list[Number]:
    """Return which children of the change's order a decision about it needs, or may write: (kind, number) of each."""
    fact = change.fact
    if isinstance(fact, Paid):
        return [("settlement", settlements.planned_number(change.key))]
    kind = KINDS.get(type(fact))
    if kind is not None:
        parts = fact.parts if isinstance(fact, RefundReported) else ()
        return [(kind.name, kind.number(fact)), *((kind.name, number) for number in parts)]
    if isinstance(fact, Resolved):
        return [("refund", refunds.review_refund_number(fact))]
    return []


def unique(change: Change) -> list[Number]:
    """Return the platform's numbers that lead to the change's order from now on, and can lead to no other.

    What an unsigned hint says, or what names no order, binds no number.
    """
    fact = change.fact
    if isinstance(change.trust, Hint) or is_unmatched(change.key):
        return []
    match fact:
        case Paid():
            return [("transaction", number) for number in (fact.transaction_id, fact.channel_id) if number]
        case Prepared() if fact.transaction_id:
            return [("transaction", fact.transaction_id)]
        case ShipmentRequested():
            return [("tracking", parcel.tracking_no) for parcel in fact.parcels if parcel.tracking_no]
    kind = KINDS.get(type(fact))
    return [(kind.name, kind.number(fact))] if kind is not None and isinstance(fact, kind.unique) else []

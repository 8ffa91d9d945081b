"""Shipments: what may be sent, what a report does to a shipment, and when the platform is told of it."""

from dataclasses import replace
from typing import Any, ClassVar

from countersign.orders.changes import Change, Parcel, ShipmentFact, ShipmentReported, ShipmentRequested
from countersign.orders.decision import Decision, View
from countersign.orders.kind import Kind
from countersign.orders.reasons import Reason, because
from countersign.orders.schedule import DAILY, HOURLY
from countersign.orders.sentences import ENGLISH, sentence
from countersign.orders.state import PAID_STATES, Order
from countersign.orders.times import timestamp
from countersign.values import dataclass

# Seconds after each call about a shipment that was not taken: a payment may be unknown there for up to a minute.
SHIPMENT_RETRY_DELAYS = (15, 30, 60, 300, 1800, 7200, 6 * HOURLY)
SHIPMENT_PATIENCE = DAILY  # then a refusal that might have passed is a person's
LAST_SHIPMENT_QUERY = 30 * DAILY
# superseded: the platform has the whole order as sent, by other shipments or by a person's hand there.
SHIPMENT_RANK = {"recorded": 0, "needs_action": 1, "superseded": 2, "reported": 3}


@dataclass(frozen=True, slots=True)
class Shipment:
    """One shipment of an order: recorded by the merchant, then reported to the platform."""

    shipment_id: str
    status: str
    method: str
    parcels: tuple[Parcel, ...]
    complete: bool
    requested_by: str = ""
    requested_at: int = 0
    problem: Reason | None = None
    reported_at: int | None = None
    kind: ClassVar[str] = "shipment"

    @property
    def number(self) -> str:
        """The number by which it is found among the order's shipments."""
        return self.shipment_id


def asked(order: Order, known: Shipment | None, fact: ShipmentRequested, by: str, view: View) -> Shipment | Reason:
    """Return the shipment as the merchant recorded it, or why there can be none."""
    if known is not None:
        return because("shipment_exists")
    if "ship" in order.terms.not_offered:
        return because("shipments_not_offered")
    if order.status not in PAID_STATES:
        return because("not_paid", status=order.status)
    if order.status == "refunded":
        return because("order_refunded")
    numbers = () if fact.shared else tuple(parcel.tracking_no for parcel in fact.parcels)
    for number in numbers:
        if (other := view.owner("tracking", number)) is not None:
            return because("tracking_in_use", order_id=other.order_id)
    return Shipment(fact.shipment_id, "recorded", fact.method, fact.parcels, fact.complete, by, fact.at)


def masked(contact: str) -> str:
    """Return a phone number of which only its ends can be read: that is all that anybody is told."""
    return contact if "*" in contact or len(contact) < 8 else f"{contact[:-8]}****{contact[-4:]}"


def reported(known: Shipment | None, fact: ShipmentReported) -> Shipment | None:
    """Return the shipment after the platform's word, or None where that is no news; a state only moves forward."""
    if known is None or SHIPMENT_RANK[fact.status] <= SHIPMENT_RANK[known.status]:
        return None
    at = fact.at if fact.status == "reported" else None
    return replace(known, status=fact.status, problem=fact.problem, reported_at=at)


def decide(order: Order, known: Shipment | None, fact: ShipmentFact, change: Change, view: View) -> Decision:
    """Return what a fact about one shipment does to it, and to how much of the order is sent."""
    if isinstance(fact, ShipmentRequested):
        result = asked(order, known, fact, change.trust.key_id, view)
        if isinstance(result, Reason):
            return Decision("refused", result, order)
        reason = because("shipped") if result.complete else because("shipped_in_part")
        after = replace(order, shipped="sent" if result.complete or order.shipped == "sent" else "part")
        return Decision("applied", reason, after, (result,), ("shipment.created",))
    moved = reported(known, fact)
    reason, further = because("shipment_is", status=fact.status), (fact.problem,) if fact.problem is not None else ()
    if moved is None:
        return Decision("unchanged", reason, order, further=further)
    return Decision("applied", reason, order, (moved,), (f"shipment.{moved.status}",), further=further)


def due(shipment: Shipment, _since: int, now: int) -> int | None:
    """Return when to do something about a shipment, or None where nothing is open."""
    return next_shipment_step(shipment, now)


def next_shipment_step(shipment: Shipment, now: int) -> int | None:
    """Return when to do something about a shipment, or None where nothing is open.

    About one that waits for a person the platform is asked daily: staff may have shipped in the platform's console.
    """
    if shipment.status == "needs_action" and now + DAILY <= shipment.requested_at + LAST_SHIPMENT_QUERY:
        return now + DAILY
    return now if shipment.status == "recorded" else None


def retry_shipment_at(looks: int, now: int) -> int:
    """Return when to tell the platform again of a shipment, after `looks` looks in failed_calls."""
    return now + SHIPMENT_RETRY_DELAYS[min(looks, len(SHIPMENT_RETRY_DELAYS) - 1)]


def shipment_json(shipment: Shipment, language: str = ENGLISH) -> dict[str, Any]:
    """Return the shipment JSON."""
    return {
        "shipment_id": shipment.shipment_id,
        "status": shipment.status,
        "method": shipment.method,
        "parcels": [
            {
                "carrier": parcel.carrier or None,
                "tracking_no": parcel.tracking_no or None,
                "description": parcel.description or None,
                "goods": [{"line_id": line, "quantity": quantity} for line, quantity in parcel.goods],
            }
            for parcel in shipment.parcels
        ],
        "complete": shipment.complete,
        "requested_by": shipment.requested_by or None,
        "requested_at": timestamp(shipment.requested_at or None),
        "problem": sentence(shipment.problem, language),
        "problem_reason": shipment.problem.to_json() if shipment.problem is not None else None,
        "reported_at": timestamp(shipment.reported_at),
    }


KIND = Kind(
    "shipment",
    "ship",
    Shipment,
    lambda fact: fact.shipment_id,
    decide,
    due,
    lambda shipment, _, language: shipment_json(shipment, language),
    sequence=lambda shipment: (shipment.requested_at, shipment.shipment_id),
)

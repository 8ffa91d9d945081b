"""Shipment rules: what may be sent, and what a report does to a shipment."""

from dataclasses import replace

from countersign.orders.changes import ShipmentReported, ShipmentRequested
from countersign.orders.state import SHIPMENT_RANK, Order, Shipment


def asked(order: Order, known: Shipment | None, fact: ShipmentRequested, by: str) -> Shipment | str:
    """Return the shipment as the merchant recorded it, or why there can be none."""
    if known is not None:
        return "a shipment of this number exists already"
    if order.payment is None:
        return f"the order is {order.status}, not paid"
    if order.status == "refunded":
        return "the order is refunded"
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

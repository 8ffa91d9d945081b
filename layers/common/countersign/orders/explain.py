"""Why an order is in its state, for the people who look when money is missing."""

from collections.abc import Iterable, Mapping
from typing import Any

from countersign.orders.present import QUESTIONS
from countersign.orders.state import Order
from countersign.orders.times import timestamp

_TRUST = {
    "verified": "signed by the platform",
    "queried": "the platform's answer to our query",
    "bill": "a line of the platform's bill",
    "operator": "the merchant's own side",
    "hint": "unsigned, believed only as a reason to ask",
}


def explanation(order: Order, events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the present state in one sentence, what is open, and each step with who said it and what it did."""
    return {
        "order_id": order.key.order_id,
        "status": order.status,
        "summary": _summary(order),
        "open": [
            {"review_id": question.review_id, "meaning": QUESTIONS.get(question.reason, question.reason)}
            for question in order.review_items
        ],
        "resolved": [
            {
                "review_id": resolution.review_id,
                "decision": resolution.decision,
                "by": resolution.by,
                "note": resolution.note,
                "at": timestamp(resolution.at),
            }
            for resolution in order.resolutions
        ],
        "steps": [_step(event) for event in events],
    }


def _summary(order: Order) -> str:
    payment = order.payment
    if payment is None:
        summary = {
            "review": f"Not paid: a payment was reported that does not fit the order of {order.terms.amount}.",
            "closed": "Closed: it can no longer be paid, and no payment is known.",
            "failed": "The platform says that paying failed; it is asked again until the order expires.",
            "pending": "The platform waits for the payer.",
            "created": "Recorded here; the platform has not confirmed it yet.",
        }[order.status]
        return f"{summary}{_wish_to_close(order)}"
    late = " It was paid after it had been closed." if order.paid_late else ""
    review = " Open questions need a person." if order.review_items else ""
    refunded = f" {order.refunded} of {payment.total.minor} minor units were refunded." if order.refunded else ""
    paid = f"Paid {payment.total} at {timestamp(payment.paid_at)} by transaction {payment.transaction_id}."
    return f"{paid}{late}{_wish_to_close(order)}{refunded}{review}"


def _wish_to_close(order: Order) -> str:
    """Say what became of the merchant's wish to close the order, where the platform has no call for it."""
    if order.close_asked_at is None or order.terms.closable or order.closed_at is not None:
        return ""
    wish = f" The merchant asked at {timestamp(order.close_asked_at)} to close it, which the platform has no call for"
    if order.payment is not None:
        return f"{wish}."
    end = timestamp(order.terms.expires_at)
    return f"{wish}: it ends when its time is over (set to {end}), and is watched until then."


def _step(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at": event["received_at"],
        "said": f"{event['kind']} ({event['via']})",
        "trust": _TRUST.get(event["trust"], event["trust"]),
        "key_id": event["key_id"],
        "decision": event["decision"],
        "why": event["reason"],
        "event_id": event["event_id"],
    }

"""Charges: what a platform takes from customers by itself, who must act on one that failed, and how it is shown."""

from typing import Any

from countersign.orders.changes import Charge
from countersign.orders.state import Order
from countersign.orders.times import timestamp

CUSTOMER = "customer_must_act"  # another card, or a confirmation
LATER = "will_be_retried"  # nobody: the platform tries again
MERCHANT = "merchant_must_act"  # the product, shipping, taxes, the shop's settings
UNKNOWN = "unknown"  # a word that nobody here knows: somebody must read the platform's sentence
GROUPS = (CUSTOMER, LATER, MERCHANT, UNKNOWN)


def charge_of(order: Order) -> Charge | None:
    """Return what is known of an order that is a charge; None of any other order."""
    return order.newest.charge if order.newest is not None else None


def charge_json(order: Order) -> dict[str, Any] | None:
    """Return the charge JSON of an order; null for one that is none."""
    charge = charge_of(order)
    if charge is None:
        return None
    return {
        "error": charge.error or None,
        "error_type": charge.error_type or None,
        "group": charge.group or None,
        "attempts": charge.attempts,
        "last_attempt": timestamp(charge.last_attempt_at),
        "next_retry": timestamp(charge.next_retry),
        "final": charge.final,
        "note": charge.note or None,
        "customer_id": charge.customer_id or None,
        "shop_customer_id": charge.shop_customer_id or None,
        "external_order_id": charge.external_order_id or None,
        "scheduled_at": charge.scheduled_at or None,
        "items": [
            {
                "title": item.title,
                "variant_title": item.variant_title or None,
                "sku": item.sku or None,
                "quantity": item.quantity,
                "subscription_id": item.subscription_id or None,
            }
            for item in charge.items
        ],
    }


def attempts_json(order: Order) -> list[dict[str, Any]] | None:
    """Return the tries of a charge that failed, in their sequence, the last with what the platform says of it now.

    A platform tells of the last try alone: of an earlier one that nobody told us of at its time, the number is all
    that is known.
    """
    charge = charge_of(order)
    known: dict[int, tuple[str, int | None]] = {one.number: (one.error_type, one.at) for one in order.charge_attempts}
    if charge is not None:
        failed = charge.attempts - 1 if order.paid else charge.attempts
        known = {number: known.get(number, ("", None)) for number in range(1, failed + 1)} | known
        if failed and charge.error_type and not order.paid:
            known[failed] = (charge.error_type, charge.last_attempt_at or known[failed][1])
    return [
        {"number": number, "error_type": word or None, "at": timestamp(at)}
        for number, (word, at) in sorted(known.items())
    ] or None

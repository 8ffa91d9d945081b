"""An order in the words of the HTTP contract."""

from collections.abc import Iterable, Mapping
from typing import Any

from countersign.orders.refunds import Refund, refund_json
from countersign.orders.settlements import Settlement, settlement_json
from countersign.orders.shipments import Shipment, shipment_json
from countersign.orders.state import Order, ReportedPayment, ReviewItem
from countersign.orders.times import timestamp

# What each open question means and what a person can do about it.
QUESTIONS = {
    "amount_mismatch": "The platform reports a payment of another amount than the order asks for.",
    "currency_mismatch": "The platform reports a payment in another currency than the order's.",
    "system_mismatch": "The payment came by another API version than the order was created with.",
    "sub_merchant_unexpected": "The payment names a sub-merchant, and the account has none.",
    "payer_paid_more_than_total": "The payer paid more than the platform's own total.",
    "transaction_of_another_order": "The same platform transaction is claimed for two orders.",
    "second_payment": "A second payment arrived for an order that is paid already.",
    "double_payment": "This order and the one it replaces, or that replaces it, are both paid.",
    "refund_amount_mismatch": "The platform reports a refund of another amount than was asked for.",
    "refund_total_mismatch": "The platform reports a refund of an order of another total.",
    "refund_of_another_order": "The refund number belongs to another order.",
    "settlement_of_another_order": "The settlement number belongs to another order.",
    "settled_more_than_paid": "The platform reports a settlement of more than the order.",
    "refunded_twice": "A person settled the refund another way, and the platform refunded it too.",
    "refunded_more_than_paid": "More was refunded than was paid.",
    "cancelled_after_payment": "The store cancelled the order after it was paid: its own console shows the refunds.",
}


def order_json(
    order: Order,
    refunds: Iterable[Refund] = (),
    events: Iterable[Mapping[str, Any]] = (),
    settlements: Iterable[Settlement] = (),
    shipments: Iterable[Shipment] = (),
    notices: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the order JSON; `events` and `notices` are ready rows of the contract's shape."""
    payment = order.payment
    currency = order.terms.amount.currency
    return {
        "platform": order.key.platform,
        "account": order.key.account,
        "order_id": order.key.order_id,
        "status": order.status,
        "amount": order.terms.amount.to_json(),
        "paid": payment.total.to_json() if payment else None,
        "refunded": {"minor": order.refunded, "currency": currency},
        "settled": {"minor": order.settled, "currency": currency},
        "payer_paid": _payer_paid(payment),
        "discount": _discount(payment),
        "paid_at": timestamp(payment.paid_at if payment else None),
        "paid_late": order.paid_late,
        "closed_at": timestamp(order.closed_at),
        "transaction_id": payment.transaction_id if payment else None,
        "review": [_question(question) for question in order.review_items],
        "refunds": [refund_json(refund) for refund in refunds],
        "shipments": [shipment_json(shipment) for shipment in shipments],
        "settlements": [settlement_json(settlement, currency) for settlement in settlements],
        "events": list(events),
        "notices": list(notices),
        "version": order.version,
        "updated_at": timestamp(order.updated_at),
        "created_at": timestamp(order.terms.created_at),
        "expires_at": timestamp(order.terms.expires_at),
        "system": order.terms.system,
        "method": order.terms.method,
        "description": order.terms.description,
        "metadata": dict(order.terms.metadata),
        "items": [
            {"title": line.title, "quantity": line.quantity, "price": {"minor": line.minor, "currency": currency}}
            for line in order.terms.lines
        ],
        "replaces": order.terms.replaces or None,
        "replaced_by": order.replacements[-1] if order.replaced_by else None,
    }


def _payer_paid(payment: ReportedPayment | None) -> dict[str, Any] | None:
    if payment is None or payment.payer_paid is None:
        return None
    return {"minor": payment.payer_paid, "currency": payment.total.currency}


def _discount(payment: ReportedPayment | None) -> dict[str, Any] | None:
    if payment is None or payment.payer_paid is None:
        return None
    return {"minor": payment.total.minor - payment.payer_paid, "currency": payment.total.currency}


def _question(question: ReviewItem) -> dict[str, Any]:
    return {
        "review_id": question.review_id,
        "reason": question.reason,
        "meaning": QUESTIONS.get(question.reason, question.reason),
        "evidence": list(question.evidence) or [question.subject],
    }

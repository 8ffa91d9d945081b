"""An order in the words of the HTTP contract."""

from collections.abc import Iterable, Mapping
from typing import Any

from countersign.orders.charges import attempts_json, charge_json
from countersign.orders.children import BY_NAME
from countersign.orders.decision import Child
from countersign.orders.explain import answer_json
from countersign.orders.sentences import ENGLISH, meaning
from countersign.orders.state import Order, ReportedPayment, ReviewItem
from countersign.orders.times import timestamp


def order_json(
    order: Order,
    children: Iterable[Child] = (),
    events: Iterable[Mapping[str, Any]] = (),
    notices: Iterable[Mapping[str, Any]] = (),
    language: str = ENGLISH,
) -> dict[str, Any]:
    """Return the order JSON; each kind of child is a list `{kind}s` of it.

    `events` and `notices` are ready rows of the contract's shape.
    """
    payment = order.payment
    currency = order.terms.amount.currency
    return {
        "platform": order.key.platform,
        "account": order.key.account,
        "order_id": order.key.order_id,
        "status": order.status,
        "amount": order.terms.amount.to_json(),
        "paid": _paid(order, payment),
        "refunded": _money(order.refunded, currency),
        "settled": _money(order.settled, currency),
        "balance_due": _money(order.balance_due, currency),
        "overpaid": _money(order.overpaid, currency),
        "authorized": _money(order.authorized, currency),
        "payer_paid": _payer_paid(payment),
        "discount": _discount(payment),
        "shop": _shop(order),
        "payments": [_payment(one) for one in order.payments],
        "paid_at": timestamp(order.paid_at),
        "paid_late": order.paid_late,
        "closed_at": timestamp(order.ended_at),
        "closed_reason": order.closed_reason or None,
        "transaction_id": payment.transaction_id if payment else None,
        "review": [_question(question, language) for question in order.review_items],
        "answers": [{"review_id": answer.review_id, **answer_json(answer)} for answer in order.resolutions],
        **_children(children, currency, language),
        "attempts": attempts_json(order),
        "charge": charge_json(order),
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
            {"title": line.title, "quantity": line.quantity, "price": _money(line.minor, currency)}
            for line in order.terms.lines
        ],
        "replaces": order.terms.replaces or None,
        "replaced_by": order.replacements[-1] if order.replaced_by else None,
        "test": order.test,
        "money_of": _order(order.money_of),
        "part_of": _order(order.money_of),
    }


def _children(children: Iterable[Child], currency: str, language: str) -> dict[str, Any]:
    found: dict[str, list[Child]] = {name: [] for name in BY_NAME}
    for child in children:
        found[child.kind].append(child)
    return {
        f"{name}s": [
            BY_NAME[name].json(child, currency, language) for child in sorted(some, key=BY_NAME[name].sequence)
        ]
        for name, some in found.items()
    }


def _money(minor: int, currency: str) -> dict[str, Any]:
    return {"minor": minor, "currency": currency}


def _paid(order: Order, payment: ReportedPayment | None) -> dict[str, Any] | None:
    if order.terms.pays == "parts":
        return _money(order.paid, order.terms.amount.currency) if order.paid else None
    return payment.total.to_json() if payment else None


def _payment(payment: ReportedPayment) -> dict[str, Any]:
    return {
        "transaction_id": payment.transaction_id,
        "amount": payment.total.to_json(),
        "shop_amount": payment.shop_amount.to_json() if payment.shop_amount else None,
        "paid_at": timestamp(payment.paid_at),
    }


def _shop(order: Order) -> dict[str, Any] | None:
    """Return the order in the currency of the merchant's books: sums of what was said in it, and nothing converted."""
    amount = order.newest.shop_amount if order.newest is not None else None
    if amount is None or amount.currency == order.terms.amount.currency:
        return None
    paid = [one.shop_amount.minor for one in order.payments if one.shop_amount is not None]
    return {"currency": amount.currency, "amount": amount.minor, "paid": sum(paid), "refunded": order.shop_refunded}


def _order(key: tuple[str, str, str] | None) -> dict[str, str] | None:
    return dict(zip(("platform", "account", "order_id"), key, strict=True)) if key is not None else None


def _payer_paid(payment: ReportedPayment | None) -> dict[str, Any] | None:
    if payment is None or payment.payer_paid is None:
        return None
    return _money(payment.payer_paid, payment.total.currency)


def _discount(payment: ReportedPayment | None) -> dict[str, Any] | None:
    if payment is None or payment.payer_paid is None:
        return None
    return _money(payment.total.minor - payment.payer_paid, payment.total.currency)


def _question(question: ReviewItem, language: str) -> dict[str, Any]:
    return {
        "review_id": question.review_id,
        "reason": question.reason,
        "meaning": meaning(question.reason, language),
        "evidence": list(question.evidence) or [question.subject],
        "answers": [answer_json(answer) for answer in question.answers],
    }

"""Why an order is in its state, for the people who look when money is missing."""

from collections.abc import Iterable, Mapping
from typing import Any

from countersign.money import Money
from countersign.orders.reasons import Reason, because
from countersign.orders.sentences import ENGLISH, meaning, said, sentence
from countersign.orders.state import Order, Resolution
from countersign.orders.times import timestamp


def explanation(order: Order, events: Iterable[Mapping[str, Any]], language: str = ENGLISH) -> dict[str, Any]:
    """Return the present state in a few sentences, what is open, and each step with who said it and what it did.

    Each text stands beside its codes with their arguments.
    """
    state = _state(order)
    return {
        "order_id": order.key.order_id,
        "status": order.status,
        "summary": " ".join(filter(None, (sentence(reason, language) for reason in state))),
        "summary_reasons": [reason.to_json() for reason in state],
        "open": [
            {
                "review_id": question.review_id,
                "meaning": meaning(question.reason, language),
                "answers": [answer_json(answer) for answer in question.answers],
            }
            for question in order.review_items
        ],
        "resolved": [{"review_id": one.review_id, **answer_json(one)} for one in order.resolutions],
        "steps": [_step(event, language) for event in events],
    }


def answer_json(answer: Resolution) -> dict[str, Any]:
    """Return what a person answered to a question."""
    return {"decision": answer.decision, "by": answer.by, "note": answer.note, "at": timestamp(answer.at)}


def _state(order: Order) -> list[Reason]:
    """Return the present state, most important first."""
    state = [_of_parts(order)] if order.terms.pays == "parts" else [_of_whole(order)]
    total = order.terms.amount
    if order.paid and order.balance_due:
        state.append(because("state.balance", amount=Money(order.balance_due, total.currency)))
    if order.paid_late:
        state.append(because("state.paid_late"))
    state += _wish_to_close(order)
    if order.paid and order.refunded:
        refunded, paid = Money(order.refunded, total.currency), Money(order.paid, total.currency)
        state.append(because("state.refunded", amount=refunded, total=paid))
    if order.paid and order.review_items:
        state.append(because("state.questions"))
    return state


def _of_whole(order: Order) -> Reason:
    payment, amount = order.payment, order.terms.amount
    if payment is not None:
        at = timestamp(payment.paid_at) or ""
        return because("state.paid", amount=payment.total, at=at, transaction_id=payment.transaction_id)
    if order.status == "review":
        return because("state.review", amount=amount)
    if order.refunded_in_review:
        return because("state.refunded_in_review", amount=amount)
    if order.claims and order.closed_at is None:
        # The payer has paid something: the platform waits for nobody any more.
        if any(answer.decision == "refund" for answer in order.resolutions):
            return because("state.returning", amount=amount)
        return because("state.settled_by_people", amount=amount)
    match order.status:
        case "closed":
            return because("state.closed")
        case "failed":
            return because("state.failed")
        case "pending":
            return because("state.pending")
    return because("state.created")


def _of_parts(order: Order) -> Reason:
    amount = order.terms.amount
    if order.paid or order.status == "paid":
        return because("state.paid_in_parts", amount=Money(order.paid, amount.currency), total=amount)
    match order.status:
        case "review":
            return because("state.review", amount=amount)
        case "closed":
            return because("state.closed")
        case "failed":
            return because("state.failed_there")
        case "authorized":
            return because("state.authorized", amount=Money(order.authorized, amount.currency), total=amount)
    return because("state.pending")


def _wish_to_close(order: Order) -> list[Reason]:
    """Say what became of the merchant's wish to close the order, where the platform has no call for it."""
    if order.close_asked_at is None or order.terms.closable or order.ended_at is not None:
        return []
    at, end = timestamp(order.close_asked_at) or "", timestamp(order.terms.expires_at) or ""
    if order.paid:
        return [because("state.closing_when_paid", at=at)]
    return [because("state.closing", at=at, end=end)]


def _step(event: Mapping[str, Any], language: str) -> dict[str, Any]:
    reasons = [Reason(one["code"], tuple(one["args"].items())) for one in event["reasons"]]
    return {
        "at": event["received_at"],
        "said": f"{event['kind']} ({event['via']})",
        "trust": sentence(Reason(f"trust.{event['trust']}"), language),
        "key_id": event["key_id"],
        "decision": event["decision"],
        "why": said(reasons, language),
        "reasons": event["reasons"],
        "event_id": event["event_id"],
    }

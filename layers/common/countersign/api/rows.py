"""Rows of lists: what is true of an order at a glance, and what may be done about it by whom."""

from typing import Any

from countersign.orders import instructions
from countersign.orders.instructions import Instruction
from countersign.orders.present import order_json
from countersign.orders.reasons import Reason, because
from countersign.orders.refunds import Refund
from countersign.orders.sentences import ENGLISH, sentence
from countersign.orders.state import Order
from countersign.orders.work import work_list
from countersign.runtime.caller import Caller

Json = dict[str, Any]
# What only one order's own page has: an empty list of them in a row would say that there are none.
_NOT_IN_ROWS = ("refunds", "settlements", "shipments", "instructions", "events", "notices", "attempts")


def order_row(order: Order, caller: Caller, language: str = ENGLISH) -> Json:
    """Return an order's row: its work list, how far it is sent, and how many refunds of it wait, move, or are over."""
    shown = order_json(order, language=language)
    return {
        **{name: value for name, value in shown.items() if name not in _NOT_IN_ROWS},
        "work": work_list(order, order.status, in_review=bool(order.review_items)),
        "shipping": order.sent or "none",
        "refunds": refund_counts(order),
        "actions": order_actions(order, caller, language),
    }


def refund_counts(order: Order) -> dict[str, int]:
    """Return how many of an order's refunds wait for somebody, are on their way, and are over."""
    counts = {"requested": 0, "on_the_way": 0, "needs_action": 0, "done": 0}
    for status, count in order.refund_tally:
        match status:
            case "requested" | "needs_action":
                counts[status] += count
            case "approved" | "processing":
                counts["on_the_way"] += count
            case _:
                counts["done"] += count
    return counts


def order_actions(
    order: Order, caller: Caller, language: str = ENGLISH, *, instruction: Instruction | None = None
) -> Json:
    """Return what the caller may do with an order: what is refused says by which code.

    `instruction` is the one that is open, where it is known what it is: one that waits for a second person is agreed
    to by the same wish.
    """
    refused = _scope(caller, "payments:write")
    return {
        "ask_for_refund": _action(_scope(caller, "refunds:request") or _refundable(order), language),
        "ship": _action(_scope(caller, "orders:ship") or _shippable(order), language),
        "close": _action(refused or _closable(order), language),
        "capture": _action(refused or instructions.against(order, "capture"), language),
        "void": _action(refused or instructions.against(order, "void"), language),
        "cancel": _action(refused or instructions.against(order, "cancel"), language),
        "mark_paid": _action(_markable(order, caller, instruction), language),
    }


def refund_actions(refund: Refund, caller: Caller, language: str = ENGLISH) -> Json:
    """Return what the caller may do about a refund: the same rules as the desk's, so that no client needs its own."""
    judged = _judge(refund, caller) or _in_status(refund, "requested", "refund_is_already")
    settled = _judge(refund, caller) or _in_status(refund, "needs_action", "refund_needs_nobody")
    again = settled or (None if refund.refused else because("refund_is_with_the_platform"))
    return {
        "approve": _action(judged, language),
        "reject": _action(judged, language),
        "retry": _action(again, language),
        "resolve": _action(settled, language),
    }


def _action(against: Reason | None, language: str) -> Json:
    code = against.code if against else None
    return {"allowed": against is None, "code": code, "why": sentence(against, language)}


def _scope(caller: Caller, scope: str) -> Reason | None:
    return None if scope in caller.scopes else because("scope_missing", scope=scope)


def _judge(refund: Refund, caller: Caller) -> Reason | None:
    if missing := _scope(caller, "refunds:approve"):
        return missing
    if not caller.is_person:
        return because("person_needed")
    return because("another_person_needed") if refund.requested_by == caller.subject else None


def _markable(order: Order, caller: Caller, instruction: Instruction | None) -> Reason | None:
    if missing := _scope(caller, "refunds:approve"):
        return missing
    if not caller.is_person:
        return because("person_needed")
    if instruction is not None and (instruction.action, instruction.status) == ("mark_paid", "unconfirmed"):
        return because("another_person_needed") if instruction.requested_by == caller.subject else None
    return instructions.against(order, "mark_paid")


def _in_status(refund: Refund, status: str, code: str) -> Reason | None:
    if refund.status == status:
        return None
    if code == "refund_is_already":
        return because("refund_is_already", status=refund.status)
    return because("refund_needs_nobody", status=refund.status)


def _refundable(order: Order) -> Reason | None:
    if "refund" in order.terms.not_offered:
        return because("refunds_not_offered")
    if not order.paid:
        return because("not_paid", status=order.status)
    return None if order.refundable else because("order_refunded")


def _shippable(order: Order) -> Reason | None:
    if "ship" in order.terms.not_offered:
        return because("shipments_not_offered")
    if order.status not in ("paid", "partially_refunded"):
        return because("not_paid", status=order.status)
    return because("order_is_sent") if order.sent == "sent" else None


def _closable(order: Order) -> Reason | None:
    if order.payment is not None or order.status == "closed":
        return because("order_is", status=order.status)
    return None

"""What happens to an order next, and whom it needs: the first thing that is asked about one that hangs."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from countersign.money import Money
from countersign.orders.decision import Child
from countersign.orders.reasons import Reason, because
from countersign.orders.sentences import ENGLISH, sentence
from countersign.orders.state import Order
from countersign.orders.times import timestamp
from countersign.orders.work import TO_SHIP, work_list

MINUTE, HOUR, DAY = 60, 3600, 86400
Due = Mapping[tuple[str, str], int]  # (kind of child, its number) -> when a worker looks at it


class Step(NamedTuple):
    """One thing that is next, and when; None where it waits for a person."""

    reason: Reason
    at: int | None = None


def upcoming(order: Order, children: Iterable[Child], *, due_at: int | None, due: Due, now: int) -> list[Step]:
    """Return what is next: first what needs a person, then what happens by itself, soonest first.

    `due_at` is when a worker looks at the order itself (epoch seconds), `due` when at its children.
    """
    people = [_question(question.reason, bool(question.answers)) for question in order.review_items]
    work: list[Step] = []
    for child in children:
        step = _of_child(order, child, due.get((child.kind, child.number)))
        if step is not None:
            (people if step.at is None else work).append(step)
    if work_list(order, order.status, in_review=bool(order.review_items)) == TO_SHIP:
        people.append(Step(because("next.to_ship")))
    if due_at is not None:
        work.append(Step(_asked(order.key.platform, due_at - now), due_at))
    return people + sorted(work, key=lambda step: step.at or 0) or [Step(because("next.nothing"))]


def upcoming_json(steps: Iterable[Step], language: str = ENGLISH) -> list[dict[str, Any]]:
    """Return the steps in the words of the contract."""
    return [
        {**step.reason.to_json(), "text": sentence(step.reason, language), "at": timestamp(step.at)} for step in steps
    ]


def _question(question: str, answered: bool) -> Step:
    return Step(because("next.second_person" if answered else "next.answer_question", question=question))


def _asked(platform: str, seconds: int) -> Reason:
    # Rounded up, and never to one: so no language needs a singular, and nobody comes back too early.
    if seconds <= MINUTE:
        return because("next.asked_soon", platform=platform)
    if seconds <= 2 * HOUR:
        return because("next.asked_in_minutes", platform=platform, minutes=-(-seconds // MINUTE))
    if seconds <= 2 * DAY:
        return because("next.asked_in_hours", platform=platform, hours=-(-seconds // HOUR))
    return because("next.asked_in_days", platform=platform, days=-(-seconds // DAY))


def _of_child(order: Order, child: Any, at: int | None) -> Step | None:
    if child.kind == "session":
        return _of_a_session(order, child)
    needed = _of_a_person(child)
    if needed is not None or at is None:
        return needed
    platform = order.key.platform
    match child.kind:
        case "refund":
            return Step(because("next.refund_on_its_way", amount=child.amount, platform=platform), at)
        case "shipment":
            return Step(because("next.shipment_on_its_way", platform=platform), at)
        case "instruction":
            return Step(because("next.instruction_on_its_way", action=child.action, platform=platform), at)
        case "settlement":
            return Step(because("next.settlement_on_its_way", platform=platform), at)
    return None


def _of_a_session(order: Order, session: Any) -> Step | None:
    """Return until when money can be captured that is held by a session; what is open is looked at with the order."""
    held = session.status == "resolved" and session.hold_ends_at is not None
    if not held or order.status in ("closed", "failed") or not order.authorized:
        return None
    return Step(
        because("next.hold_ends", amount=Money(order.authorized, order.terms.amount.currency)), session.hold_ends_at
    )


def _of_a_person(child: Any) -> Step | None:
    match child.kind, child.status:
        case "refund", "requested":
            return Step(because("next.refund_to_approve", amount=child.amount))
        case "refund", "needs_action":
            return Step(because("next.refund_needs_a_person", amount=child.amount))
        case "shipment", "needs_action":
            return Step(because("next.shipment_needs_a_person"))
        case "instruction", "unconfirmed":
            return Step(because("next.instruction_to_confirm", action=child.action))
        case "instruction", "needs_action":
            return Step(because("next.instruction_needs_a_person", action=child.action))
    return None

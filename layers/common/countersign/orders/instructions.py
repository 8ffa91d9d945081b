"""Instructions about an order's money at its platform: what may be asked, who must agree, and what becomes of it.

One at a time: which one is open stands in the order. The platform has no number by which two calls would be one, so
that it may have been asked is recorded before it is; what became of it is only ever read from the platform.
"""

from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from countersign.errors import UnprocessableError
from countersign.money import Money
from countersign.orders.changes import (
    Change,
    InstructionConfirmed,
    InstructionFact,
    InstructionReported,
    InstructionRequested,
)
from countersign.orders.decision import Decision, View
from countersign.orders.kind import Kind
from countersign.orders.reasons import Reason, because
from countersign.orders.schedule import DAILY, HOURLY
from countersign.orders.sentences import ENGLISH, sentence
from countersign.orders.state import Order
from countersign.orders.times import timestamp
from countersign.values import dataclass

ACTIONS = ("capture", "void", "cancel", "mark_paid")
# Seconds after the platform may have been asked, at which the order is read: only that tells what became of it.
READ_DELAYS = (5, 30, 120, 600, 1800)
SETTLED = 600  # then a reading that shows nothing means that the call did nothing
PATIENCE = 6 * HOURLY  # then nobody can tell, and a person must look
MOST_CALLS = 3  # of one instruction
LAST_LOOK = 30 * DAILY
INSTRUCTION_RANK = {
    "requested": 0,
    "unconfirmed": 1,
    "confirmed": 2,
    "processing": 3,
    "needs_action": 4,
    "failed": 5,
    "succeeded": 6,
}
OPEN = ("requested", "unconfirmed", "confirmed", "processing")


class InstructionRefusedError(UnprocessableError):
    """The platform does not do what was instructed; `problem` says why."""

    def __init__(self, problem: Reason) -> None:
        super().__init__(problem.code)
        self.problem = problem


class Prospect(NamedTuple):
    """What the platform's order says about an instruction.

    `outcome` is succeeded or failed where nothing remains to be done (`problem` says why it failed), else empty. `seen`
    are the movements by which a later reading knows its own. `repeatable` where the platform would refuse a second
    call after a first one that worked. `needs_second` where a second person must agree.
    """

    outcome: str = ""
    problem: Reason | None = None
    seen: tuple[str, ...] = ()
    repeatable: bool = False
    needs_second: bool = False
    subject: str = ""  # the platform's number of the payment that it is about
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction; `action` is one of ACTIONS.

    `amount` is what to capture (None: all that is held), or what the person saw that is marked as paid. `seen` are the
    movements that the platform had made of the same payment before it was asked, `calls` how often it may have been.
    `unconfirmed` waits for a second person.
    """

    instruction_id: str
    action: str
    status: str
    amount: Money | None = None
    transaction_id: str = ""
    reason: str = ""
    restock: bool = False
    notify: bool = False
    note: str = ""
    requested_by: str = ""
    requested_at: int = 0
    confirmed_by: str = ""
    asked_at: int | None = None
    calls: int = 0
    seen: tuple[str, ...] = ()
    ended_at: int | None = None
    problem: Reason | None = None
    kind: ClassVar[str] = "instruction"

    @property
    def number(self) -> str:
        """The number by which it is found among the order's instructions."""
        return self.instruction_id


def asked(order: Order, known: Instruction | None, fact: InstructionRequested, by: str) -> Instruction | Reason:
    """Return the instruction as it is recorded, or why there can be none."""
    if known is not None:
        return because("instruction_exists")
    if objection := against(order, fact.action) or _against_amount(order, fact):
        return objection
    return Instruction(
        fact.instruction_id,
        fact.action,
        "requested",
        fact.amount,
        fact.transaction_id,
        fact.reason,
        fact.restock,
        fact.notify,
        fact.note,
        by,
        fact.at,
    )


def against(order: Order, action: str) -> Reason | None:
    """Return why an order's platform cannot be instructed to do this, of whatever amount; None where it can."""
    if action not in order.terms.offered:
        return because("instruction_not_offered", action=action)
    if order.instruction_id:
        return because("instruction_is_open", instruction_id=order.instruction_id)
    if action in ("capture", "void") and not order.authorized:
        return because("nothing_authorized")
    if action == "cancel" and order.newest is not None and order.newest.state == "cancelled":
        return because("order_is", status="cancelled")
    if action == "mark_paid" and not order.balance_due:
        return because("another_balance", amount=Money(0, order.terms.amount.currency))
    return None


def _against_amount(order: Order, fact: InstructionRequested) -> Reason | None:
    currency = order.terms.amount.currency
    if fact.amount is not None and fact.amount.currency != currency:
        return because("instruction_of_other_currency", currency=currency)
    if fact.action == "capture" and fact.amount is not None and not 0 < fact.amount.minor <= order.authorized:
        return because("more_than_authorized", left=Money(order.authorized, currency))
    if fact.action == "mark_paid" and (fact.amount is None or fact.amount.minor != order.balance_due):
        return because("another_balance", amount=Money(order.balance_due, currency))
    return None


def confirmed(known: Instruction | None, fact: InstructionConfirmed, by: str) -> Instruction | Reason:
    """Return the instruction that a second person agrees with, or why they cannot."""
    if known is None or known.status != "unconfirmed":
        return because("instruction_waits_for_nobody", status=known.status if known is not None else "unknown")
    if by == known.requested_by:
        return because("another_person_needed")
    if fact.amount != known.amount:
        return because("another_balance", amount=known.amount or "")
    return replace(known, status="confirmed", confirmed_by=by, problem=None)


def reported(known: Instruction | None, fact: InstructionReported) -> Instruction | None:
    """Return the instruction after what became of it, or None where that is no news; a state only moves forward."""
    if known is None:
        return None
    again = known.status == fact.status == "processing" and fact.calls > known.calls
    if not again and INSTRUCTION_RANK[fact.status] <= INSTRUCTION_RANK[known.status]:
        return None
    if fact.status == "processing":
        return replace(known, status=fact.status, asked_at=fact.at, calls=fact.calls, seen=fact.seen, problem=None)
    ended_at = fact.at if fact.status in ("succeeded", "failed") else None
    return replace(known, status=fact.status, problem=fact.problem, ended_at=ended_at)


def decide(order: Order, known: Instruction | None, fact: InstructionFact, change: Change, _view: View) -> Decision:
    """Return what a fact about one instruction does to it; the order itself only changes by the platform's reports."""
    by = change.trust.key_id
    match fact:
        case InstructionRequested():
            result = asked(order, known, fact, by)
            if isinstance(result, Reason):
                return Decision("refused", result, order)
            after = replace(order, instruction_id=result.instruction_id)
            reason = because("instruction_requested", action=fact.action)
            return Decision("applied", reason, after, (result,), ("instruction.requested",))
        case InstructionConfirmed():
            result = confirmed(known, fact, by)
            if isinstance(result, Reason):
                return Decision("refused", result, order)
            # A second event of the same name wakes the same worker.
            reason = because("instruction_confirmed", action=result.action)
            return Decision("applied", reason, order, (result,), ("instruction.confirmed",))
        case InstructionReported():
            return _reported(order, known, fact)


def _reported(order: Order, known: Instruction | None, fact: InstructionReported) -> Decision:
    moved = reported(known, fact)
    reason = because("instruction_is", status=fact.status)
    further = (fact.problem,) if fact.problem is not None else ()
    if moved is None:
        return Decision("unchanged", reason, order, further=further)
    over = moved.status not in OPEN and order.instruction_id == moved.instruction_id
    after = replace(order, instruction_id="") if over else order
    emits = () if moved.status == "processing" else (f"instruction.{moved.status}",)
    return Decision("applied", reason, after, (moved,), emits, further=further)


def due(instruction: Instruction, since: int, now: int) -> int | None:
    """Return when to do something about an instruction, or None where nothing is open.

    One that waits for a person is looked at daily: somebody may have done it at the platform.
    """
    if instruction.status == "needs_action":
        look = now + DAILY
        return look if look <= since + LAST_LOOK else None
    if instruction.status == "processing":
        return read_at(instruction, now)
    return now if instruction.status in ("requested", "confirmed") else None


def read_at(instruction: Instruction, now: int) -> int:
    """Return when to read the order again of which nobody knows yet what became."""
    since = instruction.asked_at or now
    return next((since + delay for delay in READ_DELAYS if since + delay > now), now + HOURLY)


def instruction_json(instruction: Instruction, language: str = ENGLISH) -> dict[str, Any]:
    """Return the instruction JSON."""
    return {
        "instruction_id": instruction.instruction_id,
        "action": instruction.action,
        "status": instruction.status,
        "amount": instruction.amount.to_json() if instruction.amount is not None else None,
        "transaction_id": instruction.transaction_id or None,
        "reason": instruction.reason or None,
        "restock": instruction.restock,
        "notify": instruction.notify,
        "note": instruction.note or None,
        "requested_by": instruction.requested_by or None,
        "requested_at": timestamp(instruction.requested_at or None),
        "confirmed_by": instruction.confirmed_by or None,
        "asked_at": timestamp(instruction.asked_at),
        "ended_at": timestamp(instruction.ended_at),
        "problem": sentence(instruction.problem, language),
        "problem_reason": instruction.problem.to_json() if instruction.problem is not None else None,
    }


KIND = Kind(
    "instruction",
    "instruct",
    Instruction,
    lambda fact: fact.instruction_id,
    decide,
    due,
    lambda instruction, _, language: instruction_json(instruction, language),
    sequence=lambda instruction: (instruction.requested_at, instruction.instruction_id),
)

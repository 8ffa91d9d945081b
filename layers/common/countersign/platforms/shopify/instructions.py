"""What an order in a shop says about an instruction: whether it can be done, was done, or may be asked for again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from countersign.money import Money
from countersign.orders.instructions import Instruction, InstructionRefusedError, Prospect
from countersign.orders.reasons import because
from countersign.platforms.shopify.messages import Order, Transaction

_HOLDS = frozenset({"authorization", "emv_authorization"})
_PAYS = frozenset({"sale", "capture"})
_MOVING = frozenset({"success", "pending", "awaiting_response", "unknown"})
_BEFORE = ("requested", "confirmed")


@dataclass(frozen=True, slots=True)
class Markable:
    """What the shop says of marking an order as paid: whether it can be, and whether its gateway is a manual one."""

    can: bool
    manual: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """An authorization: what is left of it to take, and the captures and voids that were made or tried of it."""

    id: str
    left: Money
    made: tuple[Transaction, ...]


def holds(order: Order) -> tuple[Hold, ...]:
    """Return an order's authorizations that the payer's bank agreed to, in their sequence."""
    found = []
    for one in order.transactions:
        if one.kind not in _HOLDS or one.status != "success" or one.amount is None:
            continue
        made = tuple(child for child in order.transactions if child.parent_id == one.id and child.kind != "refund")
        taken = [child for child in made if child.kind == "capture" and child.status in _MOVING]
        gone = any(child.kind == "void" and child.status == "success" for child in made)
        charged = one.amount.charged
        left = charged.minor - sum(child.amount.charged.minor for child in taken if child.amount is not None)
        found.append(Hold(one.id, Money(0 if gone else max(0, left), charged.currency), made))
    return tuple(found)


def prospect(instruction: Instruction, order: Order, markable: Markable, *, limits: Mapping[str, int]) -> Prospect:
    """Return what an order, read just now, says about an instruction.

    `limits` is up to how much one person may mark as paid alone, in minor units by currency; of one that is not named,
    nothing. Raises InstructionRefusedError where it cannot be done.
    """
    if not order.complete:  # a list of movements that is cut off tells nothing
        raise InstructionRefusedError(because("shopify.too_many_transactions"))
    match instruction.action:
        case "capture" | "void":
            return _of_a_hold(instruction, holds(order))
        case "cancel":
            return _of_a_cancellation(instruction, order)
    return _of_a_mark(instruction, order, markable, limits)


def _of_a_hold(instruction: Instruction, there: Sequence[Hold]) -> Prospect:
    if instruction.status in _BEFORE:
        hold = _chosen(instruction, there)
        amount = instruction.amount or hold.left
        if amount.currency != hold.left.currency or amount.minor > hold.left.minor:
            raise InstructionRefusedError(because("more_than_authorized", left=hold.left))
        seen = (hold.id, *(one.id for one in hold.made))
        return Prospect(seen=seen, subject=hold.id, amount=amount)
    subject = instruction.seen[0] if instruction.seen else ""
    found = next((one for one in there if one.id == subject), None)
    if found is None:
        return Prospect()
    wanted = instruction.amount.minor if instruction.amount is not None else None
    own = [one for one in found.made if one.id not in instruction.seen and one.kind == instruction.action]
    if instruction.action == "capture" and wanted is not None:
        own = [one for one in own if one.amount is not None and one.amount.charged.minor == wanted]
    if any(one.status == "success" for one in own):
        return Prospect("succeeded")
    if any(one.status in _MOVING for one in own):
        return Prospect()
    if own:
        return Prospect("failed", because("shopify.declined", word=own[-1].error_code or own[-1].status))
    if not found.left.minor:
        return Prospect("failed", because("nothing_authorized"))
    amount = instruction.amount or found.left
    # A second capture of all that is left is refused, and so is a second void; one of a part would take more.
    repeatable = instruction.action == "void" or amount.minor == found.left.minor
    return Prospect(seen=instruction.seen, repeatable=repeatable, subject=found.id, amount=amount)


def _chosen(instruction: Instruction, there: Sequence[Hold]) -> Hold:
    named = [one for one in there if instruction.transaction_id in ("", one.id) and one.left.minor]
    if not named:
        raise InstructionRefusedError(because("nothing_authorized"))
    if len(named) > 1:
        numbers = ", ".join(one.id for one in named)
        raise InstructionRefusedError(because("shopify.several_authorizations", numbers=numbers))
    return named[0]


def _of_a_cancellation(instruction: Instruction, order: Order) -> Prospect:
    if order.cancelled_at is None:
        return Prospect(repeatable=True)  # a second cancellation is refused
    if instruction.status in _BEFORE:
        raise InstructionRefusedError(because("order_is", status="cancelled"))
    return Prospect("succeeded")


def _of_a_mark(instruction: Instruction, order: Order, markable: Markable, limits: Mapping[str, int]) -> Prospect:
    due = order.outstanding.charged if order.outstanding is not None else None
    seen = tuple(one.id for one in order.transactions if one.kind in _PAYS and one.status == "success")
    wanted = instruction.amount
    if instruction.status not in _BEFORE:
        own = [one for one in order.transactions if one.id in seen and one.id not in instruction.seen]
        if any(one.amount is not None and one.amount.charged == wanted for one in own):
            return Prospect("succeeded")
        if due is None or due != wanted:
            return Prospect("failed", because("another_balance", amount=due or Money(0, order.total.charged.currency)))
        return Prospect(seen=instruction.seen, repeatable=markable.can, amount=wanted)
    if not markable.can or not markable.manual:
        raise InstructionRefusedError(because("shopify.not_markable"))
    if due is None or wanted is None or due != wanted:
        raise InstructionRefusedError(because("another_balance", amount=due or Money(0, order.total.charged.currency)))
    return Prospect(seen=seen, needs_second=wanted.minor > limits.get(wanted.currency, 0), amount=wanted)

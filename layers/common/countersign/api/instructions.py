"""What people and the merchant's systems instruct a platform to do about an order's money."""

import json
from typing import Any

from countersign.errors import ConflictError, NotFoundError, StoreUnavailableError, UnprocessableError
from countersign.money import Money
from countersign.orders.changes import (
    Change,
    InstructionConfirmed,
    InstructionFact,
    InstructionRequested,
    Operator,
    OrderKey,
)
from countersign.orders.instructions import Instruction, instruction_json
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.orders.sentences import ENGLISH
from countersign.runtime.caller import Caller
from countersign.signing import digests, nonces
from countersign.store import OrderStore

Json = dict[str, Any]


class InstructionService:
    """One caller: everything outside the token's accounts does not exist."""

    def __init__(self, store: OrderStore, caller: Caller, now: int, *, language: str = ENGLISH) -> None:
        self.store = store
        self.caller = caller
        self.now = now
        self.language = language

    def capture(self, key: OrderKey, amount: Money | None, *, transaction_id: str, once: str) -> Json:
        """Have the platform take what is held; all of it where no amount is given."""
        return self._instruct(key, self._wish(key, "capture", once, amount=amount, transaction_id=transaction_id))

    def void(self, key: OrderKey, *, transaction_id: str, once: str) -> Json:
        """Have the platform let go what is held."""
        return self._instruct(key, self._wish(key, "void", once, transaction_id=transaction_id))

    def cancel(self, key: OrderKey, *, reason: str, restock: bool, notify: bool, note: str, once: str) -> Json:
        """Have the platform cancel the order; what was paid stays paid, and goes back by a refund."""
        more = {"reason": reason, "restock": restock, "notify": notify, "note": note}
        return self._instruct(key, self._wish(key, "cancel", once, **more))

    def mark_paid(self, key: OrderKey, amount: Money, *, once: str) -> Json:
        """Have the platform mark as paid what the person says is due; where that waits for a second one, agree."""
        self.caller.require_person()
        open_ = self._open(key)
        if open_ is not None and (open_.action, open_.status) == ("mark_paid", "unconfirmed"):
            return self._recorded(key, InstructionConfirmed(open_.instruction_id, amount, self.now))
        return self._instruct(key, self._wish(key, "mark_paid", once, amount=amount))

    def _wish(self, key: OrderKey, action: str, once: str, **more: Any) -> InstructionRequested:
        """Return the wish; under the caller's Idempotency-Key `once` it always has the same number."""
        content = [key.platform, key.account, key.order_id, self.caller.subject, action, once]
        number = digests.sha256(json.dumps(content).encode())[:32] if once else nonces.nonce()
        return InstructionRequested(f"in{number}", action, self.now, **more)

    def _instruct(self, key: OrderKey, wish: InstructionRequested) -> Json:
        self.caller.require_account(key.platform, key.account)
        if self.store.get(key) is None:
            raise refusal(NotFoundError, because("no_such_order"))
        known = self._find(key, wish.instruction_id)
        if known is None:
            return self._recorded(key, wish)
        names = ("action", "amount", "transaction_id", "reason", "restock", "notify", "note")
        if any(getattr(known, name) != getattr(wish, name) for name in names):
            raise refusal(UnprocessableError, because("key_used_for_another_instruction"))
        return self._row(key, known)

    def _open(self, key: OrderKey) -> Instruction | None:
        self.caller.require_account(key.platform, key.account)
        order = self.store.get(key)
        if order is None:
            raise refusal(NotFoundError, because("no_such_order"))
        return self._find(key, order.instruction_id) if order.instruction_id else None

    def _recorded(self, key: OrderKey, fact: InstructionFact) -> Json:
        outcome = self.store.record(Change(key, fact, Operator(self.caller.subject), "operator"), now=self.now)
        if outcome.outcome == "refused":
            raise refusal(ConflictError, outcome.reason)
        known = self._find(key, fact.instruction_id)
        if known is None:
            raise StoreUnavailableError("the instruction was recorded and cannot be read back")
        return self._row(key, known)

    def _find(self, key: OrderKey, number: str) -> Instruction | None:
        found = self.store.instruction(key, number)
        return found.child if found is not None else None

    def _row(self, key: OrderKey, instruction: Instruction) -> Json:
        names = {"platform": key.platform, "account": key.account, "order_id": key.order_id}
        return {**names, **instruction_json(instruction, self.language)}

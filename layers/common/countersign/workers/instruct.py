"""Have a platform do what people instructed about an order's money: captures, voids, cancellations, marks as paid.

The order is read just before; that the platform may have been asked, and what it had done by then, is recorded before
it is asked; and whatever happens to the call, what became of it is read. A call is repeated only where the platform
would refuse a second one that came after a first, and only once a reading long after the first shows nothing of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from countersign.errors import CountersignError, TemporaryError
from countersign.orders.changes import Change, InstructionReported, Queried
from countersign.orders.instructions import (
    MOST_CALLS,
    OPEN,
    PATIENCE,
    SETTLED,
    Instruction,
    InstructionRefusedError,
    Prospect,
    read_at,
)
from countersign.orders.reasons import Reason, because
from countersign.orders.schedule import DAILY
from countersign.orders.state import Order
from countersign.platforms.port import Changes, Instructs, is_final
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, seconds
from countersign.store import OrderStore, codec, keys
from countersign.store import children as children_store
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.store.record import MOST_FACTS
from countersign.workers import loop

INSTRUCTION = keys.child_sk("instruction", "")
BACK_OFF_SECONDS = 60
Connect = Callable[[str], Instructs]


@dataclass(frozen=True, slots=True)
class InstructJob:
    """The job at one moment: `connect` gives the connector of an account."""

    store: OrderStore
    connect: Connect
    now: int

    def process(self, item: Item, attempts: int) -> int | None:
        """Do an instruction, or read what became of it; return when to come again."""
        key, number = keys.order_key(item["pk"]["S"]), children_store.child_of(item).instruction_id
        found = children_store.read(self.store.client, self.store.table, key, "instruction", number)
        if found is None or found.child.status not in ("requested", "confirmed", "processing", "needs_action"):
            return None
        platform: Instructs = self.connect(key.account)
        order, instruction = found.order, found.child
        try:
            told, prospect = platform.prospect(order, instruction)
        except InstructionRefusedError as error:
            return self._refused(order, instruction, error.problem)
        except CountersignError as error:
            if not is_final(error):
                raise
            return self._refused(order, instruction, because("said_by_the_platform", text=str(error)))
        self._record(told)
        if prospect.outcome:
            self._report(order, instruction, prospect.outcome, prospect.problem)
            return None
        if instruction.status == "needs_action":
            return self.now + DAILY
        if instruction.status == "requested" and prospect.needs_second:
            self._report(
                order, instruction, "unconfirmed", because("second_person_for", amount=instruction.amount or "")
            )
            return None
        if instruction.status == "processing" and not self._may_repeat(instruction, prospect):
            return self._later(order, instruction)
        calls = instruction.calls + 1
        if not self._report(order, instruction, "processing", calls=calls, seen=prospect.seen):
            return self.now + BACK_OFF_SECONDS
        asked = replace(instruction, status="processing", asked_at=self.now, calls=calls, seen=prospect.seen)
        return self._ask(platform, order, asked, prospect)

    def retry_at(self, item: Item, attempts: int, error: CountersignError) -> int | None:
        """Return when to come again after there was no answer."""
        return self.now + BACK_OFF_SECONDS

    def _may_repeat(self, instruction: Instruction, prospect: Prospect) -> bool:
        asked_at = instruction.asked_at or self.now
        return prospect.repeatable and instruction.calls < MOST_CALLS and self.now - asked_at >= SETTLED

    def _ask(self, platform: Instructs, order: Order, instruction: Instruction, prospect: Prospect) -> int | None:
        try:
            platform.instruct(order, instruction, prospect)
        except InstructionRefusedError as error:
            return self._refused(order, instruction, error.problem)
        except TemporaryError:
            count("InstructionUnknown")
            return self.now + 5
        except CountersignError as error:
            if not is_final(error):
                count("InstructionUnknown")
                return self.now + 5
            return self._refused(order, instruction, because("said_by_the_platform", text=str(error)))
        count("InstructionCalled")
        try:
            told, prospect = platform.prospect(order, instruction)
        except CountersignError:
            return self.now + 5
        self._record(told)
        if not prospect.outcome:
            return self.now + 5
        self._report(order, instruction, prospect.outcome, prospect.problem)
        return None

    def _later(self, order: Order, instruction: Instruction) -> int | None:
        if self.now - (instruction.asked_at or self.now) < PATIENCE:
            return read_at(instruction, self.now)
        count("InstructionNeedsAction")
        self._report(order, instruction, "needs_action", because("instruction_unknown"))
        return self.now + DAILY

    def _refused(self, order: Order, instruction: Instruction, problem: Reason) -> int | None:
        if instruction.status not in OPEN:  # a person has it already, and what they read there stays
            return self.now + DAILY
        self._report(order, instruction, "failed", problem)
        return None

    def _report(
        self,
        order: Order,
        instruction: Instruction,
        status: str,
        problem: Reason | None = None,
        *,
        calls: int = 0,
        seen: tuple[str, ...] = (),
    ) -> bool:
        """Record what became of an instruction; True where this run did, and nobody else had."""
        fact = InstructionReported(instruction.instruction_id, status, problem, self.now, calls, seen)
        change = Change(order.key, fact, Queried(), "query", order.key.account)
        outcome = self.store.record(change, now=self.now)
        callbacks.report(outcome)
        return outcome.outcome == "applied"

    def _record(self, told: Changes) -> None:
        for first in range(0, len(told), MOST_FACTS):
            callbacks.report(self.store.record_message(told[first : first + MOST_FACTS], now=self.now))


def _age(item: Item, now: int) -> int:
    """Return for how many seconds an instruction is under way; one that waits for a person has no hurry."""
    if not item["sk"]["S"].startswith(INSTRUCTION) or codec.as_text(item, "status") == "needs_action":
        return 0
    return now - int(children_store.child_of(item).requested_at or now)


def run(
    event: dict[str, Any], context: Any, *, store: OrderStore, due: DueList, connect: Connect, enough_ms: int
) -> None:
    """Work on each instruction that is due while there is time."""

    def job(now: int) -> InstructJob:
        return InstructJob(store, connect, now)

    pending = loop.run(
        event,
        context,
        due,
        job,
        kind=INSTRUCTION,
        enough_ms=enough_ms,
        worked="InstructionLooked",
        failed="InstructionCallFailed",
        age=_age,
    )
    seconds("InstructionPendingSeconds", pending)

"""Ask a platform about what is due: orders that wait, news of unknown orders, and what unsigned news hints at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from countersign.errors import ConflictError, CountersignError, UnreadableError
from countersign.orders.changes import Change, OrderCreated, OrderKey, OrderReported, is_unmatched
from countersign.orders.reports import tells_more
from countersign.orders.schedule import AFTER_EXPIRY, HOURLY, must_close, next_poll
from countersign.orders.state import Order
from countersign.platforms.port import Changes, Closes, is_final
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, seconds
from countersign.store import OrderStore, codec, keys, orphans
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.store.record import MOST_FACTS
from countersign.workers import loop

BACK_OFF_SECONDS = 60
ORPHAN_ALARM_SECONDS = 900
ORPHAN_DELAYS = (60, 900, 3600, 4 * 3600, 24 * 3600)  # seconds after receipt; then only the exceptions list has it

Connect = Callable[[str], Closes]


@dataclass(frozen=True, slots=True)
class PollJob:
    """The job at one moment: `connect` gives the connector of an account."""

    store: OrderStore
    connect: Connect
    now: int

    def process(self, item: Item, attempts: int) -> int | None:
        """Ask about an order, an orphan or a hint and record the answer; return when to ask again."""
        if item["sk"]["S"] == keys.ORDER:
            return self._order(codec.read_order(item))
        change = codec.read_change(item)
        if "orphan" in item:
            return self._orphan(item, change)
        self._hint(change)
        return None

    def retry_at(self, item: Item, attempts: int, error: CountersignError) -> int | None:
        """Return when to ask again after no answer came; about an orphan that a person knows of ever more slowly."""
        received_at = codec.as_number(item, "received_at") or self.now
        known = "orphan" in item and self.now - received_at >= ORPHAN_ALARM_SECONDS
        if known and not isinstance(error, UnreadableError):
            return self._next_orphan_query(received_at)
        # Where no call of the account is let in, a person must act: nothing is gained by coming each minute.
        return self.now + (HOURLY if getattr(error, "whole_account", False) else BACK_OFF_SECONDS)

    def _next_orphan_query(self, received_at: int) -> int | None:
        return next((received_at + after for after in ORPHAN_DELAYS if received_at + after > self.now), None)

    def _order(self, order: Order) -> int | None:
        connector = self.connect(order.key.account)
        answer = connector.query_order(order, now=self.now)
        if order.terms.pays == "whole" or tells_more(order, [change.fact for change in answer]):
            order = self._record(answer) or order
        if must_close(order, self.now):
            try:
                closed = connector.close(order, now=self.now)
            except ConflictError:
                closed = None  # paid, or the payer is at it, at this very moment: the next query tells
            order = self._record((closed,) if closed else ()) or order
        orphans.attach(self.store, order.key, now=self.now)
        again = next_poll(order, self.now)
        if order.paid or order.ended_at is not None or again is None:
            return again
        if again > self.now + 1:
            return again
        # Its time is over, or somebody wants it closed, and the platform has not ended it.
        over = self.now - order.terms.expires_at - AFTER_EXPIRY
        return self.now + min(max(over // 4, BACK_OFF_SECONDS), HOURLY)

    def _orphan(self, item: Item, change: Change) -> int | None:
        owner = self.store.located(change).key
        try:
            if owner == change.key and self.store.get(owner) is None:
                owner = self._import(change)
        finally:  # whatever hinders the question, a person hears of it in time
            received_at = codec.as_number(item, "received_at") or self.now
            late = owner == change.key and self.now - received_at >= ORPHAN_ALARM_SECONDS
            if late and self.store.get(owner) is None and orphans.raise_alarm(self.store, item, now=self.now):
                count("OrphanOld")
        if owner != change.key:
            orphans.adopt(self.store, item, owner, now=self.now)
            return None
        if self.store.get(owner) is not None:
            orphans.attach(self.store, owner, now=self.now)
            return None
        return self._next_orphan_query(received_at)

    def _import(self, change: Change) -> OrderKey:
        """Ask about an order that is not known here; return whose the news is by the answer.

        What the platform refuses to be asked about is as good as unknown there: asking again would be refused again.
        """
        try:
            answer = self.connect(change.key.account).import_order(change, now=self.now)
        except CountersignError as error:
            if not is_final(error):
                raise
            count("PollFailed")
            return change.key
        owner = next((told.key for told in answer), change.key)
        if owner == change.key or self.store.get(owner) is not None:
            self._record(answer)
        return owner

    def _hint(self, hint: Change) -> None:
        """Ask about what an unsigned message names; nothing of the message itself is taken.

        News about no order of ours ends here: nobody here can say what to ask about it.
        """
        hint = self.store.located(hint)
        if self.store.get(hint.key) is None:
            hint = replace(hint, key=self._import(hint))
        order = None if is_unmatched(hint.key) else self.store.get(hint.key)
        if order is None:
            return
        connector = self.connect(order.key.account)
        self._record(connector.query_order(order, now=self.now))
        self._record(connector.query_child(hint, order.terms.system))

    def _record(self, answer: Changes) -> Order | None:
        """Take an answer into the record; return the order as it is then, None where nothing is known of it."""
        order = None
        for message in _messages(answer):
            outcome = self.store.record_message(message, now=self.now)
            callbacks.report(outcome)
            order = outcome.order
            if isinstance(message[0].fact, OrderCreated):
                # Before the rest, which then decides when to ask about the order next.
                orphans.attach(self.store, message[0].key, now=self.now)
        return order


def _messages(answer: Changes) -> Iterator[Changes]:
    """Yield what is recorded at once: all that one reading says of an order that is made at the platform."""
    size = MOST_FACTS if answer and isinstance(answer[0].fact, OrderReported) else 1
    for first in range(0, len(answer), size):
        yield answer[first : first + size]


def run(
    event: dict[str, Any],
    context: Any,
    *,
    store: OrderStore,
    due: DueList,
    connect: Connect,
    enough_ms: int,
    first: int = 0,
) -> None:
    """Ask about each due order, orphan and hint while there is time, beginning with the shard `first`."""

    def job(now: int) -> PollJob:
        return PollJob(store, connect, now)

    late = loop.run(
        event, context, due, job, first=first, enough_ms=enough_ms, worked="PollQueried", failed="PollFailed"
    )
    seconds("DueOverdueSeconds", late)

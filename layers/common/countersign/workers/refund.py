"""Make approved refunds at a platform and ask what became of them, until each has ended."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from countersign.errors import ContentionError, CountersignError, StoreUnavailableError, UnreadableError
from countersign.orders.changes import Change, OrderKey, Queried, RefundAbsent, RefundRefused
from countersign.orders.reasons import because
from countersign.orders.refunds import Refund, awaits_audit, next_audit, next_refund_step, over_ceiling
from countersign.orders.schedule import HOURLY, retry_refund_at
from countersign.orders.state import Order
from countersign.platforms.port import Changes, RefundRefusedError, Refunds, is_final
from countersign.runtime import callbacks
from countersign.runtime.telemetry import seconds
from countersign.store import OrderStore, children, codec, keys
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.store.throttle import acquire_slot, cool_down, cooling_until
from countersign.workers import loop

MOST_FAILED_CALLS = 5  # of one account in one run: platforms count bad calls, and stop taking any
REST_SECONDS = 60  # of an account after that, or after one refusal that all its refunds would meet

Connect = Callable[[str], Refunds]


@dataclass(frozen=True, slots=True)
class RefundJob:
    """The job at one moment: `connect` gives the connector of an account, `failed_calls` count over the whole run."""

    store: OrderStore
    connect: Connect
    now: int
    failed_calls: dict[str, int] = field(default_factory=dict)

    def process(self, item: Item, attempts: int) -> int | None:
        """Do what a refund needs; return when it is due again."""
        key = keys.order_key(item["pk"]["S"])
        refund_id = children.child_of(item).refund_id
        if self.failed_calls.get(key.account, 0) >= MOST_FAILED_CALLS:
            return self.now + REST_SECONDS
        found = self.store.refund(key, refund_id)
        if found is None:
            return None
        order, refund, _ = found
        try:
            again = self._work(order, refund, attempts)
        except CountersignError as error:
            if not is_final(error) or refund.status != "approved":
                raise
            # Our own check, the platform or a lost account: called again it would be refused again, for ever.
            self._refused(order, refund, error)
            again = None
        return again or self._again(key, refund_id, attempts)

    def retry_at(self, item: Item, attempts: int, error: CountersignError) -> int | None:
        """Return when to call again after a call without an answer, or about a row that cannot be read."""
        if not isinstance(error, UnreadableError | StoreUnavailableError | ContentionError):  # then nothing was called
            self._called_in_vain(keys.order_key(item["pk"]["S"]))
        return retry_refund_at(attempts, self.now)

    def _again(self, key: OrderKey, refund_id: str, attempts: int) -> int | None:
        """Return when the refund is due by what is recorded now."""
        found = self.store.refund(key, refund_id)
        if found is None:
            return None
        _, refund, since = found
        if awaits_audit(refund):
            return max(next_audit(refund, self.now), self.now + HOURLY)
        again = next_refund_step(refund, since, self.now)
        # One that is due at once although it was worked on waits for news, or is a question for a person.
        return retry_refund_at(attempts, self.now) if again is not None and again <= self.now else again

    def _work(self, order: Order, refund: Refund, attempts: int) -> int | None:
        connector = self.connect(order.key.account)
        if awaits_audit(refund):
            self._record(connector.audit(order, refund))
            return None
        # After any doubt the platform is asked first: the call may have worked although no answer came.
        if refund.status != "approved" or attempts:
            answer = self._query(connector, order, refund)
            if answer is not None:
                self._record((answer,))
                return None
        if refund.status == "failed":
            absent = RefundAbsent(refund.refund_id)
            self._record((Change(order.key, absent, Queried(), "query", connector.tenant, order.terms.system),))
        return self._make(connector, order, refund) if refund.status == "approved" else None

    def _query(self, connector: Refunds, order: Order, refund: Refund) -> Change | None:
        try:
            return connector.query_refund(order, refund)
        except CountersignError as error:
            if not is_final(error):
                raise
            raise RefundRefusedError(because("refund_not_answered", text=str(error))) from error

    def _make(self, connector: Refunds, order: Order, refund: Refund) -> int | None:
        if order.terms.external and order.terms.pays == "whole":  # what is paid in parts has a call for it there
            raise RefundRefusedError(because("refund_in_the_platforms_console"))
        if over_ceiling(order, refund):
            raise RefundRefusedError(because("refunds_took_the_rest"))
        client, table, key = self.store.client, self.store.table, order.key
        rest_ends = cooling_until(client, table, key.platform, key.account, "refunds")
        if self.now < rest_ends <= self.now + REST_SECONDS:  # one further off is from a clock that was set back since
            return rest_ends
        pause = connector.refund_pause
        if pause and not acquire_slot(client, table, key, "refund", now=self.now, pause=pause):
            return self.now + pause
        if needed := connector.prepare_refund(order, now=self.now):
            self._record(needed)
            order = self.store.get(key) or order
        try:
            self._record((connector.refund(order, refund),))
        except RefundRefusedError as error:
            self._called_in_vain(key, whole_account=error.whole_account)
            raise
        return None

    def _called_in_vain(self, key: OrderKey, *, whole_account: bool = False) -> None:
        self.failed_calls[key.account] = failed_calls = self.failed_calls.get(key.account, 0) + 1
        if whole_account or failed_calls >= MOST_FAILED_CALLS:
            until = self.now + REST_SECONDS
            cool_down(self.store.client, self.store.table, key.platform, key.account, "refunds", until=until)

    def _refused(self, order: Order, refund: Refund, error: CountersignError) -> None:
        said = (
            error.problem if isinstance(error, RefundRefusedError) else because("said_by_the_platform", text=str(error))
        )
        fact = RefundRefused(refund.refund_id, refund.attempt, said)
        self._record((Change(order.key, fact, Queried(), "refund", "", order.terms.system),))

    def _record(self, answer: Changes) -> None:
        for change in answer:
            callbacks.report(self.store.record(change, now=self.now))


def run(
    event: dict[str, Any], context: Any, *, store: OrderStore, due: DueList, connect: Connect, enough_ms: int
) -> None:
    """Make approved refunds and ask what became of them, while there is time."""
    failed_calls: dict[str, int] = {}

    def job(now: int) -> RefundJob:
        return RefundJob(store, connect, now, failed_calls)

    pending = loop.run(
        event,
        context,
        due,
        job,
        kind=keys.REFUND,
        enough_ms=enough_ms,
        worked="RefundWorked",
        failed="RefundCallFailed",
        age=_age,
    )
    seconds("RefundPendingSeconds", pending)


def _age(item: Item, now: int) -> int:
    """Return for how many seconds a refund has been on its way; one that waits for a person has no hurry."""
    if codec.as_text(item, "status") not in ("approved", "processing"):
        return 0
    return now - (codec.as_number(item, "since") or now)

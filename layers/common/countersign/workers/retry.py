"""Have a platform try a failed charge again where somebody asks for it: once, and then only reading tells.

No number tells the platform that two calls are one, so a charge must never be asked for twice. The charge is read just
before; that it may have been asked is written before it is asked; and whatever happens to the call, what became of it
is read. Where reading tells nothing for hours, a person must look.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from countersign.errors import CountersignError, TemporaryError
from countersign.orders.changes import Change, OrderKey, Queried, RetryReported
from countersign.orders.charges import charge_of
from countersign.orders.reasons import Reason, because
from countersign.orders.retries import Retry, is_over, read_at
from countersign.orders.state import PAID_STATES, Order
from countersign.platforms.port import Changes, Retries, is_final
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count
from countersign.store import OrderStore, keys
from countersign.store import children as children_store
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.workers import loop

RETRY = keys.child_sk("retry_request", "")
BACK_OFF_SECONDS = 60
Connect = Callable[[str], Retries]


@dataclass(frozen=True, slots=True)
class RetryJob:
    """The job at one moment: `connect` gives the connector of an account."""

    store: OrderStore
    connect: Connect
    now: int

    def process(self, item: Item, attempts: int) -> int | None:
        """Ask for a try, or read what became of it; return when to come again."""
        key, number = keys.order_key(item["pk"]["S"]), children_store.child_of(item).retry_id
        found = children_store.read(self.store.client, self.store.table, key, "retry_request", number)
        if found is None or found.child.status not in ("requested", "processing"):
            return None
        platform, retry = self.connect(key.account), found.child
        self._record(platform.query_order(found.order, now=self.now))
        order = self.store.get(key) or found.order
        if self._ended(order, retry):
            return None
        if retry.status == "processing":
            return self._read(order, retry)
        if not self._report(order.key, retry, "processing"):
            return self.now + BACK_OFF_SECONDS
        return self._ask(platform, order, retry)

    def retry_at(self, item: Item, attempts: int, error: CountersignError) -> int | None:
        """Return when to come again after there was no answer."""
        return self.now + BACK_OFF_SECONDS

    def _ask(self, platform: Retries, order: Order, retry: Retry) -> int | None:
        try:
            told = platform.process(order, now=self.now)
        except TemporaryError:
            count("ChargeRetryUnknown")
            return read_at(retry, self.now)
        except CountersignError as error:
            if not is_final(error):
                count("ChargeRetryUnknown")
                return read_at(retry, self.now)
            self._report(order.key, retry, "failed", because("said_by_the_platform", text=str(error)))
            return None
        count("ChargeRetried")
        self._record(told)
        return None if self._ended(self.store.get(order.key) or order, retry) else read_at(retry, self.now)

    def _read(self, order: Order, retry: Retry) -> int | None:
        if not is_over(retry, self.now):
            return read_at(retry, self.now)
        count("ChargeRetryNeedsAction")
        self._report(order.key, retry, "needs_action", because("retry_unknown"))
        return None

    def _ended(self, order: Order, retry: Retry) -> bool:
        """Tell whether the charge says what became of the wish, and record it then."""
        charge = charge_of(order)
        if order.status in PAID_STATES:
            return self._report(order.key, retry, "succeeded")
        if order.status != "failed":
            return self._ended_otherwise(order, retry)
        if charge is None or charge.attempts <= int(retry.retry_id):
            return False
        return self._report(order.key, retry, "failed", because("tried_and_failed", word=charge.error_type))

    def _ended_otherwise(self, order: Order, retry: Retry) -> bool:
        if order.status in ("created", "pending"):  # the platform is at it
            return False
        return self._report(order.key, retry, "failed", because("charge_has_not_failed", status=order.status))

    def _report(self, key: OrderKey, retry: Retry, status: str, problem: Reason | None = None) -> bool:
        """Record what became of the wish; True where this run did, and nobody else had."""
        fact = RetryReported(retry.retry_id, status, problem, self.now)
        change = Change(key, fact, Queried(), "query", key.account)
        return self.store.record(change, now=self.now).outcome == "applied"

    def _record(self, told: Changes) -> None:
        if told:
            callbacks.report(self.store.record_message(told, now=self.now))


def run(
    event: dict[str, Any], context: Any, *, store: OrderStore, due: DueList, connect: Connect, enough_ms: int
) -> None:
    """Work on each wish that is due while there is time."""

    def job(now: int) -> RetryJob:
        return RetryJob(store, connect, now)

    loop.run(event, context, due, job, kind=RETRY, enough_ms=enough_ms, worked="RetryLooked", failed="RetryCallFailed")

"""What every worker does: lease what is due, process it, put it back; one item after another, while there is time."""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from countersign.errors import CountersignError, UnreadableError
from countersign.orders.changes import OrderKey
from countersign.runtime.telemetry import count, logger
from countersign.store import codec
from countersign.store.codec import Item
from countersign.store.due import LEASE_SECONDS, DueList

WORK = "countersign.work"  # source of what one of our functions wants another one to look at now
Look = Callable[[Item, int], bool]
Age = Callable[[Item, int], int]


class Job(Protocol):
    """What a worker does with an item that nobody else works on meanwhile."""

    def process(self, item: Item, attempts: int) -> int | None:
        """Do what a leased item needs; return when it is due again (epoch seconds), or None where nothing remains.

        `attempts` is how often it was leased since its row was written last. A CountersignError puts it back.
        """

    def retry_at(self, item: Item, attempts: int, error: CountersignError) -> int | None:
        """Return when to come again after `error` (epoch seconds), or None to take the item off the list."""


def attempt(item: Item, due: DueList, job: Job, *, now: int, lease: int = LEASE_SECONDS) -> bool:
    """Lease a due item, have the job process it and put it back; False where somebody else has it.

    What was recorded meanwhile has given the item its place already: then putting it back does nothing. Raises the
    job's CountersignError after the item was put back for a later time: a row that cannot be read backs off as well.
    """
    if not due.lease(item, now=now, seconds=lease):
        return False
    attempts, leased = codec.as_number(item, "attempts") or 0, now + lease
    try:
        again = job.process(item, attempts)
    except CountersignError as error:
        _put_back(item, due, job.retry_at(item, attempts, error), leased)
        raise
    _put_back(item, due, again, leased)
    return True


def _put_back(item: Item, due: DueList, again: int | None, leased: int) -> None:
    if again is None:
        due.complete(item, leased=leased)
    else:
        due.reschedule(item, at=again, leased=leased)


def waiting(event: dict[str, Any], due: DueList, now: int, *, kind: str = "", first: int = 0) -> Iterable[Item]:
    """Return what is due: of the orders that queue messages name, of the one that the bus names, or of all.

    `kind` is the sort key's prefix of the worker's items beside an order; `first` the shard to begin with.
    """
    if "Records" in event:
        messages = [json.loads(record["body"]) for record in event["Records"]]
        items = [due.read(OrderKey(**message)) for message in messages]
        return [item for item in items if item and (codec.as_number(item, "due_at") or now + 1) <= now]
    if event.get("source") == WORK:
        item = due.read(OrderKey(**event["detail"]))
        return [item] if item and (codec.as_number(item, "due_at") or now + 1) <= now else []
    if event.get("source") == "countersign":
        named = event["detail"]
        return due.due_of(OrderKey(named["platform"], named["account"], named["order_id"]), kind, now)
    return due.due(now, first=first)


def overdue(item: Item, now: int) -> int:
    """Return for how many seconds an item has been due."""
    return now - (codec.as_number(item, "due_at") or now)


def work(
    items: Iterable[Item], context: Any, look: Look, *, enough_ms: int, worked: str, failed: str, age: Age = overdue
) -> int:
    """Look at each item until less than `enough_ms` is left; the due list owns what remains and what failed.

    `worked` and `failed` are metrics. Returns the largest `age` of an item in seconds.
    """
    oldest = 0
    for item in items:
        if context.get_remaining_time_in_millis() < enough_ms:
            break
        now = int(time.time())
        oldest = max(oldest, _age_of(item, now, age))
        try:
            count(worked, int(look(item, now)))
        except CountersignError as error:
            count(failed)
            logger.warning("left for later", extra={"error": type(error).__name__, "reason": str(error)})
    return oldest


def _age_of(item: Item, now: int, age: Age) -> int:
    try:
        return age(item, now)
    except UnreadableError:  # working on it fails for the same reason, and then it backs off
        return 0


def run(
    event: dict[str, Any],
    context: Any,
    due: DueList,
    job: Callable[[int], Job],
    *,
    enough_ms: int,
    worked: str,
    failed: str,
    kind: str = "",
    first: int = 0,
    age: Age = overdue,
    lease: int = LEASE_SECONDS,
) -> int:
    """Attempt whatever is due while there is time; `job` makes the worker's job at a moment (epoch seconds).

    The rest is as `waiting` and `work` say. Returns the largest `age` of an item in seconds.
    """

    def look(item: Item, now: int) -> bool:
        return attempt(item, due, job(now), now=now, lease=lease)

    items = waiting(event, due, int(time.time()), kind=kind, first=first)
    return work(items, context, look, enough_ms=enough_ms, worked=worked, failed=failed, age=age)

"""What every worker does: look at what is due, one item after another, while there is time."""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from countersign.errors import CountersignError
from countersign.orders.changes import OrderKey
from countersign.runtime.telemetry import count, logger
from countersign.store import codec
from countersign.store.codec import Item
from countersign.store.due import DueList

WORK = "countersign.work"  # source of what one of our functions wants another one to look at now
Look = Callable[[Item, int], bool]
Age = Callable[[Item, int], int]


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
        oldest = max(oldest, age(item, now))
        try:
            count(worked, int(look(item, now)))
        except CountersignError as error:
            count(failed)
            logger.warning("left for later", extra={"error": type(error).__name__, "reason": str(error)})
    return oldest


def refund_age(item: Item, now: int) -> int:
    """Return for how many seconds a refund has been on its way; one that waits for a person has no hurry."""
    if codec.as_text(item, "status") not in ("approved", "processing"):
        return 0
    return now - (codec.as_number(item, "since") or now)

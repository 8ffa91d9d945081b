"""Every minute, and at short rungs by queue: ask Douyin about what is due."""

import json
import time
from random import randrange
from typing import Any

from countersign.accounts import Accounts
from countersign.actions import douyin_ask
from countersign.actions.douyin_ask import Reach
from countersign.actions.douyin_poll import Poll
from countersign.errors import CountersignError
from countersign.orders.changes import OrderKey
from countersign.platforms.douyin import settings
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, invocation, logger, seconds
from countersign.store import OrderStore, codec, keys
from countersign.store.codec import Item
from countersign.store.due import DueList

ENOUGH_TIME_MS = 14_000  # a query at its longest, the wait for its slot, and what is written about it

accounts = Accounts("douyin", settings.load)
store = OrderStore.from_environment()
due = DueList.from_environment("douyin_poll")
reaches: dict[str, Reach] = {}


def _now() -> int:
    return int(time.time())


def _reach(name: str) -> Reach:
    account = accounts.load(name)
    if name not in reaches or reaches[name].settings is not account:
        reaches[name] = douyin_ask.reach(name, account, store, now=_now)
    return reaches[name]


def _shard() -> int:
    """Return where this run begins: many run at once, and should not meet."""
    return randrange(keys.SHARDS)  # noqa: S311 - a spread, not a secret


def _woken(event: dict[str, Any], now: int) -> list[Item]:
    """Return the orders that queue messages name, as far as they are due."""
    messages = [json.loads(record["body"]) for record in event["Records"]]
    items = [due.read(OrderKey(**message)) for message in messages]
    return [item for item in items if item and (codec.as_number(item, "due_at") or now + 1) <= now]


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Look at each due item until little time is left; the due list owns what remains and what failed."""
    started = int(time.time())
    overdue = 0
    for item in _woken(event, started) if "Records" in event else due.due(started, first=_shard()):
        if context.get_remaining_time_in_millis() < ENOUGH_TIME_MS:
            break
        now = int(time.time())
        overdue = max(overdue, now - (codec.as_number(item, "due_at") or now))
        try:
            count("PollQueried", int(Poll(store, due, _reach, callbacks.report, count, now).look(item)))
        except CountersignError as error:
            count("PollFailed")
            logger.warning("asked in vain", extra={"error": type(error).__name__, "reason": str(error)})
    seconds("DueOverdueSeconds", overdue)

"""Every minute, and at short rungs by queue: ask Douyin about what is due."""

import time
from random import randrange
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.douyin import settings
from countersign.platforms.douyin.connector import Reaches
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, invocation, seconds
from countersign.store import OrderStore, keys
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.workers import loop
from countersign.workers.douyin_poll import Poll

ENOUGH_TIME_MS = 14_000  # a query at its longest, the wait for its slot, and what is written about it

accounts = Accounts("douyin", settings.load)
store = OrderStore.from_environment()
due = DueList.from_environment("douyin_poll")
reach = Reaches(accounts, store)


def _shard() -> int:
    """Return where this run begins: many run at once, and should not meet."""
    return randrange(keys.SHARDS)  # noqa: S311 - a spread, not a secret


def _look(item: Item, now: int) -> bool:
    return Poll(store, due, reach, callbacks.report, count, now).look(item)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Look at each due order, orphan and hint while there is time."""
    items = loop.waiting(event, due, int(time.time()), first=_shard())
    late = loop.work(items, context, _look, enough_ms=ENOUGH_TIME_MS, worked="PollQueried", failed="PollFailed")
    seconds("DueOverdueSeconds", late)

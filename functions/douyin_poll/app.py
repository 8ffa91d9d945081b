"""Every minute, and at short rungs by queue: ask Douyin about what is due."""

from functools import partial
from random import randrange
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.douyin import connector, settings
from countersign.platforms.port import Connectors
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore, keys
from countersign.store.due import DueList
from countersign.workers import poll

ENOUGH_TIME_MS = 14_000  # a query at its longest, the wait for its slot, and what is written about it

store, due = OrderStore.from_environment(), DueList.from_environment("douyin_poll")
accounts = Accounts("douyin", settings.load)
connect = Connectors(accounts, partial(connector.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Ask about each due order, orphan and hint while there is time."""
    first = randrange(keys.SHARDS)  # noqa: S311 - many run at once, and should not meet
    poll.run(event, context, store=store, due=due, connect=connect, enough_ms=ENOUGH_TIME_MS, first=first)

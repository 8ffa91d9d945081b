"""Every minute, and at short rungs by queue: ask WeChat about what is due."""

from functools import partial
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.port import Connectors
from countersign.platforms.wechat import connector, settings
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList
from countersign.workers import poll

ENOUGH_TIME_MS = 20_000  # three calls to WeChat at their longest, and what is written about them

store, due = OrderStore.from_environment(), DueList.from_environment("wechat_poll")
accounts = Accounts("wechat", settings.load)
connect = Connectors(accounts, partial(connector.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Ask about each due order, orphan and hint while there is time."""
    poll.run(event, context, store=store, due=due, connect=connect, enough_ms=ENOUGH_TIME_MS)

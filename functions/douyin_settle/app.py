"""Every minute: settle orders whose period is over, and ask what became of settlements."""

from functools import partial
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.douyin import connector, settings
from countersign.platforms.port import Connectors
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList
from countersign.workers import settle

ENOUGH_TIME_MS = 20_000  # a query and a call at their longest, and what is written about them

store, due = OrderStore.from_environment(), DueList.from_environment("douyin_settle")
accounts = Accounts("douyin", settings.load)
connect = Connectors(accounts, partial(connector.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Work on each due settlement while there is time."""
    settle.run(event, context, store=store, due=due, connect=connect, enough_ms=ENOUGH_TIME_MS)

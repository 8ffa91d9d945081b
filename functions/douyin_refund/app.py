"""When a refund is approved or rejected, and every minute: make refunds at Douyin, and tell it what was decided."""

from functools import partial
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.douyin import connector, settings
from countersign.platforms.port import Connectors
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList
from countersign.workers import refund

ENOUGH_TIME_MS = 20_000  # a query and a call at their longest, and what is written about them

store, due = OrderStore.from_environment(), DueList.from_environment("douyin_refund")
accounts = Accounts("douyin", settings.load)
connect = Connectors(accounts, partial(connector.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Make approved refunds and ask what became of them, while there is time."""
    refund.run(event, context, store=store, due=due, connect=connect, enough_ms=ENOUGH_TIME_MS)

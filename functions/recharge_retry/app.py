"""When somebody asks for it, and every minute: have Recharge try a failed charge again."""

from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.port import Connectors
from countersign.platforms.recharge import connector, settings
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList
from countersign.workers import retry

store, due = OrderStore.from_environment(), DueList.from_environment("recharge_retry")
connect = Connectors(Accounts("recharge", settings.load), connector.connect)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Ask for each try that is due, or read what became of it, while there is time."""
    retry.run(event, context, store=store, due=due, connect=connect, enough_ms=40_000)

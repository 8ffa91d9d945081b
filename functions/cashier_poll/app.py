"""Every minute, and at short rungs by queue: ask hosted cashiers about payments that are due."""

from functools import partial
from typing import Any

from countersign.cashiers import registry
from countersign.cashiers.accounts import CashierAccounts
from countersign.platforms.port import Connectors
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList
from countersign.workers import poll

ENOUGH_TIME_MS = 25_000  # two calls to a cashier at their longest, each repeated once, and what is written about them

store, due = OrderStore.from_environment(), DueList.from_environment("cashier_poll")
connect = Connectors(CashierAccounts(registry.LOADS), partial(registry.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Ask about each due payment, orphan and hint while there is time."""
    poll.run(event, context, store=store, due=due, connect=connect, enough_ms=ENOUGH_TIME_MS)

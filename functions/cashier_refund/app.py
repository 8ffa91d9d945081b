"""When a refund is approved, and every minute: make refunds at hosted cashiers and ask what became of them."""

from functools import partial
from typing import Any

from countersign.cashiers import registry
from countersign.cashiers.accounts import CashierAccounts
from countersign.platforms.port import Connectors
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList
from countersign.workers import refund

ENOUGH_TIME_MS = 25_000  # a query and a call at their longest, and what is written about them

store, due = OrderStore.from_environment(), DueList.from_environment("cashier_refund")
connect = Connectors(CashierAccounts(registry.LOADS), partial(registry.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Make approved refunds and ask what became of them, while there is time."""
    refund.run(event, context, store=store, due=due, connect=connect, enough_ms=ENOUGH_TIME_MS)

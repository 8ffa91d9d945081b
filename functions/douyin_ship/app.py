"""When a shipment is recorded, and every minute: tell Douyin of shipments and of the state that orders are in."""

from functools import partial
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.douyin import fulfilment, settings
from countersign.platforms.port import Connectors
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList
from countersign.workers import ship

ENOUGH_TIME_MS = 28_000  # a token, a query and a call at their longest, and what is written about them

store, due = OrderStore.from_environment(), DueList.from_environment("douyin_ship")
accounts = Accounts("douyin", settings.load)
connect = Connectors(accounts, partial(fulfilment.connect, store=store))
states = partial(fulfilment.SyncJob, store, connect)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Tell Douyin of each due shipment and state while there is time."""
    ship.run(event, context, store=store, due=due, connect=connect, enough_ms=ENOUGH_TIME_MS, beside=states)

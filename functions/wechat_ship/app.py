"""When a shipment is recorded, and every minute: tell WeChat of it."""

from functools import partial
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.port import Connectors
from countersign.platforms.wechat import fulfilment, settings
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList
from countersign.workers import ship

ENOUGH_TIME_MS = 35_000  # a token, a query and two calls at their longest, and what is written about them

store, due = OrderStore.from_environment(), DueList.from_environment("wechat_ship")
accounts = Accounts("wechat", settings.load)
connect = Connectors(accounts, partial(fulfilment.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Tell WeChat of each due shipment while there is time."""
    ship.run(event, context, store=store, due=due, connect=connect, enough_ms=ENOUGH_TIME_MS)

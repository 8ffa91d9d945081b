"""When a shipment is recorded, and every minute: tell the shop of it."""

from functools import partial
from typing import Any

from countersign.platforms.port import Connectors
from countersign.platforms.shopify import fulfilment
from countersign.platforms.shopify.apps import Apps, Shops
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList
from countersign.workers import ship

store, due = OrderStore.from_environment(), DueList.from_environment("shopify_ship")
connect = Connectors(Shops(Apps()), partial(fulfilment.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Tell shops of each due shipment while there is time."""
    ship.run(event, context, store=store, due=due, connect=connect, enough_ms=35_000)

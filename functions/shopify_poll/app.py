"""Every minute: ask shops about orders that are due."""

from functools import partial
from typing import Any

from countersign.platforms.port import Connectors
from countersign.platforms.shopify import connector
from countersign.platforms.shopify.apps import Apps, Shops
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList
from countersign.workers import poll

store, due = OrderStore.from_environment(), DueList.from_environment("shopify_poll")
connect = Connectors(Shops(Apps()), partial(connector.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Ask about each due order, and about what was told of one that is not known, while there is time."""
    poll.run(event, context, store=store, due=due, connect=connect, enough_ms=20_000)

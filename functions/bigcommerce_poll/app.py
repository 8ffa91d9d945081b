"""Every minute: ask stores about orders that are due, and about those that a delivery told of."""

from functools import partial
from typing import Any

from countersign.platforms.bigcommerce import connector
from countersign.platforms.bigcommerce.apps import Apps, Stores
from countersign.platforms.port import Connectors
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList
from countersign.workers import poll

store, due = OrderStore.from_environment(), DueList.from_environment("bigcommerce_poll")
connect = Connectors(Stores(Apps()), partial(connector.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Ask about each due order and hint while there is time."""
    poll.run(event, context, store=store, due=due, connect=connect, enough_ms=30_000)

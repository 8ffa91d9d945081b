"""When a refund is approved, and every minute: make refunds in shops and ask what became of them."""

from functools import partial
from typing import Any

from countersign.platforms.port import Connectors
from countersign.platforms.shopify import connector
from countersign.platforms.shopify.apps import Apps, Shops
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList
from countersign.workers import refund

store, due = OrderStore.from_environment(), DueList.from_environment("shopify_refund")
connect = Connectors(Shops(Apps()), partial(connector.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Make approved refunds and ask what became of them, while there is time."""
    refund.run(event, context, store=store, due=due, connect=connect, enough_ms=20_000)

"""When somebody instructs it, and every minute: have shops capture, void, cancel and mark as paid, once."""

from functools import partial
from typing import Any

from countersign.platforms.port import Connectors
from countersign.platforms.shopify import connector
from countersign.platforms.shopify.apps import Apps, Shops
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList
from countersign.workers import instruct

store, due = OrderStore.from_environment(), DueList.from_environment("shopify_instruct")
connect = Connectors(Shops(Apps()), partial(connector.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Do each instruction that is due, or read what became of it, while there is time."""
    instruct.run(event, context, store=store, due=due, connect=connect, enough_ms=20_000)

"""When Shopify's partner bus has something: take what it says about a shop's orders into the order record."""

import os
import time
from typing import Any

from countersign.errors import RefusedError
from countersign.platforms.shopify import bus
from countersign.platforms.shopify.apps import Apps
from countersign.platforms.shopify.deliveries import Deliveries
from countersign.runtime.telemetry import count, invocation, logger
from countersign.store import OrderStore

apps = Apps()
store = OrderStore.from_environment()
deliveries = Deliveries(apps, store)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Take one event; what is not Shopify's, or of no shop of ours, is counted and left. The bus repeats failures."""
    name = os.environ["SHOPIFY_EVENTS_APP"]
    try:
        genuine = bus.verify(event, os.environ.get("SHOPIFY_EVENT_SOURCE") or bus.PARTNER)
        deliveries.take(name, apps.load(name), genuine, now=int(time.time()), addressed=True)
    except RefusedError as error:
        count(type(error).__name__)
        logger.warning("refused", extra={"error": type(error).__name__, "reason": str(error)})

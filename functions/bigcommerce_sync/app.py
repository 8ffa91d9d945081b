"""When something becomes of a payment at a cashier, and every minute: tell stores of their orders."""

import time
from functools import partial
from typing import Any

from countersign.platforms.bigcommerce import fulfilment
from countersign.platforms.bigcommerce.apps import Apps, Stores
from countersign.platforms.port import Connectors
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore, keys
from countersign.store.due import DueList
from countersign.workers import loop

ENOUGH_TIME_MS = 40_000  # some calls of a store at their longest, and what is written about them

store, due = OrderStore.from_environment(), DueList.from_environment("bigcommerce_sync")
connect = Connectors(Stores(Apps()), partial(fulfilment.connect, store=store))
job = partial(fulfilment.SyncJob, store, connect)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Tell of the order that the event's payment is a part of, or of each that is due, while there is time."""
    about = fulfilment.order_of(event, store, due, now=int(time.time()))
    if about is not None:
        loop.run(
            about, context, due, job, kind=keys.SYNC, enough_ms=ENOUGH_TIME_MS, worked="SyncWorked", failed="SyncFailed"
        )

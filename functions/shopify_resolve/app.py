"""When something becomes of a payment at a cashier, and every minute: decide sessions and answer Shopify."""

import time
from functools import partial
from typing import Any

from countersign.cashiers import registry
from countersign.cashiers.accounts import CashierAccounts
from countersign.platforms.port import Connectors
from countersign.platforms.shopify import resolver
from countersign.platforms.shopify.apps import Apps
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList

ENOUGH_TIME_MS = 30_000  # a cashier's and Shopify's calls at their longest, and what is written about them

store, due = OrderStore.from_environment(), DueList.from_environment(resolver.OWNER)
connect = Connectors(CashierAccounts(registry.LOADS), partial(registry.connect, store=store))
apps = Apps()
job = partial(resolver.ResolveJob, apps, store, connect)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Look at the sessions of the event's checkout, or at each that is due, while there is time.

    Every ten minutes apps are told to be ready in the shops where they are, and were not told so yet.
    """
    now = int(time.time())
    about = resolver.order_of(event, store, now=now)
    if about is not None:
        resolver.work(about, context, due, job, enough_ms=ENOUGH_TIME_MS)
    if resolver.is_tenth_minute(event, now):
        resolver.configure_all(apps, store, context, now=now, enough_ms=ENOUGH_TIME_MS)

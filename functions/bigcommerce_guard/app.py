"""Every ten minutes: see that stores deliver, and make subscriptions that are missing or were switched off."""

import os
import time
from functools import partial
from typing import Any

from countersign.platforms.bigcommerce import connector
from countersign.platforms.bigcommerce.apps import Apps, Stores
from countersign.platforms.port import Connectors
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.scans import ScanStore
from countersign.store.subscriptions import SubscriptionStore
from countersign.workers import guard

apps = Apps()
store = OrderStore.from_environment()
subscriptions = SubscriptionStore(store.client, store.table, "bigcommerce")
scans = ScanStore(store.client, store.table, "bigcommerce")
connect = Connectors(Stores(apps), partial(connector.connect, store=store))


def _address(store_hash: str) -> str:
    return f"{os.environ['PUBLIC_BASE_URL']}/bigcommerce/{apps.installation(store_hash).name}/webhook"


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Look after each store's subscriptions, or those of `accounts` in the event, while there is time."""
    work = guard.GuardWork(subscriptions, scans, connect, _address, int(time.time()))
    guard.run(event, context, names=apps.names, work=work, enough_ms=60_000)

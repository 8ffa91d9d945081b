"""Every ten minutes: see that stores deliver, and know from which addresses their shoppers come."""

import os
import time
from functools import partial
from typing import Any

from countersign.errors import CountersignError
from countersign.platforms.bigcommerce import connector
from countersign.platforms.bigcommerce.apps import Apps, Stores
from countersign.platforms.port import Connectors
from countersign.runtime.telemetry import count, invocation, logger
from countersign.store import OrderStore
from countersign.store.origins import Origins
from countersign.store.scans import ScanStore
from countersign.store.subscriptions import SubscriptionStore
from countersign.workers import guard

apps = Apps()
store = OrderStore.from_environment()
subscriptions = SubscriptionStore(store.client, store.table, "bigcommerce")
scans = ScanStore(store.client, store.table, "bigcommerce")
connect = Connectors(Stores(apps), partial(connector.connect, store=store))
origins = Origins(store.client, store.table)


def _address(store_hash: str) -> str:
    return f"{os.environ['PUBLIC_BASE_URL']}/bigcommerce/{apps.installation(store_hash).name}/webhook"


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Look after each store's subscriptions and addresses, or those of `accounts` in the event, while there is time."""
    work = guard.GuardWork(subscriptions, scans, connect, _address, int(time.time()))
    guard.run(event, context, names=apps.names, work=work, enough_ms=60_000)
    for name in event.get("accounts") or apps.names():
        if context.get_remaining_time_in_millis() < 20_000:
            break
        try:
            for origin in connect(name).origins():
                origins.remember(apps.installation(name).name, origin, name)
        except CountersignError as error:  # one store's fault is its own
            count("GuardFailed")
            logger.error("a store's addresses are not known", extra={"account": name, "reason": str(error)})

"""Every ten minutes: read each store's orders that changed since they were read last."""

from functools import partial
from typing import Any

from countersign.platforms.bigcommerce import connector
from countersign.platforms.bigcommerce.apps import Apps, Stores
from countersign.platforms.port import Connectors
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.scans import ScanStore
from countersign.workers import scan

apps = Apps()
store = OrderStore.from_environment()
scans = ScanStore(store.client, store.table, "bigcommerce")
connect = Connectors(Stores(apps), partial(connector.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Read each store's list, or those of `accounts` in the event, while there is time."""
    scan.run(event, context, names=apps.names, store=store, scans=scans, connect=connect, enough_ms=60_000)

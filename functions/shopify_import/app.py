"""Every ten minutes: go on with the imports of shops' long histories; begun by an operator (docs/shopify.md)."""

from functools import partial
from typing import Any

from countersign.platforms.port import Connectors
from countersign.platforms.shopify import connector
from countersign.platforms.shopify.apps import Apps, Shops
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.imports import ImportStore
from countersign.store.scans import ScanStore
from countersign.workers import bulk

apps = Apps()
store = OrderStore.from_environment()
scans = ScanStore(store.client, store.table, "shopify")
imports = ImportStore(store.client, store.table, "shopify")
connect = Connectors(Shops(apps), partial(connector.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Begin an import where the event asks for one, and go on with those that are not done, while there is time."""
    bulk.run(
        event,
        context,
        names=apps.names,
        store=store,
        scans=scans,
        imports=imports,
        connect=connect,
        enough_ms=60_000,
    )

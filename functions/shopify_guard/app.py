"""Every ten minutes: see that shops still deliver, prove gaps read, and erase what Shopify asks to have erased."""

import os
from functools import partial
from typing import Any

from countersign.platforms.port import Connectors
from countersign.platforms.shopify import connector
from countersign.platforms.shopify.apps import Apps, Shops
from countersign.platforms.shopify.installation import clock
from countersign.platforms.shopify.upkeep import Upkeep
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.scans import ScanStore
from countersign.store.subscriptions import SubscriptionStore
from countersign.workers import guard

apps = Apps()
store = OrderStore.from_environment()
subscriptions = SubscriptionStore(store.client, store.table, "shopify")
scans = ScanStore(store.client, store.table, "shopify")
connect = Connectors(Shops(apps), partial(connector.connect, store=store))


def _address(shop: str) -> str:
    return f"{os.environ['PUBLIC_BASE_URL']}/shopify/{apps.installation(shop).name}/webhook"


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Look after each shop's subscriptions as `guard.run` does, then erase; shops are those of `accounts`, if any.

    With `again` and `accounts`, shops that let us in no more are asked once more, whatever was noted of them.
    """
    named, upkeep = event.get("accounts"), Upkeep(store, connect, clock)
    upkeep.renew(event["accounts"] if event.get("again") else ())
    upkeep.settle(named or apps.names())
    work = guard.GuardWork(subscriptions, scans, connect, _address, clock())
    guard.run(event, context, names=apps.names, work=work, enough_ms=60_000)
    upkeep.erase(named or apps.every_shop(), context)

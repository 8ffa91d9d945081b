"""Every ten minutes: see that shops still deliver, prove gaps read, and erase what Shopify asks to have erased."""

import os
import time
from functools import partial
from typing import Any

from countersign.errors import CountersignError
from countersign.platforms.port import Connectors
from countersign.platforms.shopify import connector, installation
from countersign.platforms.shopify.apps import Apps, Shops
from countersign.runtime.telemetry import count, invocation, logger
from countersign.store import OrderStore
from countersign.store.authorizations import AuthorizationStore
from countersign.store.erasures import ErasureStore
from countersign.store.lists import OrderLists
from countersign.store.scans import ScanStore
from countersign.store.subscriptions import SubscriptionStore
from countersign.workers import erase, guard

ENOUGH_TO_ERASE_MS = 20_000

apps = Apps()
store = OrderStore.from_environment()
subscriptions = SubscriptionStore(store.client, store.table, "shopify")
erasures, lists = ErasureStore(store.client, store.table, "shopify"), OrderLists(store.client, store.table)
authorizations = AuthorizationStore(store.client, store.table, "shopify")
scans = ScanStore(store.client, store.table, "shopify")
connect = Connectors(Shops(apps), partial(connector.connect, store=store))


def _address(shop: str) -> str:
    return f"{os.environ['PUBLIC_BASE_URL']}/shopify/{apps.installation(shop).name}/webhook"


def _settle(name: str) -> None:
    """Ask a shop that may have let the app go; what has no answer is asked the next time."""
    try:
        made = connect(name)
        installation.settle(name, made.installation, made.client, store, now=int(time.time()))
    except CountersignError as error:
        count("GuardFailed")
        logger.error("a shop was not asked whether the app is there", extra={"account": name, "reason": str(error)})


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Look after each shop's subscriptions, or those of `accounts` in the event, while there is time.

    With `again` and `accounts`, shops that let us in no more are asked once more, whatever was noted of them. With
    `restore` (`{"from": seconds, "to": seconds}`) and one of `accounts`, have that interval read and proved.
    """
    work = guard.GuardWork(subscriptions, scans, connect, _address, int(time.time()))
    if "restore" in event:
        [name] = event["accounts"]
        work.restore(name, int(event["restore"]["from"]), int(event["restore"]["to"]))
        return
    if event.get("again"):
        for name in event["accounts"]:
            authorizations.renew(name, now=int(time.time()))
    for name in event.get("accounts") or apps.names():
        _settle(name)
    guard.run(event, context, names=apps.names, work=work, enough_ms=60_000)

    def enough_time() -> bool:
        return bool(context.get_remaining_time_in_millis() >= ENOUGH_TO_ERASE_MS)

    failed: CountersignError | None = None
    for name in event.get("accounts") or apps.every_shop():
        try:
            erase.erase_all(name, erasures, lists, now=int(time.time()), enough_time=enough_time)
        except CountersignError as error:  # the other shops' wishes first, then the function's alarm
            logger.error("not erased", extra={"account": name, "reason": str(error)})
            failed = error
    if failed is not None:
        raise failed

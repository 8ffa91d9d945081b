"""GET /shopify/{app}/authorized: back from the shop's page with a code; keep what it is good for, and have it told."""

import os
from functools import partial

from countersign.http import HttpReply, HttpRequest
from countersign.platforms.shopify import connector, installation, resolver
from countersign.platforms.shopify.apps import Apps, Installation
from countersign.runtime import platform_http
from countersign.runtime.entrypoint import entrypoint, mark_accounts
from countersign.store import OrderStore
from countersign.store.scans import ScanStore
from countersign.store.subscriptions import SubscriptionStore
from countersign.workers.guard import GuardWork

apps = Apps()
store = OrderStore.from_environment()
subscriptions = SubscriptionStore(store.client, store.table, installation.PLATFORM)
scans = ScanStore(store.client, store.table, installation.PLATFORM)


@entrypoint(refused=installation.refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Check the visit, keep the tokens, subscribe to what is told, and show what works and what is to be done next."""
    name, used, session = request.path_parameters["app"], os.environ["IDEMPOTENCY_TABLE_NAME"], platform_http.session()
    arrived = installation.finish(request, name, apps.load(name), session=session, store=store, used=used, now=now)
    mark_accounts(store.client, store.table)
    address = f"{os.environ['PUBLIC_BASE_URL']}/shopify/{name}/webhook"
    return installation.shown(arrived, request, deliveries=_told(arrived.installation, address, now), address=address)


def _told(made: Installation, address: str, now: int) -> str:
    """Look after the shop's deliveries as every ten minutes; return who sets them up, and whether that is done."""
    if made.app.payments is not None:  # such an app is told of nothing, and is said to be ready
        return f"payments_{resolver.configure(store, made, now=now, sleep=installation.hurry)}"
    if made.app.subscriptions != "shop":
        return made.app.subscriptions
    connect = partial(connector.connect, installation=made, store=store, sleep=installation.hurry)
    work = GuardWork(subscriptions, scans, connect, lambda _: address, now)
    return "made" if work.try_account(made.shop.shop) else "later"

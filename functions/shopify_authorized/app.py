"""GET /shopify/{app}/authorized: back from the shop's page with a code; keep what it is good for, and have it told."""

import os
from functools import partial

from countersign.errors import CountersignError
from countersign.http import HttpReply, HttpRequest
from countersign.platforms.shopify import connector, fulfilment, installation, page
from countersign.platforms.shopify.apps import Apps, Installation
from countersign.runtime import platform_http
from countersign.runtime.entrypoint import entrypoint, mark_accounts
from countersign.runtime.telemetry import count, logger
from countersign.store import OrderStore, account_names
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
    name = request.path_parameters["app"]
    used = os.environ["IDEMPOTENCY_TABLE_NAME"]
    arrived = installation.finish(
        request, name, apps.load(name), session=platform_http.session(), store=store, used=used, now=now
    )
    count("ShopInstalled")
    account_names.unmarked.add((installation.PLATFORM, arrived.installation.shop.shop))
    mark_accounts(store.client, store.table)
    address = f"{os.environ['PUBLIC_BASE_URL']}/shopify/{name}/webhook"
    shown = page.installed(
        arrived.installation.shop.shop,
        lang=installation.language(request),
        lacking=arrived.lacking,
        everything=page.READ_ALL in arrived.installation.shop.scopes,
        deliveries=_deliveries(arrived.installation, address, now),
        address=address,
        endless=not arrived.renewable,
    )
    return HttpReply(200, shown, page.CONTENT_TYPE, page.HEADERS)


def _deliveries(made: Installation, address: str, now: int) -> str:
    """Look after the shop's deliveries as every ten minutes; return who sets them up, and whether that is done.

    An app that serves payments is told of nothing: it is said to be ready, where it is.
    """
    if made.app.payments is not None:
        return f"payments_{fulfilment.configure(store, made, now=now, sleep=installation.hurry)}"
    if made.app.subscriptions != "shop":
        return made.app.subscriptions
    connect = partial(connector.connect, installation=made, store=store, sleep=installation.hurry)
    try:
        GuardWork(subscriptions, scans, connect, lambda _: address, now).account(made.shop.shop)
    except CountersignError as error:  # the app is installed all the same, and the guard comes again
        logger.warning("deliveries are not set up yet", extra={"reason": str(error)})
        return "later"
    return "made"

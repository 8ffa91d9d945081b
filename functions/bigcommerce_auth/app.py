"""GET /bigcommerce/{app}/auth: a store installs the app, or authorises it again."""

import os

from countersign.http import HttpReply, HttpRequest
from countersign.platforms.bigcommerce import installation, visits
from countersign.platforms.bigcommerce.apps import Apps
from countersign.runtime import platform_http
from countersign.runtime.entrypoint import entrypoint, mark_accounts
from countersign.store import OrderStore

apps = Apps()
store = OrderStore.from_environment()


@entrypoint(refused=visits.refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Exchange the code once, keep the token, make the script stand, and say so."""
    name = request.path_parameters["app"]
    base, session = os.environ["PUBLIC_BASE_URL"] or f"https://{request.domain}", platform_http.session()
    expiring = os.environ["IDEMPOTENCY_TABLE_NAME"]
    arrived = installation.finish(
        request, name, apps.load(name), session=session, store=store, expiring=expiring, base=base, now=now
    )
    mark_accounts(store.client, store.table)
    installation.begin_work(arrived, session=session, store=store, base=base, now=now)
    return visits.told("installed", request, arrived.installation.store.store_hash)

"""An app comes into a store: nothing signs the call, so only what BigCommerce answers for its code is believed."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from countersign.accounts import AccountDocuments
from countersign.errors import CountersignError, ForbiddenError, InProgressError, NotFoundError, RateLimitedError
from countersign.http import HttpRequest
from countersign.orders.changes import OrderKey
from countersign.platforms.bigcommerce import app_calls, install, panel, settings
from countersign.platforms.bigcommerce.app_calls import Grant
from countersign.platforms.bigcommerce.apps import Installation
from countersign.platforms.bigcommerce.settings import App
from countersign.platforms.bigcommerce.translate import PLATFORM
from countersign.runtime.telemetry import count, logger
from countersign.signing import nonces
from countersign.store import OrderStore, account_names
from countersign.store.installs import InstallStore
from countersign.store.order_sync import OrderSyncStore
from countersign.store.origins import Origins
from countersign.store.windows import Window
from countersign.wire import Session

PER_MINUTE = 10  # calls of one address, each of which asks BigCommerce and keeps others from installing meanwhile


class Arrived(NamedTuple):
    """An app that was installed in a store; `waiting` are the numbers of orders that wait for its token."""

    installation: Installation
    waiting: tuple[str, ...]


def finish(
    request: HttpRequest,
    name: str,
    app: App,
    *,
    session: Session,
    store: OrderStore,
    expiring: str,
    base: str,
    now: int,
) -> Arrived:
    """Exchange the code with which a store's owner comes, once, and keep the token that it is good for.

    `expiring` is the table whose rows expire, and `base` where our own addresses begin. Raises MalformedError,
    ForbiddenError for a store that nobody allowed, RateLimitedError, InProgressError while another call installs, and
    PlatformUnavailableError where the code was good for nothing.
    """
    grant = app_calls.read_grant(request.raw_query)
    documents = AccountDocuments(f"{PLATFORM}/{name}")
    known = _known(documents, app, grant)
    calls = Window(store.client, expiring, "installs", seconds=60, most=PER_MINUTE)
    if not calls.count(request.source_ip, now=now):
        raise RateLimitedError("too many installations of one address")
    installs = InstallStore(store.client, store.table, PLATFORM)
    if not installs.begin(grant.store_hash, now=now):
        raise InProgressError("another call installs the app in this store")
    try:
        document = _exchange(session, app, grant, known, f"{base}/{PLATFORM}/{name}/auth")
        kept = settings.load_installation(document)  # what could not be read again is not kept
        documents.write(grant.store_hash, document)
        waiting = installs.state(grant.store_hash).waiting
        installs.installed(grant.store_hash, name, now=now)
    except CountersignError:
        installs.give_up(grant.store_hash)
        raise
    # The document's name is no guess from now on, and the store is an account: its orders are under its hash.
    account_names.unmarked.update({(f"{PLATFORM}/{name}", grant.store_hash), (PLATFORM, grant.store_hash)})
    count("AppInstalled")
    logger.info("the app was installed", extra={"account": grant.store_hash, "again": bool(known)})
    return Arrived(Installation(name, app, kept), waiting)


def begin_work(arrived: Arrived, *, session: Session, store: OrderStore, base: str, now: int) -> None:
    """Have the orders written that waited for the token, and make the script stand.

    What fails of the script is done by a schedule.
    """
    syncs = OrderSyncStore(store.client, store.table)
    for number in arrived.waiting:  # paid, and the store could not be told
        key = OrderKey(PLATFORM, arrived.installation.store.store_hash, number)
        syncs.make_due(key, f"{PLATFORM}_sync", now=now)
    panel.look_after(
        session,
        arrived.installation,
        base,
        installs=InstallStore(store.client, store.table, PLATFORM),
        origins=Origins(store.client, store.table),
        sleep=time.sleep,
        now=now,
        tries=1,
    )


def _exchange(session: Session, app: App, grant: Grant, known: Mapping[str, Any], redirect_uri: str) -> dict[str, Any]:
    """Return the store's document from now on."""
    installed = install.exchange(
        session,
        grant,
        login=app.rules.login,
        client_id=app.client_id,
        client_secret=app.client_secrets[0],
        redirect_uri=redirect_uri,
    )
    document = install.installed_document(known, grant, installed)
    # What a delivery without a signature must bring; one that is known there stays.
    document.setdefault("hook_token", nonces.nonce() + nonces.nonce())
    return document


def _known(documents: AccountDocuments, app: App, grant: Grant) -> dict[str, Any]:
    """Return the store's document of before, an empty one where it has none; raises ForbiddenError for a stranger."""
    try:
        known = documents.read(grant.store_hash)
    except NotFoundError:
        known = {}
    if grant.store_hash not in app.rules.allowed_stores and (not known or known.get("uninstalled")):
        raise ForbiddenError("store_not_allowed")
    return known

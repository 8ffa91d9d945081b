"""GET /bigcommerce/{app}/auth: a store installs the app, or authorises it again."""

import os
import time

from countersign.accounts import AccountDocuments
from countersign.errors import CountersignError, ForbiddenError, InProgressError, NotFoundError, RateLimitedError
from countersign.http import HttpReply, HttpRequest
from countersign.orders.changes import OrderKey
from countersign.platforms.bigcommerce import app_calls, install, page, panel, settings
from countersign.platforms.bigcommerce.app_calls import Grant
from countersign.platforms.bigcommerce.apps import Apps, Installation
from countersign.platforms.bigcommerce.settings import App
from countersign.runtime import platform_http
from countersign.runtime.entrypoint import entrypoint, mark_accounts
from countersign.runtime.telemetry import count, logger
from countersign.signing import nonces
from countersign.store import OrderStore, account_names
from countersign.store.installs import InstallStore
from countersign.store.order_sync import OrderSyncStore
from countersign.store.origins import Origins
from countersign.store.windows import Window

PER_MINUTE = 10
apps = Apps()
store = OrderStore.from_environment()
installs = InstallStore(store.client, store.table, "bigcommerce")
origins = Origins(store.client, store.table)
# Nothing signs the call, and each asks BigCommerce and keeps others from installing meanwhile.
calls = Window(store.client, os.environ["IDEMPOTENCY_TABLE_NAME"], "installs", seconds=60, most=PER_MINUTE)


def refused(request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Refuse with a page that says what to do."""
    nonce = nonces.nonce()
    lang = page.language("", request.headers.get("accept-language", "") if request else "")
    return page.reply(error.status, page.render_refusal(error, lang, nonce=nonce), nonce=nonce)


@entrypoint(refused=refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Exchange the code once, keep the token, make the script stand; what fails of the last is done by a schedule."""
    name = request.path_parameters["app"]
    app = apps.load(name)
    grant = app_calls.read_grant(request.raw_query)
    documents = AccountDocuments(f"bigcommerce/{name}")
    known = _known(documents, app, grant)
    if not calls.count(request.source_ip, now=now):
        raise RateLimitedError("too many installations of one address")
    if not installs.begin(grant.store_hash, now=now):
        raise InProgressError("another call installs the app in this store")
    try:
        installed = install.exchange(
            platform_http.session(),
            grant,
            login=app.rules.login,
            client_id=app.client_id,
            client_secret=app.client_secrets[0],
            redirect_uri=f"{_base(request)}/bigcommerce/{name}/auth",
        )
        document = install.installed_document(known, grant, installed)
        # What a delivery without a signature must bring; one that is known there stays.
        document.setdefault("hook_token", nonces.nonce() + nonces.nonce())
        kept = settings.load_installation(document)  # what could not be read again is not kept
        documents.write(grant.store_hash, document)
        waiting = installs.state(grant.store_hash).waiting
        installs.installed(grant.store_hash, name, now=now)
    except CountersignError:
        installs.give_up(grant.store_hash)
        raise
    # The document's name is no guess from now on, and the store is an account: its orders are under its hash.
    account_names.unmarked.update({(f"bigcommerce/{name}", grant.store_hash), ("bigcommerce", grant.store_hash)})
    mark_accounts(store.client, store.table)
    count("AppInstalled")
    logger.info("the app was installed", extra={"account": grant.store_hash, "again": bool(known)})
    syncs = OrderSyncStore(store.client, store.table)
    for number in waiting:  # paid, and the store could not be told
        syncs.make_due(OrderKey("bigcommerce", grant.store_hash, number), "bigcommerce_sync", now=now)
    panel.look_after(
        platform_http.session(),
        Installation(name, app, kept),
        _base(request),
        installs=installs,
        origins=origins,
        sleep=time.sleep,
        now=now,
        tries=1,
    )
    nonce = nonces.nonce()
    lang = page.language("", request.headers.get("accept-language", ""))
    content = page.render_message("installed", lang, nonce=nonce)
    return page.reply(200, content, nonce=nonce, store_hash=grant.store_hash)


def _known(documents: AccountDocuments, app: App, grant: Grant) -> dict[str, object]:
    """Return the store's document of before, an empty one where it has none; raises ForbiddenError for a stranger."""
    try:
        known = documents.read(grant.store_hash)
    except NotFoundError:
        known = {}
    if grant.store_hash not in app.rules.allowed_stores and (not known or known.get("uninstalled")):
        raise ForbiddenError("store_not_allowed")
    return known


def _base(request: HttpRequest) -> str:
    return os.environ["PUBLIC_BASE_URL"] or f"https://{request.domain}"

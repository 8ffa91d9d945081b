"""GET /bigcommerce/{app}/load and POST …/page: the app's page in a store's control panel."""

import os
import re
import time

from countersign.errors import CountersignError, ForbiddenError, InvalidSignatureError
from countersign.http import HttpReply, HttpRequest
from countersign.platforms.bigcommerce import app_calls, page, panel, script
from countersign.platforms.bigcommerce.apps import Apps, Installation
from countersign.runtime import platform_http
from countersign.runtime.entrypoint import entrypoint
from countersign.signing import nonces
from countersign.store import OrderStore
from countersign.store.installs import InstallStore, Session, SessionStore, State
from countersign.store.origins import Origins

LIMIT = 4096
_TOKEN = re.compile(rb"(?:^|&)session=([0-9a-f]{64})(?:&|$)")
apps = Apps()
store = OrderStore.from_environment()
installs = InstallStore(store.client, store.table, "bigcommerce")
origins = Origins(store.client, store.table)
sessions = SessionStore(store.client, os.environ["IDEMPOTENCY_TABLE_NAME"])


def refused(request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Refuse with a page that says what to do."""
    nonce = nonces.nonce()
    lang = page.language("", request.headers.get("accept-language", "") if request else "")
    return page.reply(error.status, page.render_refusal(error, lang, nonce=nonce), nonce=nonce)


@entrypoint(refused=refused, limit=LIMIT)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Show how the store does: to whom BigCommerce vouches for, then to whom the page's own session is of."""
    name = request.path_parameters["app"]
    app = apps.load(name)
    if request.method == "POST":
        return _again(name, request, now)
    legacy = app.rules.accept_legacy_payload
    visit = app_calls.read_visit(request.raw_query, app.client_id, app.client_secrets, legacy=legacy, now=now)
    installation = _installation(name, visit.store_hash)
    if not installs.admit(visit.store_hash, visit.user_id, vouched_at=visit.issued_at, now=now):
        raise ForbiddenError("user_removed")
    token = sessions.begin(Session(name, visit.store_hash, visit.user_id), now=now)
    return _page(installation, installs.state(visit.store_hash), token, request, visit.locale)


def _again(name: str, request: HttpRequest, now: int) -> HttpReply:
    """Look at the store now, as the page's button wants it."""
    match = _TOKEN.search(request.body)  # of a form's one field, and there is nothing else to choose
    token = match[1].decode() if match else ""
    session = sessions.get(token, now=now)
    if session is None or session.app != name or installs.is_removed(session.account, session.user):
        raise InvalidSignatureError("session_ended")
    installation = _installation(name, session.account)
    panel.look_after(
        platform_http.session(),
        installation,
        _base(request),
        installs=installs,
        origins=origins,
        sleep=time.sleep,
        now=now,
        tries=1,
    )
    return _page(installation, installs.state(session.account), token, request, "")


def _installation(name: str, store_hash: str) -> Installation:
    """Return the store; ForbiddenError where the app is not installed there (any more)."""
    installed = apps.store(name, store_hash)
    state = installs.state(store_hash)
    if installed is None or installed.uninstalled or state.uninstalled_at:
        raise ForbiddenError("not_installed")
    return Installation(name, apps.load(name), installed)


def _page(installation: Installation, state: State, token: str, request: HttpRequest, locale: str) -> HttpReply:
    name, app, installed = installation
    nonce = nonces.nonce()
    snippet = script.tag(
        panel.script_address(_base(request), name),
        store_hash=installed.store_hash,
        client_id=app.client_id,
        methods=installation.rules.payment_method_names,
    )
    view = page.View(
        store=installed,
        rules=installation.rules,
        client_id=app.client_id,
        installed_at=state.installed_at,
        checked_at=state.checked_at,
        finding=state.finding,
        lost=bool(state.lost_at) or (installed.needs_reauthorization and state.installed_at == 0),
        waiting=state.waiting,
        waiting_count=state.waiting_count,
        snippet=snippet,
        checksum=script.INTEGRITY,
        session=token,
    )
    lang = page.language(locale, request.headers.get("accept-language", ""))
    return page.reply(200, page.render(view, lang, nonce=nonce), nonce=nonce, store_hash=installed.store_hash)


def _base(request: HttpRequest) -> str:
    return os.environ["PUBLIC_BASE_URL"] or f"https://{request.domain}"

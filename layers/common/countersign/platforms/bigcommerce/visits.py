"""Who opens the app's page in a store's control panel, and what they see there."""

import re
import time
from dataclasses import dataclass

from countersign.errors import CountersignError, ForbiddenError, InvalidSignatureError
from countersign.http import HttpReply, HttpRequest
from countersign.platforms.bigcommerce import app_calls, page, panel, script
from countersign.platforms.bigcommerce.apps import Apps, Installation
from countersign.platforms.bigcommerce.settings import App
from countersign.platforms.bigcommerce.translate import PLATFORM
from countersign.signing import nonces
from countersign.store import OrderStore
from countersign.store.installs import InstallStore, Session, SessionStore, State
from countersign.store.origins import Origins
from countersign.wire import Session as HttpSession

_TOKEN = re.compile(rb"(?:^|&)session=([0-9a-f]{64})(?:&|$)")


def refused(request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Refuse with a page that says what to do."""
    nonce = nonces.nonce()
    return page.reply(error.status, page.render_refusal(error, _language(request), nonce=nonce), nonce=nonce)


def told(what: str, request: HttpRequest, store_hash: str) -> HttpReply:
    """Return a page that says one thing of `page.WORDS`."""
    nonce = nonces.nonce()
    content = page.render_message(what, _language(request), nonce=nonce)
    return page.reply(200, content, nonce=nonce, store_hash=store_hash)


@dataclass(frozen=True, slots=True)
class Visits:
    """The app's page: it is shown to whom BigCommerce vouches for, then to whom the page's own session is of."""

    apps: Apps
    store: OrderStore
    expiring: str  # the table whose rows expire

    def open(self, name: str, app: App, request: HttpRequest, *, base: str, now: int) -> HttpReply:
        """Show how the store does; `base` is where our own addresses begin.

        Raises what `app_calls.read_visit` raises, and ForbiddenError where the app is not installed, or the user was
        taken from it.
        """
        legacy = app.rules.accept_legacy_payload
        visit = app_calls.read_visit(request.raw_query, app.client_id, app.client_secrets, legacy=legacy, now=now)
        installation = self._installation(name, app, visit.store_hash)
        if not self._installs.admit(visit.store_hash, visit.user_id, vouched_at=visit.issued_at, now=now):
            raise ForbiddenError("user_removed")
        token = self._sessions.begin(Session(name, visit.store_hash, visit.user_id), now=now)
        return self._page(installation, token, request, base, visit.locale)

    def check(
        self, name: str, app: App, request: HttpRequest, *, session: HttpSession, base: str, now: int
    ) -> HttpReply:
        """Look at the store now, as the page's button wants it; InvalidSignatureError where the page's time is over."""
        match = _TOKEN.search(request.body)  # of a form's one field, and there is nothing else to choose
        token = match[1].decode() if match else ""
        whose = self._sessions.get(token, now=now)
        if whose is None or whose.app != name or self._installs.is_removed(whose.account, whose.user):
            raise InvalidSignatureError("session_ended")
        installation = self._installation(name, app, whose.account)
        panel.look_after(
            session,
            installation,
            base,
            installs=self._installs,
            origins=Origins(self.store.client, self.store.table),
            sleep=time.sleep,
            now=now,
            tries=1,
        )
        return self._page(installation, token, request, base)

    def _installation(self, name: str, app: App, store_hash: str) -> Installation:
        """Return the store; ForbiddenError where the app is not installed there (any more)."""
        installed = self.apps.store(name, store_hash)
        if installed is None or installed.uninstalled or self._installs.state(store_hash).uninstalled_at:
            raise ForbiddenError("not_installed")
        return Installation(name, app, installed)

    def _page(
        self, installation: Installation, token: str, request: HttpRequest, base: str, locale: str = ""
    ) -> HttpReply:
        store_hash, nonce = installation.store.store_hash, nonces.nonce()
        view = view_of(installation, self._installs.state(store_hash), token, base)
        content = page.render(view, _language(request, locale), nonce=nonce)
        return page.reply(200, content, nonce=nonce, store_hash=store_hash)

    @property
    def _installs(self) -> InstallStore:
        return InstallStore(self.store.client, self.store.table, PLATFORM)

    @property
    def _sessions(self) -> SessionStore:
        return SessionStore(self.store.client, self.expiring)


def view_of(installation: Installation, state: State, token: str, base: str) -> page.View:
    """Return what the page shows of a store; `token` is the page's session."""
    name, app, installed = installation
    snippet = script.tag(
        panel.script_address(base, name),
        store_hash=installed.store_hash,
        client_id=app.client_id,
        methods=installation.rules.payment_method_names,
    )
    return page.View(
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


def _language(request: HttpRequest | None, locale: str = "") -> str:
    return page.language(locale, request.headers.get("accept-language", "") if request else "")

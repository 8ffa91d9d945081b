"""An app comes into a shop, is let in there for as long as the merchant wants, and goes again."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from countersign.api.languages import accepted
from countersign.errors import (
    ConflictError,
    CountersignError,
    ForbiddenError,
    InvalidSignatureError,
    KeysUnavailableError,
    NotFoundError,
    PlatformUnavailableError,
    TemporaryError,
)
from countersign.http import HttpReply, HttpRequest
from countersign.orders.sentences import ENGLISH
from countersign.platforms.shopify import oauth, page, signing
from countersign.platforms.shopify.answers import CallRefusedError
from countersign.platforms.shopify.apps import OAUTH, Installation, credential_of
from countersign.platforms.shopify.client import Client, base_of, fetch_token
from countersign.platforms.shopify.oauth import Granted
from countersign.platforms.shopify.settings import App, Shop
from countersign.runtime.access_tokens import REVOKED, AuthorizationEndedError, FixedToken, GrantedToken, end
from countersign.runtime.telemetry import count
from countersign.signing import nonces
from countersign.signing.credentials import Secret
from countersign.store import OrderStore, account_names
from countersign.store.authorizations import UNINSTALLED, AuthorizationStore
from countersign.store.grants import GrantStore, Tokens
from countersign.store.nonces import is_fresh
from countersign.store.tokens import SharedToken
from countersign.wire import Session

PLATFORM = "shopify"
COOKIE = "countersign-install"
ANOTHER_SHOP = "another_shop"  # why access is over: the shop's name is another one's
CHANGED = "changed"  # a doubt: what the app may do, or what is known of the shop, is to be read anew


class Arrived(NamedTuple):
    """An app that was let into a shop; `lacking` are the scopes that it wants and was not given."""

    installation: Installation
    lacking: tuple[str, ...]
    renewable: bool


def clock() -> int:
    """Return the time in epoch seconds."""
    return int(time.time())


def language(request: HttpRequest | None) -> str:
    """Return the language that a merchant's browser prefers."""
    return accepted(request.headers.get("accept-language", "")) if request else ENGLISH


def refused(request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Say what to do, and nothing of what was received."""
    content = page.refused(error, lang=language(request), minutes=oauth.STATE_SECONDS // 60)
    return HttpReply(error.status, content, page.CONTENT_TYPE, page.HEADERS)


def begin(request: HttpRequest, name: str, app: App, *, base: str, now: int) -> HttpReply:
    """Send a merchant, whom Shopify sent here, to the page of the shop that asks for consent.

    Always: whether the app is in the shop already only the shop knows, and where it is nobody is asked again. `base` is
    our own public address. Raises InvalidSignatureError, ForbiddenError for a shop that nobody allowed.
    """
    host = _host(signing.verify_query(request.raw_query, _secrets(app), now=now), app)
    browser = nonces.nonce()
    state = oauth.state_of(app.client_secrets[0], app=name, shop=host, browser=browser, nonce=nonces.nonce(), now=now)
    redirect = f"{base}/{PLATFORM}/{name}/authorized"
    there = oauth.authorize_address(base_of(app, Shop(host)), app, redirect=redirect, state=state)
    # Lax: the cookie comes back with the visit to which the shop's page leads, and with nothing else of other sites.
    secure = base.startswith("https://")
    cookie = f"{_cookie(secure)}={browser}; Path=/; Max-Age={oauth.STATE_SECONDS}; HttpOnly; SameSite=Lax"
    headers = {**page.HEADERS, "location": there}
    return HttpReply(302, headers=headers, cookies=(f"{cookie}; Secure" if secure else cookie,))


def finish(
    request: HttpRequest, name: str, app: App, *, session: Session, store: OrderStore, used: str, now: int
) -> Arrived:
    """Take the code with which a shop's page led back here, and keep what it is good for.

    `used` is the table that remembers states: each is good once. Nothing is asked of Shopify before all is checked.
    Raises InvalidSignatureError, ForbiddenError, MalformedError, CallRefusedError for a code that is good for nothing,
    ConflictError where the name is another shop's than before, TemporaryError where Shopify has no answer.
    """
    parameters = signing.verify_query(request.raw_query, _secrets(app), now=now)
    host, state = _host(parameters, app), parameters.get("state", "")
    browser = request.cookies.get(_cookie(True)) or request.cookies.get(_cookie(False)) or ""
    oauth.check_state(state, app.client_secrets, app=name, shop=host, browser=browser, now=now)
    code = oauth.code_of(parameters)
    if not is_fresh(store.client, used, f"{PLATFORM}/{name}/install", state, until=now + 2 * oauth.STATE_SECONDS):
        raise InvalidSignatureError("the state was used before")
    bare = Shop(host)
    granted = oauth.exchange(session, base_of(app, bare), app, code)
    grants = GrantStore(store.client, store.table, platform=PLATFORM, app=name, secrets=app.client_secrets)
    arrived = _keep(name, app, bare, granted, grants, session, now)
    count("ShopInstalled")
    account_names.unmarked.add((PLATFORM, bare.shop))
    return arrived


def shown(arrived: Arrived, request: HttpRequest, *, deliveries: str, address: str) -> HttpReply:
    """Say what works now, and what is to be done next; `deliveries` as in `page.installed`, `address` is theirs."""
    shop = arrived.installation.shop
    content = page.installed(
        shop.shop,
        lang=language(request),
        lacking=arrived.lacking,
        everything=page.READ_ALL in shop.scopes,
        deliveries=deliveries,
        address=address,
        endless=not arrived.renewable,
    )
    return HttpReply(200, content, page.CONTENT_TYPE, page.HEADERS)


def _keep(name: str, app: App, shop: Shop, granted: Granted, grants: GrantStore, session: Session, now: int) -> Arrived:
    authorizations = AuthorizationStore(grants.client, grants.table, PLATFORM)
    known = grants.number(shop.shop)
    # The code is used: what it gave is kept before anything else can go wrong, and asked about later where it does.
    kept = grants.put(shop.shop, known, _tokens(granted, now), now=now)
    authorizations.doubt(shop.shop, CHANGED, now=now)
    there = Shop(shop.shop, shop_id=known, scopes=granted.scopes, grant=kept.id)
    client = Client(session, app, shop, token=lambda _: granted.access_token, sleep=hurry)
    try:
        number, scopes = client.installation()
    except (TemporaryError, CallRefusedError):
        count("ShopNotAsked")
    else:
        if known and number != known:
            end(authorizations, shop.shop, kept.id, ANOTHER_SHOP, now=now)
            grants.close(shop.shop, kept.id)
            raise ConflictError("the name is of another shop than before")
        grants.note(shop.shop, number, scopes)
        authorizations.renew(shop.shop, now=now)
        there = Shop(shop.shop, shop_id=number, scopes=scopes, grant=kept.id)
    lacking = oauth.lacking(app.scopes, there.scopes)
    return Arrived(Installation(name, app, there), lacking, bool(granted.refresh_token))


def hurry(_seconds: float) -> None:
    """Wait for nothing: a merchant looks at an empty page meanwhile, and the next run of the guard has the time."""
    raise PlatformUnavailableError("Shopify has no answer at once")


def access_token(session: Session, installation: Installation, store: OrderStore) -> Callable[[str], str]:
    """Return what gives a shop's token, and another one in the place of one that was refused."""
    name, app, shop = installation
    authorizations = AuthorizationStore(store.client, store.table, PLATFORM)
    if shop.grant or (shop.refresh_token is not None and app.install == OAUTH):
        grants = GrantStore(store.client, store.table, platform=PLATFORM, app=name, secrets=app.client_secrets)
        if not shop.grant:
            grants.seeded(shop.shop, shop.shop_id, _written(shop), seed=credential_of(installation), now=clock())

        def renew(refresh_token: str) -> Tokens:
            return _tokens(oauth.renew(session, base_of(app, shop), app, refresh_token), clock())

        return GrantedToken(grants, authorizations, shop.shop, renew=renew, now=clock).get
    fetch = _fixed(shop)
    if app.install == "client_credentials":
        fetch = SharedToken(
            store.client,
            store.table,
            platform=PLATFORM,
            app=f"{name}/{shop.shop}",
            fetch=lambda: fetch_token(session, app, shop),
            now=clock,
        ).get
    return FixedToken(authorizations, shop.shop, of=credential_of(installation), fetch=fetch, now=clock).get


def settle(name: str, installation: Installation, client: Client, store: OrderStore, *, now: int) -> None:
    """Ask a shop, once, where something said that the app is gone or may do other things than before.

    What said so may be late, or somebody's repetition: what the shop answers counts. A refused token ends by the rules
    of whoever gives it; of one that nothing renews the shop's own farewell is the second proof.
    """
    authorizations = AuthorizationStore(store.client, store.table, PLATFORM)
    state = authorizations.state(name)
    if state.doubted_at is None:
        return
    app, grant = installation.app, installation.shop.grant
    grants = GrantStore(store.client, store.table, platform=PLATFORM, app=installation.name, secrets=app.client_secrets)
    try:
        number, scopes = client.installation()
    except AuthorizationEndedError:
        return
    except CallRefusedError as error:
        if error.status != 401 or state.doubt != UNINSTALLED:
            raise
        end(authorizations, name, credential_of(installation), REVOKED, now=now)
        if grant:
            grants.close(name, grant)
        return
    if state.ended_at is not None:
        authorizations.renew(name, now=now)
    else:
        authorizations.settle(name, state.doubted_at)
    if grant:
        grants.note(name, number, scopes)


def _fixed(shop: Shop) -> Callable[[str], str]:
    token = shop.access_token.reveal() if shop.access_token is not None else ""
    return lambda _refused: token


def _secrets(app: App) -> tuple[Secret, ...]:
    """Return the app's secrets; raises NotFoundError where the app is not installed this way."""
    if app.install != OAUTH:
        raise NotFoundError("the app's document says that it is not installed this way")
    if not app.client_id or not app.client_secrets:
        raise KeysUnavailableError("client_id or client_secrets is missing: the app cannot be installed")
    return app.client_secrets


def _host(parameters: Mapping[str, str], app: App) -> str:
    """Return the shop that a signed query names, if the app may be installed there."""
    host = parameters["shop"].lower()
    if host not in app.allowed_shops:
        raise ForbiddenError("nobody allowed this shop to install the app (allowed_shops)")
    return host


def _cookie(secure: bool) -> str:
    return f"__Host-{COOKIE}" if secure else COOKIE


def _tokens(granted: Granted, now: int) -> Tokens:
    return Tokens(
        granted.access_token,
        None if granted.lives is None else now + granted.lives,
        granted.scopes,
        granted.refresh_token,
        None if granted.refresh_lives is None else now + granted.refresh_lives,
    )


def _written(shop: Shop) -> Tokens:
    """Return the tokens that a document has; one without an end is renewed at once."""
    access = shop.access_token.reveal() if shop.access_token is not None else ""
    refresh = shop.refresh_token.reveal() if shop.refresh_token is not None else ""
    return Tokens(access, shop.expires_at or 1, shop.scopes, refresh, shop.refresh_expires_at)

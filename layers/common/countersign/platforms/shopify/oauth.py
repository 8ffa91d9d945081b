"""How an app gets into a shop: the page that asks the merchant, and the tokens that are given and renewed.

https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from countersign.errors import (
    InvalidSignatureError,
    KeysUnavailableError,
    MalformedError,
    PlatformUnavailableError,
)
from countersign.http import read_json
from countersign.platforms.shopify.answers import CallRefusedError
from countersign.platforms.shopify.settings import App
from countersign.signing import digests
from countersign.signing.credentials import Secret
from countersign.wire import Response, Session

TIMEOUT = (3.0, 10.0)
STATE_SECONDS = 600  # how long a merchant may look at the page that asks
_STATE = re.compile(r"([0-9a-f]{8})([0-9a-f]{32})([0-9a-f]{64})", re.ASCII)
_CODE = re.compile(r"[0-9A-Za-z._~-]{1,256}", re.ASCII)
_REFUSED = frozenset({"invalid_request", "invalid_grant", ""})  # said of a code or a refresh token that is none
_MOST_BYTES = 64 * 1024


class Granted(NamedTuple):
    """What Shopify gave: tokens, and for how many seconds each lives; None and empty where a token has no end."""

    access_token: str
    scopes: frozenset[str]
    lives: int | None = None
    refresh_token: str = ""
    refresh_lives: int | None = None


def authorize_address(base: str, app: App, *, redirect: str, state: str) -> str:
    """Return the address of the page on which a merchant lets the app in; `redirect` is where it leads back to."""
    asked = {"client_id": app.client_id, "redirect_uri": redirect, "state": state}
    if app.scopes:  # else those of the app's own configuration
        asked["scope"] = ",".join(sorted(app.scopes))
    return f"{base}/admin/oauth/authorize?{urlencode(asked)}"


def state_of(secret: Secret, *, app: str, shop: str, browser: str, nonce: str, now: int) -> str:
    """Return a state for one installation: hexadecimal, so that both ways of signing it are one.

    It is ours, of this moment, for this app and shop, and of the browser that has `browser` in a cookie.
    """
    begun = f"{now:08x}{nonce}"
    return begun + _mac(secret, begun, app, shop, browser)


def check_state(state: str, secrets: Iterable[Secret], *, app: str, shop: str, browser: str, now: int) -> None:
    """Raise InvalidSignatureError where a state is not the one that this browser was given for this app and shop."""
    match = _STATE.fullmatch(state)
    begun = match[1] + match[2] if match else ""
    expected = [_mac(secret, begun, app, shop, browser) for secret in secrets]
    if match is None or not browser or not any(digests.equal(match[3], mac) for mac in expected):
        raise InvalidSignatureError("the state is not the one that this browser was given")
    if not 0 <= now - int(match[1], 16) <= STATE_SECONDS:
        raise InvalidSignatureError("the installation was begun too long ago")


def code_of(parameters: Mapping[str, str]) -> str:
    """Return the code of a query that Shopify signed; raises MalformedError."""
    code = parameters.get("code", "")
    if not _CODE.fullmatch(code):
        raise MalformedError("the query has no code")
    return code


def exchange(session: Session, base: str, app: App, code: str) -> Granted:
    """Return what a code is good for, once; raises CallRefusedError where it is good for nothing."""
    return _grant(session, base, app, {"code": code, "expiring": "1"}, must_end=False)


def renew(session: Session, base: str, app: App, refresh_token: str) -> Granted:
    """Return new tokens for a refresh token; raises CallRefusedError where it is none any more.

    An answer without an end, or without the next refresh token, is none: what is kept stays.
    """
    # https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/offline-access-tokens
    wanted = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return _grant(session, base, app, wanted, must_end=True)


def lacking(wanted: Iterable[str], granted: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes that are wanted and not granted; who may write may read."""
    has = set(granted)
    has |= {f"read_{scope.removeprefix('write_')}" for scope in has if scope.startswith("write_")}
    return tuple(sorted(set(wanted) - has))


def _grant(session: Session, base: str, app: App, wanted: Mapping[str, str], *, must_end: bool) -> Granted:
    if not app.client_id or not app.client_secrets:
        raise KeysUnavailableError("client_id or client_secrets is missing: no token can be asked for")
    ours = {"client_id": app.client_id, "client_secret": app.client_secrets[0].reveal()}
    response = session.request(
        "POST",
        f"{base}/admin/oauth/access_token",
        data=json.dumps({**ours, **wanted}).encode(),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        timeout=TIMEOUT,
    )
    return _read(response, must_end=must_end)


def _read(response: Response, *, must_end: bool) -> Granted:
    """Read an answer of the token end point; nothing of it is in any error."""
    status, document = response.status_code, _document(response)
    error = document.get("error", "")
    if status in (400, 401) and isinstance(error, str) and error in _REFUSED:
        raise CallRefusedError(401, "what was shown for a token is good for none (any more)")
    if status in (400, 401):  # of the app, not of what was shown: no shop is at fault
        raise KeysUnavailableError("Shopify does not take client_id and the first of client_secrets")
    if status != 200:
        raise PlatformUnavailableError(f"Shopify's token end point answered HTTP {status}")
    access, refresh = document.get("access_token"), document.get("refresh_token", "")
    lives, refresh_lives = document.get("expires_in"), document.get("refresh_token_expires_in")
    ends = _is_time(lives) and isinstance(refresh, str) and bool(refresh)
    endless = not must_end and lives is None and not refresh
    if not isinstance(access, str) or not access or not (ends or endless):
        raise PlatformUnavailableError("Shopify's answer has no token, or half of what belongs to one")
    scopes = str(document.get("scope") or "").split(",")
    return Granted(
        access,
        frozenset(filter(None, (scope.strip() for scope in scopes))),
        lives if ends else None,
        refresh if ends else "",
        refresh_lives if ends and _is_time(refresh_lives) else None,
    )


def _document(response: Response) -> Mapping[str, Any]:
    if len(response.content) > _MOST_BYTES:
        return {}
    try:
        document = read_json(response.content)
    except MalformedError:
        return {}
    return document if isinstance(document, dict) else {}


def _is_time(value: object) -> bool:
    return type(value) is int and value > 0


def _mac(secret: Secret, begun: str, app: str, shop: str, browser: str) -> str:
    said = json.dumps([begun, app, shop, browser]).encode("utf-8", "surrogatepass")
    # Under a key of its own: what the app's secret itself signs is Shopify's, and this a browser gets to see.
    key = bytes.fromhex(digests.hmac_sha256(secret.reveal().encode(), b"countersign installation 1"))
    return digests.hmac_sha256(key, said)

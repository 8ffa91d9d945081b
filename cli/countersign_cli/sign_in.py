"""Tokens: of a person who signed in by a browser, or of a machine by its client id and secret.

What proves a person (the refresh token) is in the system's keyring where there is one, else in a file that only its
owner may read. No token is ever an argument, or printed.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
import urllib.parse
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from clients.python.countersign_client import Reply, send
from countersign_cli import profiles, sandbox_side
from countersign_cli.exits import NOT_SIGNED_IN, UNAVAILABLE, USAGE, StopError

if TYPE_CHECKING:
    from pathlib import Path

    from countersign_cli.options import Context
    from countersign_cli.profiles import Profile

SOON = 60  # seconds before its end in which a token is not used any more
SCOPES = ("openid", *sandbox_side.SCOPES)
LOOPBACK_PORT = 8399  # the very port: Cognito compares the whole URL
RETURN_URL = f"http://localhost:{LOOPBACK_PORT}/"
SERVICE = "countersign"
_HTTPS_OR_HERE = ("https://", "http://127.0.0.1:", "http://localhost:")


class Token(NamedTuple):
    """An access token and when it ends, in epoch seconds."""

    access: str
    ends: float

    def __repr__(self) -> str:
        return f"Token(ends={self.ends})"


class Visit(NamedTuple):
    """One try to sign in: where the browser goes, what must come back with it, and the proof that it was ours."""

    url: str
    state: str
    verifier: str


def token(profile: Profile, folder: Path, context: Context) -> Token:
    """Return a token that is good for a while: a machine's where the environment names one, else the person's."""
    client_id = context.environ.get("COUNTERSIGN_CLIENT_ID", "")
    secret = context.environ.get("COUNTERSIGN_CLIENT_SECRET", "")
    if client_id or secret:
        if not (client_id and secret):
            raise StopError(USAGE, "half_a_machine")
        return _machine(profile, folder, context, client_id, secret)
    return _person(profile, folder, context)


def is_machine(context: Context) -> bool:
    """Tell whether the environment says that a machine speaks."""
    return bool(context.environ.get("COUNTERSIGN_CLIENT_ID"))


def _machine(profile: Profile, folder: Path, context: Context, client_id: str, secret: str) -> Token:
    # A machine's token lives for a day, and Cognito is paid by the token: it is kept until it ends.
    path = _file(folder, profile, f"machine-{sha256(f'{client_id} {profile.token_url}'.encode()).hexdigest()[:16]}")
    if (known := _of(profiles.kept(path))) is not None:
        return known
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    made = _ask(profile, context, {"grant_type": "client_credentials"}, {"authorization": f"Basic {basic}"})
    return _keep(path, made)


def _person(profile: Profile, folder: Path, context: Context) -> Token:
    path = _file(folder, profile, "person")
    if (known := _of(profiles.kept(path))) is not None:
        return known
    refresh = _refresh_token(path, profile)
    if not refresh:
        raise StopError(NOT_SIGNED_IN, "not_signed_in", name=profile.name)
    wanted = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": profile.client_id}
    try:
        made = _ask(profile, context, wanted)
    except StopError as stop:
        if stop.status == NOT_SIGNED_IN:
            forget(profile, folder)
        raise
    return remember(profile, folder, {"refresh_token": refresh, **made})


def begin(profile: Profile) -> Visit:
    """Return a visit to the page on which people sign in: authorization code with PKCE (RFC 7636, RFC 8252)."""
    for name in ("authorize_url", "token_url", "client_id"):
        if not getattr(profile, name):
            raise StopError(USAGE, "profile_lacks", name=profile.name, what=name)
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": profile.client_id,
        "redirect_uri": RETURN_URL,
        "scope": " ".join(name if name == "openid" else f"{profile.scope_prefix}{name}" for name in SCOPES),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return Visit(f"{profile.authorize_url}?{urllib.parse.urlencode(asked)}", state, verifier)


def code_of(visit: Visit, came: str) -> str:
    """Return the code that the browser brought back; StopError unless it comes from the visit that we began."""
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(came.strip()).query)
    if "error" in query:
        raise StopError(NOT_SIGNED_IN, "sign_in_refused", why=query["error"][0][:80])
    given, code = query.get("state", [""])[0], query.get("code", [""])[0]
    if not secrets.compare_digest(given.encode(), visit.state.encode()) or not code:
        raise StopError(NOT_SIGNED_IN, "sign_in_foreign")
    return code


def finish(profile: Profile, folder: Path, context: Context, visit: Visit, code: str) -> Token:
    """Exchange the code for tokens and keep them."""
    wanted = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": RETURN_URL,
        "client_id": profile.client_id,
        "code_verifier": visit.verifier,
    }
    return remember(profile, folder, _ask(profile, context, wanted))


def remember(profile: Profile, folder: Path, made: dict[str, Any]) -> Token:
    """Keep a person's tokens, the refresh token in the keyring where there is one."""
    path = _file(folder, profile, "person")
    refresh = str(made.get("refresh_token") or "")
    ring = _keyring()
    if refresh and ring is not None:
        ring.set_password(SERVICE, profile.name, refresh)
        refresh = ""
    return _keep(path, made, refresh)


def forget(profile: Profile, folder: Path) -> None:
    """Forget a person's tokens."""
    _file(folder, profile, "person").unlink(missing_ok=True)
    ring = _keyring()
    if ring is not None and ring.get_password(SERVICE, profile.name):
        ring.delete_password(SERVICE, profile.name)


def _ask(
    profile: Profile, context: Context, wanted: dict[str, str], headers: dict[str, str] | None = None
) -> dict[str, Any]:
    if not profile.token_url.startswith(_HTTPS_OR_HERE):
        raise StopError(USAGE, "profile_lacks", name=profile.name, what="token_url")
    transport = context.transport or send
    sent = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json", **(headers or {})}
    reply: Reply = transport("POST", profile.token_url, sent, urllib.parse.urlencode(wanted).encode())
    try:
        answer = reply.json
    except ValueError:
        answer = None
    if reply.status >= 500 or reply.status == 429:
        raise StopError(UNAVAILABLE, "gateway_other", status=reply.status)
    if reply.status != 200 or not isinstance(answer, dict) or not answer.get("access_token"):
        why = str(answer.get("error", reply.status))[:80] if isinstance(answer, dict) else str(reply.status)
        raise StopError(NOT_SIGNED_IN, "sign_in_refused", why=why)
    return answer


def _keep(path: Path, made: dict[str, Any], refresh: str = "") -> Token:
    found = Token(str(made["access_token"]), time.time() + float(made.get("expires_in", 0)))
    kept = {"access_token": found.access, "ends": found.ends} | ({"refresh_token": refresh} if refresh else {})
    profiles.keep(path, json.dumps(kept))
    return found


def _of(kept: dict[str, Any]) -> Token | None:
    access, ends = kept.get("access_token"), kept.get("ends", 0)
    good = isinstance(access, str) and isinstance(ends, int | float) and ends - SOON > time.time()
    return Token(str(access), float(ends)) if good else None


def _refresh_token(path: Path, profile: Profile) -> str:
    if ring := _keyring():
        return str(ring.get_password(SERVICE, profile.name) or "")
    return str(profiles.kept(path).get("refresh_token") or "")


def _file(folder: Path, profile: Profile, kind: str) -> Path:
    name = urllib.parse.quote(profile.name, safe="")
    return folder / "sign-in" / f"{name}.{kind}.json"


def _keyring() -> Any:
    """Return the system's keyring, or None where the package or a keyring is lacking."""
    try:
        keyring, fail = import_module("keyring"), import_module("keyring.backends.fail")
    except ImportError:
        return None
    return None if isinstance(keyring.get_keyring(), fail.Keyring) else keyring

"""Signing people in and out: authorization code with PKCE and the client's secret (RFC 6749, 7636, 7009).

Nothing is kept for somebody who has not signed in: the state, the verifier and the way back are made of a cookie of ten
minutes, so nobody can fill the table, and an answer for another browser's state is nobody's.
"""

import base64
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from countersign.errors import MalformedError
from countersign.http import read_json
from countersign.runtime.telemetry import count, logger
from countersign.signing import digests, sessions
from countersign_console.outside import NoAnswerError, Reply, Send
from countersign_console.session import (
    RENEWED_BEFORE,
    Session,
    SessionOverError,
    SessionStore,
    Tokens,
)
from countersign_console.settings import Settings

SIGN_IN_SECONDS = 600
PATIENCE, PAUSE = 4.0, 0.2  # seconds that a page waits for another one's renewal
LANGUAGES = {"zh": "zh-CN", "en": "en"}  # as Cognito's pages take them


class NotSignedInError(Exception):
    """The answer of the sign-in page is not one for this browser, or was used already."""


class SignIn:
    """The client that people's browsers sign in at."""

    def __init__(self, settings: Settings, send: Send, secret: Callable[[], str]) -> None:
        self._settings, self._send, self._secret = settings, send, secret

    def url(self, cookie: str, back: str, language: str) -> str:
        """Return where a browser with this cookie signs in, to come back to the path `back`."""
        return self._settings.authorize_url + _query_of(
            self._settings.authorize_url,
            response_type="code",
            client_id=self._settings.client_id,
            redirect_uri=self._return_url,
            scope=self._settings.scopes,
            state=_state(cookie, back),
            code_challenge=sessions.challenge(sessions.derived(cookie, "verifier")),
            code_challenge_method="S256",
            lang=LANGUAGES[language],
            ui_locales=LANGUAGES[language],  # OpenID Connect's own word (Core 3.1.2.1)
        )

    def tokens(self, cookie: str, query: Mapping[str, str], *, now: int) -> tuple[Tokens, str]:
        """Exchange a code for tokens; returns the way back too. Raises NotSignedInError or NoAnswerError."""
        back = _back_of(cookie, query.get("state", ""))
        if not query.get("code"):
            raise NotSignedInError("the sign-in page gave no code")
        reply = self._ask(
            self._settings.exchange_url,
            grant_type="authorization_code",
            code=query["code"],
            redirect_uri=self._return_url,
            code_verifier=sessions.derived(cookie, "verifier"),
        )
        if not reply.is_good:
            raise NotSignedInError(f"the code is refused: {reply.status}")
        return _tokens(reply, "", now=now), back

    def renew(self, tokens: Tokens, *, now: int) -> Tokens | None:
        """Return new tokens, None where the issuer refuses; an answer that was lost is asked for once more.

        Within its grace the issuer gives the same again for the same refresh token.
        """
        wanted = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
        try:
            reply = self._ask(self._settings.exchange_url, **wanted)
        except NoAnswerError:
            count("ConsoleTokenAskedAgain")
            reply = self._ask(self._settings.exchange_url, **wanted)
        if reply.is_good:
            return _tokens(reply, tokens.refresh, now=now)
        if reply.status >= 500 or reply.status == 429:
            raise NoAnswerError(f"the issuer answers {reply.status}")
        return None

    def revoke(self, tokens: Tokens) -> None:
        """Have the refresh token forgotten; the session is over whether the issuer answers or not."""
        if not self._settings.revoke_url or not tokens.refresh:
            return
        try:
            self._ask(self._settings.revoke_url, token=tokens.refresh)
        except NoAnswerError as error:
            logger.warning("a token was not revoked", extra={"reason": str(error)})

    def logout_url(self) -> str:
        """Return where the issuer forgets the browser too; empty where it has no such page."""
        if not self._settings.logout_url:
            return ""
        done = f"{self._settings.url}/signed-out"
        return self._settings.logout_url + _query_of(
            self._settings.logout_url,
            client_id=self._settings.client_id,
            logout_uri=done,
            post_logout_redirect_uri=done,
        )

    @property
    def _return_url(self) -> str:
        return f"{self._settings.url}/signed-in"

    def _ask(self, url: str, **form: str) -> Reply:
        client = f"{quote(self._settings.client_id, safe='')}:{quote(self._secret(), safe='')}"
        headers = {
            "authorization": f"Basic {base64.b64encode(client.encode()).decode()}",
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }
        body = urlencode({**form, "client_id": self._settings.client_id}).encode()
        return self._send("POST", url, headers, body)


def fresh(store: SessionStore, sign_in: SignIn, session: Session, *, now: int) -> Session:
    """Return the session with an access token that is good for a while; raises SessionOverError or NoAnswerError.

    One of the requests of a session asks the issuer, under a lease; the others go on with the old token while it is
    good, and wait for the new one when it is not.
    """
    if now < session.tokens.access_ends - RENEWED_BEFORE:
        return session
    end = time.monotonic() + PATIENCE
    while True:
        if lease := store.lease(session, now=now):
            return _renewal(store, sign_in, session, lease, now=now)
        if now < session.tokens.access_ends:
            return session
        if time.monotonic() > end:
            raise NoAnswerError("another request renews the token")
        time.sleep(PAUSE)
        session = store.read(session.cookie, now=now)
        if now < session.tokens.access_ends - RENEWED_BEFORE:
            return session


def _renewal(store: SessionStore, sign_in: SignIn, session: Session, lease: str, *, now: int) -> Session:
    try:
        tokens = sign_in.renew(session.tokens, now=now)
    except NoAnswerError:
        if now < session.tokens.access_ends:
            return session  # the lease ends by itself, and the next request tries again within the grace
        raise
    if tokens is None:
        store.end(session.cookie)
        raise SessionOverError
    kept = store.renewed(session, tokens, lease, now=now)
    if kept is None:  # signed out meanwhile, or this took longer than the lease: then somebody else has renewed
        sign_in.revoke(tokens)
        raise SessionOverError
    return kept


def subject_of(access: str) -> str:
    """Return whom a token is for: it comes from the issuer itself, over TLS, so its signature need not be looked at."""
    try:
        middle = access.split(".")[1]
        claims = read_json(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return str(claims["sub"])
    except (IndexError, KeyError, TypeError, ValueError, MalformedError):
        raise NotSignedInError("the access token is no JSON Web Token with a subject") from None


def safe_path(path: str) -> str:
    """Return a path of the console's own, or its first page: never another site's address."""
    good = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if good and len(path) <= 1024 else "/"


def _state(cookie: str, back: str) -> str:
    path = base64.urlsafe_b64encode(safe_path(back).encode()).decode().rstrip("=")
    return f"{sessions.derived(cookie, f'state {path}')}.{path}"


def _back_of(cookie: str, state: str) -> str:
    mark, _, path = state.partition(".")
    if not cookie or not digests.equal(mark, sessions.derived(cookie, f"state {path}")):
        raise NotSignedInError("the state is not this browser's")
    return safe_path(base64.urlsafe_b64decode(path + "=" * (-len(path) % 4)).decode())


def _tokens(reply: Reply, refresh: str, *, now: int) -> Tokens:
    said: dict[str, Any] = reply.json
    access, seconds = said.get("access_token"), said.get("expires_in", 900)
    if not isinstance(access, str) or not access or not isinstance(seconds, int):
        raise NotSignedInError("the issuer's answer holds no access token")
    return Tokens(access, str(said.get("refresh_token") or refresh), now + seconds)


def _query_of(url: str, **pairs: str) -> str:
    return ("&" if "?" in url else "?") + urlencode(pairs)

"""The sandbox's sign-in page: a code with PKCE for the console, and people to choose from, who have no passwords.

It stands under `/issuer/` of the control port and answers as Cognito's hosted pages do (RFC 6749, 7009, 7636):

    GET  /issuer/oauth2/authorize   the page; choosing somebody goes back to the console with a code
    POST /issuer/oauth2/token       a code, or a refresh token, for an access token of 15 minutes
    POST /issuer/oauth2/revoke      ends a refresh token and all that came of its sign-in
    GET  /issuer/logout             goes back to the console: nobody is remembered here
    POST /issuer/next               {"person"}: who the next visitor of the page is, who then need not choose

A refresh token is good once. The one before stays good for a few seconds, as Cognito's does where a client asks for it:
an answer that was lost can be asked for again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import json
import re
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.tokens import Issuer

Answer = tuple[int, dict[str, str], bytes]
Fields = dict[str, str]

CLIENT_ID, CLIENT_SECRET = "sandbox-console", "sandbox-console-secret"
CODE_SECONDS, ACCESS_SECONDS, REFRESH_SECONDS, GRACE_SECONDS, NEXT_SECONDS = 60, 900, 12 * 3600, 30, 60
SCOPES = (
    *("payments:write", "orders:read", "orders:ship", "refunds:request", "refunds:approve"),
    *("payments:link", "evidence:read", "operate"),
)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # of SHA-256, in base64url
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True)
class Person:
    """Somebody to sign in as; `does` says in English and Chinese what that is good for."""

    id: str
    name: str
    role: str
    does: dict[str, str]


PEOPLE = (
    Person("ann", "Ann", "shop", {"en": "Shop: ships, asks for refunds", "zh": "店员：发货、申请退款"}),
    Person("bob", "Bob", "finance", {"en": "Finance: approves refunds, closes the day", "zh": "财务：审批退款、对账"}),
    Person("sue", "Sue", "support", {"en": "Support: says why an order is as it is", "zh": "客服：解释订单状态"}),
    Person("otto", "Otto", "operator", {"en": "Operator: evidence, accounts", "zh": "运维：查看证据、维护账户"}),
    Person("ada", "Ada", "admin", {"en": "Admin: everything", "zh": "管理员：全部权限"}),
)
WORDS = {
    "en": {
        "title": "Sign in to the sandbox",
        "who": "Who are you?",
        "note": "These people exist in this sandbox only, and have no passwords.",
        "cancel": "Cancel",
        "refused": "Nobody can sign in by this address",
    },
    "zh": {
        "title": "登录沙盒",
        "who": "您是谁?",
        "note": "这些人只存在于本沙盒，无需密码。",
        "cancel": "取消",
        "refused": "无法通过此地址登录",
    },
}
STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1b1b;background:#fff}"
    "button{display:block;width:100%;min-height:3rem;margin:.5rem 0;padding:.5rem 1rem;text-align:left;font:inherit;"
    "color:#1b1b1b;background:#f3f5f7;border:1px solid #6b7280;border-radius:.5rem}"
    "button:focus-visible{outline:3px solid #0b57d0}strong{display:block}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#151515}"
    "button{color:#eee;background:#26292e;border-color:#9aa0a8}button:focus-visible{outline-color:#8ab4f8}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


class RefusedError(Exception):
    """A request that the token end points refuse, as RFC 6749 5.2 names it."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.status = error, status


@dataclass
class Grant:
    """One sign-in: who, with which scopes, until when; `is_over` once it was revoked."""

    person: Person
    scopes: list[str]
    ends_at: float
    is_over: bool = False


@dataclass
class Code:
    """An authorization code, bound to what asked for it."""

    grant: Grant
    redirect_uri: str
    challenge: str
    ends_at: float
    is_used: bool = False


@dataclass
class Refresh:
    """A refresh token; `good_until` is set when it was used."""

    grant: Grant
    good_until: float | None = None


@dataclass
class Known:
    """What was given out and is not over, by what it is given back as."""

    codes: dict[str, Code] = field(default_factory=dict)
    refresh: dict[str, Refresh] = field(default_factory=dict)

    def forget(self, now: float) -> None:
        """Drop what nobody can use any more."""
        self.codes = {text: one for text, one in self.codes.items() if now < one.grant.ends_at}
        self.refresh = {text: one for text, one in self.refresh.items() if now < one.grant.ends_at}


class SignIn:
    """Signs people in to the console at `console`, an origin."""

    def __init__(self, issuer: Issuer, now: Callable[[], float], console: str) -> None:
        self._issuer, self._now, self._console = issuer, now, console
        self._redirect_uri = f"{console}/signed-in"
        self._known, self._lock = Known(), threading.Lock()
        self._next = ("", 0.0)  # who comes next, and until when that holds

    def handle(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answer one request; the path is without `/issuer`."""
        match method, path:
            case "GET", "/oauth2/authorize":
                return self._authorize(query, headers, chosen=False)
            case "POST", "/oauth2/authorize":
                return self._authorize(body.decode("latin-1"), headers, chosen=True)
            case "POST", "/oauth2/token" | "/oauth2/revoke":
                return self._for_the_client(path, headers, body)
            case "GET", "/logout":
                return self._logout(query, headers)
            case "POST", "/next":
                return self._expect(body)
        return _json(404, {"message": "Not Found"})

    def _authorize(self, text: str, headers: dict[str, str], *, chosen: bool) -> Answer:
        try:
            asked = _fields(text)
        except RefusedError:
            return self._page(400, _language({}, headers), "refused", "")
        language = _language(asked, headers)
        if (asked.get("client_id"), asked.get("redirect_uri")) != (CLIENT_ID, self._redirect_uri):
            return self._page(400, language, "refused", "")  # who asks is not known to be the console: no way back
        scopes = asked.get("scope", "").split()
        if error := _problem(asked, scopes):
            return self._back(asked, error=error)
        if not chosen and (expected := self._expected()):
            asked["person"] = expected
        elif not chosen:
            return self._page(200, language, "title", _form(asked, language))
        person = next((one for one in PEOPLE if one.id == asked.get("person")), None)
        if person is None:
            return self._back(asked, error="access_denied")
        now, code = self._now(), secrets.token_urlsafe(32)
        grant = Grant(person, [scope for scope in scopes if scope != "openid"], now + REFRESH_SECONDS)
        with self._lock:
            self._known.forget(now)
            self._known.codes[code] = Code(grant, self._redirect_uri, asked["code_challenge"], now + CODE_SECONDS)
        return self._back(asked, code=code)

    def _expect(self, body: bytes) -> Answer:
        person = json.loads(body or b"{}").get("person")
        if all(one.id != person for one in PEOPLE):
            return _json(400, {"message": f"person is one of {', '.join(one.id for one in PEOPLE)}"})
        with self._lock:
            self._next = person, self._now() + NEXT_SECONDS
        return _json(200, {"person": person})

    def _expected(self) -> str:
        """Return who comes next, once."""
        with self._lock:
            (person, until), self._next = self._next, ("", 0.0)
        return person if self._now() < until else ""

    def _back(self, asked: Fields, **what: str) -> Answer:
        state = {"state": asked["state"]} if "state" in asked else {}
        return _redirect(f"{self._redirect_uri}?{urlencode({**what, **state})}")

    def _page(self, status: int, language: str, title: str, content: str) -> Answer:
        words = WORDS[language]
        text = (
            f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
            f"<title>{words[title]}</title><style>{STYLE}</style></head>"
            f"<body><main><h1>{words[title]}</h1>{content}</main></body></html>"
        )
        policy = (
            f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; base-uri 'none'; "
            f"form-action 'self' {self._console}; frame-ancestors 'none'"
        )
        # With no referrer at all, the form's Origin would be null, which the control port refuses.
        safe = {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin"}
        return status, {"Content-Type": "text/html; charset=utf-8", **safe, **_NO_STORE}, text.encode()

    def _for_the_client(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        try:
            if headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
                raise RefusedError("invalid_request")
            asked = _fields(body.decode("latin-1"))
            _authenticate(asked, headers.get("authorization", ""))
            with self._lock:
                return self._revoke(asked) if path == "/oauth2/revoke" else self._token(asked)
        except RefusedError as refused:
            status, reply_headers, reply = _json(refused.status, {"error": refused.error})
            challenge = {"WWW-Authenticate": 'Basic realm="sandbox"'} if refused.status == 401 else {}
            return status, reply_headers | challenge, reply

    def _token(self, asked: Fields) -> Answer:
        now = self._now()
        match asked.get("grant_type"):
            case "authorization_code":
                grant = self._redeemed(asked, now)
            case "refresh_token":
                grant = self._refreshed(asked, now)
            case _:
                raise RefusedError("unsupported_grant_type")
        person, refresh = grant.person, secrets.token_urlsafe(48)
        self._known.refresh[refresh] = Refresh(grant)
        claims = {"subject": person.id, "name": person.name, "roles": [person.role], "scopes": grant.scopes}
        access = self._issuer.token({**claims, "expires_in": ACCESS_SECONDS}, now)
        given = {"access_token": access, "refresh_token": refresh, "expires_in": ACCESS_SECONDS}
        return _json(200, {**given, "token_type": "Bearer"})

    def _redeemed(self, asked: Fields, now: float) -> Grant:
        code = self._known.codes.get(asked.get("code", ""))
        if code is None or code.is_used or now >= code.ends_at:
            if code is not None and code.is_used:
                code.grant.is_over = True  # somebody else has it: what came of it ends (RFC 6749, 4.1.2)
            raise RefusedError("invalid_grant")
        code.is_used = True  # with a wrong verifier too: there is no second try
        verifier = asked.get("code_verifier", "")
        shown = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        is_bound = hmac.compare_digest(shown, code.challenge) and asked.get("redirect_uri") == code.redirect_uri
        if not _VERIFIER.fullmatch(verifier) or not is_bound:
            raise RefusedError("invalid_grant")
        return code.grant

    def _refreshed(self, asked: Fields, now: float) -> Grant:
        token = self._known.refresh.get(asked.get("refresh_token", ""))
        if token is None or token.grant.is_over or now >= token.grant.ends_at:
            raise RefusedError("invalid_grant")
        if token.good_until is None:
            token.good_until = now + GRACE_SECONDS
        elif now >= token.good_until:
            raise RefusedError("invalid_grant")
        return token.grant

    def _revoke(self, asked: Fields) -> Answer:
        """End a sign-in; a token that is unknown is over already, which is no error (RFC 7009, 2.2)."""
        if "token" not in asked:
            raise RefusedError("invalid_request")
        if token := self._known.refresh.get(asked["token"]):
            token.grant.is_over = True
        return 200, dict(_NO_STORE), b""

    def _logout(self, query: str, headers: dict[str, str]) -> Answer:
        try:
            asked = _fields(query)
        except RefusedError:
            asked = {}
        back = urlsplit(asked.get("logout_uri", ""))
        if asked.get("client_id") != CLIENT_ID or f"{back.scheme}://{back.netloc}" != self._console:
            return self._page(400, _language(asked, headers), "refused", "")
        return _redirect(asked["logout_uri"])


def _problem(asked: Fields, scopes: list[str]) -> str:
    """Say what is wrong with a request whose way back is known; empty where nothing is."""
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(asked.get("code_challenge", "")):
        return "invalid_request"
    known = {"openid", *SCOPES}
    if not scopes or any(scope.removeprefix("countersign/") not in known for scope in scopes):
        return "invalid_scope"
    return ""


def _authenticate(asked: Fields, authorization: str) -> None:
    """Refuse who is not the console: by its secret in the header or in the form, not in both."""
    scheme, _, encoded = authorization.partition(" ")
    if authorization and "client_secret" in asked:
        raise RefusedError("invalid_request")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(encoded.strip(), validate=True).decode("latin-1").partition(":")
        except binascii.Error:
            raise RefusedError("invalid_client", 401) from None
        name, secret = unquote_plus(name), unquote_plus(secret)
    else:
        name, secret = asked.get("client_id", ""), asked.get("client_secret", "")
    if name != CLIENT_ID or not hmac.compare_digest(secret.encode(), CLIENT_SECRET.encode()):
        raise RefusedError("invalid_client", 401)


def _fields(text: str) -> Fields:
    """Read parameters; one that comes twice is refused (RFC 6749, 3.1)."""
    pairs = parse_qsl(text, keep_blank_values=True)
    if len({name for name, _ in pairs}) != len(pairs):
        raise RefusedError("invalid_request")
    return dict(pairs)


def _language(asked: Fields, headers: dict[str, str]) -> str:
    return "zh" if (asked.get("lang") or headers.get("accept-language", "")).lower().startswith("zh") else "en"


def _form(asked: Fields, language: str) -> str:
    words = WORDS[language]
    kept = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in asked.items()
        if name != "person"
    )
    people = "".join(
        f'<button name="person" value="{one.id}"><strong>{one.name}</strong>{one.does[language]}</button>'
        for one in PEOPLE
    )
    cancel = f'<button name="person" value="">{words["cancel"]}</button>'
    text = f'<p id="note">{words["note"]}</p><form method="post" action="/issuer/oauth2/authorize">{kept}'
    return f'{text}<h2>{words["who"]}</h2>{people}<hr aria-hidden="true">{cancel}</form>'


def _redirect(url: str) -> Answer:
    return 303, {"Location": url, "Referrer-Policy": "no-referrer", **_NO_STORE}, b""


def _json(status: int, value: dict[str, object]) -> Answer:
    return status, {"Content-Type": "application/json", **_NO_STORE}, json.dumps(value).encode()

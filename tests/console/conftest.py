"""The console before a browser with cookies, a sign-in page that checks PKCE, and an API that answers as a real one."""

import base64
import copy
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import botocore.session
import pytest
from moto import mock_aws

from countersign_console.outside import NoAnswerError, Reply
from countersign_console.routes import Console
from countersign_console.session import SessionStore
from countersign_console.settings import Settings
from tests import quick_moto  # noqa: F401 - what it does to moto

URL, API, ISSUER = "https://console.example.com", "https://api.example.com", "https://issuer.example.com"
SECRET = "the client's own secret"
NOW = 1_796_001_700
# What the API of a running sandbox answered.
ANSWERS = json.loads((Path(__file__).parent / "answers.json").read_text(encoding="utf-8"))
ORDER = "/orders/wechat/shop/ORDER-0001"
SCOPES = [
    "orders:read",
    "orders:ship",
    "refunds:request",
    "refunds:approve",
    "payments:write",
    "payments:link",
    "evidence:read",
    "operate",
]
Json = dict[str, Any]


class FakeIssuer:
    """Gives a code to whoever asks, and tokens to who shows the verifier and the client's secret."""

    def __init__(self) -> None:
        self.codes: dict[str, Json] = {}
        self.refresh: dict[str, str] = {}
        self.asked: list[Json] = []
        self.revoked: list[str] = []
        self.losses = 0  # answers that do not arrive
        self.refuses = False
        self.while_asked: Callable[[], None] = lambda: None

    def authorize(self, url: str, who: str) -> str:
        """Choose somebody on the page; returns where the browser goes back to."""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = f"code-{len(self.codes)}"
        self.codes[code] = {**asked, "who": who}
        return f"/signed-in?{urlencode({'code': code, 'state': asked['state']})}"

    def answer(self, path: str, headers: Mapping[str, str], form: Json) -> Reply:
        self.asked.append({"path": path, **form})
        client = f"Basic {base64.b64encode(f'the-console:{quote(SECRET)}'.encode()).decode()}"
        if headers.get("authorization") != client:
            return _reply(401, {"error": "invalid_client"})
        if path == "/revoke":
            self.revoked.append(form["token"])
            return _reply(200, {})
        self.while_asked()
        if self.losses:
            self.losses -= 1
            raise NoAnswerError("lost")
        if form["grant_type"] == "authorization_code":
            return self._of_code(form)
        if self.refuses or form["refresh_token"] not in self.refresh:
            return _reply(400, {"error": "invalid_grant"})
        return self._granted(self.refresh[form["refresh_token"]])

    def _of_code(self, form: Json) -> Reply:
        kept = self.codes.pop(form["code"], None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if kept is None or kept["code_challenge"] != proof or kept["redirect_uri"] != form["redirect_uri"]:
            return _reply(400, {"error": "invalid_grant"})
        return self._granted(kept["who"])

    def _granted(self, who: str) -> Reply:
        number = len(self.asked)
        refresh = f"refresh-of-{who}-{number}"
        self.refresh[refresh] = who
        claims = base64.urlsafe_b64encode(json.dumps({"sub": who, "n": number}).encode()).decode().rstrip("=")
        access = f"eyJhbGciOiJSUzI1NiJ9.{claims}.c2lnbmF0dXJl"
        return _reply(200, {"access_token": access, "expires_in": 900, "refresh_token": refresh})


class FakeApi:
    """Answers as a running API did, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = copy.deepcopy(ANSWERS)
        self.calls: list[tuple[str, str, Json, Mapping[str, str]]] = []
        self.accounts = ["*"]
        self.scopes = list(SCOPES)
        self.losses = 0

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: Json) -> Reply:
        self.calls.append((method, path, body, headers))
        if self.losses:
            self.losses -= 1
            raise NoAnswerError("lost")
        bare = unquote(path.partition("?")[0])
        if bare == "/me":
            token = headers["authorization"].split(".")[1]
            who = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))["sub"]
            return _reply(200, {"id": who, "name": who.title(), "roles": ["shop"], "scopes": self.scopes})
        found = self.answers.get(f"{method} {bare}")
        if callable(found):
            return _reply(*found(body))
        if isinstance(found, tuple):
            return _reply(*found)
        if isinstance(found, bytes):
            return Reply(200, {"content-type": "text/csv"}, found)
        if found is None:
            return _reply(404, {"code": "no_such_resource", "detail": "there is no such resource"})
        return _reply(200, found)

    def asked(self, method: str = "") -> list[str]:
        """Return the paths that were asked, without parameters."""
        return [unquote(path.partition("?")[0]) for one, path, _, _ in self.calls if method in ("", one)]


def _reply(status: int, content: Json | None, headers: Mapping[str, str] | None = None) -> Reply:
    kind = {"content-type": "application/problem+json" if status >= 400 else "application/json"}
    return Reply(status, {**kind, **(headers or {})}, b"" if content is None else json.dumps(content).encode())


class World:
    """A console, its table, and who it speaks to; `now` is when."""

    def __init__(self, client: Any) -> None:
        self.table, self.issuer, self.api, self.now = client, FakeIssuer(), FakeApi(), NOW
        self.store = SessionStore(client, "Sessions")
        self.settings = Settings(
            URL, API, "the-console", f"{ISSUER}/authorize", f"{ISSUER}/token", f"{ISSUER}/revoke", f"{ISSUER}/logout",
            "orders:read", "Sessions",
        )  # fmt: skip
        self.console = Console(self.settings, self.store, self._send, lambda: SECRET)

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        text = (body or b"").decode()
        if url.startswith(ISSUER):
            return self.issuer.answer(urlsplit(url).path, headers, dict(parse_qsl(text)))
        return self.api.answer(method, url.removeprefix(API), headers, json.loads(text) if text else {})

    def rows(self) -> list[Json]:
        return list(self.table.scan(TableName="Sessions")["Items"])

    def browser(self, **how: Any) -> "Browser":
        return Browser(self, **how)


class Answer:
    """What a browser got."""

    def __init__(self, event: Json) -> None:
        self.status: int = event["statusCode"]
        self.headers: dict[str, str] = event["headers"]
        raw = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
        self.raw = raw
        self.text = raw.decode("utf-8", "replace")
        self.cookies: list[str] = event.get("cookies", [])

    @property
    def location(self) -> str:
        return self.headers["location"]

    def forms(self, action: str) -> list[dict[str, str]]:
        """Return the fields of the page's forms with this action."""
        found = re.findall(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', self.text, re.DOTALL)
        return [
            {
                unescape(name): unescape(value)
                for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', one)
            }
            for one in found
        ]


class Browser:
    """One browser: its cookies, its language, and what it says of where a form comes from."""

    def __init__(self, world: World, language: str = "en") -> None:
        self.world, self.language, self.cookies = world, language, dict[str, str]()

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, form: Mapping[str, str] | None = None, **headers: str) -> Answer:
        usual = {"sec-fetch-site": "same-origin", "origin": URL}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._ask("POST", path, dict(form or {}), {k: v for k, v in {**usual, **given}.items() if v})

    def signs_in(self, who: str = "ann", path: str = "/") -> Answer:
        """Go to a page, choose somebody, and come back."""
        sent = self.get(path)
        assert sent.status == 303, sent.text
        assert sent.location.startswith(ISSUER)
        return self.get(self.world.issuer.authorize(sent.location, who))

    def _ask(self, method: str, path: str, form: dict[str, str] | None, headers: Mapping[str, str]) -> Answer:
        bare, _, query = path.partition("?")
        sent = {"accept-language": self.language, "host": "console.example.com"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        event: Json = {
            "rawPath": unquote(bare),
            "rawQueryString": query,
            "queryStringParameters": dict(parse_qsl(query, keep_blank_values=True)) or None,
            "headers": sent,
            "cookies": [f"{name}={value}" for name, value in self.cookies.items()],
            "requestContext": {
                "http": {"method": method, "sourceIp": "192.0.2.1"},
                "domainName": "console.example.com",
            },
        }
        if form is not None:
            event["body"] = base64.b64encode(urlencode(form).encode()).decode()
            event["isBase64Encoded"] = True
        answer = Answer(self.world.console.answer(event, now=self.world.now))
        for cookie in answer.cookies:
            name, _, rest = cookie.partition("=")
            if "Max-Age=0" in rest:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = rest.partition(";")[0]
        return answer


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        yield botocore.session.get_session().create_client("dynamodb", region_name="us-east-1")


@pytest.fixture
def world(dynamodb: Any) -> Iterator[World]:
    dynamodb.create_table(
        TableName="Sessions",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    yield World(dynamodb)
    dynamodb.delete_table(TableName="Sessions")


@pytest.fixture
def ann(world: World) -> Browser:
    """Somebody who signed in; what she asked the API until then is forgotten."""
    browser = world.browser()
    browser.signs_in("ann")
    world.api.calls.clear()
    return browser

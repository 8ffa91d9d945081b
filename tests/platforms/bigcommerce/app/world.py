"""One stack with an app, and BigCommerce's login and a store's scripts behind the session, in process."""

import base64
import hashlib
import hmac
import importlib
import io
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
import time_machine
from requests.adapters import BaseAdapter

from countersign.runtime import platform_http
from countersign.store.installs import InstallStore, State
from tests.functions.conftest import MERCHANT_API, Cloud, _provision, http_event

NOW = 1_795_356_005
BASE = "http://127.0.0.1:1/bigcommerce"
SECRET = "5f1c0b7a9e8d4c3b2a190f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a"
CLIENT = "7xq0l2k5m8c1v4b9n3z6a0s8d1f5g2h"
STORE, OTHER = "g5cd38wq1", "z4zn3wo7k"
SCOPE = "store_v2_orders store_v2_transactions_read_only store_content_checkout store_v2_information_read_only"
OWNER = {"id": 12345, "email": "owner@example.com"}
STAFF = {"id": 24654, "email": "staff@example.com", "locale": "zh-CN"}
JOBS = ("auth", "load", "uninstall", "remove_user", "script", "check", "pay", "create_payment")
Json = dict[str, Any]


def app_document(**changes: Any) -> Json:
    return {
        "client_id": CLIENT,
        "client_secrets": [SECRET],
        "cashier": "hc1/main",
        "payment_method_names": ["OKCloud Pay", "云付"],
        "allowed_origins": ["https://shop.example.com"],
        "allowed_stores": [STORE, OTHER],
        "api_base": BASE,
    } | changes


def store_document(store: str = STORE, **changes: Any) -> Json:
    return {"store_hash": store, "access_token": f"token-of-{store}", "scope": SCOPE, "owner": OWNER} | changes


def store_order(**changes: Any) -> Json:
    """Return an order as the store's API gives it, of a vector whose payment is allowed."""
    vectors = json.loads(Path("tests/vectors/bigcommerce_public.json").read_text(encoding="utf-8"))["vectors"]
    allowed = next(one for one in vectors if one["group"] == "create_payment_proof" and one["expect"].get("allowed"))
    order: Json = json.loads(allowed["inputs"]["bigcommerce_order_response"]["body"])
    created = format_datetime(datetime.fromtimestamp(NOW - 600, UTC))
    money = {"total_inc_tax": "88.0000", "store_credit_amount": "0.0000", "gift_certificate_amount": "0.0000"}
    said = {"id": 10400, "status_id": 7, "payment_method": "OKCloud Pay", "default_currency_code": "USD", **money}
    return {**order, **said, "date_created": created, "date_modified": created, **changes}


class BigCommerce(BaseAdapter):
    """Login and scripts of BigCommerce, and what it was asked; `down` answers nothing but errors."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[str, str] = {}
        self.scripts: dict[str, list[Json]] = {}
        self.sent: list[tuple[str, str, Json]] = []
        self.checkout = "optimized"
        self.down = False
        self.grants, self.owner = SCOPE, OWNER
        self.orders: dict[str, Json] = {}

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        path = parts.path.removeprefix("/bigcommerce")
        body = json.loads(request.body) if request.body else {}
        self.sent.append((str(request.method), path, body))
        status, answer = self._answer(str(request.method), path, body, str(request.headers.get("X-Auth-Token")))
        response = requests.Response()
        response.status_code, response.raw = status, io.BytesIO(b"" if answer is None else json.dumps(answer).encode())
        response.request, response.url = request, str(request.url)
        return response

    def _answer(self, method: str, path: str, body: Json, token: str) -> tuple[int, Any]:
        if self.down:
            return 503, {}
        if path == "/oauth2/token":
            store = body["context"].removeprefix("stores/")
            self.tokens[store] = f"{body['code']}-{uuid.uuid4().hex}"
            user = {"id": STAFF["id"], "username": "x", "email": STAFF["email"]}
            token = self.tokens[store]
            context = body["context"]
            answer = {
                "access_token": token,
                "scope": self.grants,
                "user": user,
                "owner": self.owner,
                "context": context,
            }
            return 200, answer
        if path == "/":
            return 200, {}
        _, _, store, *rest = path.split("/")
        if self.tokens.get(store) != token:
            return 401, {"status": 401, "title": "X-Auth-Token is invalid"}
        if rest == ["v2", "store"]:
            names = {"domain": "shop.example.com", "secure_url": f"https://{store}.mybigcommerce.com"}
            features = {"checkout_type": self.checkout}
            return 200, {"id": store, **names, "default_channel_id": 1, "features": features}
        if rest[:2] == ["v2", "orders"]:
            return (200, self.orders[rest[2]]) if rest[2] in self.orders else (404, [{"status": 404}])
        scripts = self.scripts.setdefault(store, [])
        if method == "GET":
            return 200, {"data": scripts, "meta": {}}
        if method == "POST":
            scripts.append({**body, "uuid": str(uuid.uuid4())})
            return 200, {"data": scripts[-1]}
        found = next(one for one in scripts if one["uuid"] == rest[-1])
        scripts.remove(found)
        if method == "DELETE":
            return 204, None
        scripts.append({**found, **body})
        return 200, {"data": scripts[-1]}

    def close(self) -> None:
        """Nothing is open."""


class AppWorld:
    """One stack with an app, whose callbacks are called as BigCommerce calls them."""

    def __init__(self, cloud: Cloud, there: BigCommerce) -> None:
        self.cloud, self.there = cloud, there
        self.installs = InstallStore(cloud.dynamodb, "Orders", "bigcommerce")

    def state(self, store: str = STORE) -> State:
        return self.installs.state(store)

    def document(self, store: str = STORE) -> Json:
        name = f"countersign/test/bigcommerce/app/{store}"
        found: Json = json.loads(self.cloud.secretsmanager.get_secret_value(SecretId=name)["SecretString"])
        return found

    def signed(self, user: Json, *, store: str = STORE, at: int | None = None, **changes: Any) -> str:
        """Return what BigCommerce signs about a user of a store."""
        at = int(time.time()) if at is None else at
        claims = {"aud": CLIENT, "iss": "bc", "iat": at, "nbf": at - 5, "exp": at + 86400, "jti": uuid.uuid4().hex}
        claims |= {"sub": f"stores/{store}", "user": user, "owner": OWNER, "url": "/", "channel_id": None} | changes
        content = ".".join(_segment(one) for one in ({"alg": "HS256", "typ": "JWT"}, claims))
        digest = hmac.new(SECRET.encode(), content.encode(), hashlib.sha256).digest()
        return f"{content}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"

    def call(self, what: str, query: str = "", *, method: str = "GET", body: str = "", **headers: str) -> Json:
        """Call one of the app's addresses."""
        known = {name: values[-1] for name, values in parse_qs(query).items()}
        event = http_event(
            method,
            f"/bigcommerce/{{app}}/{what}",
            {"app": "app"},
            headers=headers,
            rawQueryString=query,
            queryStringParameters=known,
            body=body,
        )
        answer: Json = self.cloud.invoke(MERCHANT_API, event)
        return answer

    def install(self, store: str = STORE, *, code: str = "code1", **changes: str) -> Json:
        """Have a store's owner install the app."""
        query = {"code": code, "context": f"stores/{store}", "scope": SCOPE} | changes
        return self.call("auth", urlencode(query))

    def open(self, user: Json = STAFF, **changes: Any) -> Json:
        """Open the app's page as a user of the store."""
        return self.call("load", urlencode({"signed_payload_jwt": self.signed(user, **changes)}))

    def say(self, what: str, user: Json = STAFF, **changes: Any) -> int:
        """Tell that the app, or a user, was taken away; returns the answer's status."""
        answer = self.call(what, urlencode({"signed_payload_jwt": self.signed(user, **changes)}))
        return int(answer["statusCode"])

    def installation(self, store: str = STORE) -> Json:
        """Return what the list of accounts says of a store's installation."""
        answer = self.cloud.invoke(MERCHANT_API, http_event("GET", "/accounts", {}))
        rows = {row["account"]: row for row in json.loads(answer["body"])["accounts"]}
        found: Json = rows[f"bigcommerce/{store}"]["health"]["installation"]
        return found

    def check(self, **event: Any) -> None:
        """Run the schedule."""
        self.cloud.invoke("bigcommerce_check", event, remaining_ms=240_000)


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@contextmanager
def app_world(
    clock: time_machine.Traveller, documents: dict[str, Json], cloud: Cloud | None = None
) -> Iterator[AppWorld]:
    """Make a world inside moto; functions are imported anew, so that nothing that one test read is another's."""
    if cloud is None:
        cloud = Cloud(clock, SimpleNamespace(sent=[]))  # type: ignore[arg-type]
        _provision(cloud, documents, "bigcommerce")
    else:
        for name, document in documents.items():
            secret = f"countersign/test/bigcommerce/{name}"
            cloud.secretsmanager.create_secret(Name=secret, SecretString=json.dumps(document))
    there = BigCommerce()
    for name, document in documents.items():
        if "/" in name and "access_token" in document:
            there.tokens[name.rpartition("/")[2]] = document["access_token"]
    platform_http.session().mount(BASE, there)
    for job in JOBS:
        importlib.reload(importlib.import_module(f"functions.bigcommerce_{job}.app"))
    yield AppWorld(cloud, there)

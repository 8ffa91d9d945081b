"""One stack with Recharge's simulator behind the session, in process; deliveries are carried by hand."""

import base64
import importlib
import io
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
import time_machine
from requests.adapters import BaseAdapter

from countersign.orders.changes import OrderKey
from countersign.orders.state import Order
from countersign.runtime import platform_http
from countersign.store import OrderStore
from countersign.store.lists import OrderLists
from sandbox.events import shapes
from sandbox.simulators.recharge import Simulator
from sandbox.simulators.recharge.webhooks import Delivery
from tests.functions.conftest import MERCHANT_API, Cloud, _provision, http_event

NOW = 1_795_356_005
DAY = 86_400
BASE = "http://127.0.0.1:1/recharge"
SECRET = "rc_client_secret_of_the_tests_9e41"
SHOP = "demo-shop.myshopify.com"
Json = dict[str, Any]


def document(**changes: Any) -> Json:
    """Return an account document."""
    return {
        "api_token": "sk_1x1_token_of_the_tests",
        "client_secrets": [SECRET],
        "api_version": "2021-11",
        "shop": SHOP,
        "api_base": BASE,
    } | changes


class Wire(BaseAdapter):
    """Carries requests to the simulator without a socket; `broken` answers are lost on their way back."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__()
        self.simulator = simulator
        self.sent: list[str] = []
        self.lost: list[str] = []

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        path = parts.path.removeprefix("/recharge")
        self.sent.append(f"{request.method} {path}" + (f"?{parts.query}" if parts.query else ""))
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        status, own, answer = self.simulator.handle(str(request.method), path, parts.query, headers, body)
        if any(mark in self.sent[-1] for mark in self.lost):
            raise requests.ConnectTimeout("lost")
        response = requests.Response()
        response.status_code, response.raw = status, io.BytesIO(answer)
        response.headers.update(own)
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        """Nothing is open."""


class Recharge:
    """One stack with stores at Recharge."""

    def __init__(self, cloud: Cloud, wire: Wire, documents: Mapping[str, Json]) -> None:
        self.cloud, self.wire, self.documents = cloud, wire, documents
        self.store = OrderStore(cloud.dynamodb, "Orders")
        self.lists = OrderLists(cloud.dynamodb, "Orders")
        self.posted: list[Delivery] = []
        wire.simulator._postman.post = self._keep  # type: ignore[method-assign, assignment]

    def _keep(self, delivery: Delivery, **_: Any) -> None:
        self.posted.append(delivery)
        delivery.first_done.set()

    @property
    def now(self) -> int:
        return int(time.time())

    def make(self, call: str, account: str = "store", **body: Any) -> Json:
        """Have something happen at Recharge."""
        status, answer = self.wire.simulator.control(call, {"account": account, **body})
        assert status == 200, answer
        return answer

    def subscribe_all(self, account: str = "store", version: str = "2021-11") -> None:
        """Subscribe to every topic, as the guard does."""
        for topic in ("created", "failed", "max_retries_reached", "paid", "refunded", "updated", "deleted"):
            address = f"https://pay.example.com/recharge/{account}/webhook"
            self.make("subscribe", account, topic=f"charge/{topic}", address=address, version=version)

    def deliver(self, *deliveries: Delivery, spoil: str = "") -> list[int]:
        """Deliver what Recharge posted (all that is waiting, where none is named); returns the answers' statuses."""
        waiting = deliveries or tuple(self.posted)
        if not deliveries:
            self.posted.clear()
        return [self.send(one.message(time.time(), spoil=spoil), one.store.account)["statusCode"] for one in waiting]

    def send(self, message: Any, account: str = "store") -> Json:
        """Send one HTTP request to the webhook function."""
        headers = {name.lower(): value for name, value in message.headers.items()}
        event = http_event(
            "POST",
            "/recharge/{account}/webhook",
            {"account": account},
            headers=headers,
            body=base64.b64encode(message.body).decode(),
        )
        event["isBase64Encoded"] = True
        answer: Json = self.cloud.invoke("recharge_webhook", event)
        return answer

    def run(self, job: str, seconds: int = 0, *, remaining_ms: int = 900_000, **event: Any) -> None:
        """Run a worker, some time later."""
        self.cloud.clock.shift(seconds)
        schedule = shapes.schedule("Regularly", 0)
        self.cloud.invoke(f"recharge_{job}", {**schedule, **event}, remaining_ms=remaining_ms)

    def key(self, charge_id: int, account: str = "store") -> OrderKey:
        return OrderKey("recharge", account, str(charge_id))

    def order(self, charge_id: int, account: str = "store") -> Order:
        order = self.store.get(self.key(charge_id, account))
        assert order is not None
        return order

    def shown(self, charge_id: int, account: str = "store") -> Json:
        """Return the order JSON as the API gives it."""
        parameters = {"platform": "recharge", "account": account, "order_id": str(charge_id)}
        answer = self.cloud.invoke(
            MERCHANT_API, http_event("GET", "/orders/{platform}/{account}/{order_id}", parameters)
        )
        assert answer["statusCode"] == 200, answer
        content: Json = json.loads(answer["body"])
        return content

    def api(
        self, method: str, route: str, parameters: Json | None = None, query: Mapping[str, str] | None = None
    ) -> Any:
        """Call the merchant API; returns the status and the content."""
        more = {"queryStringParameters": dict(query or {}), "rawQueryString": urlencode(query or {})}
        answer = self.cloud.invoke(MERCHANT_API, http_event(method, route, parameters or {}, **more))
        try:
            return answer["statusCode"], json.loads(answer["body"])
        except ValueError:
            return answer["statusCode"], answer["body"]

    def emitted(self, charge_id: int | None = None) -> list[str]:
        """Return the kinds of bus events, of one charge or of all, in the sequence of their rows."""
        rows = [item for item in self.cloud.table() if "emits" in item]
        if charge_id is not None:
            rows = [item for item in rows if item["pk"]["S"].endswith(f"#{charge_id}")]
        return [one["S"] for item in rows for one in item["emits"]["L"]]

    def asked(self) -> list[str]:
        """Return the calls that Recharge got since this was asked last."""
        found, self.wire.sent[:] = list(self.wire.sent), []
        return found


@contextmanager
def recharge(clock: time_machine.Traveller, folder: Path, documents: Mapping[str, Json]) -> Iterator[Recharge]:
    """Make a world inside moto; functions are imported anew, so that nothing that one test read is another's."""
    inbox = SimpleNamespace(add=lambda kind, entry: None)
    simulator = Simulator(SimpleNamespace(now=time.time), dict(documents), inbox, "https://pay.example.com", folder)
    cloud = Cloud(clock, SimpleNamespace(sent=[]))  # type: ignore[arg-type]
    _provision(cloud, dict(documents), "recharge")
    wire = Wire(simulator)
    platform_http.session().mount(BASE, wire)
    for job in ("webhook", "poll", "scan", "guard", "retry", "redrive"):
        importlib.reload(importlib.import_module(f"functions.recharge_{job}.app"))
    yield Recharge(cloud, wire, documents)

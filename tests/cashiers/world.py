"""One stack with the cashiers' simulator behind the session, in process; notifications are carried by hand."""

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
from urllib.parse import urlsplit

import pytest
import requests
import time_machine
from requests.adapters import BaseAdapter

from countersign.orders.changes import OrderKey
from countersign.orders.state import Order
from countersign.runtime import platform_http
from countersign.store import OrderStore
from sandbox.events import shapes
from sandbox.simulating.postman import Delivery, Message
from sandbox.simulators.cashier import Simulator
from tests.functions.conftest import Cloud, _provision, http_event

NOW = 1_795_328_845
BASE = "http://127.0.0.1:1/cashier"
SECRET = "sk_of_the_tests_0123456789abcdef0123456789"
FUNCTIONS = ("create_payment", "notify", "poll", "refund", "redrive")
Json = dict[str, Any]


def hc1_document(**changes: Any) -> Json:
    """Return an account document of an HC1 cashier that can do everything."""
    return {
        "merchant_id": "m_tests",
        "keys": [{"id": "ak_tests", "secret": SECRET}],
        "kinds": ["sale", "authorization", "capture", "void", "refund"],
        "base_url": f"{BASE}/hc1",
        "api_base": f"{BASE}/hc1",
    } | changes


def stripe_document(**changes: Any) -> Json:
    """Return an account document of Stripe's test mode."""
    return {
        "api_key": "sk_test_of_the_tests_0001",
        "webhook_secrets": ["whsec_of_the_tests_0001"],
        "api_base": f"{BASE}/stripe",
        "cashier_hosts": ["127.0.0.1"],
    } | changes


DOCUMENTS: Mapping[str, Json] = {
    "hc1/main": hc1_document(),
    "hc1/late": hc1_document(
        merchant_id="m_late", keys=[{"id": "ak_late", "secret": f"late_{SECRET}"}], paid_late_policy="refund"
    ),
    "hc1/other": hc1_document(merchant_id="m_other"),  # with the same key as the first one
    "stripe/main": stripe_document(),
    "stripe/late": stripe_document(api_key="sk_test_of_the_tests_0002", paid_late_policy="refund"),
}


class Wire(BaseAdapter):
    """Carries requests to the simulator without a socket; answers to calls with a mark in `lost` do not arrive."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__()
        self.simulator = simulator
        self.sent: list[str] = []
        self.lost: list[str] = []
        self.headers: list[dict[str, str]] = []  # of calls to Stripe: what its package says of itself

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        path = parts.path.removeprefix("/cashier")
        self.sent.append(f"{request.method} {path}")
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        if "stripe-version" in headers:
            self.headers.append({"version": headers["stripe-version"]})
        status, own, answer = self.simulator.handle(str(request.method), path, parts.query, headers, body)
        lost = next((mark for mark in self.lost if mark in self.sent[-1]), None)
        if lost is not None:
            self.lost.remove(lost)
            raise requests.ReadTimeout("lost")
        response = requests.Response()
        response.status_code, response.raw = status, io.BytesIO(answer)
        response.headers.update(own)
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        """Nothing is open."""


class Cashiers:
    """One stack with accounts at cashiers."""

    def __init__(self, cloud: Cloud, wire: Wire) -> None:
        self.cloud, self.wire = cloud, wire
        self.store = OrderStore(cloud.dynamodb, "Orders")
        self.posted: list[Delivery] = []
        self.at_once = False  # whether what a cashier posts is delivered before its call goes on
        wire.simulator._postman.post = self._keep  # type: ignore[method-assign, assignment]

    def _keep(self, delivery: Delivery, **_: Any) -> None:
        self.posted.append(delivery)
        delivery.first_done.set()
        if self.at_once:
            self.deliver()

    @property
    def now(self) -> int:
        return int(time.time())

    def make(self, call: str, account: str = "hc1/main", **body: Any) -> Json:
        """Have something happen at the cashier."""
        status, answer = self.wire.simulator.control(call, {"account": account, **body})
        assert status == 200, answer
        return answer

    def faults(self, **wanted: Any) -> None:
        """Turn the simulator's knobs."""
        self.wire.simulator.faults(wanted)

    def create(self, reference: str = "R-0001", account: str = "hc1/main", **changes: Any) -> tuple[int, Json]:
        """Create a payment; returns the answer's status and content."""
        body = {
            "order_id": reference,
            "amount": {"minor": 8800, "currency": "USD"},
            "description": "Order 1",
            "return_url": "https://shop.example.com/thanks?order=1",
        } | changes
        name, account = account.split("/")
        event = http_event(
            "POST", "/cashier/{name}/{account}/payments", {"name": name, "account": account}, body=json.dumps(body)
        )
        answer = self.cloud.invoke("cashier_create_payment", event)
        return answer["statusCode"], json.loads(answer["body"])

    def deliver(self, *, spoil: str = "") -> list[int]:
        """Deliver what cashiers posted; returns the answers' statuses."""
        waiting, self.posted[:] = list(self.posted), []
        return [
            self.send(one.message(time.time(), spoil=spoil), urlsplit(one.url).path)["statusCode"] for one in waiting
        ]

    def send(self, message: Message, path: str = "/cashier/hc1/main/notify") -> Json:
        """Send one notification to its function."""
        headers = {header.lower(): value for header, value in message.headers.items()}
        return self.send_raw(message.body, headers, path)

    def send_raw(self, body: bytes, headers: Mapping[str, str], path: str) -> Json:
        """Send any bytes and headers."""
        _, _, name, account, _ = path.split("/")
        event = http_event(
            "POST",
            "/cashier/{name}/{account}/notify",
            {"name": name, "account": account},
            headers=dict(headers),
            body=base64.b64encode(body).decode(),
        )
        event["isBase64Encoded"] = True
        answer: Json = self.cloud.invoke("cashier_notify", event)
        return answer

    def work(self, job: str, seconds: int = 0, *, remaining_ms: int = 900_000) -> None:
        """Run a worker, some time later."""
        self.cloud.clock.shift(seconds)
        self.cloud.invoke(f"cashier_{job}", shapes.schedule("EveryMinute", 0), remaining_ms=remaining_ms)

    def key(self, reference: str = "R-0001", account: str = "hc1/main") -> OrderKey:
        return OrderKey("cashier", account.replace("/", "."), reference)

    def order(self, reference: str = "R-0001", account: str = "hc1/main") -> Order:
        order = self.store.get(self.key(reference, account))
        assert order is not None
        return order

    def shown(self, reference: str = "R-0001", account: str = "hc1/main") -> Json:
        """Return the order JSON as the API gives it."""
        parameters = {"platform": "cashier", "account": account.replace("/", "."), "order_id": reference}
        answer = self.cloud.invoke(
            "orders_api", http_event("GET", "/orders/{platform}/{account}/{order_id}", parameters)
        )
        assert answer["statusCode"] == 200, answer
        content: Json = json.loads(answer["body"])
        return content

    def emitted(self, reference: str = "R-0001") -> list[str]:
        """Return what the bus is told of a payment, sorted."""
        rows = [item for item in self.cloud.table() if "emits" in item and item["pk"]["S"].endswith(f"#{reference}")]
        return sorted(one["S"] for item in rows for one in item["emits"]["L"])

    def asked(self) -> list[str]:
        """Return the calls that cashiers got since this was asked last."""
        found, self.wire.sent[:] = list(self.wire.sent), []
        return found


@contextmanager
def cashiers(
    clock: time_machine.Traveller,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    documents: Mapping[str, Json] = DOCUMENTS,
) -> Iterator[Cashiers]:
    """Make a world inside moto; functions are imported anew, so that nothing that one test read is another's."""
    inbox = SimpleNamespace(add=lambda kind, entry: None)
    simulator = Simulator(SimpleNamespace(now=time.time), dict(documents), inbox, "https://pay.example.com", folder)
    cloud = Cloud(clock, SimpleNamespace(sent=[]))  # type: ignore[arg-type] # nobody calls WeChat here
    _provision(cloud, dict(documents), "cashier")
    queue = cloud.sqs.create_queue(QueueName="cashier-poll")["QueueUrl"]
    monkeypatch.setenv("POLL_QUEUE_URL", queue)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    wire = Wire(simulator)
    platform_http.session().mount(BASE, wire)
    for job in FUNCTIONS:
        importlib.reload(importlib.import_module(f"functions.cashier_{job}.app"))
    yield Cashiers(cloud, wire)

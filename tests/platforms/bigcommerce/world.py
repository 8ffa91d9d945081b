"""One stack with a store and a cashier behind the session, in process; deliveries and notices are carried by hand."""

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
from sandbox.simulating.postman import Message
from sandbox.simulators.bigcommerce import Simulator
from sandbox.simulators.bigcommerce.hooks import Delivery
from sandbox.simulators.wechat import Simulator as Wechat
from tests.cashiers.world import Cashiers, cashiers
from tests.functions.conftest import ROOT, Cloud, WechatAdapter, http_event

NOW = 1_795_328_845
BASE, WECHAT = "http://127.0.0.1:1/bigcommerce", "http://127.0.0.1:1/wechat"
APP, STORE, OTHER = "app", "g5cd38wq1", "z4zn3wo7k"
SECRET = "5f1c0b7a9e8d4c3b2a190f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a"
CLIENT = "7xq0l2k5m8c1v4b9n3z6a0s8d1f5g2h"
ORIGIN = "https://shop.example.com"
FUNCTIONS = ("create_payment", "payment_status", "sync", "webhook", "poll", "scan", "guard", "redrive")
TOPICS = ("store/order/created", "store/order/statusUpdated", "store/order/refund/created", "store/order/archived")
Json = dict[str, Any]


def app_document(**changes: Any) -> Json:
    """Return the app's document."""
    return {
        "client_id": CLIENT,
        "client_secrets": [SECRET],
        "cashier": "hc1/main",
        "payment_method_names": ["OKCloud Pay", "云付"],
        "allowed_origins": [ORIGIN],
        "allowed_stores": [STORE, OTHER],
        "api_base": BASE,
    } | changes


def store_document(store: str = STORE, **changes: Any) -> Json:
    """Return the document of a store where the app is installed."""
    return {
        "store_hash": store,
        "access_token": f"token-of-{store}",
        "scope": "store_v2_orders",
        "owner": {"id": 12345, "email": "owner@example.com"},
        "hook_token": f"hook-token-of-{store}-0123456789",
        "api_base": BASE,
    } | changes


class Wire(BaseAdapter):
    """Carries requests to the simulator without a socket; answers to calls with a mark in `lost` do not arrive."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__()
        self.simulator = simulator
        self.sent: list[str] = []
        self.lost: list[str] = []

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        path = parts.path.removeprefix("/bigcommerce")
        self.sent.append(f"{request.method} {path}")
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
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


class Shop:
    """One stack with an app in a store, and a cashier that takes the money."""

    def __init__(self, cloud: Cloud, wire: Wire, hosted: Cashiers, cashier: str = "hc1/main") -> None:
        self.cloud, self.wire, self.hosted, self.cashier = cloud, wire, hosted, cashier
        self.store = OrderStore(cloud.dynamodb, "Orders")
        self.posted: list[Delivery] = []
        wire.simulator._postman.post = self._keep  # type: ignore[method-assign, assignment]

    def _keep(self, delivery: Any, **_: Any) -> None:
        self.posted.append(delivery)
        delivery.first_done.set()

    @property
    def now(self) -> int:
        return int(time.time())

    def make(self, call: str, account: str = STORE, **body: Any) -> Json:
        """Have something happen in a store."""
        status, answer = self.wire.simulator.control(call, {"account": account, **body})
        assert status == 200, answer
        return answer

    def faults(self, **wanted: Any) -> None:
        """Turn the simulator's knobs."""
        self.wire.simulator.faults(wanted)

    def hook(self, account: str = STORE, *, signed: bool = True) -> None:
        """Have the guard subscribe to everything."""
        self.run("guard", accounts=[account])

    # What a shopper's page does.

    def ask(
        self, order: Json | None, *, origin: str = ORIGIN, app: str = APP, ip: str = "203.0.113.9", **body: Any
    ) -> tuple[int, Json]:
        """Ask for the payment of an order as its own page does; returns the answer's status and content."""
        wish = {"store_hash": order["store"], "order_id": order["id"], "cart_id": order["cart_id"]} if order else {}
        headers = {"origin": origin} if origin else {}
        event = http_event(
            "POST", "/bigcommerce/{app}/payments", {"app": app}, headers=headers, body=json.dumps(wish | body)
        )
        event["requestContext"]["http"]["sourceIp"] = ip
        answer = self.cloud.invoke("bigcommerce_create_payment", event)
        return answer["statusCode"], json.loads(answer["body"])

    def status(self, token: str, *, app: str = APP) -> tuple[int, Json]:
        """Ask what became of an order."""
        headers = {"origin": ORIGIN, "authorization": f"Bearer {token}"}
        event = http_event("GET", "/bigcommerce/{app}/payments/status", {"app": app}, headers=headers)
        answer = self.cloud.invoke("bigcommerce_payment_status", event)
        return answer["statusCode"], json.loads(answer["body"])

    def start(self, **order: Any) -> tuple[Json, Json]:
        """Take an order in and begin to pay it; returns the order and what its page was told."""
        made = self.make("order", **order)
        status, answer = self.ask(made)
        assert status == 200, answer
        return made, answer

    def reference(self, order: Json, attempt: int = 1) -> str:
        return f"bc-{order['store']}-{order['id']}-{attempt}"

    def payment(self, order: Json, number: int = 1) -> OrderKey:
        """Return where an attempt to pay an order is recorded."""
        reference = self.reference(order, number)
        return OrderKey("wechat", "shop", reference) if self.by_code else self.hosted.key(reference, self.cashier)

    def attempt(self, order: Json, number: int = 1) -> Order | None:
        """Return an attempt to pay an order, as it is recorded."""
        return self.store.get(self.payment(order, number))

    @property
    def by_code(self) -> bool:
        """Tell whether the store's cashier is our own page with a QR code."""
        return self.cashier.startswith("wechat_native/")

    def choose(self, cashier: str) -> None:
        """Have the merchant choose another cashier, which functions that start from now on read."""
        document = app_document(cashier=cashier)
        name = f"countersign/test/bigcommerce/{APP}"
        self.hosted.cloud.secretsmanager.put_secret_value(SecretId=name, SecretString=json.dumps(document))
        for job in FUNCTIONS:
            importlib.reload(importlib.import_module(f"functions.bigcommerce_{job}.app"))
        self.cashier = cashier

    def scan_code(self, order: Json, attempt: int = 1, *, tell: bool = True) -> None:
        """Let the shopper scan the code and pay; WeChat is asked soon, or nobody is."""
        content = {"account": "shop", "out_trade_no": self.reference(order, attempt), "notify": False}
        assert self.cloud.wechat.simulator.control("pay", content)[0] == 200
        if tell:
            self.cloud.clock.shift(10)
            self.cloud.invoke("wechat_poll", {}, remaining_ms=900_000)

    def pay(self, order: Json, attempt: int = 1, **how: Any) -> None:
        """Let the shopper pay at the cashier, and let the cashier tell."""
        if self.by_code:
            self.scan_code(order, attempt)
            return
        call = "stripe_pay" if self.cashier.startswith("stripe") else "pay"
        self.hosted.make(call, self.cashier, reference=self.reference(order, attempt), **how)
        assert set(self.hosted.deliver()) <= {200}

    # What runs by itself.

    def told(self, order: Json, word: str = "order.paid", attempt: int = 1) -> None:
        """Hand a bus event about the payment to the function that tells the store."""
        paid = self.payment(order, attempt)
        detail = {"platform": paid.platform, "account": paid.account, "order_id": paid.order_id}
        self.cloud.invoke("bigcommerce_sync", shapes.bus(word, detail, self.now), remaining_ms=900_000)

    def run(self, job: str, seconds: int = 0, **event: Any) -> None:
        """Run a worker, some time later."""
        self.cloud.clock.shift(seconds)
        schedule = shapes.schedule("Regularly", 0)
        self.cloud.invoke(f"bigcommerce_{job}", {**schedule, **event}, remaining_ms=900_000)

    def deliver(self, *deliveries: Delivery, spoil: str = "") -> list[int]:
        """Deliver what the store posted (all that waits, where none is named); returns the answers' statuses."""
        waiting = deliveries or tuple(self.posted)
        if not deliveries:
            self.posted.clear()
        return [self.send(one.message(time.time(), spoil=spoil))["statusCode"] for one in waiting]

    def send(self, message: Message, app: str = APP) -> Json:
        """Send one HTTP request to the webhook function."""
        headers = {name.lower(): value for name, value in message.headers.items()}
        event = http_event("POST", "/bigcommerce/{app}/webhook", {"app": app}, headers=headers)
        event |= {"body": base64.b64encode(message.body).decode(), "isBase64Encoded": True}
        answer: Json = self.cloud.invoke("bigcommerce_webhook", event)
        return answer

    # What is there then.

    def key(self, order: Json) -> OrderKey:
        return OrderKey("bigcommerce", order["store"], str(order["id"]))

    def known(self, order: Json) -> Order | None:
        return self.store.get(self.key(order))

    def order(self, order: Json) -> Order:
        found = self.known(order)
        assert found is not None
        return found

    def there(self, order: Json) -> Json:
        """Return an order as the store has it."""
        orders = self.make("ledger", order["store"])["orders"]
        return next(one for one in orders if one["id"] == order["id"])

    def rows(self) -> list[str]:
        """Return every row of the orders table."""
        return sorted(map(str, self.cloud.table()))


@contextmanager
def shop(
    clock: time_machine.Traveller,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    app: Mapping[str, Any] | None = None,
    stores: Mapping[str, Json] | None = None,
) -> Iterator[Shop]:
    """Make a world inside moto; functions are imported anew, so that nothing that one test read is another's."""
    with cashiers(clock, folder, monkeypatch) as hosted:
        documents = {APP: dict(app or app_document())}
        for name, document in (stores or {STORE: store_document()}).items():
            documents[f"{APP}/{name}"] = document
        inbox = SimpleNamespace(add=lambda kind, entry: None)
        simulator = Simulator(SimpleNamespace(now=time.time), documents, inbox, "https://pay.example.com", folder)
        for name, document in documents.items():
            hosted.cloud.secretsmanager.create_secret(
                Name=f"countersign/test/bigcommerce/{name}", SecretString=json.dumps(document)
            )
        wire = Wire(simulator)
        platform_http.session().mount(BASE, wire)
        let_by_code(hosted.cloud, folder, monkeypatch)
        for job in FUNCTIONS:
            importlib.reload(importlib.import_module(f"functions.bigcommerce_{job}.app"))
        try:
            yield Shop(hosted.cloud, wire, hosted, documents[APP]["cashier"])
        finally:
            platform_http.session().adapters.pop(WECHAT)  # longer than where other tests have WeChat, so it would win


def let_by_code(cloud: Cloud, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `wechat_native/qr` be a cashier too, over WeChat's account `shop`."""
    document = json.loads((ROOT / "tests/accounts/wechat/shop.json").read_text(encoding="utf-8"))
    prepared = {"shop": Wechat.prepare_account(document, WECHAT)}
    inbox = SimpleNamespace(add=lambda kind, entry: None)
    cloud.wechat = WechatAdapter(
        Wechat(SimpleNamespace(now=time.time), prepared, inbox, "https://pay.example.com", folder)
    )
    platform_http.session().mount(WECHAT, cloud.wechat)
    for name, content in (("wechat/shop", prepared["shop"]), ("cashier/wechat_native/qr", {"wechat": "shop"})):
        cloud.secretsmanager.create_secret(Name=f"countersign/test/{name}", SecretString=json.dumps(content))
    queue = cloud.sqs.create_queue(QueueName="wechat-poll")["QueueUrl"]
    monkeypatch.setenv("WECHAT_POLL_QUEUE_URL", queue)
    importlib.reload(importlib.import_module("functions.wechat_poll.app"))

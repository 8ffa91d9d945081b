"""One stack with shops at Shopify, in process; deliveries are carried by hand."""

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

import requests
import time_machine
from requests.adapters import BaseAdapter

from countersign.orders.changes import OrderKey
from countersign.orders.state import Order
from countersign.runtime import platform_http
from countersign.store import OrderStore
from sandbox.events import shapes
from sandbox.simulators.shopify import Simulator, webhooks
from sandbox.simulators.shopify.orders import Order as Sold
from sandbox.simulators.shopify.shops import Shop
from tests.functions.conftest import Cloud, _provision, http_event

NOW = 1_795_356_005
SECRET = "shpss_secret_of_the_tests_7c19"
ADMIN_SECRET = "key_of_the_notifications_page_52"
STOREFRONT_TOKEN = "shpat_storefront_of_the_tests_31"
APP, SHOP, OTHER = "app", "vec-shop.myshopify.com", "other-shop.myshopify.com"
SHOP_ID, OTHER_ID = "70011223344", "70099887766"
BASE = "http://127.0.0.1:1/shopify"
ADDRESS = f"https://pay.example.com/shopify/{APP}/webhook"
ORDER = "5550001112223"
ROOT = Path(__file__).parents[3]
Json = dict[str, Any]


def documents(**changes: Any) -> dict[str, Json]:
    """Return the documents of an app and of two shops where it is installed."""
    app = {
        "client_id": "0f4d2b7c9a1e4c6d8b3f5a7e9c1d2b4f",
        "client_secrets": [SECRET],
        "admin_webhook_secrets": [ADMIN_SECRET],
        "subscriptions": "shop",
        "install": "token",
        "scopes": ["read_orders"],
        "storefront_private_token": STOREFRONT_TOKEN,
        "api_base": BASE,
    }
    return {
        APP: app | changes,
        **dict(_installed(host, number) for host, number in ((SHOP, SHOP_ID), (OTHER, OTHER_ID))),
    }


def _installed(host: str, number: str) -> tuple[str, Json]:
    return f"{APP}/{host}", {
        "shop": host,
        "shop_id": f"gid://shopify/Shop/{number}",
        "access_token": f"shpat_token_of_{number}",
        "scope": "read_orders",
        "api_base": BASE,
    }


def order(**changes: Any) -> Json:
    """Return the body of a webhook about an order of 100.00 USD that is paid."""
    total = changes.pop("total", "100.00")
    currency, shop_currency = changes.pop("presentment_currency", "USD"), changes.pop("currency", "USD")
    shop_total = changes.pop("shop_total", total)
    number = changes.get("id", int(ORDER))
    body = {
        "id": number,
        "admin_graphql_api_id": f"gid://shopify/Order/{number}",
        "name": "#1042",
        "created_at": "2026-11-20T09:15:02-05:00",
        "updated_at": "2026-11-20T09:15:09-05:00",
        "cancelled_at": None,
        "cancel_reason": None,
        "currency": shop_currency,
        "presentment_currency": currency,
        "current_total_price": shop_total,
        "current_total_price_set": money(total, currency, shop_total, shop_currency),
        "total_price": shop_total,
        "total_outstanding": "0.00",
        "financial_status": "paid",
        "fulfillment_status": None,
        "payment_gateway_names": ["shopify_payments"],
        "note_attributes": [],
        "order_status_url": f"https://shop.example.com/{SHOP_ID}/orders/0f/authenticate?key=k",
        "source_name": "web",
        "test": False,
        "refunds": [],
        "line_items": [{"id": 1, "title": "Mug", "quantity": 2, "current_quantity": 2, "price": "50.00"}],
    }
    return body | changes


def money(charged: str, currency: str, shop: str = "", shop_currency: str = "") -> Json:
    """Return an amount in both currencies, as webhooks write it."""
    return {
        "shop_money": {"amount": shop or charged, "currency_code": shop_currency or currency},
        "presentment_money": {"amount": charged, "currency_code": currency},
    }


def transaction(number: int = 7001, kind: str = "sale", status: str = "success", **changes: Any) -> Json:
    """Return the body of a webhook about a movement of 100.00 USD."""
    currency = changes.get("currency", "USD")
    none = {"amount": "0.0", "currency": currency}
    return {
        "id": number,
        "admin_graphql_api_id": f"gid://shopify/OrderTransaction/{number}",
        "order_id": int(ORDER),
        "kind": kind,
        "status": status,
        "gateway": "shopify_payments",
        "amount": "100.00",
        "currency": currency,
        "parent_id": None,
        "created_at": "2026-11-20T09:15:05-05:00",
        "processed_at": "2026-11-20T09:15:06-05:00",
        "test": False,
        "error_code": None,
        "total_unsettled_set": {"presentment_money": none, "shop_money": none},
    } | changes


def refund(*transactions: Json, number: int = 8001, **changes: Any) -> Json:
    """Return the body of a webhook about a refund with these movements of money."""
    return {
        "id": number,
        "admin_graphql_api_id": f"gid://shopify/Refund/{number}",
        "order_id": int(ORDER),
        "created_at": "2026-11-21T10:00:00-05:00",
        "refund_line_items": [{"id": 1, "line_item_id": 1, "quantity": 1, "subtotal": 30.0}],
        "transactions": list(transactions),
    } | changes


class Wire(BaseAdapter):
    """Carries requests to the simulator without a socket."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__()
        self.simulator = simulator
        self.sent: list[Json] = []

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        self.sent.append({"path": parts.path, **json.loads(body or b"{}")})
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        path = parts.path.removeprefix("/shopify")
        status, own, answer = self.simulator.handle(str(request.method), path, parts.query, headers, body)
        response = requests.Response()
        response.status_code, response.raw = status, io.BytesIO(answer)
        response.headers.update(own)
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        """Nothing is open."""


class Shopify:
    """One stack with shops at Shopify."""

    def __init__(self, cloud: Cloud, wire: Wire) -> None:
        self.cloud, self.wire = cloud, wire
        self.store = OrderStore(cloud.dynamodb, "Orders")
        self.posted: list[webhooks.Delivery] = []
        wire.simulator._postman.post = self._keep  # type: ignore[method-assign, assignment]

    def _keep(self, delivery: webhooks.Delivery, **_: Any) -> None:
        self.posted.append(delivery)

    @property
    def now(self) -> int:
        return int(time.time())

    def shop(self, host: str = SHOP) -> Shop:
        """Return a shop as Shopify has it."""
        return self.wire.simulator.shops[APP, host]

    def make(self, call: str, **body: Any) -> Sold:
        """Have something happen in a shop; returns the order as Shopify has it then."""
        status, answer = self.wire.simulator.control(call, {"shop": SHOP, **body})
        assert status == 200, answer
        return self.shop(body.get("shop", SHOP)).orders[answer["order"]]

    def ask(self, call: str, **body: Any) -> Json:
        """Make another control call of the simulator."""
        status, answer = self.wire.simulator.control(call, {"shop": SHOP, **body})
        assert status == 200, answer
        return answer

    def cart(self, body: Json, *, shop: str = SHOP, headers: Mapping[str, str] | None = None, **claims: str) -> Json:
        """Have a cart made; returns the answer's status and content."""
        event = http_event(
            "POST",
            "/shopify/{shop}/carts",
            {"shop": shop},
            headers=dict(headers or {}),
            body=json.dumps(body),
            claims=claims,
        )
        answer = self.cloud.invoke("shopify_create_cart", event)
        return {"status": answer["statusCode"], **json.loads(answer["body"])}

    def subscribe_all(self, kind: str = "shop") -> None:
        """Subscribe the stack to everything that is told of orders."""
        for topic in ("ORDERS_CREATE", "ORDERS_UPDATED", "ORDERS_PAID", "REFUNDS_CREATE", "ORDER_TRANSACTIONS_CREATE"):
            self.ask("subscribe", topic=topic, address=ADDRESS, kind=kind)

    def carry(self, *deliveries: webhooks.Delivery) -> list[int]:
        """Deliver what Shopify posted (all that waits, where none is named); returns the answers' statuses."""
        waiting = deliveries or tuple(self.posted)
        if not deliveries:
            self.posted.clear()
        return [self.send(one.message(time.time()).headers, one.body) for one in waiting]

    def run(self, job: str, seconds: int = 0, *, remaining_ms: int = 900_000, **event: Any) -> None:
        """Run a worker, some time later."""
        self.cloud.clock.shift(seconds)
        self.cloud.invoke(f"shopify_{job}", {**shapes.schedule("Regularly", 0), **event}, remaining_ms=remaining_ms)

    def asked(self) -> list[str]:
        """Return the operations that Shopify got since this was asked last."""
        queries = [str(one.get("query", "mutation Token(")) for one in self.wire.sent]
        found = [one.split("(")[0].split("{")[0].split()[1] for one in queries]
        self.wire.sent.clear()
        return found

    def agrees(self, sold: Sold, host: str = SHOP) -> None:
        """Compare an order here with the shop's own, to the last minor unit."""
        order = self.order(str(sold.id), host)
        ours = (order.terms.amount.minor, order.terms.amount.currency, order.paid, order.refunded, order.balance_due)
        assert ours == (sold.total, sold.currency, sold.received, sold.refunded, sold.outstanding)

    def emitted(self) -> list[str]:
        """Return the kinds of bus events."""
        return [one["S"] for item in self.cloud.table() if "emits" in item for one in item["emits"]["L"]]

    def deliver(
        self,
        body: Json | bytes,
        topic: str = "orders/updated",
        *,
        shop: str = SHOP,
        secret: str = SECRET,
        headers: Mapping[str, str] | None = None,
        now: int = NOW,
    ) -> int:
        """Deliver a body as Shopify signs it; returns the answer's status."""
        raw = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        sent = webhooks.headers(secret, raw, topic=topic, shop=shop, now=now) | dict(headers or {})
        return self.send(sent, raw)

    def send(self, headers: Mapping[str, str], raw: bytes) -> int:
        """Send one HTTP request to the webhook function; returns the answer's status."""
        event = http_event(
            "POST",
            "/shopify/{app}/webhook",
            {"app": APP},
            headers={name.lower(): value for name, value in headers.items()},
            body=base64.b64encode(raw).decode(),
        )
        event["isBase64Encoded"] = True
        status: int = self.cloud.invoke("shopify_webhook", event)["statusCode"]
        return status

    def known(self, order_id: str = ORDER, shop: str = SHOP) -> Order | None:
        """Return an order, if there is one."""
        return self.store.get(OrderKey("shopify", shop, order_id))

    def order(self, order_id: str = ORDER, shop: str = SHOP) -> Order:
        """Return an order that must be there."""
        found = self.known(order_id, shop)
        assert found is not None
        return found

    def shown(self, order_id: str = ORDER, shop: str = SHOP) -> Json:
        """Return the order JSON as the API gives it."""
        parameters = {"platform": "shopify", "account": shop, "order_id": order_id}
        answer = self.cloud.invoke(
            "orders_api", http_event("GET", "/orders/{platform}/{account}/{order_id}", parameters)
        )
        assert answer["statusCode"] == 200, answer
        content: Json = json.loads(answer["body"])
        return content

    def rows(self) -> list[str]:
        """Return everything that is stored, to compare."""
        return sorted(map(str, self.cloud.table()))


@contextmanager
def shopify(clock: time_machine.Traveller, accounts: Mapping[str, Json]) -> Iterator[Shopify]:
    """Make a world inside moto; functions are imported anew, so that nothing that one test read is another's."""
    inbox = SimpleNamespace(add=lambda kind, entry: None)
    simulator = Simulator(SimpleNamespace(now=time.time), dict(accounts), inbox, "https://pay.example.com", ROOT)
    cloud = Cloud(clock, SimpleNamespace(sent=[]))  # type: ignore[arg-type]
    _provision(cloud, dict(accounts), "shopify")
    wire = Wire(simulator)
    platform_http.session().mount(BASE, wire)
    for job in (
        "webhook",
        "events",
        "poll",
        "scan",
        "guard",
        "redrive",
        "install",
        "authorized",
        "create_cart",
        "import",
        "refund",
        "instruct",
        "ship",
        "payment_session",
        "refund_session",
        "capture_session",
        "void_session",
        "pay",
        "resolve",
    ):
        importlib.reload(importlib.import_module(f"functions.shopify_{job}.app"))
    yield Shopify(cloud, wire)

"""A store whose orders are paid at an HC1 cashier, on a clock that stands still; deliveries are carried by hand."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from countersign.orders.changes import OrderKey
from sandbox.events import shapes
from sandbox.simulators.bigcommerce import Simulator
from tests.crash.world import Inbox, Json, Reply
from tests.crash.world_cashier import CashierWorld

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.testing import LocalCloud, Run

APP, STORE = "app", "killedstore1"
ORIGIN = "https://shop.example.com"
FUNCTIONS = ("BigcommerceCreatePayment", "BigcommerceGuard")


class StoreWorld(CashierWorld):
    """The cashier's world with a store before it."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        super().__init__(cloud, "hc1", folder)
        documents: dict[str, Json] = {
            APP: {
                "client_id": "0f4d2b7c9a1e4c6d8b3f5a7e9c1d2b",
                "client_secrets": ["5f1c0b7a9e8d4c3b2a190f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a"],
                "cashier": "hc1/main",
                "payment_method_names": ["OKCloud Pay"],
                "allowed_origins": [ORIGIN],
                "allowed_stores": [STORE],
                "api_base": f"{self.base}/bigcommerce",
            },
            f"{APP}/{STORE}": {
                "store_hash": STORE,
                "access_token": "token_of_killed_processes",
                "scope": "store_v2_orders",
                "owner": {"id": 12345, "email": "owner@example.com"},
                "hook_token": "hook_token_of_killed_processes",
            },
        }
        self.deliveries: list[Any] = []
        self.shop = Simulator(self.stack.clock, documents, Inbox(), self.base, folder)
        self.shop._postman.post = self._deliver  # type: ignore[method-assign, assignment]
        for name, document in documents.items():
            secret = f"countersign/{self.stack.stage}/bigcommerce/{name}"
            self.stack.plane.call("secretsmanager", "CreateSecret", Name=secret, SecretString=json.dumps(document))
        for function in FUNCTIONS:
            self.stack.functions[function].environment["PUBLIC_BASE_URL"] = self.base
        self.order = self.happens("order", notify=False)
        self.whole = OrderKey("bigcommerce", STORE, str(self.order["id"]))
        self.key = OrderKey("cashier", "hc1.main", f"bc-{STORE}-{self.order['id']}-1")

    def close(self) -> None:
        super().close()
        self.shop.stop()

    def answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        if path.startswith("/bigcommerce"):
            return self.shop.handle(method, path.removeprefix("/bigcommerce"), query, headers, body)
        return super().answer(method, path, query, headers, body)

    def _deliver(self, delivery: Any, **_: Any) -> None:
        self.deliveries.append(delivery)
        delivery.first_done.set()

    def happens(self, what: str, **how: Any) -> Json:
        """Have something happen in the store."""
        status, answer = self.shop.control(what, {"account": STORE, **how})
        assert status == 200, answer
        return answer

    def ask(self, crash: Json | None = None) -> Run:
        """Ask for the order's payment as its page does."""
        wish = {"store_hash": STORE, "order_id": self.order["id"], "cart_id": self.order["cart_id"]}
        headers = {"content-type": "application/json", "origin": ORIGIN}
        event = shapes.http(
            "POST /bigcommerce/{app}/payments",
            self.now,
            parameters={"app": APP},
            headers=headers,
            body=json.dumps(wish),
        )
        return self.stack.run("BigcommerceCreatePayment", event, crash=crash)

    def paid_at_the_cashier(self) -> None:
        """Let the shopper begin and pay, and the cashier tell it."""
        assert self.ask().status == 0
        how = {"account": "hc1/main", "reference": self.key.order_id}
        assert self.cashiers.control("pay", how)[0] == 200
        assert self.notify(self.posted.pop()).status == 0

    def delivered(self) -> Any:
        """Have the store tell of the order; returns what waits to be delivered."""
        assert self.work("BigcommerceGuard").status == 0
        self.happens("move", id=self.order["id"], status_id=7)
        return self.deliveries[-1]

    def take(self, delivery: Any, crash: Json | None = None) -> Run:
        """Hand a delivery to the webhook's function."""
        made = delivery.message(self.now)
        headers = {name.lower(): value for name, value in made.headers.items()}
        event = shapes.http(
            "POST /bigcommerce/{app}/webhook", self.now, parameters={"app": APP}, headers=headers, body=made.body
        )
        return self.stack.run("BigcommerceWebhook", event, crash=crash)

    @property
    def tenant(self) -> str:
        return "m_crash"

    def state(self) -> Json:
        """Return what must not depend on a crash: the money, and that the store has each status once.

        Rows of the store's order tell when it was read, and what was read together; that a kill does change.
        """
        found = self.happens("ledger")["orders"]
        return {
            "table": [],
            "orders": [_told(self._store.get(key)) for key in (self.whole, self.key)],
            "store": [{"status": one["status_id"], "puts": one["puts"]} for one in found],
            **{name: super(StoreWorld, self).state()[name] for name in ("cashier", "asked", "bus")},
        }


def _told(order: Any) -> Json | None:
    if order is None:
        return None
    paid = [(one.transaction_id, one.total.minor) for one in order.payments]
    return {"status": order.status, "paid": paid, "money_of": order.money_of, "questions": len(order.review_items)}


@contextlib.contextmanager
def store_world(cloud: LocalCloud, _document: Any, folder: Path) -> Iterator[StoreWorld]:
    made = StoreWorld(cloud, folder)
    try:
        yield made
    finally:
        made.close()

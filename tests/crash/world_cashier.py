"""Two accounts at cashiers and empty tables, on a clock that stands still; notifications are carried by hand."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Operator,
    OrderCreated,
    OrderKey,
    Paid,
    Prepared,
    Queried,
    RefundDecided,
    RefundRequested,
    Terms,
    Verified,
)
from sandbox.events import shapes
from sandbox.simulators.cashier import Simulator
from tests.crash.world import ORDER_ID, Ground, Json, Reply, World, comparable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.simulating.postman import Delivery
    from sandbox.testing import LocalCloud, Run

PRICE = Money(6984, "USD")
REFUND_ID = "rfcrash"
DOCUMENTS: dict[str, Json] = {
    "hc1/main": {"merchant_id": "m_crash", "keys": [{"id": "ak", "secret": "sk_of_the_crash_0123456789abcdef0123"}]},
    "stripe/main": {"api_key": "sk_test_of_the_crash", "webhook_secrets": ["whsec_of_the_crash_0001"]},
}


class CashierWorld(Ground):
    """A stack, the accounts and their cashiers; `cashier` is the one that is played with."""

    def __init__(self, cloud: LocalCloud, cashier: str, folder: Path) -> None:
        super().__init__(cloud)
        self.cashier, self.account = cashier, f"{cashier}/main"
        self.key = OrderKey("cashier", f"{cashier}.main", ORDER_ID)
        documents = {name: Simulator.prepare_account(one, f"{self.base}/cashier") for name, one in DOCUMENTS.items()}
        self.asked: set[tuple[str, str]] = set()
        self.cashiers = Simulator(self.stack.clock, documents, self, self.base, folder)
        self.posted: list[Delivery] = []
        self.cashiers._postman.post = self._keep  # type: ignore[method-assign, assignment]
        self.stack.put_account("cashier", self.account, documents[self.account])
        self.stack.functions["CashierCreatePayment"].environment["PUBLIC_BASE_URL"] = self.base

    def close(self) -> None:
        super().close()
        self.cashiers.stop()

    def add(self, _kind: str, entry: Json) -> None:
        """Keep under which numbers cashiers were asked to make something."""
        for name in ("merchant_payment_id", "merchant_refund_id"):
            if name in entry:
                self.asked.add((name, entry[name]))

    def answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        return self.cashiers.handle(method, path.removeprefix("/cashier"), query, headers, body)

    def _keep(self, delivery: Delivery, **_: Any) -> None:
        self.posted.append(delivery)
        delivery.first_done.set()

    # What the functions get.

    def create(self, crash: Json | None = None) -> Run:
        """Call as the merchant does: the same Idempotency-Key and the same body each time."""
        body = {
            "order_id": ORDER_ID,
            "amount": PRICE.to_json(),
            "description": "Milk tea",
            "return_url": "https://shop.example.com/thanks",
        }
        event = shapes.http(
            "POST /cashier/{name}/{account}/payments",
            self.now,
            parameters={"name": self.cashier, "account": "main"},
            headers={"content-type": "application/json", "idempotency-key": "cart-1"},
            body=json.dumps(body),
            claims=shapes.claims(self.now, "payments:write"),
        )
        return self.stack.run("CashierCreatePayment", event, crash=crash)

    def notify(self, delivery: Delivery, crash: Json | None = None) -> Run:
        """Deliver what a cashier sends, signed anew each time."""
        made = delivery.message(self.now)
        headers = {name.lower(): value for name, value in made.headers.items()}
        route = "POST /cashier/{name}/{account}/notify"
        parameters = {"name": self.cashier, "account": "main"}
        event = shapes.http(route, self.now, parameters=parameters, headers=headers, body=made.body)
        return self.stack.run("CashierNotify", event, crash=crash)

    def work(self, function: str, crash: Json | None = None) -> Run:
        """Let a worker's minute come."""
        return self.stack.run(function, shapes.schedule(function, self.now), crash=crash)

    def told(self, function: str, detail_type: str, crash: Json | None = None) -> Run:
        """Let a worker hear of the payment from the bus."""
        detail = {"platform": self.key.platform, "account": self.key.account, "order_id": self.key.order_id}
        return self.stack.run(
            function, {"source": "countersign", "detail-type": detail_type, "detail": detail}, crash=crash
        )

    # What was there before.

    def opened(self) -> None:
        """Record a payment as if it had been created a moment ago; the cashier knows it too."""
        terms = Terms(
            PRICE,
            self.cashier,
            "automatic",
            "terms",
            self.now,
            self.now + 1800,
            description="Milk tea",
            notify_base=self.base,
            test=self.cashier == "stripe",
        )
        self._say(OrderCreated(terms), Operator("merchant"), "merchant")
        number = self._at_the_cashier()
        self._say(Prepared(number, number if self.cashier == "stripe" else ""), Queried(), "query")

    def _at_the_cashier(self) -> str:
        """Have the cashier take the payment; return its number of it."""
        if self.cashier == "stripe":
            params = {
                "client_reference_id": ORDER_ID,
                "line_items": {"0": {"quantity": "1", "price_data": {"currency": "usd", "unit_amount": "6984"}}},
                "expires_at": str(self.now + 3600),
                "metadata": {"countersign_reference": ORDER_ID},
            }
            return str(self.cashiers._stripe._create(self.account, params)["id"])
        body = {
            "merchant_id": "m_crash",
            "merchant_payment_id": ORDER_ID,
            "amount": {"value": PRICE.minor, "currency": PRICE.currency},
            "description": "Milk tea",
            "return_url": "https://shop.example.com/thanks",
            "notify_url": f"{self.base}/cashier/hc1/main/notify",
            "expires_at": "2026-11-22T08:00:00Z",
        }
        merchant = self.cashiers._hc1.merchants.named(self.account)
        assert merchant is not None
        return str(self.cashiers._hc1._create(body, merchant)[1]["payment_id"])

    def pays(self, *, notify: bool = True) -> Delivery | None:
        """Let the shopper pay; returns the notification that waits to be delivered."""
        call = "stripe_pay" if self.cashier == "stripe" else "pay"
        status, answer = self.cashiers.control(call, {"account": self.account, "reference": ORDER_ID, "notify": notify})
        assert status == 200, answer
        return self.posted.pop() if notify else None

    def paid(self) -> None:
        """Let the shopper pay, and know it."""
        self.opened()
        self.pays(notify=False)
        ledger = self.cashiers._stripe.ledger.of(self.account) if self.cashier == "stripe" else None
        payment = self.cashiers._hc1.ledger.find(self.account, ORDER_ID)
        number = ledger[0].intent if ledger else payment.payment_id if payment else ""
        self._say(Paid(number, PRICE, self.now), Verified("KEY"), "notify")

    def refund_approved(self) -> None:
        """Let two people agree on a refund."""
        self.paid()
        self._say(RefundRequested(REFUND_ID, Money(1000, "USD"), "too small", self.now), Operator("ben"), "operator")
        self._say(RefundDecided(REFUND_ID, True, self.now), Operator("anna"), "operator")

    def _say(self, fact: Any, trust: Any, via: str) -> None:
        self.recorded(Change(self.key, fact, trust, via, self.tenant, self.cashier))

    @property
    def tenant(self) -> str:
        return "m_crash" if self.cashier == "hc1" else self.key.account

    # How it ends.

    def state(self) -> Json:
        """Return everything that must not depend on a crash."""
        # In how many steps the news came is a matter of which answers were lost.
        table = [row | {"version": None} for row in self.table("OrdersTable") if not row["pk"].startswith("LIMIT#")]
        return {"table": table, "cashier": self._ledger(), "asked": sorted(self.asked), "bus": self.bus()}

    def _ledger(self) -> list[Json]:
        if self.cashier == "stripe":
            found = self.cashiers.control("stripe_ledger", {"account": self.account})[1]["sessions"]
            kept = ("client_reference_id", "status", "payment_status", "amount_total", "refunded", "refunds")
        else:
            found = self.cashiers.control("ledger", {"account": self.account})[1]["payments"]
            kept = ("merchant_payment_id", "status", "amount", "paid_amount", "refunded_amount", "refunds")
        return [comparable({name: one[name] for name in kept}) for one in found]


class NativeWorld(World):
    """A stack with our own page over a WeChat account: everything but the creation is WeChat's own."""

    def __init__(self, cloud: LocalCloud, document: Json, folder: Path) -> None:
        super().__init__(cloud, document, folder)
        secret = f"countersign/{self.stack.stage}/cashier/wechat_native/qr"
        page = json.dumps({"wechat": "shop", "shop_name": "Tea"})
        self.stack.plane.call("secretsmanager", "CreateSecret", Name=secret, SecretString=page)
        for name in ("PUBLIC_BASE_URL", "SHOPPER_BASE_URL"):
            self.stack.functions["CashierCreatePayment"].environment[name] = self.base

    def create(self, crash: Json | None = None, **faults: Any) -> Run:
        """Call as the merchant does: the same Idempotency-Key and the same body each time."""
        body = {
            "order_id": ORDER_ID,
            "amount": {"minor": 8800, "currency": "CNY"},
            "description": "Milk tea",
            "return_url": "https://shop.example.com/thanks",
        }
        event = shapes.http(
            "POST /cashier/{name}/{account}/payments",
            self.now,
            parameters={"name": "wechat_native", "account": "qr"},
            headers={"content-type": "application/json", "idempotency-key": "cart-1"},
            body=json.dumps(body),
            claims=shapes.claims(self.now, "payments:write"),
        )
        return self.stack.run("CashierCreatePayment", event, crash=crash, **faults)


@contextlib.contextmanager
def native_world(cloud: LocalCloud, document: Json, folder: Path) -> Iterator[NativeWorld]:
    """Yield that world."""
    made = NativeWorld(cloud, document, folder)
    try:
        yield made
    finally:
        made.close()


def cashier_world(cashier: str) -> Any:
    """Return how the world of one cashier is made."""

    @contextlib.contextmanager
    def world(cloud: LocalCloud, _document: Json, folder: Path) -> Iterator[CashierWorld]:
        made = CashierWorld(cloud, cashier, folder)
        try:
            yield made
        finally:
            made.close()

    return world

"""One shop that lets the app in, on a clock that stands still: what the app has it do with an order's money."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from countersign.money import Money
from countersign.orders.changes import (
    Change,
    InstructionRequested,
    Operator,
    OrderKey,
    Parcel,
    RefundDecided,
    RefundRequested,
    ShipmentRequested,
)
from sandbox.events import shapes
from sandbox.simulators.shopify import Simulator
from tests.crash.world import Ground, Inbox, Json, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.simulators.shopify.orders import Order as Sold
    from sandbox.testing import LocalCloud, Run

APP, SHOP = "app", "killed-money.myshopify.com"


class ShopWorld(Ground):
    """A stack, an app in a shop, and their simulator; nothing is delivered."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        super().__init__(cloud)
        shop = {
            "shop": SHOP,
            "shop_id": "70011223344",
            "access_token": "shpat_token_of_killed_processes",
            "scope": "read_orders,write_orders",
            "api_base": f"{self.base}/shopify",
        }
        app: Json = {
            "client_secrets": ["shpss_secret_of_killed_processes"],
            "subscriptions": "app",
            "install": "token",
            "mark_paid_limits": {"USD": "100.00"},
            "api_base": f"{self.base}/shopify",
            "shops": [shop],
        }
        self.shopify = Simulator(self.stack.clock, {APP: app}, Inbox(), self.base, folder)
        self.stack.put_account("shopify", APP, app)

    def close(self) -> None:
        super().close()
        self.shopify.stop()

    def answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        return self.shopify.handle(method, path.removeprefix("/shopify"), query, headers, body)

    @property
    def sold(self) -> Sold:
        """The shop's one order."""
        (found,) = self.shopify.shops[APP, SHOP].orders.values()
        return found

    @property
    def key(self) -> OrderKey:
        return OrderKey("shopify", SHOP, str(self.sold.id))

    def known(self, pay: str = "sale", **how: Any) -> None:
        """Have an order that is known here; one that nothing paid waits for a bank deposit."""
        made = self._happens("create", pay=pay, **how)
        if pay == "none":
            self._happens("pay", order=made["order"], status="pending", gateway="manual")
        assert self.stack.run("ShopifyScan", shapes.schedule("ShopifyScan", self.now)).status == 0

    def refund_approved(self) -> None:
        self.known()
        self._told(RefundRequested("rfcrash", Money(3000, "USD"), "too small", self.now), "ben")
        self._told(RefundDecided("rfcrash", True, self.now), "anna")

    def shipped(self, *, named: bool = False) -> None:
        """Have all of an order sent, or one parcel of it that says what is in it."""
        self.known(lines=[2])
        goods = ((str(self.sold.id + 1), 1),) if named else ()
        parcels = (Parcel("UPS", "1Z999", goods=goods),)
        self._told(ShipmentRequested("shcrash", "express", parcels, not named, self.now), "ben")

    def instructed(self, action: str) -> None:
        self.known("none" if action == "mark_paid" else "authorization")
        amount = Money(10_000, "USD") if action == "mark_paid" else None
        reason = "customer" if action == "cancel" else ""
        self._told(InstructionRequested("incrash", action, self.now, amount, reason=reason), "anna")

    def wake(self, function: str, detail_type: str, crash: Json | None = None) -> Run:
        """Let a worker hear of the order from the bus."""
        detail = {"platform": "shopify", "account": SHOP, "order_id": self.key.order_id}
        news = {"source": "countersign", "detail-type": detail_type, "detail": detail}
        return self.stack.run(function, news, crash=crash)

    def work(self, function: str) -> Run:
        """Let a worker's minute come."""
        return self.stack.run(function, shapes.schedule(function, self.now))

    def state(self) -> Json:
        """Return what became of the order here and in the shop, and how often the shop did something."""
        order = self._store.get(self.key)
        assert order is not None
        children = {
            row["sk"]: row["status"]
            for row in self.table("OrdersTable")
            if row["sk"].startswith(("REFUND#", "SHIPMENT#", "INSTRUCTION#"))
        }
        ours = (order.status, order.paid, order.refunded, order.reserved, order.instruction_id, order.sent)
        theirs = [(one.kind, one.status, one.amount) for one in self.sold.movements]
        accepted = self.shopify.apis[APP, SHOP].till.accepted
        agree = (order.paid, order.refunded) == (self.sold.received, self.sold.refunded)
        return {
            "table": [],
            "bus": self.bus(),
            "order": ours,
            "children": children,
            "shop": theirs,
            "accepted": accepted,
            "agree": agree,
        }

    def _told(self, fact: Any, by: str) -> None:
        self.recorded(Change(self.key, fact, Operator(by), "operator"))

    def _happens(self, what: str, **body: Any) -> Json:
        status, answer = self.shopify.control(what, {"shop": SHOP, **body})
        assert status == 200, answer
        return answer


@contextlib.contextmanager
def shop_world(cloud: LocalCloud, _document: Any, folder: Path) -> Iterator[ShopWorld]:
    made = ShopWorld(cloud, folder)
    try:
        yield made
    finally:
        made.close()

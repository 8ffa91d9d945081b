"""One shop, whose token is over and must be renewed first, on a clock that stands still."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from countersign.orders.changes import OrderKey
from sandbox.events import shapes
from sandbox.simulators.shopify import Simulator
from tests.crash.world import Ground, Inbox, Json, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.testing import LocalCloud, Run

APP, SHOP = "app", "killed-shop.myshopify.com"
DAY = 86_400


class ShopifyWorld(Ground):
    """A stack, an app in a shop, and their simulator."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        super().__init__(cloud)
        shop = {
            "shop": SHOP,
            "shop_id": "70011223344",
            "access_token": "shpat_token_that_is_over_by_now",
            "refresh_token": "shprt_token_that_renews_it_once",
            "expires_at": self.now - 1,
            "refresh_expires_at": self.now + 90 * DAY,
            "scope": "read_orders",
            "api_base": f"{self.base}/shopify",
        }
        app: Json = {
            "client_id": "0f4d2b7c9a1e4c6d8b3f5a7e9c1d2b4f",
            "client_secrets": ["shpss_secret_of_killed_processes"],
            "subscriptions": "app",
            "scopes": ["read_orders"],
            "api_base": f"{self.base}/shopify",
            "shops": [shop],
        }
        # Nothing of the simulator runs by itself, so that nothing of it depends on how long a function takes.
        self.shopify = Simulator(self.stack.clock, {APP: app}, Inbox(), self.base, folder)
        self.stack.put_account("shopify", APP, app)

    def close(self) -> None:
        super().close()
        self.shopify.stop()

    def answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        return self.shopify.handle(method, path.removeprefix("/shopify"), query, headers, body)

    def sold(self) -> OrderKey:
        """Have an order made in the shop that nobody here knows."""
        status, answer = self.shopify.control("create", {"shop": SHOP})
        assert status == 200, answer
        return OrderKey("shopify", SHOP, str(answer["order"]))

    def read(self, crash: Json | None = None) -> Run:
        """Let the turn of the worker come that reads the shop's list."""
        return self.stack.run("ShopifyScan", shapes.schedule("ShopifyScan", self.now), crash=crash)

    def state(self) -> Json:
        """Return what became of the shop's access, and what is known of it."""
        rows = {row["sk"].partition("#")[0]: row for row in self.table("OrdersTable")}
        grant = rows.get("GRANT", {})
        return {
            "let_in": "sealed" in grant and "AUTHORIZATION" not in rows,
            "turns": int(grant.get("turn", -1)),
            "orders": sorted(row["pk"] for row in self.table("OrdersTable") if row["sk"] == "ORDER"),
            "renewals": len(self.shopify.shops[APP, SHOP].installation.chain.used),
        }


@contextlib.contextmanager
def shopify_world(cloud: LocalCloud, _document: Any, folder: Path) -> Iterator[ShopifyWorld]:
    made = ShopifyWorld(cloud, folder)
    try:
        yield made
    finally:
        made.close()

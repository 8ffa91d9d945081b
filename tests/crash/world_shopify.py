"""One shop, whose token is over and must be renewed first, on a clock that stands still."""

from __future__ import annotations

import contextlib
import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from countersign.orders.changes import OrderKey
from countersign.store.imports import ImportStore
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
    """A stack, an app in a shop, and their simulator; the token of a world for imports is good for a day."""

    def __init__(self, cloud: LocalCloud, folder: Path, *, imports: bool = False) -> None:
        super().__init__(cloud)
        shop = {
            "shop": SHOP,
            "shop_id": "70011223344",
            "access_token": "shpat_token_that_is_over_by_now",
            "refresh_token": "shprt_token_that_renews_it_once",
            "expires_at": self.now + (DAY if imports else -1),
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
        self._imports = ImportStore(self._store.client, self._store.table, "shopify")
        self._bulks = self.shopify.apis[APP, SHOP].bulks
        self._bulks.seconds = 0  # a file is there as soon as it is asked for: the clock stands still

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

    def asked(self) -> OrderKey:
        """Have an order made in the shop, and its history imported at the next turn."""
        key = self.sold()
        moments = (datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in (self.now - DAY, self.now))
        assert self._imports.ask(SHOP, *moments)
        return key

    def import_file(self, crash: Json | None = None) -> Run:
        """Let the turn of the worker come that imports a shop's history."""
        return self.stack.run("ShopifyImport", shapes.schedule("ShopifyImport", self.now), crash=crash)

    def imported(self) -> Json:
        """Return what became of an import, and what is known of its orders."""
        rows = self.table("OrdersTable")
        [row] = [one for one in rows if one["sk"] == "IMPORT"]
        return {
            "import": {name: value for name, value in row.items() if name != "begun_at"},
            "orders": {one["pk"]: (one["version"], one["status"]) for one in rows if one["sk"] == "ORDER"},
            "events": sorted(one["sk"] for one in rows if one["sk"].startswith("EVENT#")),
            "files": len(self._bulks.all),
        }

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


class ImportWorld(ShopifyWorld):
    """The same with a history to import."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        super().__init__(cloud, folder, imports=True)

    def state(self) -> Json:
        """Return what became of the import."""
        return self.imported()


@contextlib.contextmanager
def shopify_world(
    cloud: LocalCloud, _document: Any, folder: Path, *, of: type[ShopifyWorld] = ShopifyWorld
) -> Iterator[ShopifyWorld]:
    made = of(cloud, folder)
    try:
        yield made
    finally:
        made.close()


import_world = functools.partial(shopify_world, of=ImportWorld)

"""Which apps and shops exist: what Shopify knows of each account document."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from sandbox.simulators.shopify.oauth import ACCESS_SECONDS, Chain, Refresh

Json = dict[str, Any]


@dataclass
class App:
    """One app, as Shopify sees it."""

    name: str
    client_id: str
    secret: str
    admin_secret: str
    version: str
    kind: str  # who makes its subscriptions: shop, app or admin
    storefront_token: str = ""
    api_base: str = ""


@dataclass
class Installation:
    """An app in a shop."""

    app: App
    host: str
    shop_id: int
    token: str
    scopes: tuple[str, ...]
    token_ends: float | None = None
    storefront_token: str = ""
    installed: bool = True
    chain: Chain = field(default_factory=Chain)

    def takes(self, token: str, now: float) -> bool:
        """Tell whether a token is one of this installation's, and not over."""
        fixed = secrets.compare_digest(self.token, token) and (self.token_ends is None or now < self.token_ends)
        return self.installed and bool(token) and (fixed or self.chain.takes(token, now))

    def forget(self) -> None:
        """Take every token away, as when the merchant removes the app."""
        self.installed, self.token, self.chain = False, "", Chain()


class Installations:
    """All apps and the shops where they are, found by the app's name and the shop's host, or by the token."""

    def __init__(self, documents: dict[str, Json]) -> None:
        self.apps = {name: _app(name, document) for name, document in documents.items() if "/" not in name}
        self.all: dict[tuple[str, str], Installation] = {}
        for name, document in documents.items():
            app, _, host = name.partition("/")
            entries = [document] if host else document.get("shops") or []
            for entry in entries:
                if app in self.apps:
                    self.all[app, entry["shop"]] = _installation(self.apps[app], entry, len(self.all))

    def of(self, app: str, host: str) -> Installation | None:
        """Find an app in a shop."""
        return self.all.get((app, host))

    def install(self, app: str, host: str, scopes: tuple[str, ...]) -> Installation:
        """Let an app into a shop, for the first time or again."""
        one = self.all.get((app, host))
        if one is None:
            entry = {"shop": host, "scope": ",".join(scopes)}
            one = self.all[app, host] = _installation(self.apps[app], entry, len(self.all))
        one.installed, one.scopes = True, scopes
        return one

    def grant(self, host: str, wanted: Json, now: float) -> Json | None:
        """Give an app a token for a shop by its own secret, for a day; the one before goes on until its end."""
        for one in self.all.values():
            same = (one.host, one.app.client_id, one.app.secret) == (
                host,
                wanted.get("client_id"),
                wanted.get("client_secret"),
            )
            if same and one.installed and wanted.get("grant_type") == "client_credentials":
                one.token, one.token_ends = f"shpat_{secrets.token_hex(16)}", now + 86_399
                return {"access_token": one.token, "scope": ",".join(one.scopes), "expires_in": 86_399}
        return None

    def with_storefront_token(self, host: str, token: str) -> Installation | None:
        """Find the app of a shop whose token of the Storefront API it is."""
        of_shop = [one for one in self.all.values() if one.host == host and one.storefront_token and token]
        return next((one for one in of_shop if secrets.compare_digest(one.storefront_token, token)), None)

    def with_token(self, token: str, now: float) -> Installation | None:
        """Find whose token it is."""
        return next((one for one in self.all.values() if one.takes(token, now)), None)


def _app(name: str, document: Json) -> App:
    keys, admin = document.get("client_secrets") or [""], document.get("admin_webhook_secrets") or [""]
    return App(
        name,
        str(document.get("client_id", "")),
        str(keys[0]),
        str(admin[0]),
        str(document.get("api_version") or "2026-10"),
        str(document.get("subscriptions") or "shop"),
        str(document.get("storefront_private_token") or ""),
        str(document.get("api_base") or ""),
    )


def _installation(app: App, entry: Json, number: int) -> Installation:
    shop_id = str(entry.get("shop_id") or 70_000_000_001 + number).rpartition("/")[2]
    scopes = entry.get("scope") or "read_orders"
    storefront = str(entry.get("storefront_private_token") or app.storefront_token)
    token, ends = str(entry.get("access_token", "")), entry.get("expires_at")
    made = Installation(app, entry["shop"], int(shop_id), token, tuple(scopes.split(",")), ends, storefront)
    if entry.get("refresh_token"):
        made.token = ""
        made.chain.access[token] = float(ends or ACCESS_SECONDS)
        made.chain.refresh.append(Refresh(entry["refresh_token"], float(entry.get("refresh_expires_at") or 2**40)))
    return made


def prepare(document: Json, api_base: str) -> Json:
    """Complete a document so that the product can talk to this simulator; everything that is there stays."""
    return {**document, "api_base": document.get("api_base") or api_base}


def throwaway() -> dict[str, Json]:
    """Make an app `shop` of the merchant's own with its shop, `visiting` that is in no shop yet, and payments apps.

    `payments-confirm` takes held money only once Shopify says that it may, `payments-qr` has its codes in Shopify's own
    window.
    """
    host = "demo-shop.myshopify.com"
    return {
        "shop": {
            "client_id": secrets.token_hex(16),
            "client_secrets": [f"shpss_{secrets.token_hex(16)}"],
            "subscriptions": "shop",
            "install": "token",
            "lookup_from": ["phone"],
            "scopes": ["read_orders"],
        },
        "visiting": {
            "client_id": secrets.token_hex(16),
            "client_secrets": [f"shpss_{secrets.token_hex(16)}"],
            "scopes": ["read_orders"],
            "allowed_shops": ["new-shop.myshopify.com"],
        },
        f"shop/{host}": {
            "shop": host,
            "shop_id": "gid://shopify/Shop/70000000001",
            "access_token": f"shpat_{secrets.token_hex(16)}",
            "storefront_private_token": f"shpat_{secrets.token_hex(16)}",
            "scope": "read_orders",
        },
        **_paying("payments", "pay-shop", cashier="hc1/main", test_cashier="stripe/main"),
        **_paying("payments-confirm", "stock-shop", cashier="hc1/main", confirm=True),
        **_paying("payments-qr", "qr-shop", cashier="wechat_native/qr", modal=True),
    }


def _paying(name: str, shop: str, **payments: Any) -> dict[str, Json]:
    """Make a payments app and a shop where it is installed."""
    scopes = ["write_payment_gateways", "write_payment_sessions"]
    return {
        name: {
            "client_id": secrets.token_hex(16),
            "client_secrets": [f"shpss_{secrets.token_hex(16)}"],
            "install": "token",
            "scopes": scopes,
            "payments": {"external_handle": "demo", **payments},
        },
        f"{name}/{shop}.myshopify.com": {
            "shop": f"{shop}.myshopify.com",
            "shop_id": f"gid://shopify/Shop/{secrets.randbelow(10**9) + 10**10}",
            "access_token": f"shpat_{secrets.token_hex(16)}",
            "scope": ",".join(scopes),
        },
    }

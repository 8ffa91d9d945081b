"""Which apps and stores exist: what BigCommerce knows of each account document."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
SCOPES = "store_v2_orders store_v2_transactions_read_only store_content_checkout store_v2_information_read_only"
METHOD = "OKCloud Pay"
STORE, BY_STRIPE, BY_CODE = "demostore1", "demostore2", "demostore3"


@dataclass
class Hook:
    """One subscription of an app in a store."""

    id: int
    scope: str
    destination: str
    headers: dict[str, str] | None
    is_active: bool = True


@dataclass
class Store:
    """A store where an app is installed."""

    hash: str
    app: str
    client_id: str
    secret: str
    token: str
    method: str
    currency: str = "USD"
    domain: str = "shop.example.com"
    theme: str = "default"  # of its pages: `shopfront.THEMES`
    hooks: list[Hook] = field(default_factory=list)
    scripts: list[Json] = field(default_factory=list)
    used: int = 0  # of the quota of the window
    window: int = 0


class Stores:
    """All stores, by their hashes; a token opens one of them."""

    def __init__(self, documents: dict[str, Json]) -> None:
        self.apps = {name: document for name, document in documents.items() if "/" not in name}
        self.all: dict[str, Store] = {}
        for name, document in documents.items():
            app, _, store_hash = name.partition("/")
            if store_hash and app in self.apps:
                self.all[store_hash] = _store(store_hash, app, self.apps[app], document)

    def grant(self, store_hash: str, client_id: str, secret: str) -> Store | None:
        """Give an app a new token of a store; the one before stops working."""
        for name, app in self.apps.items():
            if (client_id, secret) == (app.get("client_id"), (app.get("client_secrets") or [""])[0]):
                known = self.all.get(store_hash) or _store(store_hash, name, app, {})
                known.token = secrets.token_hex(16)
                self.all[store_hash] = known
                return known
        return None


def _store(store_hash: str, name: str, app: Json, document: Json) -> Store:
    methods = document.get("payment_method_names") or app.get("payment_method_names") or [METHOD]
    secret = str((app.get("client_secrets") or [""])[0])
    token = str(document.get("access_token") or "")
    cashier = str(document.get("cashier") or app.get("cashier") or "")
    currency = "CNY" if cashier.startswith("wechat_native/") else "USD"  # what the shop sells in
    return Store(store_hash, name, str(app.get("client_id", "")), secret, token, str(methods[0]), currency)


def prepare(document: Json, api_base: str) -> Json:
    """Complete a document so that the product can talk to this simulator; everything that is there stays.

    A store has the address of its app, unless its own document says another one.
    """
    if "store_hash" in document:
        return document
    return {**document, "api_base": document.get("api_base") or api_base}


def throwaway() -> dict[str, Json]:
    """Make an app `pay` of the merchant's own, and three stores where it is installed, each with another cashier."""
    app = {
        "client_id": secrets.token_hex(15),
        "client_secrets": [secrets.token_hex(32)],
        "cashier": "hc1/main",
        "payment_method_names": [METHOD],
        "allowed_origins": ["https://shop.example.com"],
        "allowed_stores": [STORE, BY_STRIPE, BY_CODE],
    }
    stores = {
        f"pay/{name}": {
            "store_hash": name,
            "access_token": secrets.token_hex(16),
            "scope": SCOPES,
            "owner": {"id": 12345, "email": "owner@example.com"},
            "hook_token": secrets.token_hex(32),
            **rules,
        }
        for name, rules in (
            (STORE, {}),
            (BY_STRIPE, {"cashier": "stripe/main"}),
            (BY_CODE, {"cashier": "wechat_native/qr"}),
        )
    }
    return {"pay": app, **stores}

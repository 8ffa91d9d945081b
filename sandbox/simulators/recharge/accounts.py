"""Which stores exist: what Recharge knows of each account document."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass
class Subscription:
    """One subscription to a topic; its bodies have the shape of the version that it was made with."""

    id: int
    topic: str
    address: str
    version: str
    failed: int = 0


@dataclass
class Store:
    """One store, as Recharge sees it."""

    account: str
    token: str
    secret: str
    currency: str
    shop: str
    subscriptions: list[Subscription] = field(default_factory=list)
    ended: list[Json] = field(
        default_factory=list
    )  # subscriptions that were deleted, and of which the owner was mailed


class Stores:
    """All stores, found by the account's name or the token."""

    def __init__(self, documents: dict[str, Json]) -> None:
        self._by_account = {name: _store(name, document) for name, document in documents.items()}

    def named(self, account: str) -> Store | None:
        """Find the account of that name."""
        return self._by_account.get(account)

    def with_token(self, token: str) -> Store | None:
        """Find the store of a token."""
        return next((store for store in self._by_account.values() if token and store.token == token), None)

    def __iter__(self) -> Any:
        return iter(self._by_account.values())


def _store(name: str, document: Json) -> Store:
    keys = document.get("client_secrets") or [""]
    return Store(
        account=name,
        token=str(document.get("api_token", "")),
        secret=str(keys[0]),
        currency=str(document.get("currency") or "USD"),
        shop=str(document.get("shop") or ""),
    )


def prepare(document: Json, api_base: str) -> Json:
    """Complete a document so that the product can talk to this simulator; everything that is there stays."""
    return {**document, "api_base": document.get("api_base") or api_base}


def throwaway() -> dict[str, Json]:
    """Make an account `subscriptions` on the newest version of the API and `older` on the one before."""
    return {
        "subscriptions": _throwaway("2021-11") | {"shop": "demo-shop.myshopify.com", "lookup_from": ["email"]},
        "older": _throwaway("2021-01") | {"currency": "USD"},
    }


def _throwaway(version: str) -> Json:
    return {
        "api_token": f"sk_1x1_{secrets.token_hex(16)}",
        "client_secrets": [secrets.token_hex(24)],
        "api_version": version,
    }

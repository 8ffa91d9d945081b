"""Reach an app's Douyin, and say what it answers as changes."""

import time
from dataclasses import dataclass
from typing import Any

from countersign.accounts import Accounts
from countersign.orders.changes import Change, OrderKey, Queried
from countersign.platforms.douyin import translate
from countersign.platforms.douyin.client import Client
from countersign.platforms.douyin.order_sync import OrderSync
from countersign.platforms.douyin.order_sync import fetch_token as fetch_app_token
from countersign.platforms.douyin.settings import Settings
from countersign.runtime import platform_http
from countersign.signing import nonces
from countersign.store import OrderStore
from countersign.store.rate_limit import RateLimiter
from countersign.store.tokens import SharedToken


@dataclass(frozen=True, slots=True)
class Reach:
    """An app's Douyin: its keys, and the client that uses them."""

    name: str
    settings: Settings
    client: Client


class Reaches:
    """How to reach each app of a container, made anew where its document changed."""

    def __init__(self, accounts: Accounts, store: OrderStore) -> None:
        self._accounts = accounts
        self._store = store
        self._made: dict[str, Reach] = {}

    def __call__(self, name: str) -> Reach:
        """Return how to reach an app."""
        settings = self._accounts.load(name)
        if name not in self._made or self._made[name].settings is not settings:
            self._made[name] = reach(name, settings, self._store, now=lambda: int(time.time()))
        return self._made[name]


def reach(name: str, settings: Settings, store: OrderStore, *, now: Any) -> Reach:
    """Return how to reach an app: one token and one pace for all processes."""
    session = platform_http.session()

    def fetch() -> tuple[str, int]:
        from countersign.platforms.douyin.api_trade import fetch_token

        return fetch_token(session, settings)

    token = SharedToken(store.client, store.table, platform="douyin", app=settings.app_id, fetch=fetch, now=now)
    pace = RateLimiter(store.client, store.table, "douyin", settings.app_id)
    client = Client(session, settings, now=now, nonce=nonces.nonce, token=token.get, pace=pace.wait)
    return Reach(name, settings, client)


def order_sync(reach: Reach, store: OrderStore) -> OrderSync:
    """Return how to tell an app's Douyin of orders: guaranteed payment wants another token, one for all as well."""
    session = platform_http.session()

    def fetch() -> tuple[str, int]:
        return fetch_app_token(session, reach.settings)

    token = SharedToken(
        store.client,
        store.table,
        platform="douyin",
        app=reach.settings.app_id,
        fetch=fetch,
        now=lambda: int(time.time()),
        kind="APP",
    )
    return OrderSync(session, reach.settings, token.get)


def about_order(reach: Reach, key: OrderKey, system: str, *, now: int) -> Change | None:
    """Return what Douyin says about an order, or None where Douyin does not know it.

    Raises PlatformUnavailableError where the answer is missing or cannot be believed.
    """
    payment = reach.client.query(key.order_id, system=system)
    if payment is None:
        return None
    return translate.payment_to_change(payment, _source(reach, key, system), now=now)


def about_platform_number(reach: Reach, key: OrderKey, order_id: str, *, now: int) -> Change | None:
    """Return what the trade system says about an order of which only its own number is known."""
    payment = reach.client.query_platform_number(order_id)
    if payment is None:
        return None
    return translate.payment_to_change(payment, _source(reach, key, "trade"), now=now)


def about_refund(
    reach: Reach, key: OrderKey, refund_id: str, system: str, *, platform_refund_id: str = ""
) -> Change | None:
    """Return what Douyin says about a refund; None where it does not know it, or waits for us itself."""
    answer = reach.client.query_refund(refund_id, platform_refund_id, system=system)
    if answer is None or translate.waits_for_us(answer):
        return None
    return translate.refund_to_change(answer, _source(reach, key, system), key)


def about_settlements(reach: Reach, key: OrderKey, system: str) -> tuple[Change, ...]:
    """Return what Douyin says about an order's settlements."""
    found = reach.client.settlements(key.order_id, system=system)
    return tuple(translate.settlement_to_change(one, _source(reach, key, system), key) for one in found)


def notify_url(base: str, name: str) -> str:
    """Return the address of our callbacks."""
    return f"{base}/douyin/{name}/callback"


def _source(reach: Reach, key: OrderKey, system: str) -> translate.Source:
    return translate.Source(reach.settings, key.account, system, "query", Queried())

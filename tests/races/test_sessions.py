"""Payment sessions of a checkout: fifty copies of one request at one moment, and two windows that both are paid."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from countersign.http import HttpRequest
from countersign.orders.sessions import PAYMENT
from countersign.platforms.shopify import asking, sessions
from countersign.platforms.shopify.settings import App, Payments, Shop
from countersign.store import account_names
from countersign.store.sessions import SessionStore
from tests.races.racing import NOW, at_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from countersign.platforms.shopify.apps import Apps
    from countersign.store import OrderStore

SHOP, COPIES = "races.myshopify.com", 50
ROUNDS = [
    pytest.param(3, id="3 rounds"),
    pytest.param(100, id="100 rounds", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
]
APP = App(payments=Payments("hc1.main"), shops={SHOP: Shop(SHOP)})
APPS = cast("Apps", SimpleNamespace(load=lambda name: APP, shop=lambda name, app, host: app.shops.get(host)))


@pytest.fixture(scope="module")
def buyers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(COPIES) as pool:
        yield pool


@pytest.fixture(autouse=True)
def _accounts_are_marked_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_names, "mark", lambda client, table: None)


def request(number: str, group: str) -> HttpRequest:
    body: dict[str, Any] = {
        "id": number,
        "gid": f"gid://shopify/PaymentSession/{number}",
        "group": group,
        "amount": "10.00",
        "currency": "USD",
        "kind": "sale",
        "test": False,
        "proposed_at": "2026-11-22T14:00:00Z",
        "payment_method": {"type": "offsite", "data": {"cancel_url": "https://races.myshopify.com/c"}},
        "customer": None,
    }
    headers = {"shopify-shop-domain": SHOP, "shopify-api-version": "2026-10"}
    return HttpRequest("POST", "/", headers, json.dumps(body).encode(), {"app": "payments"})


@pytest.mark.parametrize("rounds", ROUNDS)
def test_B16_fifty_copies_of_one_request_are_one_session_and_one_answer(
    stores: list[OrderStore], buyers: ThreadPoolExecutor, rounds: int
) -> None:
    for round_ in range(rounds):
        number, desks = f"race-{rounds}-{round_}", [asking.Desk(PAYMENT, APPS, one, "https://p") for one in stores]
        wanted = request(number, f"group-of-{number}")

        def take(copy: int, desks: list[asking.Desk] = desks, wanted: HttpRequest = wanted) -> tuple[int, str]:
            reply = desks[copy % len(desks)].take(wanted, NOW)
            return reply.status, reply.body

        answers = at_once([partial(take, copy) for copy in range(COPIES)], buyers)

        assert {status for status, _ in answers} == {201}
        assert len({body for _, body in answers}) == 1
        key = sessions.key_of(SHOP, f"group-of-{number}", test=False)
        assert [one.session_id for one in SessionStore(stores[0]).all(key)] == [f"payment.{number}"]


@pytest.mark.parametrize("rounds", ROUNDS)
def test_of_two_windows_that_are_paid_at_one_moment_one_counts(
    stores: list[OrderStore], threads: ThreadPoolExecutor, rounds: int
) -> None:
    for round_ in range(rounds):
        key = sessions.key_of(SHOP, f"windows {rounds} {round_}", test=False)
        claims = [partial(SessionStore(store).claim, key, f"payment.{copy % 2}") for copy, store in enumerate(stores)]

        said = at_once(claims, threads)

        assert len(set(said)) == 1
        assert SessionStore(stores[0]).winner(key) == said[0]

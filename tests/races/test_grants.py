"""Sixteen processes that need one shop's token at the moment at which it must be renewed; one that installs anew."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from countersign.errors import PlatformUnavailableError, UnprocessableError
from countersign.runtime import access_tokens
from countersign.runtime.access_tokens import AuthorizationEndedError, GrantedToken
from countersign.signing.credentials import Secret
from countersign.store.authorizations import AuthorizationStore
from countersign.store.grants import LEASE_SECONDS, GrantStore, Tokens
from tests.races.racing import NOW, WRITERS, at_once

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from countersign.store import OrderStore

ROUNDS = [pytest.param(4, id="4 rounds"), pytest.param(100, id="100 rounds", marks=pytest.mark.soak)]
KEYS = (Secret("the_client_secret_of_the_races_81"),)
HOUR = 3600


class Platform:
    """Gives tokens for the refresh token that it gave last, and for the one before until the last was used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.asked = self.under_way = self.most_at_once = 0
        self.good = ["refresh-0"]

    def renew(self, refresh: str) -> Tokens:
        with self._lock:
            self.asked += 1
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            return self._renewed(refresh)
        finally:
            with self._lock:
                self.under_way -= 1

    def _renewed(self, refresh: str) -> Tokens:
        with self._lock:
            if refresh not in self.good:
                raise UnprocessableError("requires an active refresh_token")
            self.good = [refresh, f"refresh-{self.asked}"]
            return tokens(self.asked, NOW + 2 * HOUR)


def tokens(number: int, ends: int) -> Tokens:
    return Tokens(f"access-{number}", ends, frozenset({"read_orders"}), f"refresh-{number}", NOW + 90 * 24 * HOUR)


def grants_of(store: OrderStore) -> GrantStore:
    return GrantStore(store.client, store.table, platform="shopify", app="races", secrets=KEYS)


def token_of(store: OrderStore, shop: str, platform: Platform, now: int = NOW) -> GrantedToken:
    authorizations = AuthorizationStore(store.client, store.table, "shopify")
    return GrantedToken(grants_of(store), authorizations, shop, renew=platform.renew, now=lambda: now)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_tokens, "PATIENCE_SECONDS", 120.0)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_S4_of_sixteen_that_need_a_new_token_one_asks_for_it_and_all_have_it(
    stores: list[OrderStore], threads: ThreadPoolExecutor, rounds: int
) -> None:
    for turn in range(rounds):
        shop, platform = f"raced-{rounds}-{turn}.myshopify.com", Platform()
        grants_of(stores[0]).put(shop, "1", tokens(0, NOW - 1), now=NOW - HOUR)

        found = at_once([token_of(store, shop, platform).get for store in stores], threads)

        assert found == ["access-1"] * WRITERS
        assert platform.asked == 1


@pytest.mark.parametrize("rounds", ROUNDS)
def test_S4_a_token_that_was_refused_to_all_of_them_is_renewed_once(
    stores: list[OrderStore], threads: ThreadPoolExecutor, rounds: int
) -> None:
    for turn in range(rounds):
        shop, platform = f"refused-{rounds}-{turn}.myshopify.com", Platform()
        grants_of(stores[0]).put(shop, "1", tokens(0, NOW + HOUR), now=NOW)

        found = at_once([partial(token_of(store, shop, platform).get, "access-0") for store in stores], threads)

        assert found == ["access-1"] * WRITERS
        assert (platform.asked, platform.most_at_once) == (1, 1)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_S4_who_installs_anew_while_the_old_grant_is_renewed_has_the_last_word(
    stores: list[OrderStore], threads: ThreadPoolExecutor, rounds: int
) -> None:
    for turn in range(rounds):
        shop, platform = f"anew-{rounds}-{turn}.myshopify.com", Platform()
        grants_of(stores[0]).put(shop, "1", tokens(0, NOW - 1), now=NOW - HOUR)

        def anew(shop: str = shop) -> str:
            grants_of(stores[0]).put(shop, "1", tokens(900, NOW + HOUR), now=NOW)
            return ""

        def asks(store: OrderStore, shop: str = shop, platform: Platform = platform) -> str:
            return token_of(store, shop, platform).get()

        found = at_once([anew, *(partial(asks, store) for store in stores[1:])], threads)

        assert set(found) <= {"", "access-1", "access-900"}
        assert token_of(stores[0], shop, platform).get() == "access-900"
        assert platform.asked <= 1


def test_S4_where_the_refresh_token_is_refused_all_hear_of_it_and_it_is_told_once(
    stores: list[OrderStore], threads: ThreadPoolExecutor
) -> None:
    shop, platform = "over.myshopify.com", Platform()
    grants_of(stores[0]).put(shop, "1", tokens(7, NOW - 1), now=NOW - HOUR)

    def ended(store: OrderStore) -> bool:
        with pytest.raises(AuthorizationEndedError):
            token_of(store, shop, platform).get()
        return True

    assert all(at_once([partial(ended, store) for store in stores], threads))
    assert platform.asked == 1
    assert AuthorizationStore(stores[0].client, stores[0].table, "shopify").state(shop).because == "revoked"


def test_S4_after_a_process_that_died_the_next_one_waits_for_its_lease_and_then_asks_with_the_same_token(
    stores: list[OrderStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, platform, store = "died.myshopify.com", Platform(), stores[0]
    grants = grants_of(store)
    grants.put(shop, "1", tokens(0, NOW - 1), now=NOW - HOUR)
    assert grants.lease(shop, grants.read(shop), now=NOW)
    platform.renew("refresh-0")  # its answer died with the process

    monkeypatch.setattr(access_tokens, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(PlatformUnavailableError):
        token_of(store, shop, platform, NOW + LEASE_SECONDS - 1).get()
    assert token_of(store, shop, platform, NOW + LEASE_SECONDS + 1).get() == "access-2"

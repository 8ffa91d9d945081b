"""Sixteen people want one charge tried again, and sixteen workers get to it, at the same moment."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from countersign.api.charges import ChargeService
from countersign.orders.changes import (
    Attempt,
    Change,
    Charge,
    OrderKey,
    OrderReported,
    Paid,
    Queried,
    Report,
    Terms,
)
from countersign.orders.charges import CUSTOMER
from countersign.runtime.caller import Caller
from countersign.store.due import DueList
from countersign.store.lists import OrderLists
from countersign.workers import loop
from countersign.workers.retry import RETRY, RetryJob
from tests.races.racing import NOW, PRICE, at_once

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from countersign.orders.state import Order
    from countersign.platforms.port import Changes
    from countersign.store import OrderStore

ROUNDS = 8
TERMS = Terms(PRICE, "charge", "recurring", "terms", NOW, NOW, closable=False, external=True, pays="parts")


def failed_once(key: OrderKey) -> Change:
    charge = Charge(attempts=1, error_type="CARD_DECLINED", group=CUSTOMER, last_attempt_at=NOW)
    fact = OrderReported(TERMS, Report(NOW, 0, state="failed", charge=charge), (Attempt(1, NOW, "CARD_DECLINED"),))
    return Change(key, fact, Queried(), "query", key.account, "charge", external=True)


class Platform:
    """Takes a charge when it is asked to, and remembers how often that was."""

    tenant = "store"

    def __init__(self, key: OrderKey) -> None:
        self.key = key
        self.asked = 0
        self._busy = threading.Lock()

    def query_order(self, _order: Order, *, now: int) -> Changes:
        return self._told(now) if self.asked else ()

    def process(self, _order: Order, *, now: int) -> Changes:
        with self._busy:
            self.asked += 1
        return self._told(now)

    def _told(self, now: int) -> Changes:
        report = Report(NOW + 20, now, received=PRICE.minor, charge=Charge(attempts=2, final=True))
        facts = (OrderReported(TERMS, report), Paid(f"4200{self.key.order_id}", PRICE, NOW + 20))
        return tuple(Change(self.key, fact, Queried(), "query", "store", "charge", external=True) for fact in facts)


def ask(store: OrderStore, key: OrderKey) -> str:
    service = ChargeService(store, OrderLists(store.client, store.table), Caller("ben", frozenset("*"), True), NOW + 9)
    return str(service.retry(key)["retry"]["retry_id"])


def run(store: OrderStore, platform: Any) -> None:
    due = DueList(store.client, store.table, "recharge_retry")
    for item in due.due_of(platform.key, RETRY, NOW + 20):
        loop.attempt(item, due, RetryJob(store, lambda _: platform, NOW + 20), now=NOW + 20)


def test_D6_however_many_want_a_charge_tried_again_it_is_asked_for_once(
    stores: list[OrderStore], threads: ThreadPoolExecutor
) -> None:
    for number in range(ROUNDS):
        key = OrderKey("recharge", "store", f"99000{number:03d}")
        stores[0].record(failed_once(key), now=NOW)
        platform = Platform(key)

        wishes = at_once([partial(ask, store, key) for store in stores], threads)
        at_once([partial(run, store, platform) for store in stores], threads)

        assert set(wishes) == {"1"}
        assert platform.asked == 1
        found = stores[0].retry(key, "1")
        assert found is not None
        assert (found.order.status, found.child.status) == ("paid", "succeeded")

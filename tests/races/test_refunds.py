"""Sixteen people ask for, approve and work on refunds of one order at the same moment."""

from __future__ import annotations

import threading
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from countersign.api.refunds import RefundService
from countersign.errors import ConflictError
from countersign.money import Money
from countersign.platforms.wechat.answers import Answer
from countersign.platforms.wechat.connector import Connector
from countersign.platforms.wechat.messages import RefundNotice
from countersign.platforms.wechat.refunds import PAUSE_SECONDS
from countersign.runtime.caller import Caller
from countersign.store import keys
from countersign.store.due import DueList
from countersign.store.lists import OrderLists
from countersign.workers import loop
from countersign.workers.refund import RefundJob
from tests.races.racing import NOW, PRICE, at_once, key, notified, opened

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from countersign.platforms.wechat.client import RefundRequest
    from countersign.store import OrderStore

ROUNDS = 8
ASKED = Money(PRICE.minor * 30 // 100, "CNY")


class Wechat:
    """Takes refunds, and remembers how often each number was asked for."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.overlaps = 0
        self._busy = threading.Lock()

    def refund(self, request: RefundRequest, **_: str) -> Answer[RefundNotice]:
        if not self._busy.acquire(blocking=False):
            self.overlaps += 1
            self._busy.acquire()
        try:
            self.calls.append(request.refund_id)
            notice = self._notice(request.refund_id, "PROCESSING")
            return Answer(notice, "PUB_KEY_ID_1", b"{}", "v3")
        finally:
            self._busy.release()

    def query_refund(self, refund_id: str, **_: str) -> Answer[RefundNotice] | None:
        known = refund_id in self.calls
        return Answer(self._notice(refund_id, "SUCCESS"), "PUB_KEY_ID_1", b"{}", "v3") if known else None

    def _notice(self, refund_id: str, status: str) -> RefundNotice:
        return RefundNotice("ROUND", refund_id, status, ASKED.minor, PRICE.minor, mchid="1900000101")


def person(store: OrderStore, name: str) -> RefundService:
    return RefundService(store, OrderLists(store.client, store.table), Caller(name, frozenset("*"), True), NOW + 60)


def attempt(work: Any) -> str:
    try:
        return str(work()["refund_id"])
    except ConflictError:
        return "409"


def test_D6_of_sixteen_refunds_of_thirty_percent_three_are_taken_and_made_once(
    stores: list[OrderStore], threads: ThreadPoolExecutor, capsys: Any
) -> None:
    taken, refused, made, overlaps = [], [], [], 0
    for number in range(ROUNDS):
        order = f"REFUNDS-{number:03d}"
        stores[0].record(opened(order), now=NOW)
        stores[0].record(notified(order), now=NOW + 6)

        asks = [
            partial(person(store, "ben").request, key(order), ASKED, reason="", source="merchant") for store in stores
        ]
        answers = at_once([partial(attempt, ask) for ask in asks], threads)
        numbers = [answer for answer in answers if answer != "409"]
        taken.append(len(numbers))
        refused.append(answers.count("409"))

        judges = [
            partial(person(store, f"anna-{index}").judge, key(order), numbers[index % len(numbers)], approved=True)
            for index, store in enumerate(stores)
        ]
        assert set(at_once([partial(attempt, judge) for judge in judges], threads)) == set(numbers)

        wechat = Wechat()
        settings: Any = SimpleNamespace(mchid="1900000101", sub_mchid="", api="v3")
        client: Any = wechat
        now = NOW + 60
        while any(refund.status != "succeeded" for refund in refunds(stores[0], order)):
            connector = Connector("shop", settings, renamed(client, order))
            works = [partial(run, store, connector, order, now) for store in stores[:4]]
            at_once(works, threads)
            now += PAUSE_SECONDS
        assert sorted(wechat.calls) == sorted(numbers)
        made.append(len(wechat.calls))
        overlaps += wechat.overlaps
        done = stores[0].get(key(order))
        assert done is not None
        assert (done.refunded, done.reserved, done.status) == (3 * ASKED.minor, 3 * ASKED.minor, "partially_refunded")

    with capsys.disabled():
        print(
            f"\nD6: {ROUNDS} rounds of 16 requests of 30 %: "
            f"taken {sorted(set(taken))}, refused {sorted(set(refused))}, "
            f"platform calls {sorted(set(made))}, calls at the same time {overlaps}"
        )
    assert (set(taken), set(refused), set(made), overlaps) == ({3}, {13}, {3}, 0)


def renamed(client: Any, order: str) -> Any:
    """Return the client, answering about this order."""

    def about(call: Any) -> Any:
        def ask(*given: Any, **named: Any) -> Any:
            answer = call(*given, **named)
            if answer is None:
                return None
            return Answer(answer.message._replace(out_trade_no=order), answer.key_id, answer.raw, answer.system)

        return ask

    return SimpleNamespace(refund=about(client.refund), query_refund=about(client.query_refund))


def run(store: OrderStore, connector: Connector, order: str, now: int) -> None:
    due = DueList(store.client, store.table, "wechat_refund")
    for item in due.due_of(key(order), keys.REFUND, now):
        loop.attempt(item, due, RefundJob(store, lambda _: connector, now), now=now)


def refunds(store: OrderStore, order: str) -> Any:
    history = OrderLists(store.client, store.table).history(key(order))
    assert history is not None
    return history.refunds

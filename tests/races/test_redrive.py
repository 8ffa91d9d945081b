"""Operators and the platform at the same moment, on real threads over ministack: E6, A18."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial

from countersign.store import OrderStore, Outcome, keys, orphans
from countersign.store.quarantine import Quarantine, quarantine
from tests.races.racing import NOW, WRITERS, at_once, key, notified, opened, outbox, rows

ROUNDS = 20
DAY = date(2026, 11, 22)


def test_e6_redriving_while_the_platform_sends_it_again_is_one_transition(
    stores: list[OrderStore], threads: ThreadPoolExecutor
) -> None:
    for number in range(ROUNDS):
        order_id = f"e6-{number}"
        stores[0].record(opened(order_id), now=NOW)
        change = notified(order_id)
        works = [
            partial(store.record, change, now=NOW + 9, raw=b"evidence", received_at=NOW if index % 2 else None)
            for index, store in enumerate(stores)
        ]

        outcomes = at_once(works, threads)

        assert Counter(outcome.outcome for outcome in outcomes) == {"applied": 1, "duplicate": WRITERS - 1}
        assert outbox(stores[0], order_id) == ["order.paid"]


def test_e6_a_quarantined_row_is_taken_off_the_list_once(stores: list[OrderStore], threads: ThreadPoolExecutor) -> None:
    kept = {"platform": "wechat", "account": "races", "key_id": "k", "reason": "-"}
    quarantine(stores[0].client, stores[0].table, raw=b"{}", now=NOW, **kept)
    desks = [Quarantine(store.client, store.table, "wechat") for store in stores]
    (row,) = desks[0].rows(DAY, account="races")

    marked = at_once([partial(desk.redriven, row, outcome="applied", event_id="e", now=NOW) for desk in desks], threads)

    assert Counter(marked) == {True: 1, False: WRITERS - 1}
    assert list(desks[0].rows(DAY, account="races")) == []


def test_a18_many_replays_at_once_repair_an_order_once(stores: list[OrderStore], threads: ThreadPoolExecutor) -> None:
    for number in range(ROUNDS):
        order_id = f"a18-{number}"
        stores[0].record(opened(order_id), now=NOW)
        (lost,) = [row for row in rows(stores[0], order_id) if row["sk"]["S"] == keys.ORDER]
        event_id = stores[0].record(notified(order_id), now=NOW + 9, raw=b"evidence").event_id
        stores[0].client.put_item(TableName=stores[0].table, Item=lost)

        works = [partial(orphans.replay, store, key(order_id), event_id, now=NOW + 99) for store in stores]
        outcomes = [outcome for outcome in at_once(works, threads) if isinstance(outcome, Outcome)]

        assert Counter(outcome.outcome for outcome in outcomes) == {"applied": 1, "unchanged": WRITERS - 1}
        order = stores[0].get(key(order_id))
        assert order is not None
        assert (order.status, order.version) == ("paid", 2)
        assert outbox(stores[0], order_id) == ["order.paid"]

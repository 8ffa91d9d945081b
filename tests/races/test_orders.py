"""Races for one order, on real threads over ministack: D2, D12, F5, B11, D9."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from countersign.errors import ContentionError
from countersign.money import Money
from countersign.orders.changes import Change, RefundReported, Verified
from countersign.store import OrderStore, Outcome, dynamo, orphans
from tests.races.racing import (
    MCHID,
    NOW,
    WRITERS,
    Counted,
    Distant,
    Turns,
    at_once,
    key,
    notified,
    opened,
    outbox,
    queried,
    rows,
)

ROUNDS = 50


def taken(store: OrderStore, change: Change) -> Outcome:
    """Record as a platform makes us do it: what met too many others comes again."""
    while True:
        try:
            return store.record(change, now=NOW + 9, raw=b"evidence")
        except ContentionError:
            continue


def test_d2_the_same_event_sixteen_times_at_once_is_one_transition(
    stores: list[OrderStore], threads: ThreadPoolExecutor
) -> None:
    for number in range(ROUNDS):
        order_id = f"d2-{number}"
        stores[0].record(opened(order_id), now=NOW)
        counted = [Counted(store.client) for store in stores]
        works = [
            partial(OrderStore(client, store.table).record, notified(order_id), now=NOW + 9, raw=b"evidence")
            for store, client in zip(stores, counted, strict=True)
        ]

        outcomes = at_once(works, threads)

        # Who loses sees at its next look that the event is there: a read, a write in vain, a read.
        assert max(client.calls for client in counted) <= 3
        assert Counter(outcome.outcome for outcome in outcomes) == {"applied": 1, "duplicate": WRITERS - 1}
        assert len({outcome.event_id for outcome in outcomes}) == 1
        assert outbox(stores[0], order_id) == ["order.paid"]
        order = stores[0].get(key(order_id))
        assert order is not None
        assert (order.status, order.version) == ("paid", 2)


def test_d12_callback_and_poll_at_the_same_moment_are_one_transition(
    stores: list[OrderStore], threads: ThreadPoolExecutor
) -> None:
    for number in range(30):
        order_id = f"d12-{number}"
        stores[0].record(opened(order_id), now=NOW)
        news = [notified(order_id) if index % 2 else queried(order_id) for index in range(WRITERS)]
        works = [partial(store.record, change, now=NOW + 9) for store, change in zip(stores, news, strict=True)]

        outcomes = at_once(works, threads)

        assert outbox(stores[0], order_id) == ["order.paid"]
        assert [emitted for outcome in outcomes for emitted in outcome.emits] == ["order.paid"]
        assert Counter(outcome.outcome for outcome in outcomes)["duplicate"] == WRITERS - 2
        order = stores[0].get(key(order_id))
        assert order is not None
        assert order.status == "paid"
        assert len(order.payments) == 1
        assert {row["via"]["S"] for row in rows(stores[0], order_id) if row.get("kind") == {"S": "paid"}} == {
            "notify",
            "query",
        }


def test_f5_two_hundred_different_events_of_one_order_are_all_kept(
    stores: list[OrderStore], threads: ThreadPoolExecutor
) -> None:
    stores[0].record(opened("f5"), now=NOW)
    stores[0].record(notified("f5"), now=NOW + 1)

    def refund(number: int) -> Change:
        fact = RefundReported(f"R{number}", Money(1, "CNY"), "succeeded", total=Money(8800, "CNY"), at=NOW + 60)
        return Change(key("f5"), fact, Verified("PUB_KEY_ID_1"), "notify", MCHID, "v3")

    def take(index: int) -> list[str]:
        return [taken(stores[index], refund(number)).outcome for number in range(index, 200, WRITERS)]

    taken_by_each = at_once([partial(take, index) for index in range(WRITERS)], threads)

    outcomes = Counter(word for words in taken_by_each for word in words)

    assert outcomes == {"applied": 200}
    order = stores[0].get(key("f5"))
    assert order is not None
    assert (order.refunded, order.reserved, order.version) == (200, 200, 202)
    assert order.status == "partially_refunded"
    assert len([row for row in rows(stores[0], "f5") if row["sk"]["S"].startswith("REFUND#")]) == 200
    assert outbox(stores[0], "f5") == ["order.paid", *["refund.succeeded"] * 200]


CALL_SECONDS = (0.004, 0.02)  # a read or a transaction in the same region, from fast to slow


def test_f5_a_callback_gets_through_without_help_while_others_write(
    stores: list[OrderStore], threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One round of sixteen different events must fit into each one's own deadline: no error, no redelivery."""
    for number in range(5):
        order_id = f"f5-deadline-{number}"
        stores[0].record(opened(order_id), now=NOW)
        stores[0].record(notified(order_id), now=NOW + 1)
        chosen = random.Random(number)
        turns = Turns(len(stores))

        def take(index: int, order_id: str = order_id, turns: Turns = turns, chosen: random.Random = chosen) -> str:
            with turns.taken_by(index):
                distant: Any = Distant(stores[index].client, turns, chosen.uniform(*CALL_SECONDS))
                fact = RefundReported(f"{order_id}-{index}", Money(1, "CNY"), "succeeded", at=NOW + 60)
                change = Change(key(order_id), fact, Verified("PUB_KEY_ID_1"), "notify", MCHID, "v3")
                return OrderStore(distant, stores[index].table).record(change, now=NOW + 9).outcome

        with monkeypatch.context() as patch:
            patch.setattr(dynamo, "time", turns)
            patch.setattr(dynamo, "random", chosen)
            outcomes = at_once([partial(take, index) for index in range(len(stores))], threads)

        assert set(outcomes) == {"applied"}
        order = stores[0].get(key(order_id))
        assert order is not None
        assert order.refunded == WRITERS


def test_sixteen_creators_of_one_number_make_one_order(stores: list[OrderStore], threads: ThreadPoolExecutor) -> None:
    for number in range(30):
        order_id = f"create-{number}"
        works = [
            partial(store.record, opened(order_id, NOW + index, f"terms {index}"), now=NOW + index)
            for index, store in enumerate(stores)
        ]

        outcomes = at_once(works, threads)

        assert Counter(outcome.outcome for outcome in outcomes) == {"applied": 1, "refused": WRITERS - 1}
        order = stores[0].get(key(order_id))
        assert order is not None
        winner = next(index for index, outcome in enumerate(outcomes) if outcome.outcome == "applied")
        assert order.terms.digest == f"terms {winner}"
        assert len(rows(stores[0], order_id)) == 2  # the order and its one event


def test_b11_one_transaction_for_sixteen_orders_pays_one_of_them(
    stores: list[OrderStore], threads: ThreadPoolExecutor
) -> None:
    for number in range(10):
        order_ids = [f"b11-{number}-{index}" for index in range(WRITERS)]
        for order_id in order_ids:
            stores[0].record(opened(order_id), now=NOW)
        works = [
            partial(taken, store, notified(order_id, f"420000{number}"))
            for store, order_id in zip(stores, order_ids, strict=True)
        ]

        at_once(works, threads)

        orders = [stores[0].get(key(order_id)) for order_id in order_ids]
        assert Counter(order.status for order in orders if order) == {"paid": 1, "review": WRITERS - 1}
        assert all(order.review_items for order in orders if order)  # the first one is flagged too


def test_d9_a_payment_that_meets_its_order_being_created_is_never_lost(
    stores: list[OrderStore], threads: ThreadPoolExecutor
) -> None:
    def create(store: OrderStore, order_id: str) -> str:
        outcome = store.record(opened(order_id), now=NOW).outcome
        orphans.attach(store, key(order_id), now=NOW)
        return outcome

    def notify(store: OrderStore, order_id: str) -> str:
        return taken(store, notified(order_id)).outcome

    seen: Counter[str] = Counter()
    for number in range(30):
        order_id = f"d9-{number}"
        works = [partial(create, stores[0], order_id)]
        works += [partial(notify, store, order_id) for store in stores[1:5]]

        outcomes = at_once(works, threads)

        seen[next(outcome for outcome in outcomes[1:] if outcome != "duplicate")] += 1
        order = stores[0].get(key(order_id))
        assert order is not None
        assert order.status == "paid"
        assert outbox(stores[0], order_id) == ["order.paid"]
        assert not [row for row in rows(stores[0], order_id) if "orphan" in row]
    assert seen["orphan"]
    assert seen.total() == 30

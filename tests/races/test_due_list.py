"""Sixteen workers on one due list: each item is worked on once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from countersign.store import OrderStore
from countersign.store.due import LEASE_SECONDS, DueList
from tests.races.racing import NOW, at_once, opened

LATER = NOW + 11  # the first rung of the ladder has passed


@pytest.fixture(scope="module")
def waiting(stores: list[OrderStore]) -> set[str]:
    numbers = {f"due-{number}" for number in range(40)}
    for order_id in numbers:
        stores[0].record(opened(order_id), now=NOW)
    return numbers


def test_each_due_item_is_claimed_by_one_worker(
    stores: list[OrderStore], threads: ThreadPoolExecutor, waiting: set[str]
) -> None:
    def work(store: OrderStore, now: int) -> list[str]:
        due = DueList(store.client, store.table, "wechat_poll")
        items = [item for item in due.due(now) if item["pk"]["S"].rpartition("#")[2] in waiting]
        return [item["pk"]["S"].rpartition("#")[2] for item in items if due.lease(item, now=now)]

    def claims(now: int) -> Counter[str]:
        taken = at_once([partial(work, store, now) for store in stores], threads)
        return Counter(order_id for order_ids in taken for order_id in order_ids)

    assert claims(LATER) == dict.fromkeys(waiting, 1)
    assert claims(LATER + LEASE_SECONDS - 1) == {}  # leased: whoever has them is still at work
    assert claims(LATER + LEASE_SECONDS) == dict.fromkeys(waiting, 1)  # they died: somebody else's turn


def test_done_and_look_again_leave_alone_what_somebody_else_took_over(stores: list[OrderStore]) -> None:
    stores[0].record(opened("taken-over"), now=NOW)
    first, second = (DueList(store.client, store.table, "wechat_poll") for store in stores[:2])
    item = next(item for item in first.due(LATER) if item["pk"]["S"].endswith("#taken-over"))
    assert first.lease(item, now=LATER)
    late = LATER + LEASE_SECONDS
    again = next(item for item in second.due(late) if item["pk"]["S"].endswith("#taken-over"))
    assert second.lease(again, now=late)

    assert not first.complete(item, leased=LATER + LEASE_SECONDS)
    assert not first.reschedule(item, at=late + 1, leased=LATER + LEASE_SECONDS)
    assert second.complete(again, leased=late + LEASE_SECONDS)

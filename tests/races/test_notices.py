"""Sixteen runs told of the same event: one row for each notice, and one run that sends it."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from countersign.store import OrderStore
from countersign.store.due import LEASE_SECONDS, DueList
from countersign.store.notices import OWNER, Event, NoticeStore, PendingNotice
from tests.races.racing import NOW, at_once, key


def _told(order_id: str) -> Event:
    return Event(key(order_id), f"order.paid.{order_id}", "order.paid", order_id, NOW, 2)


def test_a_notice_is_owed_once_and_taken_by_one(stores: list[OrderStore], threads: ThreadPoolExecutor) -> None:
    runs = [NoticeStore(store.client, store.table) for store in stores]

    def attempt(store: NoticeStore, told: Event) -> tuple[bool, PendingNotice | None]:
        owed = store.enqueue(told, name="staff", channel="message", now=NOW)
        items = list(DueList(store.client, store.table, OWNER).due_of(told.key, "NOTICE#", NOW))
        taken = [store.lease(item, now=NOW, seconds=LEASE_SECONDS) for item in items]
        return owed, next(filter(None, taken), None)

    for number in range(20):
        told = _told(f"notice-{number}")
        results = at_once([partial(attempt, store, told) for store in runs], threads)

        assert [owed for owed, _ in results].count(True) == 1
        (taken,) = [taken for _, taken in results if taken is not None]
        assert (taken.attempts, taken.event) == (1, told)


def test_who_comes_back_late_changes_nothing_of_what_another_run_took_over(stores: list[OrderStore]) -> None:
    first, second = (NoticeStore(store.client, store.table) for store in stores[:2])
    told = _told("notice-late")
    first.enqueue(told, name="staff", channel="message", now=NOW)
    due = DueList(first.client, first.table, OWNER)
    (item,) = due.due_of(told.key, "NOTICE#", NOW)
    slow = first.lease(item, now=NOW, seconds=LEASE_SECONDS)
    late = NOW + LEASE_SECONDS
    (item,) = due.due_of(told.key, "NOTICE#", late)
    quick = second.lease(item, now=late, seconds=LEASE_SECONDS)
    assert slow and quick and quick.attempts == 2
    second.ended(quick, "sent", reason="", via="message", listed=False, now=late)

    first.later(slow, reason="no answer", via="", at=late, now=late)
    first.ended(slow, "failed", reason="no answer", via="", listed=True, now=late)

    row = first.client.get_item(TableName=first.table, Key=slow.row)["Item"]
    assert (row["status"], "due_at" in row, "exception" in row) == ({"S": "sent"}, False, False)

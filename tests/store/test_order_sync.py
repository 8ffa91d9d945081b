"""What a platform was last told of an order: stamps that only grow, and who tells it."""

from typing import Any

from countersign.orders.changes import OrderKey
from countersign.store.order_sync import OrderSyncStore, SyncState

KEY = OrderKey("douyin", "app", "A-1")
NOW = 1_795_328_845


def syncs(client: Any) -> OrderSyncStore:
    return OrderSyncStore(client, "Orders")


def told(client: Any, state: str, now: int = NOW) -> int:
    stamp = syncs(client).begin(KEY, syncs(client).read(KEY), now=now)
    assert stamp is not None
    syncs(client).end(KEY, stamp, state)
    return stamp


def test_stamps_grow_within_a_second_and_with_a_clock_that_was_moved_back(dynamodb: Any) -> None:
    stamps = [told(dynamodb, "0"), told(dynamodb, "1"), told(dynamodb, "5", NOW - 3600)]

    assert stamps == [NOW, NOW + 1, NOW + 2]
    assert syncs(dynamodb).read(KEY) == SyncState("5", NOW + 2)


def test_of_two_that_begin_at_once_one_does(dynamodb: Any) -> None:
    told(dynamodb, "0")
    seen = syncs(dynamodb).read(KEY)

    assert syncs(dynamodb).begin(KEY, seen, now=NOW + 60) == NOW + 60
    assert syncs(dynamodb).begin(KEY, seen, now=NOW + 61) is None


def test_of_two_first_tellings_one_begins(dynamodb: Any) -> None:
    assert syncs(dynamodb).begin(KEY, SyncState(), now=NOW) == NOW
    assert syncs(dynamodb).begin(KEY, SyncState(), now=NOW) is None


def test_while_a_telling_is_under_way_nobody_knows_what_the_platform_has(dynamodb: Any) -> None:
    told(dynamodb, "0")
    syncs(dynamodb).begin(KEY, syncs(dynamodb).read(KEY), now=NOW + 60)

    assert syncs(dynamodb).read(KEY) == SyncState("", NOW + 60)


def test_a_telling_that_was_overtaken_ends_without_a_trace(dynamodb: Any) -> None:
    slow = syncs(dynamodb).begin(KEY, SyncState(), now=NOW)
    assert slow is not None
    told(dynamodb, "5", NOW + 1)

    syncs(dynamodb).end(KEY, slow, "1")

    assert syncs(dynamodb).read(KEY) == SyncState("5", NOW + 1)

"""Erase the bytes of messages about customers, as a platform asks: digests, amounts and decisions stay."""

from collections.abc import Callable
from typing import Any

from countersign.orders.changes import OrderKey
from countersign.runtime.telemetry import count, logger
from countersign.store import dynamo, evidence, keys, lookups
from countersign.store.codec import text
from countersign.store.erasures import Erasure, ErasureStore
from countersign.store.lists import OrderLists


def erase_all(
    name: str, erasures: ErasureStore, lists: OrderLists, *, now: int, enough_time: Callable[[], bool]
) -> None:
    """Do what waits to be erased of an account, while there is time; what is left is gone on with."""
    for erasure in erasures.waiting(name):
        if not enough_time():
            return
        if erasure.orders:
            keys_ = [OrderKey(erasures.platform, name, one) for one in erasure.orders]
            erased = sum(_erase(erasures.client, erasures.table, key, now) for key in keys_)
        else:
            ended, erased = _everything(name, erasure, erasures, lists, now, enough_time)
            if not ended:
                return
        erasures.done(erasure, erased, now=now)
        count("Erased", erased)
        logger.info("erased", extra={"account": name, "messages": erased})


def _everything(
    name: str,
    erasure: Erasure,
    erasures: ErasureStore,
    lists: OrderLists,
    now: int,
    enough_time: Callable[[], bool],
) -> tuple[bool, int]:
    """Erase page by page; whether it came to the end, and what was erased since it was noted last."""
    cursor = erasure.cursor
    while enough_time():
        orders, following = lists.page(erasures.platform, name, cursor=cursor)
        erased = sum(_erase(erasures.client, erasures.table, order.key, now) for order in orders)
        if following == cursor:
            return True, erased
        erasures.went_on(erasure, following, erased)
        cursor = following
    return False, 0


def _erase(client: Any, table: str, key: OrderKey, now: int) -> int:
    """Erase the bytes of every message about an order; returns of how many."""
    events = dynamo.read_all(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :event)",
        FilterExpression="attribute_exists(#raw) OR attribute_exists(#more)",
        ProjectionExpression="sk",
        ExpressionAttributeNames={"#raw": "raw", "#more": "more"},
        ExpressionAttributeValues={":pk": text(keys.order_pk(key)), ":event": text(keys.EVENT)},
        ConsistentRead=True,
    )
    numbers = [row["sk"]["S"].removeprefix(keys.EVENT) for row in events]
    lookups.erase_read(client, table, key, now=now)
    return sum(evidence.erase(client, table, key, number, now=now) for number in numbers)

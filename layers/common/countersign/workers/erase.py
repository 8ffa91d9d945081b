"""Erase the bytes of messages about customers, as a platform asks: digests, amounts and decisions stay.

Those are the messages about their orders, those about them that could not be read, and what was asked on their behalf;
of an account that went, the news about itself too. No order is read for it, so one that cannot be read stops nothing.
"""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from countersign.orders.changes import OrderKey
from countersign.runtime.telemetry import count, logger
from countersign.store import dynamo, evidence, findings, keys, lookups, news, quarantine
from countersign.store.authorizations import AuthorizationStore
from countersign.store.codec import Item, text
from countersign.store.erasures import Erasure, ErasureStore
from countersign.store.lists import OrderLists

LONGEST_DOUBT = 7 * 86_400  # that an account is asked whether it went; what is asked for must be done within thirty


def erase_all(
    name: str, erasures: ErasureStore, lists: OrderLists, *, now: int, enough_time: Callable[[], bool]
) -> None:
    """Do what waits to be erased of an account, while there is time; what is left is gone on with."""
    for erasure in erasures.waiting(name):
        if not enough_time():
            return
        if erasure.if_gone and not _is_gone(name, erasure, erasures, now):
            continue
        if erasure.orders:
            keys_ = [OrderKey(erasures.platform, name, one) for one in erasure.orders]
            erased = sum(_erase(erasures.client, erasures.table, key, now) for key in keys_)
        else:
            ended, erased = _everything(name, erasure, erasures, lists, now, enough_time)
            if not ended:
                return
        erased += _erase_rows(erasures, _beside(erasures, name, erasure.orders), now)
        erasures.done(erasure, erased, now=now)
        count("Erased", erased)
        logger.info("erased", extra={"account": name, "messages": erased})


def _is_gone(name: str, erasure: Erasure, erasures: ErasureStore, now: int) -> bool:
    """Tell whether an account lets us in no more; one that lets us in is done with, one that has no answer waits.

    A platform's own word is late sometimes: it may have been said before the account came back.
    """
    state = AuthorizationStore(erasures.client, erasures.table, erasures.platform).state(name)
    if state.ended_at is not None or now - erasure.received_at >= LONGEST_DOUBT:
        return True
    if state.doubted_at is None:
        erasures.refused(erasure, now=now)
        count("ErasureIgnored")
        logger.warning("nothing was erased: the account lets us in", extra={"account": name})
    return False


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
        orders, following = lists.keys_page(erasures.platform, name, cursor=cursor)
        erased = sum(_erase(erasures.client, erasures.table, key, now) for key in orders)
        if following == cursor:
            return True, erased
        erasures.went_on(erasure, following, erased)
        cursor = following
    return False, 0


def _beside(erasures: ErasureStore, name: str, orders: tuple[str, ...]) -> Iterable[Item]:
    """Return the rows that stand beside the orders: of those that are named, or of the whole account."""
    client, table = erasures.client, erasures.table
    whose = {"platform": erasures.platform, "account": name}
    asked = findings.naming(client, table, **whose, orders=orders)
    if not orders:
        return chain(asked, quarantine.kept(client, table, **whose), news.kept(client, table, **whose))
    return chain(asked, *(quarantine.kept(client, table, **whose, order_id=one) for one in orders))


def _erase_rows(erasures: ErasureStore, rows: Iterable[Item], now: int) -> int:
    return sum(evidence.erase_row(erasures.client, erasures.table, row, now=now) for row in rows)


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

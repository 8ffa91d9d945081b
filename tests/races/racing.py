"""Many hands on one table: clients of their own, started at the same moment."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

import botocore.session
from botocore.config import Config

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Paid, Queried, Terms, Trust, Verified

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from countersign.store import OrderStore
    from sandbox.testing import Stack

T = TypeVar("T")
NOW = 1_795_328_845
MCHID = "1900000101"
PRICE = Money(8800, "CNY")
WRITERS = 16


def client(stack: Stack) -> Any:
    config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2}, parameter_validation=False)
    session = botocore.session.get_session()
    return session.create_client("dynamodb", region_name="us-east-1", endpoint_url=stack.plane.endpoint, config=config)


def at_once(works: Sequence[Callable[[], T]], threads: ThreadPoolExecutor) -> list[T]:
    """Start every work at the same moment, each in a thread of its own."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], T]) -> T:
        barrier.wait(timeout=30)
        return work()

    return list(threads.map(run, works))


def key(order_id: str) -> OrderKey:
    return OrderKey("wechat", "shop", order_id)


def opened(order_id: str, created_at: int = NOW, digest: str = "terms") -> Change:
    terms = Terms(PRICE, "v3", "jsapi", digest, created_at, created_at + 7200)
    return Change(key(order_id), OrderCreated(terms), Operator("merchant"), "merchant", MCHID, "v3")


def paid(order_id: str, trust: Trust, via: str, transaction_id: str = "") -> Change:
    fact = Paid(transaction_id or f"4200{order_id}", PRICE, NOW + 5, PRICE.minor)
    return Change(key(order_id), fact, trust, via, MCHID, "v3")


def notified(order_id: str, transaction_id: str = "") -> Change:
    return paid(order_id, Verified("PUB_KEY_ID_1"), "notify", transaction_id)


def queried(order_id: str, transaction_id: str = "") -> Change:
    return paid(order_id, Queried("PUB_KEY_ID_1"), "query", transaction_id)


def rows(store: OrderStore, order_id: str) -> list[dict[str, Any]]:
    """Return everything that lies under one order."""
    pk = {"S": f"wechat#shop#{order_id}"}
    query = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": pk}, "ConsistentRead": True}
    answer = store.client.query(TableName=store.table, **query)
    assert "LastEvaluatedKey" not in answer
    return list(answer["Items"])


def outbox(store: OrderStore, order_id: str) -> list[str]:
    """Return what the order's events put on the bus, sorted."""
    return sorted(word["S"] for row in rows(store, order_id) if "emits" in row for word in row["emits"]["L"])

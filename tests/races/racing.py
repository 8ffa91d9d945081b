"""Many hands on one table: clients of their own, started at the same moment."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import botocore.session
from botocore.config import Config

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Paid, Queried, Terms, Trust, Verified
from countersign.store import dynamo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from countersign.store import OrderStore
    from sandbox.testing import Stack

T = TypeVar("T")
NOW = 1_795_328_845
MCHID = "1900000101"
PRICE = Money(8800, "CNY")
WRITERS = 16


def client(stack: Stack) -> Any:
    """Return a client that waits for a busy machine: one that gives up and asks again would bring another outcome."""
    config = Config(
        connect_timeout=120, read_timeout=120, retries={"total_max_attempts": 1}, parameter_validation=False
    )
    session = botocore.session.get_session()
    return session.create_client("dynamodb", region_name="us-east-1", endpoint_url=stack.plane.endpoint, config=config)


class Rounds:
    """The time of the store's deadline, told by work: each look at it takes so much that a change has 32 attempts.

    Of sixteen writers each loses to another's write at most fifteen times, however slow the machine is.
    """

    def __init__(self) -> None:
        self._looked = threading.local()

    def monotonic(self) -> float:
        """Return the seconds that this thread's looks at the time came to."""
        self._looked.count = getattr(self._looked, "count", 0) + 1
        return float(self._looked.count * dynamo.BUDGET_SECONDS / (2 * WRITERS))

    def sleep(self, seconds: float) -> None:
        """Let the others have the machine."""
        time.sleep(seconds)


class Turns:
    """Threads in a time of their own: the one whose time is the earliest runs, all others wait for it.

    What a race comes to then depends on what calls and pauses take, and never on what the machine has left.
    """

    def __init__(self, runners: int) -> None:
        self._times = dict.fromkeys(range(runners), 0.0)
        self._moved = threading.Condition()
        self._me = threading.local()

    @contextmanager
    def taken_by(self, runner: int) -> Iterator[None]:
        """Be one of the runners until the work is done."""
        self._me.runner = runner
        try:
            self.sleep(0)
            yield
        finally:
            with self._moved:
                del self._times[runner]
                self._moved.notify_all()

    def monotonic(self) -> float:
        """Return the time of this thread."""
        return self._times[self._me.runner]

    def sleep(self, seconds: float) -> None:
        """Let so much of this thread's time pass, and wait until it is the earliest."""
        runner = self._me.runner
        with self._moved:
            self._times[runner] += seconds
            self._moved.notify_all()
            self._moved.wait_for(lambda: min(self._times, key=lambda one: (self._times[one], one)) == runner)


class Counted:
    """A client that counts what is asked of the table."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        self.calls += 1
        return getattr(self.client, name)


class Distant:
    """A client whose every call takes its time: half until it arrives, half until the answer is there."""

    def __init__(self, client: Any, turns: Turns, seconds: float) -> None:
        self._client, self._turns, self._seconds = client, turns, seconds

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            self._turns.sleep(self._seconds / 2)
            try:
                return operation(**arguments)
            finally:
                self._turns.sleep(self._seconds / 2)

        return call


def at_once(works: Sequence[Callable[[], T]], threads: ThreadPoolExecutor) -> list[T]:
    """Start every work at the same moment, each in a thread of its own."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], T]) -> T:
        barrier.wait(timeout=120)
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

"""One face for every platform's world: what people and the platform do, and what the workers make of it.

Each file of `tests/workers/worlds/` has the worlds of one platform by their names in `WORLDS`: every contract suite
runs over those that it is for, so a new platform adds its file and nothing else.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderKey, RefundDecided, RefundRequested
from countersign.store import OrderStore, keys
from countersign.store.reconciliation import ReconciliationStore
from sandbox.events import shapes
from tests.functions.conftest import excepted

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import pytest

    from countersign.orders.state import Order, Refund, Settlement
    from countersign.platforms.port import Connectors
    from tests.functions.conftest import Cloud

ORDER = "ORDER-0001"
REFUND = f"rf{'0' * 30}"
DAY = 86_400
SCHEDULE = shapes.schedule("EveryMinute", 0)


class Made(NamedTuple):
    """What a world is, and how it is made for a test; `open` may ask pytest for fixtures."""

    kind: type[Stage]
    open: Callable[[pytest.FixtureRequest], AbstractContextManager[Any]]


class Stage:
    """One account of one platform, with everything around it."""

    platform: str

    def __init__(self, cloud: Cloud, account: str) -> None:
        self.cloud, self.account = cloud, account
        self.store = OrderStore(cloud.dynamodb, "Orders")

    def work(self, job: str, seconds: int = 0) -> None:
        """Run the worker of a job."""
        self.cloud.clock.shift(seconds)
        self.cloud.invoke(f"{self.platform}_{job}", SCHEDULE, remaining_ms=900_000)

    def connectors(self, job: str) -> Connectors[Any]:
        """Return the connectors that a job's function holds."""
        found: Connectors[Any] = self.cloud.module(f"{self.platform}_{job}").connect
        return found

    @property
    def now(self) -> int:
        return int(time.time())

    def key(self, order_id: str = ORDER) -> OrderKey:
        return OrderKey(self.platform, self.account, order_id)

    def order(self, order_id: str = ORDER) -> Order:
        order = self.store.get(self.key(order_id))
        assert order is not None
        return order

    def tell(self, fact: Any, by: str = "ben", order_id: str = ORDER) -> str:
        """Have a person say something."""
        return self.store.record(Change(self.key(order_id), fact, Operator(by), "operator"), now=self.now).outcome

    def row(self, sk: str = keys.ORDER, order_id: str = ORDER) -> Any:
        """Return a row beside an order, as stored."""
        key = {"pk": {"S": keys.order_pk(self.key(order_id))}, "sk": {"S": sk}}
        return self.cloud.dynamodb.get_item(TableName="Orders", Key=key)["Item"]

    def spoil(self, sk: str = keys.ORDER, order_id: str = ORDER) -> None:
        """Let another version have written a row."""
        row = {**self.row(sk, order_id), "facts": {"S": '{"of": "a later version"}'}}
        self.cloud.dynamodb.put_item(TableName="Orders", Item=row)

    def due_at(self, sk: str = keys.ORDER, order_id: str = ORDER) -> int:
        """Return when a row is due; 0 where it is not."""
        return int(self.row(sk, order_id).get("due_at", {"N": "0"})["N"])

    def orphans(self) -> list[Any]:
        """Return the news about unknown orders that people are shown."""
        return [item for item in self.cloud.table() if excepted(item) == "orphan"]


class World(Stage, ABC):
    """Where the merchant creates orders and payers pay them."""

    currency = "CNY"
    settles = False
    bills = True  # the platform lists a day's business
    checks_itself = True  # whether our own check refuses a refund before the platform hears of it
    closable_after: int | None = 0
    day_begins = 16 * 3600  # of the day before in UTC: where the platform is, a day begins in Beijing

    @abstractmethod
    def create(self, order_id: str = ORDER, minor: int = 8800) -> None:
        """Create an order that waits for its payer."""

    @abstractmethod
    def pay(self, order_id: str = ORDER) -> None:
        """Let the payer pay; nobody tells."""

    @abstractmethod
    def end_refund(self, refund_id: str = REFUND) -> None:
        """Let the money be back with the payer; nobody tells."""

    @abstractmethod
    def refuse_refunds(self) -> None:
        """Let the platform refuse the next refund for good."""

    @abstractmethod
    def fail(self, count: int = 1000, *, after: str = "") -> None:
        """Let the next calls have no answer; `after` (refund or settle): the next one works, and its answer is lost."""

    @abstractmethod
    def slow_down(self, count: int) -> None:
        """Let the platform want to be asked more slowly."""

    @abstractmethod
    def at_platform(self, order_id: str = ORDER) -> list[tuple[str, int]]:
        """Return the refunds of an order that the platform has: number and minor units."""

    @abstractmethod
    def calls(self) -> int:
        """Return how many calls the platform got."""

    def buy(self, order_id: str = ORDER, minor: int = 8800) -> None:
        """Have a paid order."""
        self.create(order_id, minor)
        self.pay(order_id)
        self.work("poll", 10)
        assert self.order(order_id).status == "paid"

    def refund(self, refund_id: str = REFUND, order_id: str = ORDER) -> Refund:
        found = self.store.refund(self.key(order_id), refund_id)
        assert found is not None
        return found[1]

    def settlement(self, number: str = ORDER) -> Settlement:
        found = self.store.settlement(self.key(), number)
        assert found is not None
        return found[1]

    def approve(self, minor: int = 1000, refund_id: str = REFUND, order_id: str = ORDER, reason: str = "small") -> None:
        """Have two people agree on a refund."""
        asked = RefundRequested(refund_id, Money(minor, self.currency), reason, self.now)
        assert self.tell(asked, order_id=order_id) == "applied"
        assert self.tell(RefundDecided(refund_id, True, self.now), by="anna", order_id=order_id) == "applied"

    def next_day(self) -> str:
        """Go to noon of the day after, in the platform's time; return the day that is over."""
        begins = (self.now + DAY - self.day_begins) // DAY * DAY + self.day_begins - DAY
        self.cloud.clock.move_to(begins + DAY + DAY // 2)
        return time.strftime("%Y-%m-%d", time.gmtime(begins + DAY // 2))

    def report(self, day: str) -> dict[str, Any]:
        """Return what came of comparing a day's bill."""
        (report,) = ReconciliationStore(self.cloud.dynamodb, "Orders").report(self.account, day)
        return report


class Charging(Stage, ABC):
    """Where the platform takes charges by itself, and some of them fail."""

    @abstractmethod
    def fail_charge(self) -> str:
        """Let a charge fail at the platform, of which nobody tells; return its number."""

    @abstractmethod
    def charge_later(self, number: str) -> None:
        """Let the next try of a charge succeed."""

    @abstractmethod
    def try_again(self, number: str) -> None:
        """Let the platform try a charge by itself, of which nobody tells."""

    @abstractmethod
    def fail(self, what: str, *, after: bool = False) -> None:
        """Let calls have no answer: `scan` or `process`; `after`: they work, and the answer is lost."""

    @abstractmethod
    def refuse_tries(self) -> None:
        """Let the platform refuse to try a charge."""

    @abstractmethod
    def mend(self) -> None:
        """Let calls have answers again."""

    @abstractmethod
    def tries(self) -> int:
        """Return how often the platform was asked to try a charge again."""

    @abstractmethod
    def deliver_unreadable(self, number: str) -> int:
        """Deliver a genuine message about a charge that cannot be read; return how it was answered."""

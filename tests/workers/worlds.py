"""One face for every platform's world: what a payer, a person and the platform do, and what the workers make of it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, RefundDecided, RefundRequested
from countersign.store import OrderStore, keys
from countersign.store.due import DueList
from countersign.store.reconciliation import ReconciliationStore
from countersign.workers import bill, poll, refund, settle
from sandbox.events import shapes
from tests.functions.conftest import excepted
from tests.functions.test_douyin import NEW, Douyin
from tests.functions.test_refund_work import Shop
from tests.workers import acme

if TYPE_CHECKING:
    from countersign.orders.state import Order, Refund, Settlement
    from countersign.platforms.port import Connectors
    from tests.functions.conftest import Cloud

ORDER = "ORDER-0001"
REFUND = f"rf{'0' * 30}"
DAY = 86_400
SCHEDULE = shapes.schedule("EveryMinute", 0)


class World(ABC):
    """One account of one platform, with everything around it."""

    platform: str
    currency = "CNY"
    settles = False
    checks_itself = True  # whether our own check refuses a refund before the platform hears of it
    closable_after: int | None = 0
    day_begins = 16 * 3600  # of the day before in UTC: where the platform is, a day begins in Beijing

    def __init__(self, cloud: Cloud, account: str) -> None:
        self.cloud, self.account = cloud, account
        self.store = OrderStore(cloud.dynamodb, "Orders")

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

    def refund(self, refund_id: str = REFUND, order_id: str = ORDER) -> Refund:
        found = self.store.refund(self.key(order_id), refund_id)
        assert found is not None
        return found[1]

    def settlement(self, number: str = ORDER) -> Settlement:
        found = self.store.settlement(self.key(), number)
        assert found is not None
        return found[1]

    def tell(self, fact: Any, by: str = "ben", order_id: str = ORDER) -> str:
        """Have a person say something."""
        return self.store.record(Change(self.key(order_id), fact, Operator(by), "operator"), now=self.now).outcome

    def approve(self, minor: int = 1000, refund_id: str = REFUND, order_id: str = ORDER, reason: str = "small") -> None:
        """Have two people agree on a refund."""
        asked = RefundRequested(refund_id, Money(minor, self.currency), reason, self.now)
        assert self.tell(asked, order_id=order_id) == "applied"
        assert self.tell(RefundDecided(refund_id, True, self.now), by="anna", order_id=order_id) == "applied"

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

    def next_day(self) -> str:
        """Go to noon of the day after, in the platform's time; return the day that is over."""
        begins = (self.now + DAY - self.day_begins) // DAY * DAY + self.day_begins - DAY
        self.cloud.clock.move_to(begins + DAY + DAY // 2)
        return time.strftime("%Y-%m-%d", time.gmtime(begins + DAY // 2))

    def report(self, day: str) -> dict[str, Any]:
        """Return what came of comparing a day's bill."""
        (report,) = ReconciliationStore(self.cloud.dynamodb, "Orders").report(self.account, day)
        return report


class Wechat(World):
    """WeChat's simulator, by either version of its API."""

    platform, closable_after = "wechat", 300

    def __init__(self, cloud: Cloud, account: str) -> None:
        super().__init__(cloud, account)
        cloud.wechat.simulator.faults({"refund_result": {"status": "PROCESSING", "count": 1000}})

    def shop(self, order_id: str = ORDER) -> Shop:
        return Shop(self.cloud, self.account, order_id)

    def create(self, order_id: str = ORDER, minor: int = 8800) -> None:
        self.shop(order_id).create(minor)

    def pay(self, order_id: str = ORDER) -> None:
        self.shop(order_id).wechat("pay", notify=False)

    def end_refund(self, refund_id: str = REFUND) -> None:
        self.shop().settle(refund_id=refund_id)

    def refuse_refunds(self) -> None:
        self.shop().faults(refund_refused={"code": "TRADE_ERROR"})

    def fail(self, count: int = 1000, *, after: str = "") -> None:
        path = "/secapi/pay/refund" if self.account == "classic" else "POST /v3/refund"
        self.shop().faults(error500={"match": path, "after": True} if after else {"count": count})

    def slow_down(self, count: int) -> None:
        self.shop().faults(rate_limited={"count": count})

    def at_platform(self, order_id: str = ORDER) -> list[tuple[str, int]]:
        trade = self.shop(order_id).wechat("ledger")["transactions"][0]
        return [(refund["out_refund_no"], refund["amount"]) for refund in trade["refunds"]]

    def calls(self) -> int:
        return len(self.cloud.wechat.sent)


class DouyinWorld(World):
    """Douyin's simulator, by either of its systems."""

    platform, settles, closable_after = "douyin", True, None

    def __init__(self, douyin: Douyin, account: str) -> None:
        super().__init__(douyin.cloud, account)
        self.douyin = douyin
        self.checks_itself = account != NEW  # the trade system takes any text
        self.phones: dict[str, Any] = {}

    def create(self, order_id: str = ORDER, minor: int = 8800) -> None:
        status, answer = self.douyin.create(self.account, order_id, minor)
        assert status == 201, answer
        self.phones[order_id] = answer["client"] if self.account == NEW else {}
        if self.account == NEW:  # the payer's phone makes the order
            self.douyin.control("order", self.account, order_id, **self.phones[order_id])

    def pay(self, order_id: str = ORDER) -> None:
        self.douyin.control("pay", self.account, order_id, notify=False, **self.phones[order_id])

    def end_refund(self, refund_id: str = REFUND) -> None:
        self.douyin.pass_time(12)
        self.douyin.posted = []

    def refuse_refunds(self) -> None:
        for trade in self.douyin.platform.ledger.trades():
            trade.state = "PROCESSING"  # Douyin refuses while it does not see the payment

    def fail(self, count: int = 1000, *, after: str = "") -> None:
        match = {"refund": "refund_amount", "settle": "settle_desc"}.get(after)
        fault = {"match": match, "after": True} if match else {"count": count}
        self.douyin.wire.simulator.faults({"error500": fault})

    def slow_down(self, count: int) -> None:
        self.douyin.wire.simulator.faults({"rate_limited": {"count": count}})

    def at_platform(self, order_id: str = ORDER) -> list[tuple[str, int]]:
        (trade,) = self.douyin.control("ledger", self.account, order_id)["orders"]
        return [(one["out_refund_no"], one["amount"]) for one in trade["refunds"]]

    def calls(self) -> int:
        return len(self.douyin.wire.sent)


class Acme(World):
    """The platform that does not exist: nothing but its connector and these lines is its own."""

    platform, settles, currency = acme.PLATFORM, True, acme.CURRENCY
    day_begins = 0

    def __init__(self, cloud: Cloud, connect: Connectors[Any], platform: acme.Platform) -> None:
        super().__init__(cloud, "main")
        self.connect, self.wire = connect, platform

    def create(self, order_id: str = ORDER, minor: int = 8800) -> None:
        made = OrderCreated(acme.terms(minor, self.now, self.currency))
        change = Change(self.key(order_id), made, Operator("m"), "merchant", "acme-1", acme.SYSTEM)
        assert self.store.record(change, now=self.now).outcome == "applied"
        self.wire.trades[order_id] = acme.Trade(Money(minor, self.currency))

    def pay(self, order_id: str = ORDER) -> None:
        self.wire.trades[order_id].paid_at = self.now

    def end_refund(self, refund_id: str = REFUND) -> None:
        for trade in self.wire.trades.values():
            if refund_id in trade.refunds:
                trade.refunds[refund_id] = (trade.refunds[refund_id][0], "succeeded", self.now)

    def refuse_refunds(self) -> None:
        self.wire.refused["refund"] = "acme refused: E7"

    def fail(self, count: int = 1000, *, after: str = "") -> None:
        if after:
            self.wire.lost[after] = 1
        else:
            self.wire.failing["any"] = count

    def slow_down(self, count: int) -> None:
        self.wire.limited = count

    def at_platform(self, order_id: str = ORDER) -> list[tuple[str, int]]:
        return [(number, minor) for number, (minor, _, _) in self.wire.trades[order_id].refunds.items()]

    def calls(self) -> int:
        return len(self.wire.calls)

    def connectors(self, job: str) -> Connectors[Any]:
        return self.connect

    def work(self, job: str, seconds: int = 0) -> None:
        self.cloud.clock.shift(seconds)
        context: Any = Plenty()
        if job == "bill":
            rows = ReconciliationStore(self.cloud.dynamodb, "Orders")
            bill.run(SCHEDULE, context, store=self.store, rows=rows, connect=self.connect)
            return
        due = DueList(self.cloud.dynamodb, "Orders", f"acme_{job}")
        run = {"poll": poll.run, "refund": refund.run, "settle": settle.run}[job]
        run(SCHEDULE, context, store=self.store, due=due, connect=self.connect, enough_ms=1000)


class Plenty:
    """A context with time left."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000

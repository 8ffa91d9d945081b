"""The platform that does not exist, behind the contract suites."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated
from countersign.store.due import DueList
from countersign.store.reconciliation import ReconciliationStore
from countersign.workers import bill, poll, refund, settle
from tests.workers import nowhere
from tests.workers.world import ORDER, REFUND, SCHEDULE, Made, World

if TYPE_CHECKING:
    from countersign.platforms.port import Connectors
    from tests.functions.conftest import Cloud


class Nowhere(World):
    """The platform that does not exist: nothing but its connector and these lines is its own."""

    platform, settles, currency = nowhere.PLATFORM, True, nowhere.CURRENCY
    day_begins = 0

    def __init__(self, cloud: Cloud, connect: Connectors[Any], platform: nowhere.Platform) -> None:
        super().__init__(cloud, "main")
        self.connect, self.wire = connect, platform

    def create(self, order_id: str = ORDER, minor: int = 8800) -> None:
        made = OrderCreated(nowhere.terms(minor, self.now, self.currency))
        change = Change(self.key(order_id), made, Operator("m"), "merchant", "nowhere-1", nowhere.SYSTEM)
        assert self.store.record(change, now=self.now).outcome == "applied"
        self.wire.trades[order_id] = nowhere.Trade(Money(minor, self.currency))

    def pay(self, order_id: str = ORDER) -> None:
        self.wire.trades[order_id].paid_at = self.now

    def end_refund(self, refund_id: str = REFUND) -> None:
        for trade in self.wire.trades.values():
            if refund_id in trade.refunds:
                trade.refunds[refund_id] = (trade.refunds[refund_id][0], "succeeded", self.now)

    def refuse_refunds(self) -> None:
        self.wire.refused["refund"] = "nowhere refused: E7"

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
        due = DueList(self.cloud.dynamodb, "Orders", f"nowhere_{job}")
        run = {"poll": poll.run, "refund": refund.run, "settle": settle.run}[job]
        run(SCHEDULE, context, store=self.store, due=due, connect=self.connect, enough_ms=1000)


class Plenty:
    """A context with time left."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


WORLDS = {"nowhere": Made(Nowhere, lambda request: nullcontext(request.getfixturevalue("made_up")))}

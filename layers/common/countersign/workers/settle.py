"""Settle orders whose period is over: once each, whole, and only where Douyin has not done so by itself."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from countersign.errors import CountersignError
from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderKey, Queried, SettlementReported, SettlementRequested
from countersign.orders.schedule import DAILY, HOURLY, RETRY_DELAYS
from countersign.orders.settlements import PLAN, Settlement, is_open, most_shared, shares_of
from countersign.orders.state import Order
from countersign.platforms.douyin import connector
from countersign.platforms.douyin.client import CallRefusedError, UnknownNumberError
from countersign.platforms.douyin.connector import Reach
from countersign.store import OrderStore, Outcome, codec, keys
from countersign.store.children import child_of
from countersign.store.codec import Item
from countersign.store.due import LEASE_SECONDS, DueList

REFUNDS_WAIT = 30 * DAILY  # a settlement waits this long for open refunds: before it they cost no fee

ReachFor = Callable[[str], Reach]
Report = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class SettleWork:
    """One run: the store, the due list, and how to reach an app's Douyin."""

    store: OrderStore
    due: DueList
    reach: ReachFor
    report: Report
    now: int

    def look(self, item: Item) -> bool:
        """ReportedPayment a due settlement and do what it needs; False where somebody else does it.

        Raises a CountersignError after putting the settlement back for a later time.
        """
        key = keys.order_key(item["pk"]["S"])
        if not self.due.lease(item, now=self.now):
            return False
        looks, leased = codec.as_number(item, "attempts") or 0, self.now + LEASE_SECONDS
        later = self.now + RETRY_DELAYS[min(looks, len(RETRY_DELAYS) - 1)]
        try:
            again = self._work(key, child_of(item).settlement_id, later)
        except CountersignError:
            self.due.reschedule(item, at=later, leased=leased)
            raise
        if again is None:
            self.due.complete(item, leased=leased)
        else:
            self.due.reschedule(item, at=again, leased=leased)
        return True

    def _work(self, key: OrderKey, settlement_id: str, later: int) -> int | None:
        reach = self.reach(key.account)
        found = self.store.settlement(key, settlement_id)
        if found is None or not is_open(found[1]):
            return None
        # Douyin is asked first, always: it may have settled by itself, or taken a call whose answer was lost.
        for news in connector.about_settlements(reach, key, found[0].terms.system):
            self._record(news)
        found = self.store.settlement(key, settlement_id)
        if found is None or not is_open(found[1]):
            return None
        order, settlement = found
        if settlement.status == "processing":
            return later
        if order.settled:
            self._report(order, settlement, 0, "not_needed", "Douyin settled the order by itself")
            return None
        if order.reserved > order.refunded and self.now < settlement.due + REFUNDS_WAIT:
            return self.now + HOURLY
        return self._settle(order, settlement, reach, later)

    def _settle(self, order: Order, settlement: Settlement, reach: Reach, later: int) -> int | None:
        payment = order.payment
        amount = payment.total.minor - order.refunded if payment else 0
        if amount <= 0:
            self._report(order, settlement, 0, "not_needed", "everything was refunded")
            return None
        if settlement.status == "planned":
            receivers = [(one.merchant_uid, one.basis_points) for one in reach.settings.settle.receivers]
            # Who gets what is a durable command before Douyin hears of it.
            fact = SettlementRequested(settlement.settlement_id, self.now, shares_of(amount, receivers))
            self._record(Change(order.key, fact, Operator(PLAN), "operator", order.terms.appid, order.terms.system))
            settlement = replace(settlement, status="asked", shares=fact.shares)
        if sum(minor for _, minor in settlement.shares) > most_shared(order, amount):
            reason = "more than 30 % of what refunds have left would be shared: ask again with smaller shares"
            self._report(order, settlement, amount, "failed", reason)
            return None
        try:
            number = reach.client.settle(
                order.key.order_id,
                settlement.settlement_id,
                system=order.terms.system,
                shares=settlement.shares,
                notify_url=connector.notify_url(order.terms.notify_base, order.key.account),
            )
        except (CallRefusedError, UnknownNumberError) as error:
            self._report(order, settlement, amount, "failed", f"Douyin refused: code {error.code}")
            return None
        self._report(order, settlement, amount, "processing", "", number)
        return later

    def _report(
        self, order: Order, settlement: Settlement, amount: int, status: str, reason: str, number: str = ""
    ) -> None:
        money = Money(amount, order.terms.amount.currency)
        fact = SettlementReported(settlement.settlement_id, money, status, number, reason=reason)
        self._record(Change(order.key, fact, Queried(), "settle", order.terms.appid, order.terms.system))

    def _record(self, change: Change) -> None:
        outcome = self.store.record(change, now=self.now)
        self.report(outcome)

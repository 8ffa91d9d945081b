"""Work through what is due at Douyin: waiting orders, orphans, and callbacks too old to be believed by themselves."""

from collections.abc import Callable
from dataclasses import dataclass

from countersign.errors import CountersignError
from countersign.orders.changes import (
    Change,
    Closed,
    OrderKey,
    Queried,
    RefundReported,
    RefundStarted,
    SettlementReported,
)
from countersign.orders.schedule import AFTER_EXPIRY, HOURLY, next_poll
from countersign.orders.state import Order
from countersign.platforms.douyin import connector
from countersign.platforms.douyin.connector import Reach
from countersign.store import OrderStore, Outcome, codec, keys, orphans
from countersign.store.codec import Item
from countersign.store.due import LEASE_SECONDS, DueList

BACK_OFF_SECONDS = 60
ORPHAN_ALARM_SECONDS = 900
ORPHAN_DELAYS = (60, 900, 3600, 4 * 3600, 24 * 3600)  # seconds after receipt; then only the exceptions list has it
SIGNED_ORDER_LIVES = 3600  # what `tt.requestOrder` takes: until then the payer's phone may still make the order

ReachFor = Callable[[str], Reach]
Report = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Poll:
    """One run: the store, the due list, and how to reach an app's Douyin."""

    store: OrderStore
    due: DueList
    reach: ReachFor
    report: Report
    count: Callable[[str], None]
    now: int

    def look(self, item: Item) -> bool:
        """ReportedPayment a due item and ask Douyin about it; False where somebody else has it.

        Raises a CountersignError after putting the item back for a later time.
        """
        if not self.due.lease(item, now=self.now):
            return False
        key = keys.order_key(item["pk"]["S"])
        try:
            if item["sk"]["S"] == keys.ORDER:
                order, applied = self._look_at_order(codec.read_order(item))
                if applied:  # what was recorded has put the order in its new place
                    return True
                again = self._next_look(order)
            elif "orphan" in item:
                again = self._look_at_orphan(item, key)
            else:
                self._look_at_hint(codec.read_change(item, key))
                again = None
        except CountersignError:
            self.due.reschedule(item, at=self.now + BACK_OFF_SECONDS, leased=self._leased)
            raise
        if again is None:
            self.due.complete(item, leased=self._leased)
        else:
            self.due.reschedule(item, at=again, leased=self._leased)
        return True

    @property
    def _leased(self) -> int:
        return self.now + LEASE_SECONDS

    def _record(self, change: Change) -> Outcome:
        outcome = self.store.record(change, now=self.now)
        self.report(outcome)
        return outcome

    def _look_at_order(self, order: Order) -> tuple[Order, bool]:
        """Return the order as it is after Douyin was asked, and whether that changed anything."""
        reach = self.reach(order.key.account)
        news = connector.about_order(reach, order.key, order.terms.system, now=self.now)
        if news is None and self._can_no_longer_be_made(order):
            news = Change(order.key, Closed(self.now), Queried(), "query", reach.settings.app_id, order.terms.system)
        if news is None:
            return order, False
        outcome = self._record(news)
        return outcome.order or order, outcome.outcome == "applied"

    def _can_no_longer_be_made(self, order: Order) -> bool:
        """Tell whether an order that Douyin does not know will stay unknown: it is the phone that makes it there."""
        ends = max(order.terms.expires_at, order.terms.created_at + SIGNED_ORDER_LIVES)
        return order.payment is None and order.closed_at is None and self.now >= ends + AFTER_EXPIRY

    def _next_look(self, order: Order) -> int | None:
        if order.payment is not None or order.closed_at is not None:
            return next_poll(order, self.now)
        over = self.now - order.terms.expires_at - AFTER_EXPIRY
        if over < 0:
            return next_poll(order, self.now)
        # It ran out and Douyin has not said so: nothing closes an order there but time.
        return self.now + min(max(over // 4, BACK_OFF_SECONDS), HOURLY)

    def _look_at_orphan(self, item: Item, key: OrderKey) -> int | None:
        stored = codec.read_change(item, key)
        found = self._owner_of(stored)
        if found != key:
            orphans.adopt(self.store, item, found, now=self.now)
            return None
        if self.store.get(key) is not None:
            orphans.attach(self.store, key, now=self.now)
            return None
        reach = self.reach(key.account)
        if not stored.aliases:
            news = connector.about_order(reach, key, stored.system or reach.settings.system, now=self.now)
            if news is not None:
                self._record(news)
        received_at = codec.as_number(item, "received_at") or self.now
        if self.now - received_at >= ORPHAN_ALARM_SECONDS and orphans.raise_alarm(self.store, item, now=self.now):
            self.count("OrphanOld")
        return next((received_at + after for after in ORPHAN_DELAYS if received_at + after > self.now), None)

    def _owner_of(self, change: Change) -> OrderKey:
        """Return the order that news is about, asking the trade system where only its own number is known."""
        located = self.store.located(change)
        number = dict(change.aliases).get("transaction", "")
        if (
            located.key != change.key
            or change.system != "trade"
            or not change.key.order_id.startswith("~")
            or not number
        ):
            return located.key
        news = connector.about_platform_number(self.reach(change.key.account), change.key, number, now=self.now)
        if news is None:
            return change.key
        if self.store.get(news.key) is not None:
            self._record(news)
        return news.key

    def _look_at_hint(self, hint: Change) -> None:
        key = self._owner_of(hint)
        order = self.store.get(key)
        if order is None:
            return
        reach, system = self.reach(key.account), order.terms.system
        news = [connector.about_order(reach, key, system, now=self.now)]
        match hint.fact:
            case RefundReported() | RefundStarted() as told:
                number = told.platform_refund_id
                news.append(connector.about_refund(reach, key, told.refund_id, system, platform_refund_id=number))
            case SettlementReported():
                news += connector.about_settlements(reach, key, system)
        for change in filter(None, news):
            self._record(change)

"""Work through what is due at WeChat: waiting orders, orphans, and refunds that an unsigned notice hinted at."""

from collections.abc import Callable
from dataclasses import dataclass

from countersign.errors import ConflictError, CountersignError, RefusedError
from countersign.orders.changes import Change, OrderCreated, OrderKey, PlatformEvent, RefundReported, is_unmatched
from countersign.orders.schedule import must_close, next_poll
from countersign.orders.state import Order
from countersign.platforms.wechat import connector, store_changes
from countersign.platforms.wechat.connector import Reach
from countersign.store import OrderStore, Outcome, codec, keys, orphans
from countersign.store.codec import Item
from countersign.store.due import LEASE_SECONDS, DueList

BACK_OFF_SECONDS = 60
ORPHAN_ALARM_SECONDS = 900
ORPHAN_DELAYS = (60, 900, 3600, 4 * 3600, 24 * 3600)  # seconds after receipt; then only the exceptions list has it

ReachFor = Callable[[str], Reach]
Report = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Poll:
    """One run: the store, the due list, and how to reach an account's WeChat."""

    store: OrderStore
    due: DueList
    reach: ReachFor
    report: Report
    count: Callable[[str], None]
    now: int

    def look(self, item: Item) -> bool:
        """ReportedPayment a due item and ask WeChat about it; False where somebody else has it.

        Raises a CountersignError after putting the item back for a later time.
        """
        if not self.due.lease(item, now=self.now):
            return False
        key = keys.order_key(item["pk"]["S"])
        try:
            if item["sk"]["S"] == keys.ORDER:
                self._look_at_order(codec.read_order(item))
                again = self._next_look_at_order(key)
            elif "orphan" in item:
                again = self._look_at_orphan(item, key)
            else:
                self._look_at_hint(item, key)
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

    def _record(self, change: Change) -> Order | None:
        outcome = self.store.record(change, now=self.now)
        self.report(outcome)
        return outcome.order

    def _look_at_order(self, order: Order) -> None:
        reach = self.reach(order.key.account)
        system = order.terms.system
        for news in connector.news_of_order(reach, order.key, system, now=self.now):
            order = self._record(news) or order
        if not must_close(order, self.now):
            return
        try:
            self._record(connector.close(reach, order.key, system, now=self.now))
        except ConflictError:
            return  # paid, or the payer is at it, at this very moment: the next look tells

    def _next_look_at_order(self, key: OrderKey) -> int | None:
        order = self.store.get(key)
        if order is None:
            return None
        orphans.attach(self.store, key, now=self.now)
        again = next_poll(order, self.now)
        if again is None and order.payment is None and order.closed_at is None:
            return self.now + BACK_OFF_SECONDS
        return again

    def _look_at_orphan(self, item: Item, key: OrderKey) -> int | None:
        if self.store.get(key) is not None:
            orphans.attach(self.store, key, now=self.now)
            return None
        stored = codec.read_change(item, key)
        try:
            self._ask_about_unknown(key, stored.system)
        finally:  # whatever hinders the question, a person hears of it in time
            received_at = codec.as_number(item, "received_at") or self.now
            if self.now - received_at >= ORPHAN_ALARM_SECONDS and orphans.raise_alarm(self.store, item, now=self.now):
                self.count("OrphanOld")
        return next((received_at + after for after in ORPHAN_DELAYS if received_at + after > self.now), None)

    def _ask_about_unknown(self, key: OrderKey, system: str) -> None:
        """Ask about an order that is not known here; one of the mini store's becomes known by the answer.

        What WeChat refuses to be asked about is as good as unknown there: asking again would be refused again.
        """
        if is_unmatched(key):
            return
        reach = self.reach(key.account)
        try:
            if system == store_changes.SYSTEM:
                told = connector.beginning_of_store_order(reach, key, now=self.now)
            else:
                told = connector.news_of_order(reach, key, system or reach.settings.api, now=self.now)
        except RefusedError:
            self.count("PollFailed")
            return
        for news in told:
            self._record(news)
            if isinstance(news.fact, OrderCreated):
                # Before the rest, which then decides when to look at the order next.
                orphans.attach(self.store, key, now=self.now)

    def _look_at_hint(self, item: Item, key: OrderKey) -> None:
        hint = codec.read_change(item, key)
        if isinstance(hint.fact, PlatformEvent):
            self._look_at_signal(key, hint.system)
        if not isinstance(hint.fact, RefundReported):
            return
        reach = self.reach(key.account)
        news = connector.about_refund(reach, key, hint.fact.refund_id, hint.system or "v2")
        if news is not None:
            self._record(news)

    def _look_at_signal(self, key: OrderKey, system: str) -> None:
        """Ask about the order that an unsigned message names; nothing of the message itself is taken."""
        order = self.store.get(key)
        if order is None:
            self._ask_about_unknown(key, system)
        else:
            self._look_at_order(order)

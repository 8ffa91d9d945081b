"""Make approved refunds at Douyin and ask what became of them, until each has ended."""

from collections.abc import Callable
from dataclasses import dataclass

from countersign.errors import CountersignError
from countersign.orders.changes import (
    Change,
    OrderKey,
    Queried,
    RefundAbsent,
    RefundAudited,
    RefundRefused,
    RefundReported,
)
from countersign.orders.refunds import Refund, awaits_audit, next_audit, next_refund_step, over_ceiling
from countersign.orders.schedule import HOURLY, retry_refund_at
from countersign.orders.state import Order
from countersign.platforms.douyin import connector, translate
from countersign.platforms.douyin.client import CallRefusedError, UnknownNumberError
from countersign.platforms.douyin.connector import Reach
from countersign.store import OrderStore, Outcome, codec, keys
from countersign.store.children import child_of
from countersign.store.codec import Item
from countersign.store.due import LEASE_SECONDS, DueList

REFUSED = (
    "Douyin refused the refund (code {}): look at the order in Douyin's console, mend what it names there and try "
    "again; a new attempt gets a new number"
)

ReachFor = Callable[[str], Reach]
Report = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class RefundWork:
    """One run: the store, the due list, and how to reach an app's Douyin."""

    store: OrderStore
    due: DueList
    reach: ReachFor
    report: Report
    now: int

    def look(self, item: Item) -> bool:
        """ReportedPayment a due refund and do what it needs; False where somebody else does it.

        Raises a CountersignError after putting the refund back for a later time.
        """
        key = keys.order_key(item["pk"]["S"])
        if not self.due.lease(item, now=self.now):
            return False
        looks, leased = codec.as_number(item, "attempts") or 0, self.now + LEASE_SECONDS
        refund_id = child_of(item).refund_id
        try:
            self._work(key, refund_id, looks)
            again = self._next_look(key, refund_id)
        except CountersignError:
            self.due.reschedule(item, at=retry_refund_at(looks, self.now), leased=leased)
            raise
        # What was recorded meanwhile has put the refund in its place: at the same time, so that this changes nothing.
        if again is None:
            self.due.complete(item, leased=leased)
        else:
            self.due.reschedule(item, at=again, leased=leased)
        return True

    def _next_look(self, key: OrderKey, refund_id: str) -> int | None:
        found = self.store.refund(key, refund_id)
        if found is None:
            return None
        _, refund, since = found
        if awaits_audit(refund):
            return max(next_audit(refund, self.now), self.now + HOURLY)
        again = next_refund_step(refund, since, self.now)
        # Still approved: Douyin took it a moment ago, or the order waits for news of its own.
        return retry_refund_at(0, self.now) if again is not None and again <= self.now else again

    def _work(self, key: OrderKey, refund_id: str, looks: int) -> None:
        found = self.store.refund(key, refund_id)
        if found is None:
            return
        order, refund, _ = found
        reach, system = self.reach(key.account), order.terms.system
        if awaits_audit(refund):
            self._audit(order, refund, reach)
            return
        # After any doubt Douyin is asked first: the call may have worked although no answer came.
        if refund.status != "approved" or looks:
            number = translate.refund_number(refund_id, refund.attempt)
            platform_id = refund.platform_refund_id if refund.attempt == 0 else ""
            news = connector.about_refund(reach, key, number, system, platform_refund_id=platform_id)
            if news is not None:
                self._record(news)
                return
        if refund.status == "failed":
            self._record(self._change(order, RefundAbsent(refund_id), "query"))
        if refund.status == "approved":
            self._make(order, refund, reach)

    def _make(self, order: Order, refund: Refund, reach: Reach) -> None:
        key, system = order.key, order.terms.system
        if over_ceiling(order, refund):
            self._refused(order, refund, "Other refunds have taken more than is left: resolve it")
            return
        order = self._with_settlements(order, reach)
        try:
            platform_id = reach.client.refund(
                key.order_id,
                translate.refund_number(refund.refund_id, refund.attempt),
                refund.amount.minor,
                system=system,
                reason=refund.reason,
                settled=order.settled > 0,
                notify_url=connector.notify_url(order.terms.notify_base, key.account),
            )
        except (CallRefusedError, UnknownNumberError) as error:
            self._refused(order, refund, REFUSED.format(error.code))
            return
        # Douyin has only accepted it: a callback or a query tells whether the money went back.
        taken = RefundReported(refund.refund_id, refund.amount, "processing", platform_refund_id=platform_id)
        self._record(self._change(order, taken, "refund"))

    def _with_settlements(self, order: Order, reach: Reach) -> Order:
        """Return the order as settled as Douyin has it: money that has left the platform is taken from elsewhere."""
        payment, after = order.payment, order.terms.settle_after
        early = payment is not None and after is not None and self.now < payment.paid_at + after
        if early or order.settled:
            return order
        for news in connector.about_settlements(reach, order.key, order.terms.system):
            self._record(news)
        return self.store.get(order.key) or order

    def _audit(self, order: Order, refund: Refund, reach: Reach) -> None:
        """Tell Douyin what the refund desk decided, or ask what Douyin made of its silence."""
        if refund.status != "requested":
            agreed = refund.status == "approved"
            try:
                reach.client.audit(refund.platform_refund_id, agree=agreed, reason=refund.note)
            except CallRefusedError:
                self._ask(order, refund, reach)  # it is decided already: by the deadline, or by a call without answer
            self._record(self._change(order, RefundAudited(refund.refund_id, agreed), "refund"))
        else:
            self._ask(order, refund, reach)

    def _ask(self, order: Order, refund: Refund, reach: Reach) -> None:
        number, system = refund.platform_refund_id, order.terms.system
        news = connector.about_refund(reach, order.key, refund.refund_id, system, platform_refund_id=number)
        if news is not None:
            self._record(news)

    def _refused(self, order: Order, refund: Refund, problem: str) -> None:
        self._record(self._change(order, RefundRefused(refund.refund_id, refund.attempt, problem), "refund"))

    def _change(
        self, order: Order, fact: RefundReported | RefundRefused | RefundAbsent | RefundAudited, via: str
    ) -> Change:
        return Change(order.key, fact, Queried(), via, order.terms.appid, order.terms.system)

    def _record(self, change: Change) -> None:
        outcome = self.store.record(change, now=self.now)
        self.report(outcome)

"""Make approved refunds at WeChat and ask what became of them, until each has ended."""

from collections.abc import Callable
from dataclasses import dataclass

from countersign.errors import CountersignError, UnreadableError
from countersign.orders.changes import Change, OrderKey, Queried, RefundAbsent, RefundRefused
from countersign.orders.refunds import Refund, next_refund_step, over_ceiling
from countersign.orders.schedule import retry_refund_at
from countersign.orders.state import Order
from countersign.platforms.wechat import connector, refunds, translate
from countersign.platforms.wechat.client import (
    CallRefusedError,
    OrderStateError,
    RefundRequest,
    UnknownNumberError,
)
from countersign.platforms.wechat.connector import Reach
from countersign.store import OrderStore, Outcome, codec, keys
from countersign.store.children import child_of
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.store.throttle import acquire_slot, cool_down, cooling_until

# WeChat wants a minute between two refunds of one order; ours is longer, as calls travel for different times.
PAUSE_SECONDS = 70
LEASE_SECONDS = 90  # longer than a run, and no rung of a ladder: what was recorded meanwhile must differ from it
MOST_FAILED_CALLS = 5  # of one account in one run: WeChat allows six bad refund calls a second
REST_SECONDS = 60  # of an account after that, or after one refusal that all its refunds would meet

ReachFor = Callable[[str], Reach]
Report = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class RefundWork:
    """One run: the store, the due list, how to reach an account's WeChat, and which accounts only waste calls."""

    store: OrderStore
    due: DueList
    reach: ReachFor
    report: Report
    failed_calls: dict[str, int]
    now: int

    def look(self, item: Item) -> bool:
        """ReportedPayment a due refund and do what it needs; False where that must wait or somebody else does it.

        Raises a CountersignError after putting the refund back for a later time.
        """
        key = keys.order_key(item["pk"]["S"])
        if self.failed_calls.get(key.account, 0) >= MOST_FAILED_CALLS or not self.due.lease(
            item, now=self.now, seconds=LEASE_SECONDS
        ):
            return False
        looks = codec.as_number(item, "attempts") or 0
        try:
            again = self._work(key, child_of(item).refund_id, looks)
        except CountersignError as error:
            if not isinstance(error, UnreadableError):  # then nothing was called
                self._called_in_vain(key)
            self.due.reschedule(item, at=retry_refund_at(looks, self.now), leased=self.now + LEASE_SECONDS)
            raise
        # What was recorded meanwhile has put the refund in its place already: then neither of these does anything.
        if again is None:
            self.due.complete(item, leased=self.now + LEASE_SECONDS)
        else:
            self.due.reschedule(item, at=again, leased=self.now + LEASE_SECONDS)
        return True

    def _work(self, key: OrderKey, refund_id: str, looks: int) -> int | None:
        found = self.store.refund(key, refund_id)
        if found is None:
            return None
        order, refund, since = found
        reach, system = self.reach(key.account), _system(order, refund)
        # After any doubt WeChat is asked first: the call may have worked although no answer came.
        if refund.status != "approved" or looks:
            news = connector.about_refund(reach, key, refund_id, system)
            if news is not None:
                self._record(news)
                # What is recorded puts the refund in its place; one that stays approved is a question for a person.
                approved = refund.status == "approved"
                return retry_refund_at(looks, self.now) if approved else next_refund_step(refund, since, self.now)
        if refund.status == "failed":
            self._record(Change(key, RefundAbsent(refund_id), Queried(), "query", reach.settings.mchid, system))
        if refund.status != "approved":
            return next_refund_step(refund, since, self.now)
        return self._make(order, refund, reach, system)

    def _make(self, order: Order, refund: Refund, reach: Reach, system: str) -> int | None:
        key = order.key
        if order.terms.external:
            self._refused(order, refund, "Refund it in the mini store's console, then resolve this one", system)
            return None
        if over_ceiling(order, refund):
            self._refused(order, refund, "Other refunds have taken what was left: resolve this one", system)
            return None
        rest_ends = cooling_until(self.store.client, self.store.table, key.platform, key.account, "refunds")
        if self.now < rest_ends <= self.now + REST_SECONDS:  # one further off is from a clock that was set back since
            return rest_ends
        if not acquire_slot(self.store.client, self.store.table, key, "refund", now=self.now, pause=PAUSE_SECONDS):
            return self.now + PAUSE_SECONDS
        total = next((claim.total for claim in order.claims if claim.transaction_id == refund.transaction_id), None)
        base = order.terms.notify_base
        request = RefundRequest(
            refund_id=refund.refund_id,
            transaction_id=refund.transaction_id,
            amount=refund.amount,
            total=total or order.terms.amount,
            reason=refund.reason,
            notify_url=f"{base}/wechat/{key.account}/notify" if base else "",
        )
        try:
            answer = reach.client.refund(request, system=system)
        except (CallRefusedError, UnknownNumberError, OrderStateError) as error:
            self._called_in_vain(key, whole_account=error.code in refunds.OF_THE_ACCOUNT)
            self._refused(order, refund, refunds.problem(error.code, error.hint), system)
            return None
        self._record(
            translate.refund_to_change(
                answer.message,
                reach.settings,
                key.account,
                system=system,
                via="refund",
                trust=Queried(answer.key_id),
            )
        )
        return retry_refund_at(0, self.now)

    def _called_in_vain(self, key: OrderKey, *, whole_account: bool = False) -> None:
        self.failed_calls[key.account] = failed_calls = self.failed_calls.get(key.account, 0) + 1
        if whole_account or failed_calls >= MOST_FAILED_CALLS:
            until = self.now + REST_SECONDS
            cool_down(self.store.client, self.store.table, key.platform, key.account, "refunds", until=until)

    def _refused(self, order: Order, refund: Refund, problem: str, system: str) -> None:
        fact = RefundRefused(refund.refund_id, refund.attempt, problem)
        self._record(Change(order.key, fact, Queried(), "refund", "", system))

    def _record(self, change: Change) -> None:
        outcome = self.store.record(change, now=self.now)
        self.report(outcome)


def _system(order: Order, refund: Refund) -> str:
    """Return the API version that the refunded payment came by."""
    paid_by = (claim.system for claim in order.claims if claim.transaction_id == refund.transaction_id)
    return next(filter(None, paid_by), order.terms.system)

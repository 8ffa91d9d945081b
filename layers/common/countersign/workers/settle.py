"""Settle orders whose period is over: once each, whole, and only where the platform has not done so by itself."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from countersign.errors import CountersignError
from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderKey, Queried, SettlementReported, SettlementRequested
from countersign.orders.reasons import Reason, because
from countersign.orders.schedule import DAILY, HOURLY, RETRY_DELAYS
from countersign.orders.settlements import PLAN, Settlement, is_open, most_shared, percent, shares_of
from countersign.orders.state import Order
from countersign.platforms.port import Changes, Settles, is_final
from countersign.runtime import callbacks
from countersign.runtime.telemetry import seconds
from countersign.store import OrderStore, children, keys
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.workers import loop

REFUNDS_WAIT = 30 * DAILY  # a settlement waits this long for open refunds: before it they cost no fee

Connect = Callable[[str], Settles]


@dataclass(frozen=True, slots=True)
class SettleJob:
    """The job at one moment: `connect` gives the connector of an account."""

    store: OrderStore
    connect: Connect
    now: int

    def process(self, item: Item, attempts: int) -> int | None:
        """Do what a settlement needs; return when it is due again."""
        key, settlement_id = keys.order_key(item["pk"]["S"]), children.child_of(item).settlement_id
        found = self._open(key, settlement_id)
        if found is None:
            return None
        connector = self.connect(key.account)
        # The platform is asked first, always: it may have settled by itself, or taken a call whose answer was lost.
        self._record(connector.query_settlements(found[0]))
        found = self._open(key, settlement_id)
        if found is None:
            return None
        order, settlement = found
        if settlement.status == "processing":
            return self._later(attempts)
        if order.settled:
            self._report(order, settlement, 0, "not_needed", because("settled_by_the_platform"))
            return None
        if order.reserved > order.refunded and self.now < settlement.due + REFUNDS_WAIT:
            return self.now + HOURLY
        return self._later(attempts) if self._settle(connector, order, settlement) else None

    def retry_at(self, item: Item, attempts: int, error: CountersignError) -> int | None:
        """Return when to call again after a call without an answer, or about a row that cannot be read."""
        return self._later(attempts)

    def _later(self, attempts: int) -> int:
        return self.now + RETRY_DELAYS[min(attempts, len(RETRY_DELAYS) - 1)]

    def _open(self, key: OrderKey, settlement_id: str) -> tuple[Order, Settlement] | None:
        found = self.store.settlement(key, settlement_id)
        return found if found is not None and is_open(found[1]) else None

    def _settle(self, connector: Settles, order: Order, settlement: Settlement) -> bool:
        """Ask for the settlement; False where there is nothing to ask for, or it is refused for good."""
        payment, terms = order.payment, order.terms
        amount = payment.total.minor - order.refunded if payment else 0
        if amount <= 0:
            self._report(order, settlement, 0, "not_needed", because("everything_refunded"))
            return False
        if settlement.status == "planned":
            # Who gets what is a durable command before the platform hears of it.
            fact = SettlementRequested(settlement.settlement_id, self.now, shares_of(amount, connector.receivers))
            self._record((Change(order.key, fact, Operator(PLAN), "operator", terms.appid, terms.system),))
            settlement = replace(settlement, status="asked", shares=fact.shares)
        if sum(minor for _, minor in settlement.shares) > most_shared(order, amount):
            reason = because("shares_too_much_of_the_rest", percent=percent(terms.max_share_basis_points))
            self._report(order, settlement, amount, "failed", reason)
            return False
        try:
            number = connector.settle(order, settlement)
        except CountersignError as error:
            if not is_final(error):
                raise
            self._report(order, settlement, amount, "failed", because("said_by_the_platform", text=str(error)))
            return False
        self._report(order, settlement, amount, "processing", None, number)
        return True

    def _report(
        self, order: Order, settlement: Settlement, amount: int, status: str, reason: Reason | None, number: str = ""
    ) -> None:
        money, terms = Money(amount, order.terms.amount.currency), order.terms
        fact = SettlementReported(settlement.settlement_id, money, status, number, reason=reason)
        self._record((Change(order.key, fact, Queried(), "settle", terms.appid, terms.system),))

    def _record(self, answer: Changes) -> None:
        for change in answer:
            callbacks.report(self.store.record(change, now=self.now))


def run(
    event: dict[str, Any], context: Any, *, store: OrderStore, due: DueList, connect: Connect, enough_ms: int
) -> None:
    """Work on each due settlement while there is time."""

    def job(now: int) -> SettleJob:
        return SettleJob(store, connect, now)

    late = loop.run(
        event, context, due, job, enough_ms=enough_ms, worked="SettlementWorked", failed="SettlementCallFailed"
    )
    seconds("DueOverdueSeconds", late)

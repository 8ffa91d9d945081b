"""A platform that does not exist, with other values than the real ones: what shared code takes for granted shows here.

It closes orders at once, sets no limit to shares, allows 5 calls a second, counts its days in UTC, and its currency has
three decimals.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from countersign.errors import ConflictError, PlatformUnavailableError, RateLimitedError, UnprocessableError
from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Closed,
    Fact,
    Hint,
    OrderKey,
    Paid,
    Queried,
    RefundReported,
    SettlementReported,
    Terms,
    Unpaid,
    is_unmatched,
)
from countersign.orders.reasons import because
from countersign.orders.reconcile import BillLine
from countersign.platforms.port import Changes, RefundRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from countersign.orders.state import Order, Refund, Settlement

PLATFORM, CURRENCY, SYSTEM = "nowhere", "BHD", "v1"
CALLS_PER_SECOND = 5
REFUND_PAUSE = 5
SETTLE_AFTER = 3 * 86_400


def terms(minor: int, now: int, currency: str = CURRENCY) -> Terms:
    """Return what an order there asks for."""
    amount = Money(minor, currency)
    return Terms(amount, SYSTEM, "card", f"d{minor}", now, now + 3600, settle_after=SETTLE_AFTER)


@dataclass
class Trade:
    """What the platform knows of one order."""

    amount: Money
    paid_at: int = 0
    closed_at: int = 0
    refunds: dict[str, tuple[int, str, int]] = field(default_factory=dict)  # number: minor, status, when
    settlements: dict[str, tuple[int, str]] = field(default_factory=dict)

    def paid(self, order_id: str) -> Paid:
        """Return its payment."""
        return Paid(f"tx-{order_id}", self.amount, self.paid_at)


@dataclass
class Platform:
    """The other side of the wire, and what it does wrong."""

    now: Callable[[], int]
    trades: dict[str, Trade] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    failing: dict[str, int] = field(default_factory=dict)  # no answer
    lost: dict[str, int] = field(default_factory=dict)  # done, and no answer
    limited: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    extra_lines: list[BillLine] = field(default_factory=list)
    hidden_lines: set[str] = field(default_factory=set)

    def call(self, what: str) -> None:
        """Let a call arrive; raises what is planned for it."""
        self.calls.append(what)
        if self.limited:
            self.limited -= 1
            raise RateLimitedError("more slowly")
        for name in (what, "any"):
            if self.failing.get(name):
                self.failing[name] -= 1
                raise PlatformUnavailableError("no answer")
        if what in self.refused:
            raise UnprocessableError(self.refused[what])

    def answer(self, what: str) -> None:
        """Let its answer be lost where that is planned."""
        if self.lost.get(what):
            self.lost[what] -= 1
            raise PlatformUnavailableError("no answer")


@dataclass(frozen=True)
class Connector:
    """The answers to all that workers ask."""

    account: str
    platform: Platform
    pace: Callable[[], None]
    tenant: str = "nowhere-1"
    refund_pause: int = REFUND_PAUSE
    receivers: tuple[tuple[str, int], ...] = (("partner", 6000),)

    def query_order(self, order: Order, *, now: int) -> Changes:
        return self._query(order.key)

    def import_order(self, change: Change, *, now: int) -> Changes:
        return () if is_unmatched(change.key) else self._query(change.key)

    def query_child(self, change: Change, system: str) -> Changes:
        if not isinstance(change.fact, RefundReported):
            return ()
        answer = self._query_refund(change.key, change.fact.refund_id)
        return (answer,) if answer else ()

    def query_refund(self, order: Order, refund: Refund) -> Change | None:
        return self._query_refund(order.key, refund.refund_id)

    def close(self, order: Order, *, now: int) -> Change | None:
        self._call("close")
        trade = self.platform.trades[order.key.order_id]
        if trade.paid_at:
            raise ConflictError("paid")
        trade.closed_at = trade.closed_at or now
        return self._change(order.key, Closed(trade.closed_at))

    def prepare_refund(self, order: Order, *, now: int) -> Changes:
        return ()

    def refund(self, order: Order, refund: Refund) -> Change:
        if "\x01" in refund.reason:
            raise UnprocessableError("a control character cannot be sent")
        try:
            self._call("refund")
        except UnprocessableError as error:
            raise RefundRefusedError(because("said_by_the_platform", text=str(error))) from error
        trade = self.platform.trades[order.key.order_id]
        trade.refunds.setdefault(refund.refund_id, (refund.amount.minor, "processing", now_of(self)))
        self.platform.answer("refund")
        return self._change(order.key, RefundReported(refund.refund_id, refund.amount, "processing"), "refund")

    def audit(self, order: Order, refund: Refund) -> Changes:
        return ()

    def query_settlements(self, order: Order) -> Changes:
        self._call("query_settlements")
        found = self.platform.trades[order.key.order_id].settlements
        return tuple(
            self._change(order.key, SettlementReported(number, Money(minor, CURRENCY), status))
            for number, (minor, status) in found.items()
        )

    def settle(self, order: Order, settlement: Settlement) -> str:
        self._call("settle")
        trade = self.platform.trades[order.key.order_id]
        trade.settlements[settlement.settlement_id] = (trade.amount.minor - order.refunded, "processing")
        self.platform.answer("settle")
        return f"st-{settlement.settlement_id}"

    def certificate_ends(self) -> dict[str, int]:
        return {"certificate": 1_800_000_000}

    def latest_day(self, now: int) -> date:
        return datetime.fromtimestamp(now, UTC).date() - timedelta(days=1)

    def span(self, day: date) -> tuple[int, int]:
        start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        return start, start + 86_400

    @contextmanager
    def bill(self, day: date, folder: Path) -> Iterator[Iterator[BillLine]]:
        self._call("bill")
        start, end = self.span(day)
        lines = list(self.platform.extra_lines)
        for order_id, trade in self.platform.trades.items():
            common = (self.account, order_id, f"tx-{order_id}")
            if start <= trade.paid_at < end:
                lines.append(BillLine(*common, trade.amount, "at"))
            for number, (minor, _, at) in trade.refunds.items():
                if start <= at < end:
                    lines.append(BillLine(*common, replace(trade.amount, minor=minor), "at", number))
        yield iter([line for line in lines if line.subject not in self.platform.hidden_lines])

    def _call(self, what: str) -> None:
        self.pace()
        self.platform.call(what)

    def _query(self, key: OrderKey) -> Changes:
        self._call("query")
        trade = self.platform.trades.get(key.order_id)
        if trade is None:
            return ()
        fact: Fact = Unpaid("WAITING")
        if trade.paid_at:
            fact = trade.paid(key.order_id)
        elif trade.closed_at:
            fact = Closed(trade.closed_at)
        return (self._change(key, fact),)

    def _query_refund(self, key: OrderKey, refund_id: str) -> Change | None:
        self._call("query_refund")
        trade = self.platform.trades.get(key.order_id)
        known = trade.refunds.get(refund_id) if trade else None
        if known is None:
            return None
        minor, status, at = known
        return self._change(key, RefundReported(refund_id, Money(minor, CURRENCY), status, at=at))

    def _change(self, key: OrderKey, fact: Fact, via: str = "query") -> Change:
        return Change(key, fact, Queried(), via, self.tenant, SYSTEM)


def now_of(connector: Connector) -> int:
    """Return the platform's time."""
    return connector.platform.now()


def hint(key: OrderKey, fact: Fact) -> Change:
    """Return unsigned news."""
    return Change(key, fact, Hint(), "push", "nowhere-1", SYSTEM)

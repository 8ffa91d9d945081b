"""What Douyin knows to be true: orders, payments, refunds and settlements, with the rules that both systems share."""

from __future__ import annotations

import datetime
import threading
from dataclasses import dataclass, field
from typing import Any

from sandbox.simulating import control
from sandbox.simulators.douyin import crypto

BEIJING = datetime.timezone(datetime.timedelta(hours=8))
SETTLE_AFTER = 7 * 86_400
SHARE_LIMIT = 30  # per cent
AUDIT_TIME = 3 * 86_400
FEE_BASIS_POINTS = 60


class RefusedError(control.RefusedError):
    """A business rule says no."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.told = {"code": code}


@dataclass
class Refund:
    """One refund; `audit` is INIT, TOAUDIT, AGREE, DENY or OVERTIME where the user asked for it."""

    out_refund_no: str
    refund_id: str
    amount: int
    source: int
    created_at: float
    notify_url: str
    settled: bool = False
    status: str = "PROCESSING"
    message: str = ""
    ended_at: float | None = None
    audit: str = "INIT"
    deadline: float = 0
    announced: bool = False


@dataclass
class Settlement:
    """One settlement of an order."""

    out_settle_no: str
    settle_id: str
    amount: int
    shares: list[dict[str, Any]]
    created_at: float
    notify_url: str
    automatic: bool = False
    status: str = "PROCESSING"
    message: str = ""
    ended_at: float | None = None


@dataclass
class Trade:
    """One merchant order."""

    account: str
    app_id: str
    system: str
    out_order_no: str
    order_id: str
    total: int
    notify_url: str
    created_at: float
    expires_at: float
    order_token: str = ""
    cp_extra: str = ""
    discount: int = 0
    state: str = "PROCESSING"
    token: str = ""  # the callback token of the day it was paid
    channel_no: str = ""
    paid_at: float | None = None
    refunds: list[Refund] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    told: list[dict[str, int]] = field(default_factory=list)  # what order sync said of it
    fulfilled: list[str] = field(default_factory=list)  # what the trade system was told of its goods

    @property
    def item_id(self) -> str:
        """The number of the order's one line."""
        return f"{self.order_id}1"

    @property
    def refunded(self) -> int:
        """What went back or is on its way."""
        return sum(refund.amount for refund in self.refunds if refund.status != "FAIL")

    @property
    def settled(self) -> bool:
        """Money left the platform's hands."""
        return any(one.status == "SUCCESS" for one in self.settlements)


class Ledger:
    """All trades of all apps; every method is atomic."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._trades: dict[tuple[str, str], Trade] = {}

    def trades(self) -> list[Trade]:
        """List every trade, oldest first."""
        with self.lock:
            return list(self._trades.values())

    def find(self, app_id: str, number: str, now: float) -> Trade | None:
        """Find an order by the merchant's or Douyin's number; one that ran out becomes so by being looked at."""
        with self.lock:
            trade = self._trades.get((app_id, number))
            trade = trade or next(
                (one for one in self.trades() if (one.app_id, one.order_id) == (app_id, number)), None
            )
            if trade is not None and trade.state == "PROCESSING" and trade.expires_at <= now:
                trade.state = "TIMEOUT"
            return trade

    def place(self, wanted: Trade) -> Trade:
        """Create an order; repeating a number replays the first call, whatever else it says."""
        with self.lock:
            return self._trades.setdefault((wanted.app_id, wanted.out_order_no), wanted)

    def pay(self, trade: Trade, token: str, now: float, changes: dict[str, Any]) -> None:
        """Let the payer pay."""
        with self.lock:
            if trade.state == "SUCCESS":
                raise RefusedError(20001, "the order is paid")
            for name, value in changes.items():
                setattr(trade, name, value)
            trade.state, trade.token = "SUCCESS", token
            trade.paid_at = trade.paid_at or now
            trade.channel_no = trade.channel_no or f"4200{crypto.digits(24)}"

    def refund(self, trade: Trade, wanted: Refund) -> Refund:
        """Accept a refund; the same number is at most one refund, and a failed one stays failed."""
        with self.lock:
            for known in trade.refunds:
                if wanted.out_refund_no and known.out_refund_no == wanted.out_refund_no:
                    return known
            if trade.state != "SUCCESS":
                raise RefusedError(20001, "the order is not paid")
            if wanted.amount + trade.refunded > trade.total:
                raise RefusedError(10000, "more than the order has left")
            if trade.system == "ecpay" and trade.settled and not wanted.settled:
                raise RefusedError(10000, "the order is settled: all_settle must be 1")
            trade.refunds.append(wanted)
            return wanted

    def find_refund(self, app_id: str, name: str, value: str) -> tuple[Trade, Refund] | None:
        """Find a refund of an app by one of its numbers."""
        with self.lock:
            for trade in self.trades():
                for refund in trade.refunds:
                    if trade.app_id == app_id and getattr(refund, name) == value:
                        return trade, refund
        return None

    def settle(self, trade: Trade, wanted: Settlement, now: float) -> Settlement:
        """Accept a settlement; an order has one."""
        with self.lock:
            for known in trade.settlements:
                if known.out_settle_no == wanted.out_settle_no:
                    return known
            if trade.state != "SUCCESS" or now < (trade.paid_at or now) + SETTLE_AFTER:
                raise RefusedError(20001, "the order's period is not over")
            if trade.settlements:
                raise RefusedError(20001, "the order is settled")
            if 100 * sum(share["amount"] for share in wanted.shares) > SHARE_LIMIT * wanted.amount:
                raise RefusedError(10000, "more than 30 % is shared")
            if wanted.amount <= 0:
                raise RefusedError(10000, "nothing is left to settle")
            trade.settlements.append(wanted)
            return wanted

    def find_settlement(self, app_id: str, out_settle_no: str) -> tuple[Trade, Settlement] | None:
        """Find a settlement of an app."""
        with self.lock:
            for trade in self.trades():
                for one in trade.settlements:
                    if (trade.app_id, one.out_settle_no) == (app_id, out_settle_no):
                        return trade, one
        return None


def beijing(at: float) -> str:
    """Return the wall time of a moment as query_order writes it."""
    return f"{datetime.datetime.fromtimestamp(int(at), BEIJING):%Y-%m-%d %H:%M:%S}"


def order_number(system: str) -> str:
    """Make a number as Douyin's orders have."""
    return f"N{crypto.digits(19)}" if system == "ecpay" else f"ots{crypto.digits(20)}"

"""What WeChat knows to be true: orders, payments and refunds, with the rules that v2 and v3 share."""

from __future__ import annotations

import datetime
import itertools
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.simulating import control

if TYPE_CHECKING:
    from collections.abc import Callable

BEIJING = datetime.timezone(datetime.timedelta(hours=8))
UNPAID_LIFETIME = 7 * 86400
REFUND_WINDOW = 365 * 86400
REFUND_PAUSE = 60
MAX_REFUNDS = 50
STATES = {
    "NOTPAY": "订单未支付",
    "USERPAYING": "用户支付中",
    "PAYERROR": "支付失败(其他原因，如银行返回失败)",
    "SUCCESS": "支付成功",
    "REFUND": "转入退款",
    "CLOSED": "订单已关闭",
}
PAID = ("SUCCESS", "REFUND")


class RefusedError(control.RefusedError):
    """A business rule says no; the reason is in v2 spelling without underscores, each version has its own words."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.message = message


@dataclass
class Refund:
    """One refund, asked for over the API or made in the merchant's console."""

    out_refund_no: str
    refund_id: str
    amount: int
    source: str
    created_at: float
    notify_url: str
    status: str = "PROCESSING"
    success_at: float | None = None
    deliveries: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Trade:
    """One merchant order."""

    account: str
    mchid: str
    appid: str
    out_trade_no: str
    api: str
    trade_type: str
    total: int
    terms: str
    notify_url: str
    created_at: float
    openid: str = ""
    sub_mchid: str = ""
    attach: str = ""
    sign_type: str = "MD5"
    expires_at: float | None = None
    currency: str = "CNY"
    coupon: int = 0
    state: str = "NOTPAY"
    transaction_id: str = ""
    paid_at: float | None = None
    closed_at: float | None = None
    refunds: list[Refund] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)

    @property
    def paid(self) -> bool:
        """Money came in, whatever happened to it afterwards."""
        return self.state in PAID

    @property
    def refunded(self) -> int:
        """What went back or is on its way."""
        return sum(refund.amount for refund in self.refunds if refund.status != "CLOSED")

    def payable_until(self) -> float:
        """Return when the payer's chance ends."""
        return self.expires_at if self.expires_at is not None else self.created_at + UNPAID_LIFETIME


class Ledger:
    """All trades of all merchants; every method is atomic."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._trades: dict[tuple[str, str], Trade] = {}
        self._by_transaction: dict[tuple[str, str], Trade] = {}
        self._refunds: dict[tuple[str, str], tuple[Trade, Refund]] = {}
        self.refuse_refund: Callable[[Trade, Refund], str] = lambda _trade, _refund: ""
        self._numbers = itertools.count(secrets.randbelow(10**6) * 1000 + 1)

    def trades(self) -> list[Trade]:
        """List every trade, oldest first."""
        with self.lock:
            return list(self._trades.values())

    def find(self, mchid: str, out_trade_no: str) -> Trade | None:
        """Find a merchant's order by its own number."""
        return self._trades.get((mchid, out_trade_no))

    def find_transaction(self, mchid: str, transaction_id: str) -> Trade | None:
        """Find a paid order by WeChat's number."""
        return self._by_transaction.get((mchid, transaction_id))

    def place(self, wanted: Trade) -> Trade:
        """Create an order, or accept the same call again while it is unpaid."""
        with self.lock:
            known = self._trades.setdefault((wanted.mchid, wanted.out_trade_no), wanted)
            if known is wanted:
                return wanted
            if known.paid:
                raise RefusedError("ORDERPAID")
            if known.state == "CLOSED" or known.payable_until() <= wanted.created_at:
                raise RefusedError("ORDERCLOSED")
            if (known.api, known.trade_type, known.terms) != (wanted.api, wanted.trade_type, wanted.terms):
                raise RefusedError("OUTTRADENOUSED")
            return known

    def close(self, mchid: str, out_trade_no: str, now: float) -> None:
        """Close an unpaid order."""
        with self.lock:
            trade = self.find(mchid, out_trade_no)
            if trade is None:
                raise RefusedError("ORDERNOTEXIST")
            if trade.paid:
                raise RefusedError("ORDERPAID")
            if trade.state == "USERPAYING":
                raise RefusedError("USERPAYING")
            if trade.state == "CLOSED":
                raise RefusedError("ORDERCLOSED")
            trade.state, trade.closed_at = "CLOSED", now

    def pay(self, trade: Trade, now: float, *, late: bool = False, changes: dict[str, Any]) -> None:
        """Let the payer pay; `late` is the payer who stood on the password page while the order was closed."""
        with self.lock:
            if trade.paid:
                raise RefusedError("ORDERPAID")
            if not late and (trade.state == "CLOSED" or trade.payable_until() <= now):
                raise RefusedError("ORDERCLOSED")
            for name, value in changes.items():
                setattr(trade, name, value)
            trade.state = "SUCCESS"
            trade.paid_at = now if trade.paid_at is None else trade.paid_at
            trade.transaction_id = trade.transaction_id or self.number("4200", trade.paid_at)
            self._by_transaction[(trade.mchid, trade.transaction_id)] = trade

    def refund(self, trade: Trade, wanted: Refund, total: int) -> Refund:
        """Accept a refund; the same number is at most one refund, however often it is asked for."""
        with self.lock:
            owner, known = self._refunds.get((trade.mchid, wanted.out_refund_no), (trade, None))
            if known is not None:
                if (owner.out_trade_no, known.amount, owner.total) != (trade.out_trade_no, wanted.amount, total):
                    raise RefusedError("REFUNDFEEMISMATCH", "订单金额或退款金额与之前请求不一致")
                return known
            self._check_refund(trade, wanted, total)
            if code := self.refuse_refund(trade, wanted):
                raise RefusedError("OTHER", code)
            wanted.refund_id = self.number("5030", wanted.created_at)
            trade.refunds.append(wanted)
            trade.state = "REFUND"
            for number in (wanted.out_refund_no, wanted.refund_id):
                self._refunds[(trade.mchid, number)] = (trade, wanted)
            return wanted

    def _check_refund(self, trade: Trade, wanted: Refund, total: int) -> None:
        if not trade.paid:
            raise RefusedError("ORDERNOTEXIST", "订单不存在或未支付")
        if total != trade.total:
            raise RefusedError("PARAMERROR", "订单金额不一致")
        if trade.refunded + wanted.amount > trade.total:
            raise RefusedError("INVALIDREQUEST", "申请退款金额大于订单可退金额")
        if wanted.created_at - (trade.paid_at or 0) > REFUND_WINDOW:
            raise RefusedError("TRADEOVERDUE", "订单已经超过退款期限")
        if len(trade.refunds) >= MAX_REFUNDS:
            raise RefusedError("INVALIDREQUEST", "部分退款次数超过限制")
        if trade.refunds and wanted.created_at - trade.refunds[-1].created_at < REFUND_PAUSE and wanted.source == "API":
            raise RefusedError("FREQUENCYLIMITED", "频率限制，请1分钟后重试")

    def trades_of(self, mchid: str) -> list[Trade]:
        """List a merchant's trades, oldest first."""
        return [trade for trade in self.trades() if trade.mchid == mchid]

    def settle_refund(self, refund: Refund, status: str, now: float) -> None:
        """End a refund as the bank ended it."""
        with self.lock:
            refund.status = status
            refund.success_at = now if status == "SUCCESS" else None

    def find_refund(self, mchid: str, number: str) -> tuple[Trade, Refund] | None:
        """Find a refund of a merchant by its own or by WeChat's number."""
        return self._refunds.get((mchid, number))

    def number(self, prefix: str, at: float) -> str:
        """Make a 28-digit number as WeChat's transactions (4200) and refunds (5030) have."""
        return f"{prefix}000029{beijing(at):%Y%m%d}{next(self._numbers):010d}"


def beijing(at: float) -> datetime.datetime:
    """Return the Beijing wall time of a moment."""
    return datetime.datetime.fromtimestamp(int(at), BEIJING)

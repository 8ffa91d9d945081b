"""The bill of a day: every payment and every accepted refund of a merchant, as WeChat's file has them."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.simulators.wechat import crypto
from sandbox.simulators.wechat.ledger import BEIJING, Ledger, Refund, RefusedError, Trade, beijing

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulators.wechat.accounts import Merchant

MADE_AT_HOUR = 9
KEPT_DAYS = 92
TOKEN_SECONDS = 30
COLUMNS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
    "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
KINDS = ("ALL", "SUCCESS", "REFUND")


@dataclass
class Planted:
    """What a person made wrong in a day's bill: rows left out, other amounts, rows of payments that never were."""

    without: set[str] = field(default_factory=set)
    amounts: dict[str, int] = field(default_factory=dict)
    more: dict[str, int] = field(default_factory=dict)


class Bills:
    """Bills of all merchants, written from the ledger when they are asked for."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._planted: dict[tuple[str, str], Planted] = {}
        self.creating: Callable[[str], bool] = lambda _which: False
        self._files: dict[str, tuple[str, float, bytes]] = {}

    def plant(self, merchant: Merchant, day: str, planted: Planted) -> None:
        """Spoil the bill of a day."""
        self._planted[(merchant.mchid, day)] = planted

    def text(self, merchant: Merchant, day: str, kind: str, now: float) -> bytes:
        """Write a day's bill, or refuse as the platform does."""
        try:
            made_at = datetime.datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=BEIJING, hour=MADE_AT_HOUR)
        except ValueError as error:
            raise RefusedError("PARAMERROR", "账单日期格式错误") from error
        made_at += datetime.timedelta(days=1)
        if kind not in KINDS or beijing(now) - made_at > datetime.timedelta(days=KEPT_DAYS):
            raise RefusedError("PARAMERROR", "账单类型或账单日期错误")
        if beijing(now) < made_at or self.creating(f"{merchant.account} {day}"):
            raise RefusedError("STATEMENTCREATING", "账单生成中，请稍后再试")
        rows = self._rows(merchant, day, kind)
        if not rows:
            raise RefusedError("NOSTATEMENTEXIST", "账单文件不存在")
        lines = [COLUMNS, *(row for _, row, _, _ in rows), SUMMARY]
        paid, refunded = sum(row[2] for row in rows), sum(row[3] for row in rows)
        total, back = yuan(paid), yuan(refunded)
        lines.append(",".join(f"`{value}" for value in (len(rows), total, back, "0.00", "0.00000", total, back)))
        return ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()

    def offer(self, merchant: Merchant, text: bytes, now: float) -> tuple[str, str]:
        """Put a file up for download for a short time; return its token and its SHA-1."""
        token = crypto.nonce(48)
        self._files[token] = (merchant.mchid, now + TOKEN_SECONDS, text)
        return token, hashlib.sha1(text, usedforsecurity=False).hexdigest()

    def file(self, merchant: Merchant, token: str, now: float) -> bytes | None:
        """Return a file that is up for download for this merchant."""
        mchid, until, text = self._files.get(token, ("", 0.0, b""))
        return text if mchid == merchant.mchid and now <= until else None

    def _rows(self, merchant: Merchant, day: str, kind: str) -> list[tuple[float, str, int, int]]:
        planted = self._planted.get((merchant.mchid, day), Planted())
        rows = []
        with self._ledger.lock:
            for trade in self._ledger.trades_of(merchant.mchid):
                if kind != "REFUND" and _on(trade.paid_at, day) and trade.out_trade_no not in planted.without:
                    total = planted.amounts.get(trade.out_trade_no, trade.total)
                    rows.append((trade.paid_at or 0.0, _row(trade, trade.paid_at, total, None, 0), total, 0))
                for refund in trade.refunds if kind != "SUCCESS" else ():
                    if _on(refund.created_at, day) and refund.out_refund_no not in planted.without:
                        amount = planted.amounts.get(refund.out_refund_no, refund.amount)
                        rows.append((refund.created_at, _row(trade, refund.created_at, 0, refund, amount), 0, amount))
        noon = datetime.datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=BEIJING, hour=12).timestamp()
        for number, amount in planted.more.items():
            stranger = Trade(
                merchant.account, merchant.mchid, merchant.appid, number, "v3", "JSAPI", amount, "", "", noon
            )
            stranger.openid, stranger.transaction_id = (
                "oPlanted",
                f"42000029{int.from_bytes(number.encode()[-8:]):020d}",
            )
            rows.append((noon, _row(stranger, noon, amount, None, 0), amount, 0))
        return sorted(rows)


def _on(at: float | None, day: str) -> bool:
    return at is not None and f"{beijing(at):%Y-%m-%d}" == day


def _row(trade: Trade, at: float | None, total: int, refund: Refund | None, back: int) -> str:
    values = [
        f"{beijing(at or 0):%Y-%m-%d %H:%M:%S}",
        trade.appid,
        trade.mchid,
        "0",
        "",
        trade.transaction_id,
        trade.out_trade_no,
        trade.openid,
        trade.trade_type,
        "REFUND" if refund else "SUCCESS",
        "OTHERS",
        trade.currency,
        yuan(0 if refund else total - trade.coupon),
        yuan(0 if refund else trade.coupon),
        refund.refund_id if refund else "0",
        refund.out_refund_no if refund else "0",
        yuan(back),
        "0.00",
        "ORIGINAL" if refund else "",
        # The row was written when the refund was accepted and is never brought up to date.
        "PROCESSING" if refund else "",
        "奶茶,大杯",
        trade.attach,
        "0.00000",
        "0.60%",
        yuan(total),
        yuan(back),
        "",
    ]
    return ",".join(f"`{value}" for value in values)


def yuan(fen: int) -> str:
    """Write fen as yuan with two decimals."""
    return f"{fen // 100}.{fen % 100:02d}"

"""One day's bill: a table whose first line names its columns in Chinese."""

from __future__ import annotations

import csv
import datetime
import io
from typing import TYPE_CHECKING, Any

from sandbox.simulators.douyin.ledger import BEIJING, Trade, beijing

if TYPE_CHECKING:
    from sandbox.simulators.douyin.accounts import App

PAYMENT = ("交易时间", "小程序ID", "商户号", "订单号", "商户订单号", "渠道订单号", "交易金额", "订单状态")
REFUND = ("退款时间", "小程序ID", "商户号", "退款单号", "商户退款单号", "订单号", "商户订单号", "退款金额", "退款状态")
DOWNLOAD = "/download/bills/"
PARTS = 2


def ecpay(trades: list[Trade], app: App, fields: dict[str, Any]) -> bytes:
    """Write the bill of a day and type."""
    own = [trade for trade in trades if trade.app_id == app.app_id]
    return write(own, app, str(fields.get("bill_type")), str(fields.get("bill_date")))


def trade(trades: list[Trade], app: App, fields: dict[str, Any]) -> dict[str, Any]:
    """Answer where the bill of a day and type lies: two parts of it, each with its own first line."""
    if fields.get("merchant_id") != app.merchant_uid or not any(one.app_id == app.app_id for one in trades):
        return {"bill_list": []}
    place = f"{app.api_base}{DOWNLOAD}{app.account}/{fields['bill_date']}/{fields['bill_type']}"
    return {"bill_list": [f"{place}/{part}.csv" for part in range(PARTS)]}


def download(trades: list[Trade], app: App, path: str) -> bytes:
    """Give one part of a bill; its last line does not end."""
    day, kind, name = path.split("/")[-3:]
    own = [trade for trade in trades if trade.app_id == app.app_id and trade.system == "trade"]
    return write(own[int(name.removesuffix(".csv")) :: PARTS], app, kind, day).rstrip()


def write(trades: list[Trade], app: App, kind: str, day: str) -> bytes:
    """Write a table; amounts are yuan with two decimals."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(PAYMENT if kind == "payment" else REFUND)
    for trade in trades:
        if kind == "payment" and trade.paid_at is not None and _day(trade.paid_at) == day:
            head = [beijing(trade.paid_at), app.app_id, app.merchant_uid, trade.order_id, trade.out_order_no]
            writer.writerow([*head, trade.channel_no, _yuan(trade.total), "支付成功"])
        for refund in trade.refunds if kind == "refund" else ():
            if refund.status == "SUCCESS" and _day(refund.ended_at or 0) == day:
                head = [beijing(refund.ended_at or 0), app.app_id, app.merchant_uid, refund.refund_id]
                numbers = [refund.out_refund_no, trade.order_id, trade.out_order_no]
                writer.writerow([*head, *numbers, _yuan(refund.amount), "退款成功"])
    return text.getvalue().encode()


def _day(at: float) -> str:
    return f"{datetime.datetime.fromtimestamp(int(at), BEIJING):%Y%m%d}"


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"

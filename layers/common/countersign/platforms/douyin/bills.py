"""Douyin's bill of a day: a table for payments and one for refunds, whose first line names the columns in Chinese.

The names differ between the forms of the bill that Douyin has had, so each is looked for under all of them; a table
without one of them is refused, for a column that is guessed wrong would find differences that are none.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, timezone

from countersign.errors import MalformedError
from countersign.money import Money, from_decimal
from countersign.orders.reconcile import BillLine
from countersign.platforms.douyin.translate import refund_of, user_refund_number

READY_HOUR = 10  # Beijing time of the next day
BEIJING = timezone(timedelta(hours=8))
PAYMENT, REFUND = "payment", "refund"
_CURRENCY = "CNY"
_DONE = ("成功", "SUCCESS")
# What is wanted, and how the forms call it; where both numbers of an order are there, a bare name is the other one's.
_COLUMNS = {
    "order_id": ("商户订单号", "开发者订单号", "外部订单号", "订单号"),
    "transaction_id": ("平台订单号", "抖音订单号", "担保交易订单号", "订单号"),
}
_OF_KIND = {
    PAYMENT: {
        "at": ("支付时间", "交易时间"),
        "amount": ("订单金额", "交易金额", "支付金额"),
        "state": ("支付状态", "订单状态", "交易状态"),
    },
    REFUND: {
        "at": ("退款时间", "交易时间"),
        "amount": ("退款金额",),
        "state": ("退款状态",),
        "refund_id": ("商户退款单号", "开发者退款单号", "外部退款单号", "退款单号"),
        "platform_refund_id": ("平台退款单号", "抖音退款单号", "退款单号"),
    },
}


def latest_day(now: int) -> date:
    """Return the day whose bill is the latest that Douyin has."""
    moment = datetime.fromtimestamp(now, BEIJING)
    return moment.date() - timedelta(days=1 if moment.hour >= READY_HOUR else 2)


def span(day: date) -> tuple[int, int]:
    """Return the first second of a day in Beijing and of the next one."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=BEIJING).timestamp())
    return start, start + 86400


def read(lines: Iterable[str], kind: str, account: str) -> Iterator[BillLine]:
    """Yield every payment or refund that succeeded; MalformedError where the table is not what it should be."""
    rows = csv.reader(lines, strict=True)
    try:
        names = [name.strip().removeprefix("\ufeff") for name in next(rows, [])]
        place = _places(names, kind)
        for row in _whole(rows, len(names)):
            value = {wanted: row[index].strip().strip("`'\t") for wanted, index in place.items()}
            if any(word in value["state"] for word in _DONE):
                yield _line(value, kind, account)
    except (csv.Error, UnicodeDecodeError):
        raise MalformedError("the bill is not a table in UTF-8") from None


def _whole(rows: Iterable[list[str]], columns: int) -> Iterator[list[str]]:
    """Yield rows with all their columns: a free text without quotes may break one into several; empty ones are none."""
    begun: list[str] = []
    for row in rows:
        if not any(row):
            continue
        begun = [*begun[:-1], f"{begun[-1]}\n{row[0]}", *row[1:]] if begun else row
        if len(begun) >= columns:
            yield begun
            begun = []
    if begun:
        raise MalformedError("a line of the bill is too short")


def _places(names: list[str], kind: str) -> dict[str, int]:
    """Return where each wanted column is; no two are the same one."""
    place: dict[str, int] = {}
    for wanted, spellings in {**_COLUMNS, **_OF_KIND[kind]}.items():
        free = [name for name in spellings if name in names and names.index(name) not in place.values()]
        if not free:
            raise MalformedError(f"the bill has no column {spellings[0]}")
        place[wanted] = names.index(free[0])
    return place


def _line(value: dict[str, str], kind: str, account: str) -> BillLine:
    amount: Money = from_decimal(value["amount"], _CURRENCY)
    refund = ("", "")
    if kind == REFUND:
        # A refused refund that was tried again has a number of its own there; one that was made there has none of ours.
        platform_id = value["platform_refund_id"]
        refund = (refund_of(value["refund_id"]) or user_refund_number(platform_id), platform_id)
    return BillLine(account, value["order_id"], value["transaction_id"], amount, value["at"], *refund)

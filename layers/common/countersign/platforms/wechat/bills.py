"""WeChat's bill of a day: a file of back-ticked values, one line for each payment and each accepted refund.

It is read twice, once to see that it is whole and once to use it, and never held in memory.
"""

import zlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Protocol

from countersign.errors import MalformedError
from countersign.money import Money, from_decimal
from countersign.orders.reconcile import BillLine
from countersign.platforms.wechat.payments import BEIJING, beijing

READY_HOUR = 10  # Beijing time of the next day; WeChat builds bills from nine on
CHUNK = 256 * 1024
MAX_LINE = 64 * 1024
MAX_BYTES = 4 * 1024**3  # of the opened file: some ten million lines
_ORDER, _TRANSACTION = "商户订单号", "微信订单号"
_REFUND, _PLATFORM_REFUND = "商户退款单号", "微信退款单号"
_AT, _STATE, _CURRENCY, _NAME = "交易时间", "交易状态", "货币种类", "商品名称"
_TOTAL, _ASKED_BACK = "订单金额", "申请退款金额"
_COLUMNS = (_ORDER, _TRANSACTION, _REFUND, _PLATFORM_REFUND, _AT, _STATE, _CURRENCY, _NAME, _TOTAL, _ASKED_BACK)
_SUMMARY = ("总交易单数", "订单总金额", "申请退款总金额")


class File(Protocol):
    """What is used of an open binary file."""

    def read(self, size: int = -1, /) -> bytes:
        """Read at most `size` bytes."""

    def seek(self, offset: int, /) -> int:
        """Go to a place."""


def latest_day(now: int) -> date:
    """Return the day whose bill is the latest that WeChat has."""
    moment = beijing(now)
    return moment.date() - timedelta(days=1 if moment.hour >= READY_HOUR else 2)


def span(day: date) -> tuple[int, int]:
    """Return the first second of a day in Beijing and of the next one."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=BEIJING).timestamp())
    return start, start + 86400


def opened(file: File) -> Iterator[bytes]:
    """Yield the file's content, unpacked where it is packed."""
    file.seek(0)
    chunk = file.read(CHUNK)
    if not chunk.startswith(b"\x1f\x8b"):
        while chunk:
            yield chunk
            chunk = file.read(CHUNK)
        return
    unpacker, size = zlib.decompressobj(wbits=31), 0
    try:
        while chunk:
            while chunk:
                content = unpacker.decompress(chunk, CHUNK)
                size += len(content)
                if size > MAX_BYTES:
                    raise MalformedError("the bill is too large")
                yield content
                chunk = unpacker.unconsumed_tail
            chunk = file.read(CHUNK)
        yield unpacker.flush()
    except zlib.error:
        raise MalformedError("the bill is not gzip inside") from None
    if not unpacker.eof:
        raise MalformedError("the bill is cut")


def read(file: File, account: str) -> Iterator[BillLine]:
    """Yield every payment and refund of the bill.

    Raises MalformedError, at the end for one that does not add up: nothing in it may be used before a first pass.
    """
    lines = _lines(opened(file))
    columns = next(lines, "").removeprefix("\ufeff").split(",")
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise MalformedError(f"the bill has no column {missing[0]}")
    place = {name: _place(columns, name) for name in _COLUMNS}
    count = paid = back = 0
    for line in lines:
        if not line.startswith("`"):
            _check_sums(line, next(lines, ""), (count, paid, back))
            if next(lines, None) is not None:
                raise MalformedError("the bill goes on after its summary")
            return
        values = line[1:].split(",`")
        if len(values) < len(columns):
            raise MalformedError("a line of the bill is too short")
        value = {name: values[place[name]] for name in _COLUMNS}
        total, asked_back = (_amount(value, name) for name in (_TOTAL, _ASKED_BACK))
        count, paid, back = count + 1, paid + total.minor, back + asked_back.minor
        if value[_STATE] == "SUCCESS":
            yield BillLine(account, value[_ORDER], value[_TRANSACTION], total, value[_AT])
        elif value[_STATE] == "REFUND":
            refund = (value[_REFUND], value[_PLATFORM_REFUND])
            yield BillLine(account, value[_ORDER], value[_TRANSACTION], asked_back, value[_AT], *refund)
    raise MalformedError("the bill has no summary: it is cut")


def _place(columns: list[str], name: str) -> int:
    """Return where a column is: counted from the end where it stands after the free texts, which may hold anything."""
    index = columns.index(name)
    return index if index <= columns.index(_NAME) else index - len(columns)


def _amount(value: dict[str, str], name: str) -> Money:
    # A summary of other currencies than the yuan does not exist: refunds name none.
    return from_decimal(value[name] or "0", value[_CURRENCY] or "CNY")


def _check_sums(header: str, line: str, found: tuple[int, int, int]) -> None:
    told = dict(zip(header.split(","), line.removeprefix("`").split(",`"), strict=False))
    if any(name not in told for name in _SUMMARY):
        raise MalformedError("the bill's summary is not what the platform promises")
    count, paid, back = (told[name] for name in _SUMMARY)
    if (count, from_decimal(paid, "CNY").minor, from_decimal(back, "CNY").minor) != (str(found[0]), *found[1:]):
        raise MalformedError("the bill does not add up to its summary")


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    rest, ending = b"", b"\r\n"
    for number, chunk in enumerate(chunks):
        rest += chunk
        if number == 0 and b"\r\n" not in rest:
            ending = b"\n"
        *whole, rest = rest.split(ending)
        if len(rest) > MAX_LINE:
            raise MalformedError("a line of the bill is too long")
        yield from map(_text, whole)
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("the bill is not UTF-8") from None

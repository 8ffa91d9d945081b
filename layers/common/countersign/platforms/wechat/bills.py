"""WeChat's bill of a day: a file of back-ticked values, one line for each payment and each accepted refund.

It is read twice, once to see that it is whole and once to use it, and never held in memory. Some merchants still get
the early form with 24 columns and 5 sums (https://pay.weixin.qq.com/docs/merchant/products/bill-download/format-trade.html),
whose wordings differ only in columns about coupons that nothing here reads.
"""

import re
import zlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol

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
_COLUMNS = (_ORDER, _TRANSACTION, _REFUND, _PLATFORM_REFUND, _AT, _STATE, _CURRENCY, _NAME)
_COUNT = "总交易单数"
_ROW = re.compile(r"`[0-9]{4}-")  # every row begins with its time


class Form(NamedTuple):
    """How one form of the bill calls an order's total, what was asked back of it, and the sums of both."""

    total: str
    asked_back: str
    total_sum: str
    asked_back_sum: str


_FORMS = (
    Form("订单金额", "申请退款金额", "订单总金额", "申请退款总金额"),
    Form("总金额", "退款金额", "总交易额", "总退款金额"),  # the early one
)


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
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    chunks = iter(lambda: file.read(CHUNK), b"")
    yield from _unpacked(chunks) if packed else chunks


def _unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what is inside gzip: one member after another, since RFC 1952 (section 2.2) lets a file have several."""
    unpacker, size = zlib.decompressobj(wbits=31), 0
    try:
        for chunk in chunks:
            while chunk:
                if unpacker.eof:
                    chunk = chunk.lstrip(b"\0")
                    unpacker = zlib.decompressobj(wbits=31) if chunk else unpacker
                    continue
                content = unpacker.decompress(chunk, CHUNK)
                size += len(content)
                if size > MAX_BYTES:
                    raise MalformedError("the bill is too large")
                yield content
                chunk = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
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
    form = next((form for form in _FORMS if form.total in columns and form.asked_back in columns), _FORMS[0])
    wanted = (*_COLUMNS, form.total, form.asked_back)
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise MalformedError(f"the bill has no column {missing[0]}")
    place = {name: _place(columns, name) for name in wanted}
    count = paid = back = 0
    for line in _records(lines, len(columns)):
        if not line.startswith("`"):
            _check_sums(line, next(lines, ""), form, (count, paid, back))
            if any(line.strip() for line in lines):
                raise MalformedError("the bill goes on after its summary")
            return
        values = line[1:].split(",`")
        if len(values) < len(columns):
            raise MalformedError("a line of the bill is too short")
        value = {name: values[place[name]] for name in wanted}
        total, asked_back = (_amount(value, name) for name in (form.total, form.asked_back))
        count, paid, back = count + 1, paid + total.minor, back + asked_back.minor
        if value[_STATE] == "SUCCESS":
            yield BillLine(account, value[_ORDER], value[_TRANSACTION], total, value[_AT])
        elif value[_STATE] == "REFUND":
            refund = (value[_REFUND], value[_PLATFORM_REFUND])
            yield BillLine(account, value[_ORDER], value[_TRANSACTION], asked_back, value[_AT], *refund)
    raise MalformedError("the bill has no summary: it is cut")


def _records(lines: Iterator[str], columns: int) -> Iterator[str]:
    """Yield each row whole, however many lines its free texts break it into, and the summary's names at last.

    A row is over when it has all its values and what follows is another row or the summary.
    """
    row = ""
    for line in lines:
        follows = line.startswith(f"{_COUNT},") or _ROW.match(line) is not None
        if row and not (follows and row.count(",`") >= columns - 1):
            row += f"\n{line}"
            if len(row) > MAX_LINE:
                raise MalformedError("a line of the bill is too long")
            continue
        if row:
            yield row
        row = line
        if line.startswith(f"{_COUNT},"):
            yield line
            return
    if row:
        yield row


def _place(columns: list[str], name: str) -> int:
    """Return where a column is: counted from the end where it stands after the free texts, which may hold anything."""
    index = columns.index(name)
    return index if index <= columns.index(_NAME) else index - len(columns)


def _amount(value: dict[str, str], name: str) -> Money:
    # A summary of other currencies than the yuan does not exist: refunds name none.
    return from_decimal(value[name] or "0", value[_CURRENCY] or "CNY")


def _check_sums(header: str, line: str, form: Form, found: tuple[int, int, int]) -> None:
    told = dict(zip(header.split(","), line.removeprefix("`").split(",`"), strict=False))
    names = (_COUNT, form.total_sum, form.asked_back_sum)
    if any(name not in told for name in names):
        raise MalformedError("the bill's summary is not what the platform promises")
    count, paid, back = (told[name] for name in names)
    if (count, from_decimal(paid, "CNY").minor, from_decimal(back, "CNY").minor) != (str(found[0]), *found[1:]):
        raise MalformedError("the bill does not add up to its summary")


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    rest, ending = b"", b""
    for chunk in chunks:
        rest += chunk
        if not ending and b"\n" in rest:  # the first line has no free text, so it tells how all of them end
            ending = b"\r\n" if rest.partition(b"\n")[0].endswith(b"\r") else b"\n"
        *whole, rest = rest.split(ending) if ending else [rest]
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

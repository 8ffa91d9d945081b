"""What WeChat says about a transaction or a refund, read strictly into typed values.

Unknown extra fields are WeChat's right and are ignored; a field that we use must be exactly what the documents promise.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

from countersign.errors import MalformedError
from countersign.money import MAX_MINOR

# Wider than what we create: an order may have been made by another system of the merchant.
_ORDER_NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,32}")
_REFUND_NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
_PLATFORM_NUMBER = re.compile(r"[0-9A-Za-z_-]{1,64}")
_WORD = re.compile(r"[A-Za-z0-9_.]{1,64}")
_OPENID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_FEN = re.compile(r"0|[1-9][0-9]{0,15}")
_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,9})?(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})")
_SPACED = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")
_BEIJING = timezone(timedelta(hours=8))


class Transaction(NamedTuple):
    """One payment; what an unpaid one lacks is empty or None."""

    out_trade_no: str
    trade_state: str
    transaction_id: str = ""
    total: int | None = None  # fen of the order, before coupons
    currency: str = "CNY"
    payer_total: int | None = None  # after coupons; None where the payer paid in another currency
    success_time: int | None = None  # epoch seconds
    mchid: str = ""
    sub_mchid: str = ""
    appid: str = ""
    openid: str = ""  # the payer's under the app: for what must reach them, never kept


class RefundNotice(NamedTuple):
    """One refund."""

    out_trade_no: str
    out_refund_no: str
    refund_status: str
    refund: int
    total: int
    refund_id: str = ""
    transaction_id: str = ""
    currency: str = "CNY"
    success_time: int | None = None
    mchid: str = ""
    sub_mchid: str = ""


def _openid(value: object) -> str:
    """Return an openid, empty where it is none: a payment is none the less true."""
    return value if isinstance(value, str) and _OPENID.fullmatch(value) else ""


def order_number(fields: Mapping[str, Any], name: str = "out_trade_no") -> str:
    """Return the merchant's order number."""
    return _text(fields, name, _ORDER_NUMBER)


def word(fields: Mapping[str, Any], name: str) -> str:
    """Return one of WeChat's words, known or not."""
    return _text(fields, name, _WORD)


def transaction_v3(fields: Mapping[str, Any]) -> Transaction:
    """Read a transaction of API v3: the resource of a notice, or a query's answer."""
    amount = _object(fields, "amount")
    payer = fields["payer"] if isinstance(fields.get("payer"), Mapping) else {}
    currency = _text(amount, "currency", _CURRENCY, default="CNY")
    same_currency = _text(amount, "payer_currency", _CURRENCY, default=currency) == currency
    return Transaction(
        out_trade_no=order_number(fields),
        trade_state=word(fields, "trade_state"),
        transaction_id=_text(fields, "transaction_id", _PLATFORM_NUMBER, default=""),
        total=_integer(amount, "total"),
        currency=currency,
        payer_total=_integer(amount, "payer_total") if same_currency else None,
        success_time=_time(fields, "success_time", _RFC3339),
        mchid=_either(fields, "mchid", "sp_mchid"),
        sub_mchid=_text(fields, "sub_mchid", _PLATFORM_NUMBER, default=""),
        appid=_either(fields, "appid", "sp_appid"),
        openid=_openid(payer.get("openid") or payer.get("sp_openid")),
    )


def transaction_v2(fields: Mapping[str, str], trade_state: str) -> Transaction:
    """Read a transaction of API v2; a notice has no `trade_state`, so the caller says it."""
    currency = _text(fields, "fee_type", _CURRENCY, default="CNY")
    same_currency = _text(fields, "cash_fee_type", _CURRENCY, default=currency) == currency
    return Transaction(
        out_trade_no=order_number(fields),
        trade_state=trade_state,
        transaction_id=_text(fields, "transaction_id", _PLATFORM_NUMBER, default=""),
        total=_digits(fields, "total_fee"),
        currency=currency,
        payer_total=_digits(fields, "cash_fee") if same_currency else None,
        success_time=_time(fields, "time_end", _COMPACT),
        mchid=_text(fields, "mch_id", _PLATFORM_NUMBER, default=""),
        sub_mchid=_text(fields, "sub_mch_id", _PLATFORM_NUMBER, default=""),
        appid=_text(fields, "appid", _PLATFORM_NUMBER, default=""),
        openid=_openid(fields.get("openid")),
    )


def refund_v3(fields: Mapping[str, Any]) -> RefundNotice:
    """Read a refund of API v3: the resource of a notice (`refund_status`), or a query's answer (`status`)."""
    amount = _object(fields, "amount")
    return RefundNotice(
        out_trade_no=order_number(fields),
        out_refund_no=_text(fields, "out_refund_no", _REFUND_NUMBER),
        refund_status=word(fields, "refund_status" if "refund_status" in fields else "status"),
        refund=_required(_integer(amount, "refund"), "amount.refund"),
        total=_required(_integer(amount, "total"), "amount.total"),
        refund_id=_text(fields, "refund_id", _PLATFORM_NUMBER, default=""),
        transaction_id=_text(fields, "transaction_id", _PLATFORM_NUMBER, default=""),
        currency=_text(amount, "currency", _CURRENCY, default="CNY"),
        success_time=_time(fields, "success_time", _RFC3339),
        mchid=_either(fields, "mchid", "sp_mchid"),
        sub_mchid=_text(fields, "sub_mchid", _PLATFORM_NUMBER, default=""),
    )


def refund_v2(fields: Mapping[str, str]) -> RefundNotice:
    """Read the opened refund notice of API v2."""
    return RefundNotice(
        out_trade_no=order_number(fields),
        out_refund_no=_text(fields, "out_refund_no", _REFUND_NUMBER),
        refund_status=word(fields, "refund_status"),
        refund=_required(_digits(fields, "refund_fee"), "refund_fee"),
        total=_required(_digits(fields, "total_fee"), "total_fee"),
        refund_id=_text(fields, "refund_id", _PLATFORM_NUMBER, default=""),
        transaction_id=_text(fields, "transaction_id", _PLATFORM_NUMBER, default=""),
        currency=_text(fields, "refund_fee_type", _CURRENCY, default="CNY"),
        success_time=_time(fields, "success_time", _SPACED),
        sub_mchid=_text(fields, "sub_mch_id", _PLATFORM_NUMBER, default=""),
    )


def refunds_v2(fields: Mapping[str, str]) -> tuple[RefundNotice, ...]:
    """Read every refund in an answer of /pay/refundquery, whose fields are numbered from 0."""
    count = _required(_digits(fields, "refund_count"), "refund_count")
    if count > len(fields):
        raise MalformedError("refund_count is more than the answer holds")
    return tuple(refund_v2(_numbered(fields, index)) for index in range(count))


def _numbered(fields: Mapping[str, str], index: int) -> Mapping[str, str]:
    names = ("out_refund_no", "refund_id", "refund_fee", "refund_status")
    own = {name: fields[f"{name}_{index}"] for name in names if f"{name}_{index}" in fields}
    common = {
        name: fields[name] for name in ("out_trade_no", "transaction_id", "total_fee", "sub_mch_id") if name in fields
    }
    return {**common, **own, "success_time": fields.get(f"refund_success_time_{index}", "")}


def _text(fields: Mapping[str, Any], name: str, pattern: re.Pattern[str], *, default: str | None = None) -> str:
    """Return a field that matches `pattern`; where it is absent or empty, the default, else MalformedError."""
    value = fields.get(name)
    if value is None or value == "":
        if default is None:
            raise MalformedError(f"{name} is missing")
        return default
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise MalformedError(f"{name} is not what the platform promises")
    return value


def _either(fields: Mapping[str, Any], name: str, other: str) -> str:
    return _text(fields, name, _PLATFORM_NUMBER, default="") or _text(fields, other, _PLATFORM_NUMBER, default="")


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedError(f"{name} is not an object")
    return value


def _integer(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= MAX_MINOR:  # a bool is an int too
        raise MalformedError(f"{name} is not a whole number of fen")
    return value


def _digits(fields: Mapping[str, str], name: str) -> int | None:
    value = fields.get(name)
    if not value:
        return None
    if not _FEN.fullmatch(value) or int(value) > MAX_MINOR:
        raise MalformedError(f"{name} is not a whole number of fen")
    return int(value)


def _required(value: int | None, name: str) -> int:
    if value is None:
        raise MalformedError(f"{name} is missing")
    return value


def _time(fields: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> int | None:
    """Return epoch seconds; times without a zone are Beijing's."""
    text = _text(fields, name, pattern, default="")
    if not text:
        return None
    match = pattern.fullmatch(text)
    assert match is not None  # noqa: S101 - _text matched it
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    zone = _zone(match) if pattern is _RFC3339 else _BEIJING
    leap = second == 60  # RFC 3339 has it, datetime does not
    try:
        moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=zone)
        return int(moment.timestamp()) + leap
    except (ValueError, OverflowError):
        raise MalformedError(f"{name} is not a time") from None


def _zone(match: re.Match[str]) -> timezone:
    sign, hours, minutes = match.groups()[6:]
    if not sign:
        return UTC
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    try:
        return timezone(-offset if sign == "-" else offset)
    except ValueError:
        raise MalformedError("a time has an impossible zone") from None

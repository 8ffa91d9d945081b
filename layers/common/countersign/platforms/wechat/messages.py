"""What WeChat says about a transaction or a refund, read strictly into typed values.

Unknown extra fields are WeChat's right and are ignored; a field that we use must be exactly what the documents promise.
"""

import re
from collections.abc import Mapping
from datetime import UTC, timedelta, timezone
from typing import Any, NamedTuple

from countersign.errors import MalformedError
from countersign.fields import first, mapping, moment, required, text, whole

# Wider than what we create: an order may have been made by another system of the merchant.
_ORDER_NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,32}")
_REFUND_NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
_PLATFORM_NUMBER = re.compile(r"[0-9A-Za-z_-]{1,64}")
_WORD = re.compile(r"[A-Za-z0-9_.]{1,64}")
_OPENID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_CURRENCY = re.compile(r"[A-Z]{3}")
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
    sub_appid: str = ""  # a service provider's: the sub-merchant's own app, and the payer's openid there
    sub_openid: str = ""


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
    return text(fields, name, _ORDER_NUMBER)


def word(fields: Mapping[str, Any], name: str) -> str:
    """Return one of WeChat's words, known or not."""
    return text(fields, name, _WORD)


def transaction_v3(fields: Mapping[str, Any]) -> Transaction:
    """Read a transaction of API v3: the resource of a notice, or a query's answer."""
    amount = mapping(fields, "amount")
    payer = fields["payer"] if isinstance(fields.get("payer"), Mapping) else {}
    currency = text(amount, "currency", _CURRENCY, default="CNY")
    same_currency = text(amount, "payer_currency", _CURRENCY, default=currency) == currency
    return Transaction(
        out_trade_no=order_number(fields),
        trade_state=word(fields, "trade_state"),
        transaction_id=text(fields, "transaction_id", _PLATFORM_NUMBER, default=""),
        total=whole(amount, "total"),
        currency=currency,
        payer_total=whole(amount, "payer_total") if same_currency else None,
        success_time=moment(fields, "success_time", _RFC3339, _zone),
        mchid=first(fields, ("mchid", "sp_mchid"), _PLATFORM_NUMBER),
        sub_mchid=text(fields, "sub_mchid", _PLATFORM_NUMBER, default=""),
        appid=first(fields, ("appid", "sp_appid"), _PLATFORM_NUMBER),
        openid=_openid(payer.get("openid") or payer.get("sp_openid")),
        sub_appid=text(fields, "sub_appid", _PLATFORM_NUMBER, default=""),
        sub_openid=_openid(payer.get("sub_openid")),
    )


def transaction_v2(fields: Mapping[str, str], trade_state: str) -> Transaction:
    """Read a transaction of API v2; a notice has no `trade_state`, so the caller says it."""
    currency = text(fields, "fee_type", _CURRENCY, default="CNY")
    same_currency = text(fields, "cash_fee_type", _CURRENCY, default=currency) == currency
    return Transaction(
        out_trade_no=order_number(fields),
        trade_state=trade_state,
        transaction_id=text(fields, "transaction_id", _PLATFORM_NUMBER, default=""),
        total=whole(fields, "total_fee", digits=True),
        currency=currency,
        payer_total=whole(fields, "cash_fee", digits=True) if same_currency else None,
        success_time=moment(fields, "time_end", _COMPACT, _BEIJING),
        mchid=text(fields, "mch_id", _PLATFORM_NUMBER, default=""),
        sub_mchid=text(fields, "sub_mch_id", _PLATFORM_NUMBER, default=""),
        appid=text(fields, "appid", _PLATFORM_NUMBER, default=""),
        openid=_openid(fields.get("openid")),
        sub_appid=text(fields, "sub_appid", _PLATFORM_NUMBER, default=""),
        sub_openid=_openid(fields.get("sub_openid")),
    )


def refund_v3(fields: Mapping[str, Any]) -> RefundNotice:
    """Read a refund of API v3: the resource of a notice (`refund_status`), or a query's answer (`status`)."""
    amount = mapping(fields, "amount")
    return RefundNotice(
        out_trade_no=order_number(fields),
        out_refund_no=text(fields, "out_refund_no", _REFUND_NUMBER),
        refund_status=word(fields, "refund_status" if "refund_status" in fields else "status"),
        refund=required(whole(amount, "refund"), "amount.refund"),
        total=required(whole(amount, "total"), "amount.total"),
        refund_id=text(fields, "refund_id", _PLATFORM_NUMBER, default=""),
        transaction_id=text(fields, "transaction_id", _PLATFORM_NUMBER, default=""),
        currency=text(amount, "currency", _CURRENCY, default="CNY"),
        success_time=moment(fields, "success_time", _RFC3339, _zone),
        mchid=first(fields, ("mchid", "sp_mchid"), _PLATFORM_NUMBER),
        sub_mchid=text(fields, "sub_mchid", _PLATFORM_NUMBER, default=""),
    )


def refund_v2(fields: Mapping[str, str]) -> RefundNotice:
    """Read the opened refund notice of API v2."""
    return RefundNotice(
        out_trade_no=order_number(fields),
        out_refund_no=text(fields, "out_refund_no", _REFUND_NUMBER),
        refund_status=word(fields, "refund_status"),
        refund=required(whole(fields, "refund_fee", digits=True), "refund_fee"),
        total=required(whole(fields, "total_fee", digits=True), "total_fee"),
        refund_id=text(fields, "refund_id", _PLATFORM_NUMBER, default=""),
        transaction_id=text(fields, "transaction_id", _PLATFORM_NUMBER, default=""),
        currency=text(fields, "refund_fee_type", _CURRENCY, default="CNY"),
        success_time=moment(fields, "success_time", _SPACED, _BEIJING),
        sub_mchid=text(fields, "sub_mch_id", _PLATFORM_NUMBER, default=""),
    )


def refunds_v2(fields: Mapping[str, str]) -> tuple[RefundNotice, ...]:
    """Read every refund in an answer of /pay/refundquery, whose fields are numbered from 0."""
    count = required(whole(fields, "refund_count", digits=True), "refund_count")
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


def _zone(match: re.Match[str]) -> timezone:
    sign, hours, minutes = match.groups()[6:]
    if not sign:
        return UTC
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    try:
        return timezone(-offset if sign == "-" else offset)
    except ValueError:
        raise MalformedError("a time has an impossible zone") from None

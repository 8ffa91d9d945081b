"""What Douyin says about a payment, a refund or a settlement, read strictly into typed values.

Unknown extra fields are Douyin's right and are ignored; a field that we use must be exactly what the documents promise.
Numbers come as JSON numbers or as decimal digits in text, so both are read.
"""

import re
from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Any

from countersign.fields import MAX_FREE_TEXT, free_text, mapping, mappings, moment, required, text, whole
from countersign.values import dataclass

ORDER_NUMBER = re.compile(r"[0-9A-Za-z_\-*]{1,64}")
_PLATFORM_NUMBER = re.compile(r"[0-9A-Za-z_-]{1,64}")
_WORD = re.compile(r"[A-Za-z0-9_.]{1,64}")
_SPACED = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")
_BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment; what an unpaid one lacks is empty or None."""

    out_order_no: str
    order_id: str
    status: str
    total: int | None = None  # fen of the order, before coupons
    discount: int = 0
    paid_at: int | None = None  # epoch seconds
    channel_no: str = ""  # WeChat's, Alipay's or Douyin Pay's own number
    message: str = ""


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund; the platform's order is all that some of them name."""

    refund_id: str
    status: str
    amount: int
    out_refund_no: str = ""
    order_id: str = ""
    out_order_no: str = ""
    at: int | None = None
    source: int = 2  # 1 the user, 2 the developer, 4 Douyin's support; others are the platform's rules
    message: str = ""
    audit_status: str = ""


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """The user asks for a refund; `deadline` is 0 where the platform decides alone."""

    refund_id: str
    order_id: str
    out_order_no: str
    amount: int
    deadline: int = 0
    reason: str = ""
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """One settlement."""

    settle_no: str
    status: str
    amount: int
    out_settle_no: str = ""
    order_id: str = ""
    out_order_no: str = ""
    rake: int | None = None  # the technical fee
    at: int | None = None
    message: str = ""


def ecpay_payment(fields: Mapping[str, Any]) -> Payment:
    """Read a payment callback of guaranteed payment."""
    return Payment(
        out_order_no=_text(fields, "cp_orderno", ORDER_NUMBER),
        order_id=_text(fields, "order_id", _PLATFORM_NUMBER),
        status=_text(fields, "status", _WORD),
        total=_whole(fields, "total_amount"),
        paid_at=_whole(fields, "paid_at"),
        channel_no=_text(fields, "channel_no", _PLATFORM_NUMBER, default=""),
        message=free_text(fields, "message"),
    )


def ecpay_order(answer: Mapping[str, Any]) -> Payment:
    """Read the answer of query_order."""
    info = mapping(answer, "payment_info")
    return Payment(
        out_order_no=_text(answer, "out_order_no", ORDER_NUMBER),
        order_id=_text(answer, "order_id", _PLATFORM_NUMBER, default=""),
        status=_text(info, "order_status", _WORD),
        total=_whole(info, "total_fee"),
        paid_at=moment(info, "pay_time", _SPACED, _BEIJING),
        channel_no=_text(info, "channel_no", _PLATFORM_NUMBER, default=""),
    )


def ecpay_refund(fields: Mapping[str, Any]) -> Refund:
    """Read a refund callback of guaranteed payment."""
    return Refund(
        refund_id=_text(fields, "refund_no", _PLATFORM_NUMBER, default=""),
        status=_text(fields, "status", _WORD),
        amount=required(_whole(fields, "refund_amount"), "refund_amount"),
        out_refund_no=_text(fields, "cp_refundno", ORDER_NUMBER),
        order_id=_text(fields, "order_id", _PLATFORM_NUMBER, default=""),
        at=_whole(fields, "refunded_at") or None,
        message=free_text(fields, "message"),
    )


def ecpay_refund_info(answer: Mapping[str, Any], out_refund_no: str) -> Refund:
    """Read the answer of query_refund, which names no order."""
    info = mapping(answer, "refundInfo")
    return Refund(
        refund_id=_text(info, "refund_no", _PLATFORM_NUMBER, default=""),
        status=_text(info, "refund_status", _WORD),
        amount=required(_whole(info, "refund_amount"), "refund_amount"),
        out_refund_no=out_refund_no,
        at=_whole(info, "refunded_at") or None,
        message=free_text(info, "msg"),
    )


def ecpay_settle(fields: Mapping[str, Any]) -> Settlement:
    """Read a settlement callback of guaranteed payment."""
    return Settlement(
        settle_no=_text(fields, "settle_no", _PLATFORM_NUMBER, default=""),
        status=_text(fields, "status", _WORD),
        amount=required(_whole(fields, "settle_amount"), "settle_amount"),
        out_settle_no=_text(fields, "cp_settle_no", ORDER_NUMBER, default=""),
        order_id=_text(fields, "order_id", _PLATFORM_NUMBER, default=""),
        out_order_no=_text(fields, "out_order_no", ORDER_NUMBER, default=""),
        rake=_whole(fields, "rake"),
        at=_whole(fields, "settled_at") or None,
        message=free_text(fields, "message"),
    )


def ecpay_platform_settlements(answer: Mapping[str, Any], out_order_no: str) -> tuple[Settlement, ...]:
    """Read what query_platform_order says about settlements, automatic ones among them."""
    order = mapping(answer, "platform_order")
    found = []
    for info in mappings(order, "settle_info_list"):
        parts = [required(_whole(part, "amount"), "amount") for part in mappings(info, "settle_param_list")]
        found.append(
            Settlement(
                settle_no=_text(info, "settle_no", _PLATFORM_NUMBER, default=""),
                status=_text(info, "settle_status", _WORD),
                amount=sum(parts),
                out_settle_no=_text(info, "out_settle_no", ORDER_NUMBER, default=""),
                out_order_no=out_order_no,
                rake=_whole(info, "service_charge"),
                at=_whole(info, "settled_at") or None,
            )
        )
    return tuple(found)


def trade_payment(fields: Mapping[str, Any]) -> Payment:
    """Read a payment callback of the trade system: a success or a cancellation."""
    return Payment(
        out_order_no=_text(fields, "out_order_no", ORDER_NUMBER),
        order_id=_text(fields, "order_id", _PLATFORM_NUMBER),
        status=_text(fields, "status", _WORD),
        total=_whole(fields, "total_amount"),
        discount=_whole(fields, "discount_amount") or 0,
        paid_at=_milliseconds(fields, "event_time"),
        channel_no=_text(fields, "channel_pay_id", _PLATFORM_NUMBER, default=""),
        message=free_text(fields, "message"),
    )


def trade_order(data: Mapping[str, Any]) -> Payment:
    """Read the answer of order_query."""
    return Payment(
        out_order_no=_text(data, "out_order_no", ORDER_NUMBER),
        order_id=_text(data, "order_id", _PLATFORM_NUMBER),
        status=_text(data, "pay_status", _WORD),
        total=_whole(data, "total_amount"),
        discount=_whole(data, "discount_amount") or 0,
        paid_at=_milliseconds(data, "pay_time"),
        channel_no=_text(data, "channel_pay_id", _PLATFORM_NUMBER, default=""),
    )


def trade_refund(fields: Mapping[str, Any]) -> Refund:
    """Read a refund callback of the trade system."""
    return Refund(
        refund_id=_text(fields, "refund_id", _PLATFORM_NUMBER),
        status=_text(fields, "status", _WORD),
        amount=required(_whole(fields, "refund_total_amount"), "refund_total_amount"),
        out_refund_no=_text(fields, "out_refund_no", ORDER_NUMBER, default=""),
        order_id=_text(fields, "order_id", _PLATFORM_NUMBER, default=""),
        at=_milliseconds(fields, "event_time"),
        source=_whole(fields, "refund_type") or 2,
        message=free_text(fields, "message"),
    )


def trade_refunds(data: Mapping[str, Any]) -> tuple[Refund, ...]:
    """Read the answer of refund_query."""
    return tuple(_trade_refund_row(row) for row in mappings(data, "refund_list"))


def _trade_refund_row(row: Mapping[str, Any]) -> Refund:
    audit = mapping(row, "merchant_audit_detail")
    return Refund(
        refund_id=_text(row, "refund_id", _PLATFORM_NUMBER),
        status=_text(row, "refund_status", _WORD),
        amount=required(_whole(row, "refund_total_amount"), "refund_total_amount"),
        out_refund_no=_text(row, "out_refund_no", ORDER_NUMBER, default=""),
        order_id=_text(row, "order_id", _PLATFORM_NUMBER, default=""),
        at=_milliseconds(row, "refund_at"),
        source=_whole(row, "refund_source") or 2,
        message=free_text(row, "message"),
        audit_status=_text(audit, "audit_status", _WORD, default=""),
    )


def trade_refund_request(fields: Mapping[str, Any]) -> RefundRequest:
    """Read `pre_create_refund`."""
    needed = _whole(fields, "need_refund_audit") != 2
    deadline = _milliseconds(fields, "refund_audit_deadline") or 0
    reasons = fields.get("refund_reason")
    words = [_reason(entry) for entry in (reasons if isinstance(reasons, list) else [reasons])]
    return RefundRequest(
        refund_id=_text(fields, "refund_id", _PLATFORM_NUMBER),
        order_id=_text(fields, "order_id", _PLATFORM_NUMBER),
        out_order_no=_text(fields, "out_order_no", ORDER_NUMBER, default=""),
        amount=required(_whole(fields, "refund_total_amount"), "refund_total_amount"),
        deadline=deadline if needed else 0,
        reason="; ".join(filter(None, [*words, free_text(fields, "refund_description")]))[:MAX_FREE_TEXT],
        at=_milliseconds(fields, "create_refund_time"),
    )


def _reason(entry: object) -> str:
    """Return the words of a reason that the user chose: it comes as text, or as `{code, text}`."""
    return free_text(entry if isinstance(entry, Mapping) else {"text": entry}, "text")


def trade_settle(fields: Mapping[str, Any]) -> Settlement:
    """Read a settlement callback of the trade system, or a row of settle_query's answer."""
    return Settlement(
        settle_no=_text(fields, "settle_id", _PLATFORM_NUMBER),
        status=_text(fields, "status" if "status" in fields else "settle_status", _WORD),
        amount=required(_whole(fields, "settle_amount"), "settle_amount"),
        out_settle_no=_text(fields, "out_settle_no", ORDER_NUMBER, default=""),
        order_id=_text(fields, "order_id", _PLATFORM_NUMBER, default=""),
        rake=_whole(fields, "rake"),
        at=_milliseconds(fields, "event_time" if "event_time" in fields else "settle_at"),
        message=free_text(fields, "message"),
    )


def word(fields: Mapping[str, Any], name: str) -> str:
    """Return one of Douyin's words, known or not."""
    return _text(fields, name, _WORD)


def platform_number(fields: Mapping[str, Any], name: str) -> str:
    """Return one of Douyin's own numbers."""
    return _text(fields, name, _PLATFORM_NUMBER)


def _text(fields: Mapping[str, Any], name: str, pattern: re.Pattern[str], *, default: str | None = None) -> str:
    return text(fields, name, pattern, default=default, numbers=True)


def _whole(fields: Mapping[str, Any], name: str) -> int | None:
    return whole(fields, name, digits=True)


def _milliseconds(fields: Mapping[str, Any], name: str) -> int | None:
    """Return epoch seconds of a time in milliseconds."""
    value = _whole(fields, name)
    return value // 1000 if value else None

"""HC1's messages as typed values, read strictly: the contract is ours, so what breaks it is refused."""

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from countersign import fields as read
from countersign.errors import MalformedError, TenantMismatchError
from countersign.money import CURRENCIES, MAX_MINOR, Money
from countersign.values import dataclass

REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as the cashier has it; `version` grows with every change of it."""

    payment_id: str
    reference: str
    status: str
    amount: Money
    paid: Money
    refunded: Money
    version: int
    paid_at: int | None = None
    failure_code: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """What a cashier tells: `event_id` stays the same when it is repeated."""

    event_id: str
    event_type: str
    created_at: int
    payment: Payment


@dataclass(frozen=True, slots=True)
class RefundAnswer:
    """A refund as the cashier has it."""

    refund_id: str
    reference: str
    status: str
    amount: Money


def read_notification(content: Mapping[str, Any], merchant_id: str) -> Notification:
    """Read a notification; raises TenantMismatchError where it names another merchant than the one it is signed for."""
    if content.get("merchant_id") != merchant_id:
        raise TenantMismatchError("the notification names another merchant")
    data = content.get("data")
    if not isinstance(data, dict):
        raise MalformedError("data is missing")
    return Notification(
        read.text(content, "event_id", _ID),
        read.text(content, "event_type", _WORD),
        read.required(_moment(content, "created_at"), "created_at"),
        read_payment(data),
    )


def read_payment(data: Mapping[str, Any]) -> Payment:
    """Read what a query answers and a notification carries."""
    amount = read_money(data, "amount")
    version = read.required(read.whole(data, "version"), "version")
    return Payment(
        payment_id=read.text(data, "payment_id", _ID),
        reference=read.text(data, "merchant_payment_id", REFERENCE),
        status=read.text(data, "status", _WORD),
        amount=amount,
        paid=read_money(data, "paid_amount", absent=Money(0, amount.currency)),
        refunded=read_money(data, "refunded_amount", absent=Money(0, amount.currency)),
        version=version,
        paid_at=_moment(data, "paid_at"),
        failure_code=read.text(data, "failure_code", _WORD, default=""),
    )


def read_refund(data: Mapping[str, Any]) -> RefundAnswer:
    """Read what the cashier says about one refund."""
    return RefundAnswer(
        read.text(data, "refund_id", _ID),
        read.text(data, "merchant_refund_id", REFERENCE),
        read.text(data, "status", _WORD),
        read_money(data, "amount"),
    )


def read_money(data: Mapping[str, Any], name: str, *, absent: Money | None = None) -> Money:
    """Read an amount: an integer of minor units and a circulating currency of ISO 4217."""
    value = data.get(name)
    if value is None and absent is not None:
        return absent
    if not isinstance(value, dict):
        raise MalformedError(f"{name} is not an amount")
    minor, currency = value.get("value"), value.get("currency")
    if type(minor) is not int or not 0 <= minor <= MAX_MINOR:  # a bool is an int too
        raise MalformedError(f"{name}.value is not an integer of minor units")
    if not isinstance(currency, str) or currency not in CURRENCIES:
        raise MalformedError(f"{name}.currency is not a currency of ISO 4217")
    return Money(minor, currency)


def reference_of(content: Mapping[str, Any]) -> str:
    """Return our reference where a notification that cannot be read names one, else nothing."""
    data = content.get("data")
    found = data.get("merchant_payment_id") if isinstance(data, dict) else None
    return found if isinstance(found, str) and REFERENCE.fullmatch(found) else ""


def _moment(fields: Mapping[str, Any], name: str) -> int | None:
    return read.moment(fields, name, _TIME, UTC)

"""A charge as both versions of Recharge's API tell it, read into one form.

Which version a body has is seen in the body: a webhook keeps the shape of the token that it was registered with, and an
answer that of the version that was asked for, whatever the account document says. Only the id must be there; what is
there must be readable, since the amount, the state and the number of attempts are what everything else stands on.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from countersign.errors import MalformedError
from countersign.fields import epoch, mapping, mappings
from countersign.values import dataclass

MAX_NOTE = 2000
MAX_TEXT = 255
MAX_ITEMS = 50
_ID = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)
_NUMBER = re.compile(r"[0-9A-Za-z_.:/-]{1,128}", re.ASCII)
_WORD = re.compile(r"[0-9A-Za-z_. -]{1,64}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,4})?", re.ASCII)
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ].*)?", re.ASCII)
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?",
    re.ASCII,
)
# What one version has and the other never: the first that is there tells.
_MARKS = {
    "2021-11": ("customer", "charge_attempts", "external_order_id", "external_transaction_id", "payment_processor"),
    "2021-01": ("customer_id", "number_times_tried", "shopify_order_id", "last_charge_attempt_date", "note_attributes"),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One line of what is charged for."""

    title: str = ""
    variant_title: str = ""
    sku: str = ""
    quantity: int = 1
    subscription_id: str = ""


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge; times are epoch seconds, money is the platform's decimal text in major units.

    `customer_id` is Recharge's own number of the customer, `shop_customer_id` and `external_order_id` are the shop's
    numbers; empty where Recharge has none (yet), or where this version of its API does not tell them.
    """

    id: str
    version: str  # of the API whose shape the body has; empty where it has too little to tell
    status: str = ""  # in lower case
    type: str = ""
    amount: str = ""
    currency: str = ""
    refunds: str = ""
    created_at: int | None = None
    updated_at: int | None = None
    processed_at: int | None = None
    scheduled_at: str = ""  # a day
    attempts: int | None = None
    last_attempt_at: int | None = None
    retry_at: int | None = None
    error: str = ""
    error_type: str = ""
    note: str | None = None
    customer_id: str = ""
    shop_customer_id: str = ""
    external_order_id: str = ""
    transaction_id: str = ""
    email: str = ""
    portal_hash: str = ""
    items: tuple[Item, ...] = ()
    updated_text: str = ""  # `updated_at` as Recharge wrote it: what bounds of the next list are made of


def read_charge(fields: Mapping[str, Any], zone: tzinfo = UTC) -> Charge:
    """Return a charge; MalformedError names the field that is not what it must be, never its value.

    `zone` is that of times that name none.
    """
    # https://developer.rechargepayments.com/2021-11/charges/charge_object
    # https://developer.rechargepayments.com/2021-01/charges/charge_object
    customer = mapping(fields, "customer")
    return Charge(
        id=_id(fields, "id", required=True),
        version=shape(fields),
        status=_word(fields, "status").lower(),
        type=_word(fields, "type").lower(),
        amount=_amount(fields, "total_price"),
        currency=_matching(fields, "currency", _CURRENCY),
        refunds=_amount(fields, "total_refunds"),
        created_at=moment(fields, "created_at", zone),
        updated_at=moment(fields, "updated_at", zone),
        processed_at=moment(fields, "processed_at", zone),
        scheduled_at=_day(fields, "scheduled_at"),
        attempts=_first(_count(fields, "charge_attempts"), _count(fields, "number_times_tried")),
        last_attempt_at=_first(
            moment(fields, "last_charge_attempt", zone), moment(fields, "last_charge_attempt_date", zone)
        ),
        retry_at=moment(fields, "retry_date", zone),
        error=_text(fields, "error"),
        error_type=_text(fields, "error_type"),
        note=_note(fields),
        customer_id=_id(customer, "id") or _id(fields, "customer_id"),
        shop_customer_id=_ecommerce(customer, "external_customer_id") or _id(fields, "shopify_customer_id"),
        external_order_id=_ecommerce(fields, "external_order_id") or _id(fields, "shopify_order_id"),
        transaction_id=_transaction(fields),
        email=_text(customer, "email") or _text(fields, "email"),
        portal_hash=_text(customer, "hash") or _text(fields, "customer_hash"),
        items=tuple(_item(line) for line in mappings(fields, "line_items")[:MAX_ITEMS]),
        updated_text=_text(fields, "updated_at"),
    )


def shape(fields: Mapping[str, Any]) -> str:
    """Return the version of the API whose shape a charge has; empty where it has too little to tell."""
    return next((version for version, marks in _MARKS.items() if any(mark in fields for mark in marks)), "")


def shop_customer_of(fields: Mapping[str, Any]) -> tuple[str, str]:
    """Return a customer's numbers, Recharge's and the shop's, from either version; an empty one where there is none."""
    # https://developer.rechargepayments.com/2021-11/customers/customer_object
    return _id(fields, "id", required=True), (
        _ecommerce(fields, "external_customer_id") or _id(fields, "shopify_customer_id")
    )


def moment(fields: Mapping[str, Any], name: str, zone: tzinfo) -> int | None:
    """Return epoch seconds; None where the time is absent.

    Recharge writes times without their zone, with `+00:00` or `Z`, with `T` or a blank, and days alone. All are
    compared as moments; one without a zone is in `zone`, which is UTC unless the account says otherwise. No page says
    which it is, so whatever depends on the difference to our own clock overlaps by a day.
    """
    value = _text(fields, name)
    if not value:
        return None
    if not _MOMENT.fullmatch(value):
        raise MalformedError(f"{name} is not a time")
    try:
        found = datetime.fromisoformat(value)
        return epoch(found if found.tzinfo else found.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        raise MalformedError(f"{name} is not a time") from None


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedError(f"{name} is not text")
    return value[:MAX_TEXT]


def _note(fields: Mapping[str, Any]) -> str | None:
    value = fields.get("note")
    if value is not None and not isinstance(value, str):
        raise MalformedError("note is not text")
    return value[:MAX_NOTE] if value is not None else None


def _matching(fields: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = _text(fields, name)
    if value and not pattern.fullmatch(value):
        raise MalformedError(f"{name} is not what the platform promises")
    return value


def _word(fields: Mapping[str, Any], name: str) -> str:
    return _matching(fields, name, _WORD)


def _id(fields: Mapping[str, Any], name: str, *, required: bool = False) -> str:
    """Return an id as its digits: Recharge writes numbers, and the shop's ids as numbers or as text."""
    value = fields.get(name)
    if value is None or value == "":
        if required:
            raise MalformedError(f"{name} is missing")
        return ""
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise MalformedError(f"{name} is not an id")
    return text


def _ecommerce(fields: Mapping[str, Any], name: str) -> str:
    return _id(mapping(fields, name), "ecommerce")


def _transaction(fields: Mapping[str, Any]) -> str:
    external = mapping(fields, "external_transaction_id")
    for place, name in ((external, "payment_processor"), (fields, "transaction_id")):
        value = place.get(name)
        text = str(value) if type(value) is int else value
        if text is None or text == "":
            continue
        if not isinstance(text, str) or not _NUMBER.fullmatch(text):
            raise MalformedError(f"{name} is not a number of a payment")
        return text
    return ""


def _amount(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None or value == "":
        return ""
    text = str(value) if type(value) is int else value  # a fraction as a JSON number has lost what was written
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text):
        raise MalformedError(f"{name} is not a decimal amount")
    return text


def _count(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= 10_000:
        raise MalformedError(f"{name} is not a count")
    return value


def _day(fields: Mapping[str, Any], name: str) -> str:
    value = _text(fields, name)
    match = _DAY.fullmatch(value)
    if value and match is None:
        raise MalformedError(f"{name} is not a day")
    return match[1] if match else ""


def _item(line: Mapping[str, Any]) -> Item:
    is_subscription = line.get("purchase_item_type", "subscription") == "subscription"
    return Item(
        title=_text(line, "title"),
        variant_title=_text(line, "variant_title"),
        sku=_text(line, "sku"),
        quantity=_first(_count(line, "quantity"), 1) or 0,
        subscription_id=_id(line, "subscription_id") or (_id(line, "purchase_item_id") if is_subscription else ""),
    )

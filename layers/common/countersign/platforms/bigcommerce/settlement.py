"""What an order of the store comes to, and what is written to it once a cashier took the money; pure."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from countersign.errors import MalformedError
from countersign.money import CURRENCIES, Money, exponent
from countersign.orders.state import Order

# https://developer.bigcommerce.com/docs/rest-management/orders/order-status
INCOMPLETE, PENDING, AWAITING_PAYMENT = 0, 1, 7
COMPLETED, AWAITING_FULFILLMENT = 10, 11
_WAITS = frozenset({INCOMPLETE, PENDING, AWAITING_PAYMENT})
_CLOSED = frozenset({4, 5, 6, 14})  # refunded, cancelled, declined, partially refunded
_LOOKED_AT = frozenset({12, 13})  # manual verification, disputed
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,12})(?:\.([0-9]{1,8}))?", re.ASCII)


class Step(NamedTuple):
    """What follows: the status to write (none where nothing is), the attempt's state, and what rings."""

    put: int | None
    state: str  # PENDING, PAID, PAID_NEEDS_REFUND, REVIEW, FAILED, EXPIRED, REFUNDED or PARTIALLY_REFUNDED
    alert: str = ""


def due(order: Mapping[str, Any]) -> Money:
    """Return what the shopper still has to pay, in the currency that is charged; raises MalformedError.

    `default_currency_code` is the transactional one in spite of its name; amounts are decimal text, never rounded.
    """
    currency = order.get("default_currency_code")
    if not isinstance(currency, str) or currency not in CURRENCIES:
        raise MalformedError("currency_not_supported")
    total = order.get("total_inc_tax")
    if total is None or total == "":  # where nothing is said, that nothing is due would be a guess
        raise MalformedError("total_inc_tax is missing")
    minor = _minor(order, "total_inc_tax", currency)
    for name in ("store_credit_amount", "gift_certificate_amount"):
        minor -= _minor(order, name, currency)
    return Money(max(0, minor), currency)


def _minor(order: Mapping[str, Any], name: str, currency: str) -> int:
    value = order.get(name)
    match = _DECIMAL.fullmatch("0" if value in (None, "") else str(value))
    if match is None:
        raise MalformedError(f"{name} is not a decimal")
    digits, fraction = exponent(currency), match[2] or ""
    if fraction[digits:].strip("0"):
        raise MalformedError("amount_not_representable")
    return int(match[1] + fraction[:digits].ljust(digits, "0"))


def step(attempt: Order, status_id: int, *, is_digital: bool) -> Step:
    """Return what an attempt's state has written to an order of the store that has `status_id` now.

    The order is read just before: what is right already is not written again, and nothing is ever taken back.
    """
    if attempt.payment is None:
        if attempt.status == "review":
            return Step(None, "REVIEW", "amount_mismatch")
        return Step(None, {"failed": "FAILED", "closed": "EXPIRED"}.get(attempt.status, "PENDING"))
    if attempt.refunded:
        return Step(None, attempt.status.upper())
    if status_id in _CLOSED:
        return Step(None, "PAID_NEEDS_REFUND", "paid_after_close")
    if status_id in _LOOKED_AT:
        return Step(None, "PAID", "manual_review")
    if status_id in _WAITS:
        return Step(COMPLETED if is_digital else AWAITING_FULFILLMENT, "PAID")
    return Step(None, "PAID")

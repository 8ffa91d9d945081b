"""Money as a person writes and reads it; inside and on the wire it is whole minor units."""

from __future__ import annotations

from typing import Any

from countersign.errors import MalformedError
from countersign.money import Money, from_decimal
from countersign_cli.exits import USAGE, StopError

SIGNS = {"CNY": "¥"}


def shown(amount: dict[str, Any] | None, *, for_people: bool = True) -> str:
    """Return `¥88.00` or `88.00 USD`, to a program always the latter; nothing where there is no amount."""
    if not amount:
        return ""
    plain = str(Money(amount["minor"], amount["currency"]))
    number, _, currency = plain.partition(" ")
    return f"{SIGNS[currency]}{number}" if currency in SIGNS and for_people else plain


def written(text: str, currency: str) -> dict[str, Any]:
    """Read what a person wrote (`30`, `30.00`); more decimals than the currency has are refused, never rounded."""
    try:
        return dict(from_decimal(text, currency).to_json())
    except MalformedError as error:
        raise StopError(USAGE, "bad_amount", text=text, why=str(error)) from None

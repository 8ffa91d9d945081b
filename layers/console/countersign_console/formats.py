"""Money and time as people read them."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from countersign.money import exponent, from_decimal

ZONES = ("Asia/Shanghai", "UTC", "America/Los_Angeles", "America/New_York", "Europe/Berlin", "Europe/London")
_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z", re.ASCII)
MINUTE, HOUR, DAY = 60, 3600, 86400
SIGNS = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£"}


def money(amount: Mapping[str, Any] | None, *, minus: bool = False) -> str:
    """Return an amount of the contract with its currency's sign, `—` where there is none."""
    if amount is None:
        return "—"
    digits, currency = exponent(str(amount["currency"])), str(amount["currency"])
    before = "−" if minus and amount["minor"] else ""
    return f"{before}{SIGNS.get(currency, f'{currency} ')}{_grouped(int(amount['minor']), digits)}"


def plain(amount: Mapping[str, Any]) -> str:
    """Return an amount as somebody types it: `88.00`."""
    return _grouped(int(amount["minor"]), exponent(str(amount["currency"])), separator="")


def typed(text: str, currency: str) -> dict[str, Any]:
    """Read an amount as people type it (`1,234.50`, `¥ 30`); raises MalformedError."""
    bare = text.replace(",", "").replace("，", "").strip().lstrip("¥￥$€£").strip()
    whole, point, fraction = bare.partition(".")
    whole = whole.lstrip("0") or "0" if whole.isascii() and bare else whole
    return dict(from_decimal(f"{whole}.{fraction}" if point and fraction else whole, currency).to_json())


def _grouped(minor: int, digits: int, separator: str = ",") -> str:
    text = str(abs(minor)).rjust(digits + 1, "0")
    whole, fraction = (text[:-digits], f".{text[-digits:]}") if digits else (text, "")
    return f"{int(whole):{separator}}{fraction}" if separator else f"{int(whole)}{fraction}"


@cache
def zone(name: str) -> Any:
    """Return a time zone; an unknown one is Beijing's, in which the platforms count."""
    try:
        return ZoneInfo(name if name in ZONES else ZONES[0])
    except ZoneInfoNotFoundError:
        return UTC


def moment(stamp: str) -> datetime:
    """Return a time of the contract (`2026-11-30T01:02:03Z`)."""
    return datetime.fromisoformat(stamp)


def at(stamp: str | None, zone_name: str, now: int, *, seconds: bool = False) -> str:
    """Return a time of day where it is today's, else with its day, and with its year where it is another."""
    if not stamp:
        return "—"
    where = zone(zone_name)
    then, today = moment(stamp).astimezone(where), datetime.fromtimestamp(now, where)
    clock = f"{then:%H:%M:%S}" if seconds else f"{then:%H:%M}"
    if then.date() == today.date():
        return clock
    return f"{then:%m-%d} {clock}" if then.year == today.year else f"{then:%Y-%m-%d} {clock}"


def ago(stamp: str | None, now: int) -> tuple[str, int]:
    """Return how long ago something was, as a word of `base.ago` and a number."""
    if not stamp:
        return "never", 0
    seconds = max(0, now - int(moment(stamp).timestamp()))
    for word, length in (("days", 2 * DAY), ("hours", 2 * HOUR), ("minutes", 2 * MINUTE)):
        if seconds >= length:
            return word, seconds // (length // 2)
    return "now", 0


def day(now: int, zone_name: str) -> str:
    """Return the day that it is in a time zone: `2026-11-30`."""
    return f"{datetime.fromtimestamp(now, zone(zone_name)):%Y-%m-%d}"


def local(text: str, zone_name: str, now: int) -> str:
    """Return one of the API's sentences with its times as the reader's clock has them."""
    return _STAMP.sub(lambda found: at(found[0], zone_name, now, seconds=True), text)

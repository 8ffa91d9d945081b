"""Times as people say them. Days are of UTC+8, as everywhere in the API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from countersign_cli.exits import USAGE, StopError

ZONE = "UTC+8"
BEIJING = timezone(timedelta(hours=8))
_AGO = re.compile(r"([1-9][0-9]{0,4})([smhd])", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def since(text: str, now: float) -> float:
    """Return the time that `2h`, `30m`, `3d`, `today`, `yesterday`, a day or a moment of ISO 8601 means."""
    if found := _AGO.fullmatch(text):
        return now - int(found[1]) * _UNITS[found[2]]
    today = datetime.fromtimestamp(now, BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)
    if text in ("today", "yesterday"):
        return (today - timedelta(days=text == "yesterday")).timestamp()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise StopError(USAGE, "bad_time", text=text) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=BEIJING)).timestamp()


def day(at: float) -> str:
    """Return the day of UTC+8."""
    return datetime.fromtimestamp(at, BEIJING).strftime("%Y-%m-%d")


def parsed(text: str | None) -> float | None:
    """Return the epoch seconds of a time of the API (`2026-11-30T01:06:47Z`)."""
    return datetime.fromisoformat(text).timestamp() if text else None


def clock(text: str | None, *, now: float) -> str:
    """Return a time of the API as a clock shows it: without the day where that is today."""
    at = parsed(text)
    if at is None:
        return ""
    moment = datetime.fromtimestamp(at, BEIJING)
    return moment.strftime("%H:%M:%S" if day(at) == day(now) else "%Y-%m-%d %H:%M:%S")


def iso(at: float) -> str:
    """Return a moment as the API writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def lasting(seconds: float) -> str:
    """Return how long something takes, in the largest unit that fits."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"

"""Typed readers of one field of a platform's message or answer; MalformedError names the field, never its value.

Absent means missing, null or an empty text: platforms write all three for what they do not say. Each platform's
`messages` module adds what only it has: its patterns, its words and its forms of time.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from countersign.errors import MalformedError
from countersign.money import MAX_MINOR

MAX_FREE_TEXT = 512
MAX_SAID = 80
# The years 1 to 9998: in others, and a zone or some days away from them, nobody can write a time any more.
FIRST_MOMENT, LAST_MOMENT = -62_135_596_800, 253_370_764_800
_DIGITS = re.compile(r"0|[1-9][0-9]{0,15}")
# An id, a card number, a token: what a platform's sentence may quote and nobody needs to read again.
_QUOTED = re.compile(r"[0-9A-Za-z_+/=-]{12,}")


def text(
    fields: Mapping[str, Any], name: str, pattern: re.Pattern[str], *, default: str | None = None, numbers: bool = False
) -> str:
    """Return a field that matches `pattern` as a whole; where it is absent the default, else MalformedError.

    With `numbers`, a JSON integer is read as its digits.
    """
    value = fields.get(name)
    if value is None or value == "":
        if default is None:
            raise MalformedError(f"{name} is missing")
        return default
    if numbers and type(value) is int:
        value = str(value)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise MalformedError(f"{name} is not what the platform promises")
    return value


def first(fields: Mapping[str, Any], names: tuple[str, ...], pattern: re.Pattern[str], *, numbers: bool = False) -> str:
    """Return the first of several fields that is not absent; empty where all are."""
    found = [text(fields, name, pattern, default="", numbers=numbers) for name in names]
    return next(filter(None, found), "")


def free_text(fields: Mapping[str, Any], name: str) -> str:
    """Return a text for people, on one line and bounded; empty where there is none."""
    value = fields.get(name)
    return " ".join(value.split())[:MAX_FREE_TEXT] if isinstance(value, str) else ""


def whole(fields: Mapping[str, Any], name: str, *, digits: bool = False) -> int | None:
    """Return a whole number from 0 to MAX_MINOR, None where it is absent; with `digits`, decimal digits are one too."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if digits and isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if type(value) is not int or not 0 <= value <= MAX_MINOR:  # a bool is an int too
        raise MalformedError(f"{name} is not a whole number")
    return value


def required(value: int | None, name: str) -> int:
    """Return a number that must be there."""
    if value is None:
        raise MalformedError(f"{name} is missing")
    return value


def mapping(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object; an empty one where it is absent."""
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedError(f"{name} is not an object")
    return value


def mappings(fields: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return a list of objects; an empty one where it is absent."""
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise MalformedError(f"{name} is not a list of objects")
    return value


def moment(
    fields: Mapping[str, Any], name: str, pattern: re.Pattern[str], zone: tzinfo | Callable[[re.Match[str]], tzinfo]
) -> int | None:
    """Return epoch seconds, None where the time is absent; the pattern's first six groups are year to second."""
    match = pattern.fullmatch(text(fields, name, pattern, default=""))
    if match is None:  # absent: anything else was refused
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    leap = second == 60  # RFC 3339 has it, datetime does not
    own_zone = zone if isinstance(zone, tzinfo) else zone(match)
    try:
        return epoch(datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=own_zone)) + leap
    except (ValueError, OverflowError):
        raise MalformedError(f"{name} is not a time") from None


def epoch(at: datetime) -> int:
    """Return a time as epoch seconds; OverflowError where it, or one soon after, cannot be written again."""
    seconds = int(at.timestamp())
    if not FIRST_MOMENT <= seconds < LAST_MOMENT:
        raise OverflowError
    return seconds


def said(words: object) -> str:
    """Return what a platform says went wrong, for the person who reads it: a hint that nothing branches on.

    One line, bounded, without control characters and without anything that looks like an id or a secret.
    """
    if not isinstance(words, str):
        return ""
    line = "".join(char if char.isprintable() else " " for char in words)
    return _QUOTED.sub("…", " ".join(line.split()))[:MAX_SAID]

"""A receipt as lines of a fixed width, before any printer's tags."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

ELLIPSIS = "…"
# What printers take for commands, and what is no character on paper.
_COMMANDS = str.maketrans({"<": "＜", ">": "＞"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class Line(NamedTuple):
    """One line; a title is printed twice as large, and of a receipt that is too long the items go first."""

    text: str
    is_title: bool = False
    is_item: bool = False


def plain(text: str) -> str:
    """Return what somebody wrote as text that no printer takes for a command."""
    return _CONTROL.sub(" ", text).translate(_COMMANDS)


def width(text: str) -> int:
    """Return how many half-width characters a text takes: a Chinese character takes two."""
    # "A" is ambiguous (…, ①, ×): the printers' fonts are Chinese, where these are wide.
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WFA" else 1
        for character in text
    )


def wrap(text: str, columns: int) -> list[str]:
    """Break a text where the line is full: Chinese has no spaces to wait for."""
    rows, row, taken = [], "", 0
    for character in text:
        size = width(character)
        if taken + size > columns:
            rows.append(row)
            row, taken = "", 0
        row, taken = row + character, taken + size
    return [*rows, row]


def spread(left: str, right: str, columns: int) -> list[str]:
    """Put one text at the left and one at the right end; below each other where both do not fit."""
    rows = wrap(left, columns)
    if width(rows[-1]) + 1 + width(right) > columns:
        rows.append("")
    room = columns - width(rows[-1])
    if width(right) > room:
        return [*rows[:-1], *wrap(right, columns)]
    rows[-1] += " " * (room - width(right)) + right
    return rows


def fit(lines: Sequence[Line], write: Callable[[Sequence[Line]], str], limit: int) -> str:
    """Write a receipt in at most `limit` bytes: whole lines go, the last items first, and a line says so."""
    kept = list(lines)
    cut_at: int | None = None
    while len(written := write(_marked(kept, cut_at)).encode()) > limit:
        items = [place for place, line in enumerate(kept) if line.is_item]
        # Without any item left, the end goes: the number of the order stands above it.
        cut_at = items[-1] if items else len(kept) - 1
        del kept[cut_at]
    return written.decode()


def _marked(lines: Sequence[Line], cut_at: int | None) -> Sequence[Line]:
    return lines if cut_at is None else [*lines[:cut_at], Line(ELLIPSIS), *lines[cut_at:]]

"""The file of a bulk operation, line by line: each order with its lines behind it, and what was read so far.

Nothing of the file is held but one order and the beginning of its lines, so a file of any size takes the same memory.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from countersign.errors import PlatformUnavailableError
from countersign.platforms.shopify.messages import MAX_LINES

MAX_LINE = 1024 * 1024  # bytes of one line: an order without its lines is a few thousand
PARENT = "__parentId"


class Root(NamedTuple):
    """One order of the file, in the shape of the API's answers; `lines` of the file lie behind it."""

    node: Mapping[str, Any]
    lines: int


def roots(pieces: Iterable[bytes], *, whole: bool = True) -> Iterator[Root]:
    """Yield the orders of a file that comes in pieces; each is followed by its own lines, as they were asked for.

    Of a file that is not `whole` the last order is left out, for some of its lines may not be there.

    Raises PlatformUnavailableError where a line is not whole, or stands before or apart from the order it belongs to:
    an order is never taken without its lines.
    """
    # https://shopify.dev/docs/api/usage/bulk-operations/queries#the-jsonl-data-format
    root: dict[str, Any] | None = None
    number = 0
    for number, line in enumerate(_lines(pieces), 1):
        parent = line.pop(PARENT, None)
        if parent is None:
            if root is not None:
                yield Root(root, number - 1)
            root = {**line, "lineItems": {"nodes": []}}
        elif root is None or parent != root.get("id"):
            raise PlatformUnavailableError("the bulk operation's file has a line apart from its order")
        elif len(root["lineItems"]["nodes"]) < MAX_LINES:
            root["lineItems"]["nodes"].append(line)
    if root is not None and whole:
        yield Root(root, number)


def _lines(pieces: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from map(_line, filter(None, whole))
        if len(rest) > MAX_LINE:
            raise PlatformUnavailableError("the bulk operation's file has a line without an end")
    if rest:
        yield _line(rest)


def _line(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise PlatformUnavailableError("the bulk operation's file broke off, or is none") from None
    if not isinstance(found, dict):
        raise PlatformUnavailableError("the bulk operation's file has a line that is no object")
    return found

"""Cursors: where the next page of a list begins, as callers hand it back."""

import base64
import binascii
import json

from countersign.errors import MalformedError
from countersign.http import read_json

Place = tuple[int, str]
LATEST = 2**53  # of a time in seconds or milliseconds; a longer number would reach DynamoDB, which refuses it
_LONGEST = 4096


def write_cursor(place: Place) -> str:
    """Return a place as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def read_cursor(cursor: str) -> Place:
    """Return the place behind a cursor, the beginning for an empty one; raises MalformedError for any other text."""
    if not cursor:
        return (0, "")
    try:
        # The alphabet is checked: characters outside it would be skipped, and two cursors would mean one place.
        place = read_json(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, MalformedError):
        raise MalformedError("the cursor is not one of ours") from None
    match place:
        case [int() as at, str() as name] if not isinstance(at, bool) and 0 <= at <= LATEST and len(name) <= _LONGEST:
            return (at, name)
    raise MalformedError("the cursor is not one of ours")

"""Tells whether a signed time is near enough to now."""

from countersign.errors import InvalidSignatureError, StaleTimestampError


def check(text: str, *, now: int, back: int, ahead: int) -> int:
    """Return the time that `text` gives in epoch seconds; it must lie within the window around `now`.

    Only ten ASCII digits are a time: a reader that also takes `+1`, ` 1`, `1e9` or `nan` lets the signed text vary.
    """
    if len(text) != 10 or not (text.isascii() and text.isdigit()):
        raise InvalidSignatureError("the timestamp is missing or not ten digits")
    signed_at = int(text)
    if signed_at < now - back:
        raise StaleTimestampError("signed too long ago")
    if signed_at > now + ahead:
        raise StaleTimestampError("signed in the future")
    return signed_at

"""Base64 of which only one text is right for any bytes."""

import binascii

from countersign.errors import MalformedError


def from_base64(text: str) -> bytes:
    """Decode canonical base64: no space, no junk, full padding, no stray bits. Anything else is MalformedError."""
    try:
        data = binascii.a2b_base64(text)
    except ValueError:  # binascii.Error, or text outside ASCII
        raise MalformedError("not base64") from None
    # The decoder is lenient; encoding again is what makes the accepted text unique.
    if binascii.b2a_base64(data, newline=False).decode() != text:
        raise MalformedError("not canonical base64")
    return data


def to_base64(data: bytes) -> str:
    """Encode without line breaks."""
    return binascii.b2a_base64(data, newline=False).decode()

"""Base64, read strictly."""

import binascii

from countersign.errors import MalformedError


def from_base64(text: str) -> bytes:
    """Decode base64 without space or junk and with its full padding; anything else is MalformedError."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:  # binascii.Error, or text outside ASCII
        raise MalformedError("not base64") from None
    if len(text) != (len(data) + 2) // 3 * 4:  # Python 3.11 lets padding that is too long pass
        raise MalformedError("not base64")
    return data


def from_canonical_base64(text: str) -> bytes:
    """Decode base64 so that only one text is right for any bytes: a signature must not have a second spelling."""
    data = from_base64(text)
    if text[-1:] == "=" and not text.endswith(to_base64(data[len(data) // 3 * 3 :])):
        # The last letter holds bits after the last byte, which decoders ignore.
        raise MalformedError("not canonical base64")
    return data


def to_base64(data: bytes) -> str:
    """Encode without line breaks."""
    return binascii.b2a_base64(data, newline=False).decode()

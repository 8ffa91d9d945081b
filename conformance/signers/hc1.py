"""HC1: HMAC over lines and the body's digest; a nonce is good for one request."""

from __future__ import annotations

import hashlib
import hmac


def signed(secret: str, *lines: str, body: bytes) -> str:
    """Return the signature over lines and the body's digest."""
    text = "\n".join([*lines, hashlib.sha256(body).hexdigest()])
    return "v1=" + hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()


def headers(key: tuple[str, str], first: list[str], body: bytes, now: int, nonce: str) -> dict[str, str]:
    """Return the four headers of a message whose first lines are given."""
    name, secret = key
    return {
        "HC-Key-Id": name,
        "HC-Timestamp": str(now),
        "HC-Nonce": nonce,
        "HC-Signature": signed(secret, *first, str(now), nonce, body=body),
        "Content-Type": "application/json",
    }

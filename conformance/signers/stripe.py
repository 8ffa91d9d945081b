"""Stripe: HMAC over a moment and the body.

https://docs.stripe.com/webhooks#verify-manually
"""

from __future__ import annotations

import hashlib
import hmac


def digest(secret: str, body: bytes, now: int) -> str:
    """Return the hexadecimal digest that `v1` carries."""
    return hmac.new(secret.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()


def signature(secret: str, body: bytes, now: int) -> str:
    """Return the header of an event."""
    return f"t={now},v1={digest(secret, body, now)},v0={'0' * 64}"

"""Recharge: an older signature that is a plain hash in spite of its name, and a newer one with a moment.

https://docs.getrecharge.com/docs/webhooks-overview
"""

from __future__ import annotations

import hashlib
import hmac


def legacy(secret: str, body: bytes) -> str:
    """Return the older signature."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def timestamped(secret: str, body: bytes, now: int) -> str:
    """Return the newer signature."""
    digest = hmac.new(secret.encode(), f"{now}.".encode() + body, "sha256").hexdigest()
    return f"t={now},v1={digest}"


def headers(secret: str, body: bytes, now: int) -> dict[str, str]:
    """Return the headers of a delivery; none of them says what it is about."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "python-requests/2.31.0",
        "X-Recharge-Hmac-Sha256": legacy(secret, body),
        "X-Recharge-Webhook-Timestamp": str(now),
        "X-Recharge-Webhook-Signature": timestamped(secret, body, now),
    }

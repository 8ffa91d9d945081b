"""Standard Webhooks, as BigCommerce signs: the key is the client secret as it is written.

https://www.standardwebhooks.com, https://developer.bigcommerce.com/docs/integrations/webhooks
"""

from __future__ import annotations

import base64
import hmac


def signature(secret: bytes, body: bytes, now: int, *, message_id: str) -> str:
    """Return the signature of a message."""
    signed = f"{message_id}.{now}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, "sha256").digest()).decode()


def headers(secret: bytes, body: bytes, now: int, *, message_id: str) -> dict[str, str]:
    """Return the three headers of a message."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(secret, body, now, message_id=message_id),
    }

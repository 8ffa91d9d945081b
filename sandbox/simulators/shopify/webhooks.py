"""How Shopify delivers: one signature over the bytes, headers that nobody signs, and eight more tries in four hours."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import uuid


def signature(secret: str, body: bytes) -> str:
    """Return the signature of a body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def headers(secret: str, body: bytes, *, topic: str, shop: str, now: int, version: str = "2026-10") -> dict[str, str]:
    """Return the headers of a delivery; only the body is signed. The same delivery has the same ids."""
    name = f"{topic} {shop} {now} {hashlib.sha256(body).hexdigest()}"
    return {
        "Content-Type": "application/json",
        "User-Agent": "Shopify-Captain-Hook",
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": signature(secret, body),
        "X-Shopify-Shop-Domain": shop,
        "X-Shopify-API-Version": version,
        "X-Shopify-Webhook-Id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"delivery {name}")),
        "X-Shopify-Event-Id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"event {name}")),
        "X-Shopify-Triggered-At": f"{datetime.datetime.fromtimestamp(now, datetime.UTC):%Y-%m-%dT%H:%M:%S.000000Z}",
    }

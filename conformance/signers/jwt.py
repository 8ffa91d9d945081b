"""JSON Web Tokens with HS256, as BigCommerce's control panel vouches for who opens an app.

https://developer.bigcommerce.com/docs/integrations/apps/guide/callbacks
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any


def segment(data: bytes) -> str:
    """Return base64 for addresses, without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token(secret: str, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """Return a signed token; its header may say anything."""
    parts = [segment(json.dumps(part).encode()) for part in (header or {"alg": "HS256", "typ": "JWT"}, claims)]
    digest = hmac.new(secret.encode(), ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, segment(digest)])

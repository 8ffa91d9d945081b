"""Deliveries that come through EventBridge: there is no signature, for the bytes that were signed are gone.

Who put them on the bus is what AWS says: nobody but the partner can name its own source.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from countersign.errors import InvalidSignatureError, MalformedError
from countersign.platforms.shopify.settings import is_shop
from countersign.platforms.shopify.signing import EVENTS, WEBHOOKS, VerifiedMessage, reverify

PARTNER = "aws.partner/shopify.com/"
KEY_ID = "eventbridge"


def verify(event: Mapping[str, Any], source: str = PARTNER) -> VerifiedMessage:
    """Return what an event of the partner's bus says; `source` is the configured source, or the prefix of all.

    Raises InvalidSignatureError where it is not from there, MalformedError where it lacks what Shopify always says.
    """
    # https://shopify.dev/docs/apps/build/webhooks/subscribe/get-started?deliveryMethod=eventBridge
    # Only whole parts count: the bus of `…/app` is not that of `…/app2`.
    said_by = str(event.get("source", ""))
    within = said_by == source or said_by.startswith(source.rstrip("/") + "/")
    if not source.startswith(PARTNER) or not within:
        raise InvalidSignatureError("the event is not from Shopify's partner source")
    detail = event.get("detail")
    payload = detail.get("payload") if isinstance(detail, dict) else None
    metadata = detail.get("metadata") if isinstance(detail, dict) else None
    if not isinstance(payload, dict) or not isinstance(metadata, dict):
        raise MalformedError("the event lacks its payload or its metadata")
    said = {str(name).lower().removeprefix("x-"): value for name, value in metadata.items()}
    shop = str(said.get("shopify-shop-domain", "")).lower()
    if not is_shop(shop):
        raise MalformedError("the event names no shop")
    # Read as strictly as what comes by HTTP; half a character makes bytes that are no UTF-8, which is a problem there.
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return replace(
        reverify(body, key_id=KEY_ID, shop=shop),
        topic=str(said.get("shopify-topic", "")),
        api_version=str(said.get("shopify-api-version", "")),
        triggered_at=str(said.get("shopify-triggered-at", "")),
        family=WEBHOOKS if any(str(name).lower().startswith("x-") for name in metadata) else EVENTS,
    )

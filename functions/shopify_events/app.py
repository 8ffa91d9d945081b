"""When Shopify's partner bus has something: take what it says about a shop's orders into the order record."""

import os
import time
from typing import Any

from countersign.errors import RefusedError
from countersign.platforms.shopify import bus, messages, translate
from countersign.platforms.shopify.apps import Apps
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, invocation, logger
from countersign.store import OrderStore

apps = Apps()
store = OrderStore.from_environment()


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Take one event; what is not Shopify's, or of no shop of ours, is counted and left. The bus repeats failures."""
    name = os.environ["SHOPIFY_EVENTS_APP"]
    try:
        genuine = bus.verify(event, os.environ.get("SHOPIFY_EVENT_SOURCE") or bus.PARTNER)
        app = apps.load(name)
        shop = apps.shop(name, app, genuine.shop) or apps.renamed(app, genuine.shop_id)
    except RefusedError as error:
        count(type(error).__name__)
        logger.warning("refused", extra={"error": type(error).__name__, "reason": str(error)})
        return
    if shop is None:
        count("ShopUnknown")
        return
    if genuine.shop_id and shop.shop_id and genuine.shop_id != shop.shop_id:
        count("ShopMismatch")
        return
    now = int(time.time())
    if (wanted := translate.redaction(genuine, shop.shop_id)) is not None:
        callbacks.erase_later(store, genuine, *wanted, platform=translate.PLATFORM, account=shop.shop, now=now)
        return
    if (asked := translate.data_request(genuine, shop.shop_id)) is not None:
        callbacks.ask_a_person(
            store,
            genuine,
            *asked,
            platform=translate.PLATFORM,
            account=shop.shop,
            due_by=now + translate.ANSWER_SECONDS,
            now=now,
        )
    callbacks.record(
        store,
        lambda: translate.to_changes(genuine, shop.shop, ours=True),
        genuine,
        platform=translate.PLATFORM,
        account=shop.shop,
        raw=genuine.body,
        now=now,
        order_id=lambda: messages.order_of(genuine.fields),
        source="webhook",
    )

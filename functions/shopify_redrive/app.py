"""By hand only: Shopify's quarantined deliveries after a fix, and stored events, once more (docs/operations.md)."""

from collections.abc import Sequence
from typing import Any

from countersign.orders.changes import AccountNews, Change, OrderKey
from countersign.platforms.shopify import messages, signing, translate
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.quarantine import QuarantinedMessage
from countersign.workers import redrive

store = OrderStore.from_environment()


def _webhook(kept: QuarantinedMessage) -> Sequence[Change] | AccountNews:
    genuine = signing.reverify(kept.raw, key_id=kept.key_id, shop=kept.account)
    return translate.to_changes(genuine, kept.account, ours=bool(genuine.shop_id) or _is_known(genuine, kept.account))


def _is_known(genuine: signing.VerifiedMessage, shop: str) -> bool:
    order_id = messages.order_of(genuine.fields)
    return bool(order_id) and store.get(OrderKey(translate.PLATFORM, shop, order_id)) is not None


READERS = {"webhook": _webhook}


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Redrive the days that the event names, or replay the one event; see `workers.redrive`."""
    return redrive.run(event, context, platform=translate.PLATFORM, store=store, readers=READERS)

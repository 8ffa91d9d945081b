"""By hand only: BigCommerce's quarantined deliveries after a fix, and stored events, once more (docs/operations.md)."""

from typing import Any

from countersign.platforms.bigcommerce import signing, translate
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.workers import redrive

store = OrderStore.from_environment()
READERS = {"webhook": lambda kept: translate.to_changes(signing.reverify(kept.raw, key_id=kept.key_id))}


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Redrive the days that the event names, or replay the one event; see `workers.redrive`."""
    return redrive.run(event, context, platform=translate.PLATFORM, store=store, readers=READERS)

"""Having an order found by what a genuine delivery says of its customer, where the account's `lookup_from` wants it."""

from collections.abc import Iterable

from countersign.errors import CountersignError
from countersign.orders.state import Order
from countersign.runtime import lookup_keys
from countersign.runtime.telemetry import count, logger
from countersign.signing.lookups import MAX_CHARACTERS, fingerprints, normalised
from countersign.store import OrderStore, lookups


def keep(store: OrderStore, order: Order, said: Iterable[str]) -> None:
    """Have the order found by what is said in it; the news itself is recorded, so nothing fails where this does."""
    wanted = {one for one in said if len(one) <= MAX_CHARACTERS and normalised(one)}
    if not wanted:
        return
    where = order.key.platform, order.key.account
    try:
        keys = lookup_keys.load()[:1]
        marks = sorted(mark for one in wanted for mark in fingerprints(keys, *where, one))
        lookups.add_read(store.client, store.table, order.key, marks, at=order.terms.created_at)
    except CountersignError as error:
        count("LookupLost")
        logger.warning("an order is not found by its customer", extra={"error": type(error).__name__})

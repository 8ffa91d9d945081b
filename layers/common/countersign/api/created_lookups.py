"""What a new payment gives its order to be found by: fingerprints before anything is recorded, rows afterwards."""

from collections.abc import Iterable, Sequence

from countersign.errors import StoreUnavailableError, UnprocessableError
from countersign.orders.changes import OrderKey
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.runtime import lookup_keys
from countersign.signing.lookups import fingerprints, normalised
from countersign.store import OrderStore, lookups


def prepare(said: Sequence[str], platform: str, account: str) -> list[str]:
    """Return the fingerprints under the current key; raises UnprocessableError where there are no keys, or nothing."""
    if not said:
        return []
    keys = lookup_keys.load()[:1]
    if not all(map(normalised, said)):
        raise refusal(UnprocessableError, because("lookup_is_empty"))
    return [one for value in said for one in fingerprints(keys, platform, account, value)]


def keep(store: OrderStore, key: OrderKey, marks: Iterable[str]) -> None:
    """Have the order found by its fingerprints; killed before, the same call again does it."""
    wanted = list(marks)
    if not wanted:
        return
    order = store.get(key)
    if order is None:
        raise StoreUnavailableError("the order was recorded and cannot be read back")
    for mark in wanted:
        lookups.add(store.client, store.table, key, mark, at=order.terms.created_at)

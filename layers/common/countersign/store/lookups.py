"""Which orders somebody may mean by what a customer says: rows under its HMAC, newest first, that can be erased."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from countersign.orders.changes import OrderKey
from countersign.signing import digests
from countersign.store import dynamo, keys
from countersign.store.codec import Item, number, text

MOST = 20  # newest orders for one value: a table has more
ERASED_AT_ONCE = 500


def add(client: Any, table: str, key: OrderKey, fingerprint: str, *, at: int) -> None:
    """Have an order, created `at`, found by a fingerprint; once, and not again where that was erased."""
    pk = keys.order_pk(key)
    row: Item = {
        "pk": text(keys.lookup_pk(key.platform, key.account, fingerprint)),
        "sk": text(f"{at:011d}#{digests.sha256(pk.encode())[:16]}"),
        "order": text(pk),
    }
    dynamo.put_if_absent(client, table, row)


def orders(client: Any, table: str, platform: str, account: str, fingerprints: Iterable[str]) -> list[OrderKey]:
    """Return the newest orders for any of the fingerprints, newest first."""
    rows: dict[str, str] = {}
    for fingerprint in fingerprints:
        for item in islice(_newest_first(client, table, platform, account, fingerprint), MOST):
            rows[item["sk"]["S"]] = item["order"]["S"]
    return [keys.order_key(rows[sk]) for sk in sorted(rows, reverse=True)[:MOST]]


def erase(client: Any, table: str, platform: str, account: str, fingerprints: Iterable[str], *, now: int) -> int:
    """Have no order found by the fingerprints any more; returns how many were, at most 500: then call again.

    An empty row stays, so that the same order, created once more, is not found again.
    """
    erased = 0
    for fingerprint in fingerprints:
        for item in islice(_newest_first(client, table, platform, account, fingerprint), ERASED_AT_ONCE - erased):
            values = {":now": number(now)}
            erased += dynamo.update_if(
                client, table, item, "SET erased_at = :now REMOVE #order", "attribute_exists(pk)", values
            )
    return erased


def _newest_first(client: Any, table: str, platform: str, account: str, fingerprint: str) -> Iterator[Item]:
    items = dynamo.read_all(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": text(keys.lookup_pk(platform, account, fingerprint))},
        ScanIndexForward=False,
        ConsistentRead=True,
    )
    return (item for item in items if "order" in item)

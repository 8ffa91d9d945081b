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
    row = _row(key, fingerprint, at)
    dynamo.put_if_absent(client, table, {**row, "order": text(keys.order_pk(key))})


def add_read(client: Any, table: str, key: OrderKey, fingerprints: Iterable[str], *, at: int) -> None:
    """Have an order found by what its platform's messages say of the customer; `erase_read` ends that."""
    beside = {(keys.order_pk(key), keys.FOUND_BY + one): one for one in fingerprints}
    known = dynamo.read_many(client, table, beside)
    for row, fingerprint in beside.items():
        if row not in known:
            add(client, table, key, fingerprint, at=at)
            dynamo.put(client, table, {"pk": text(row[0]), "sk": text(row[1]), "at": number(at)})


def erase_read(client: Any, table: str, key: OrderKey, *, now: int) -> int:
    """Have an order found no more by what its messages said of the customer; returns by how many values it was."""
    items = dynamo.read_all(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :found_by)",
        ExpressionAttributeValues={":pk": text(keys.order_pk(key)), ":found_by": text(keys.FOUND_BY)},
        ConsistentRead=True,
    )
    erased = 0
    for item in items:
        fingerprint, at = item["sk"]["S"].removeprefix(keys.FOUND_BY), int(item["at"]["N"])
        erased += _erase(client, table, _row(key, fingerprint, at), now)
    return erased


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
            erased += _erase(client, table, item, now)
    return erased


def _erase(client: Any, table: str, row: Item, now: int) -> bool:
    values = {":now": number(now)}
    return dynamo.update_if(
        client, table, row, "SET erased_at = :now REMOVE #order", "attribute_exists(#order)", values
    )


def _row(key: OrderKey, fingerprint: str, at: int) -> Item:
    return {
        "pk": text(keys.lookup_pk(key.platform, key.account, fingerprint)),
        "sk": text(f"{at:011d}#{digests.sha256(keys.order_pk(key).encode())[:16]}"),
    }


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

"""Keys of the table's items; parts are percent-encoded, so ids with delimiters in them cannot collide."""

import json
from functools import lru_cache
from urllib.parse import quote, unquote

from countersign.orders.changes import Change, OrderKey
from countersign.signing import digests

SHARDS = 8

ORDER = "ORDER"
EVENT = "EVENT#"
REFUND = "REFUND#"
SETTLEMENT = "SETTLEMENT#"
SHIPMENT = "SHIPMENT#"
NOTICE = "NOTICE#"
SYNC = "SYNC"  # beside an order: what its platform was last told of it


@lru_cache(maxsize=1024)
def part(text: str) -> str:
    """Return one part of a key, free of the delimiter."""
    return quote(text, safe="")


@lru_cache(maxsize=256)
def order_pk(key: OrderKey) -> str:
    """Return the partition that holds an order and everything about it."""
    return f"{part(key.platform)}#{part(key.account)}#{part(key.order_id)}"


def order_key(pk: str) -> OrderKey:
    """Return the order that a partition key names."""
    platform, account, order_id = pk.split("#")
    return OrderKey(unquote(platform), unquote(account), unquote(order_id))


def settlement_sk(settlement_id: str) -> str:
    """Return the sort key of a settlement beside its order."""
    return SETTLEMENT + part(settlement_id)


def shipment_sk(shipment_id: str) -> str:
    """Return the sort key of a shipment beside its order."""
    return SHIPMENT + part(shipment_id)


def notice_sk(event: str, name: str) -> str:
    """Return the sort key of a notice beside its order: one for each event of the bus and each name."""
    return f"{NOTICE}{part(event)}#{part(name)}"


def refund_sk(refund_id: str) -> str:
    """Return the sort key of a refund in its order's partition."""
    return REFUND + part(refund_id)


def refunds_shard(status: str, key: OrderKey) -> str:
    """Return the list index's partition for a refund in a status: eight for each status, of all accounts."""
    return refunds_shards(status)[shard(key.order_id)]


def refunds_shards(status: str) -> list[str]:
    """Return the list index's partitions that hold all refunds in a status."""
    return [f"REFUNDS#{status}#{number}" for number in range(SHARDS)]


def transaction_pk(platform: str, account: str, transaction_id: str) -> str:
    """Return the key that makes a platform's transaction belong to one order of its account."""
    return f"TXN#{part(platform)}#{part(account)}#{part(transaction_id)}"


def alias_pk(platform: str, account: str, kind: str, number: str) -> str:
    """Return the key by which a platform's own number leads to an order."""
    return f"ALIAS#{part(platform)}#{part(account)}#{part(kind)}#{part(number)}"


@lru_cache(maxsize=256)
def shard(text: str) -> int:
    """Return a stable shard for an id."""
    return int(digests.sha256(text.encode())[:4], 16) % SHARDS


def account_shard(key: OrderKey) -> str:
    """Return the list index's partition for an order: eight for each account."""
    return f"{part(key.platform)}#{part(key.account)}#{shard(key.order_id)}"


def due_shard(owner: str, text: str) -> str:
    """Return the due list's partition of an item that `owner` must look at."""
    return f"{owner}#{shard(text)}"


def event_id(change: Change) -> str:
    """Return the idempotency key of a change.

    It covers what the news says (tenant, order, ids, state, amount, platform's time) and by which road it came, never
    the envelope: a redelivery or a replay under new headers is the same event, two different changes never are.
    """
    key = change.key
    content = [change.tenant, key.platform, key.account, key.order_id, *change.fact.identity()]
    canonical = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return f"{change.fact.kind}.{change.via}.{digests.sha256(canonical)}"

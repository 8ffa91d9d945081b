"""Keys of the table's items; parts are percent-encoded, so ids with delimiters in them cannot collide."""

import json
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from countersign.orders.changes import Change, OrderKey
from countersign.signing import digests

SHARDS = 8  # of a due list
LIST_SHARDS = 4  # of a list of orders or of exceptions: a reader asks each, a writer meets one
REFUND_SHARDS = 2  # of all refunds in one status

ORDER = "ORDER"
EVENT = "EVENT#"
REFUND = "REFUND#"
SETTLEMENT = "SETTLEMENT#"
SHIPMENT = "SHIPMENT#"
NOTICE = "NOTICE#"
NOTE = "NOTE#"  # beside an order: what a person wrote
LOOK = "LOOK#"  # beside an order: that somebody looked at an event's bytes
QUARANTINE = "QUARANTINE#"
FOUND_BY = "FOUND_BY#"  # beside an order: a lookup that was read in its messages, so that it is erased with them
PERSON = "PERSON#"  # in an account's activity: the name that somebody's token said last; sorts behind all deeds
LINK = "LINK#"  # beside an order: a link by which it can be paid, and what became of the link
ATTEMPT = "ATTEMPT#"  # beside an order: an attempt to pay it, which is an order of its own
EVIDENCE = "evidence#"  # sorts behind all else beside an order, so that what reads the order can stop before it
PULSE = "PULSE"  # the partition that says when each account last moved
CREDENTIALS = "CREDENTIALS"  # the partition of what is known of the keys and certificates of documents
ACCOUNTS = "ACCOUNTS"  # the partition of the marks of accounts that are used
SYNC = "SYNC"  # beside an order: what its platform was last told of it


# One encoder for all: json.dumps would make one for each call.
to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@lru_cache(maxsize=1024)
def part(text: str) -> str:
    """Return one part of a key, free of the delimiter."""
    return quote(text, safe="")


def whole(part_of_key: str) -> str:
    """Return the text that `part` made one part of a key of."""
    return unquote(part_of_key)


@lru_cache(maxsize=256)
def order_pk(key: OrderKey) -> str:
    """Return the partition that holds an order and everything about it."""
    return f"{part(key.platform)}#{part(key.account)}#{part(key.order_id)}"


def order_key(pk: str) -> OrderKey:
    """Return the order that a partition key names."""
    platform, account, order_id = pk.split("#")
    return OrderKey(unquote(platform), unquote(account), unquote(order_id))


def notice_sk(event: str, name: str) -> str:
    """Return the sort key of a notice beside its order: one for each event of the bus and each name."""
    return f"{NOTICE}{part(event)}#{part(name)}"


def lookup_pk(platform: str, account: str, fingerprint: str) -> str:
    """Return the partition of the orders that an HMAC of what a customer says leads to, by when they were created."""
    return f"LOOKUP#{part(platform)}#{part(account)}#{fingerprint}"


def activity_pk(platform: str, account: str) -> str:
    """Return the partition of what people and systems did in an account, by time."""
    return f"ACTIVITY#{part(platform)}#{part(account)}"


def evidence_sk(event_id: str) -> str:
    """Return the sort key of the bytes of an event that do not fit beside it."""
    return EVIDENCE + event_id


def child_sk(kind: str, number: str) -> str:
    """Return the sort key of a child of a kind in its order's partition."""
    return f"{kind.upper()}#{part(number)}"


def refunds_shard(status: str, key: OrderKey) -> str:
    """Return the list index's partition for a refund in a status, of all accounts."""
    return refunds_shards(status)[shard(key.order_id) % REFUND_SHARDS]


def refunds_shards(status: str) -> list[str]:
    """Return the list index's partitions that hold all refunds in a status."""
    return [f"REFUNDS#{status}#{number}" for number in range(REFUND_SHARDS)]


def transaction_pk(platform: str, account: str, transaction_id: str) -> str:
    """Return the key that makes a platform's transaction belong to one order of its account."""
    return f"TXN#{part(platform)}#{part(account)}#{part(transaction_id)}"


def alias_pk(platform: str, account: str, kind: str, number: str) -> str:
    """Return the key by which a platform's own number leads to an order."""
    return f"ALIAS#{part(platform)}#{part(account)}#{part(kind)}#{part(number)}"


def name_pk(platform: str, account: str, name: str) -> str:
    """Return the partition of the orders that are called so; the sign of a number (#) is no part of the name."""
    digest = digests.sha256(name.removeprefix("#").encode())[:32]
    return f"NAME#{part(platform)}#{part(account)}#{digest}"


def name_sk(kind: str, key: OrderKey) -> str:
    """Return the sort key by which an order is called something, as a `number` or a `reference`."""
    return f"{part(kind)}#{part(key.order_id)}"


def platform_number(kind: str) -> str:
    """Return the kind of alias by which the platform's own number of such a child leads to its order."""
    return f"platform_{kind}"


@lru_cache(maxsize=256)
def shard(text: str) -> int:
    """Return a stable shard for an id."""
    return int(digests.sha256(text.encode())[:4], 16) % SHARDS


def account_shard(key: OrderKey, work: str) -> str:
    """Return the list index's partition for an order on a work list of its account."""
    return account_shards(key.platform, key.account, work)[shard(key.order_id) % LIST_SHARDS]


def account_shards(platform: str, account: str, work: str) -> list[str]:
    """Return the list index's partitions that hold a work list of an account."""
    return [f"{part(platform)}#{part(account)}#{work}#{number}" for number in range(LIST_SHARDS)]


def work_of(account_shard: str) -> str:
    """Return the work list that a partition of the list index belongs to."""
    return account_shard.split("#")[2]


def exception_shard(kind: str, subject: str) -> str:
    """Return the exceptions index's partition for an exception; `subject` (an order's number, a digest) spreads it."""
    return exception_shards(kind)[shard(subject) % LIST_SHARDS]


def exception_shards(kind: str) -> list[str]:
    """Return the exceptions index's partitions that hold all exceptions of a kind."""
    return [f"{kind}#{number}" for number in range(LIST_SHARDS)]


def exception_kind(exception: str) -> str:
    """Return the kind of exception that a partition of the exceptions index holds."""
    return exception.partition("#")[0]


def due_shard(owner: str, text: str) -> str:
    """Return the due list's partition of an item that `owner` must look at."""
    return f"{owner}#{shard(text)}"


def event_id(*changes: Change) -> str:
    """Return the idempotency key of a change, or of all changes that one message says.

    It covers what the news says (tenant, order, ids, state, amount, platform's time) and by which road it came, never
    the envelope: a redelivery or a replay under new headers is the same event, two different changes never are.
    """
    change, key = changes[0], changes[0].key
    content: list[Any] = [change.tenant, key.platform, key.account, key.order_id, *change.fact.identity()]
    content += [[more.fact.kind, *more.fact.identity()] for more in changes[1:]]
    return f"{change.fact.kind}.{change.via}.{digests.sha256(to_json(content).encode())}"

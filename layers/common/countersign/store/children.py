"""Rows of an order's children: each is put and read by its kind, whichever kind that is."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from countersign.orders.changes import OrderKey
from countersign.orders.children import BY_NAME
from countersign.orders.state import Order
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

# What a later change of the child leaves as it is: when the platform was first known to have it, and which bill has it.
_LASTING = ("accepted_at", "billed_on")


class Found(NamedTuple):
    """A child as it stands: its order, the value of its kind, and since when it has its status (epoch seconds)."""

    order: Order
    child: Any
    since: int


def child_item(key: OrderKey, child: Any, *, now: int, known: Mapping[str, Any] | None = None) -> Item:
    """Return a child's item; `known` is the one that it replaces."""
    kind = BY_NAME[child.kind]
    same = known is not None and codec.as_text(known, "status") == child.status
    since = (codec.as_number(known, "since") if known and same else None) or now
    item: Item = {
        "pk": text(keys.order_pk(key)),
        "sk": text(keys.child_sk(child.kind, child.number)),
        "status": text(child.status),
        "since": number(since),
        "updated_at": number(now),
        "facts": text(keys.to_json(codec.dump(child))),
    }
    if kind.listed:
        item["account_shard"] = text(keys.refunds_shard(child.status, key))
    if kind.accepted is not None and kind.accepted(child):
        item["accepted_at"] = number(now)
    if known:
        item |= {name: known[name] for name in _LASTING if name in known}
    if child.status == "needs_action":
        item |= codec.listed("needs_action", key.order_id, now, known)
        item["reasons"] = codec.reasons(*filter(None, [child.problem]))
    return item | codec.due(f"{key.platform}_{kind.owner}", kind.due(child, since, now), key)


def child_of(item: Mapping[str, Any]) -> Any:
    """Return the child that an item beside an order holds."""
    kind = BY_NAME[item["sk"]["S"].partition("#")[0].lower()]
    return codec.read_child(kind.value, item)


def read(client: Any, table: str, key: OrderKey, kind: str, child_number: str) -> Found | None:
    """Return an order and one of its children, read consistently; None where either is missing."""
    pk = keys.order_pk(key)
    wanted = [(pk, keys.ORDER), (pk, keys.child_sk(kind, child_number))]
    rows = dynamo.read_many(client, table, wanted)
    order, child = (rows.get(row) for row in wanted)
    if order is None or child is None:
        return None
    return Found(codec.read_order(order), child_of(child), codec.as_number(child, "since") or 0)


def read_all(client: Any, table: str, key: OrderKey, kind: str) -> Iterator[Any]:
    """Yield an order's children of a kind, read consistently, by their numbers."""
    for item in dynamo.read_all(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :kind)",
        ExpressionAttributeValues={":pk": text(keys.order_pk(key)), ":kind": text(keys.child_sk(kind, ""))},
        ConsistentRead=True,
    ):
        yield child_of(item)

"""The bytes that a platform signed, as they came: what of them fits beside the event, the rest in a row of its own.

A write is charged by the kilobyte, and an event's row leaves half of one free: evidence fills that first. What does not
fit stands in a row that sorts behind everything else of the order, so that reading an order never reads it. Both pieces
can be erased while the event, its digest and its amounts stay: a shop's customer may ask for that.

A row holds 400 KB. Of a message that is larger even compressed only its digest and its length are kept: news that came
is told in any case, and whoever has the message can still show that it is the one.
"""

from collections.abc import Mapping
from typing import Any

from countersign.orders.changes import OrderKey
from countersign.signing import digests
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

KILOBYTE = 1024
MOST_BYTES = 396 * KILOBYTE  # compressed, of one message: a row holds 400 KB, its keys and other attributes among them
RESERVED_BYTES = 12  # for the names of what is added; being published makes a row smaller, for it leaves the due list


def pieces(event: Item, raw: bytes) -> tuple[Item, Item | None]:
    """Return what the event's row holds of its evidence, and the row that holds the rest, if there is any."""
    if not raw:
        return {}, None
    compressed = codec.compress(raw)
    held: Item = {"digest": {"B": bytes.fromhex(digests.sha256(raw))}}
    if len(compressed) > MOST_BYTES:
        return held | {"not_kept": number(len(raw))}, None
    room = max(KILOBYTE - RESERVED_BYTES - codec.item_bytes(event) - codec.item_bytes(held), 0)
    first, rest = compressed[:room], compressed[room:]
    if first:
        held["raw"] = {"B": first}
    if not rest:
        return held, None
    held["more"] = number(len(rest))
    return held, {"pk": event["pk"], "sk": text(keys.evidence_sk(codec.event_id(event))), "raw": {"B": rest}}


def whole(raw: bytes) -> Item:
    """Return what a row that stands for itself holds of a message: its bytes or, where they are too many, how many."""
    compressed = codec.compress(raw)
    return {"raw": {"B": compressed}} if len(compressed) <= MOST_BYTES else {"not_kept": number(len(raw))}


def read(client: Any, table: str, event: Mapping[str, Any]) -> bytes:
    """Return the bytes that a stored event was made of; empty where it had none, or they were erased or too many."""
    compressed: bytes = event["raw"]["B"] if "raw" in event else b""
    if "more" in event:
        row = (event["pk"]["S"], keys.evidence_sk(codec.event_id(event)))
        rest = dynamo.read_many(client, table, [row]).get(row, {})
        compressed = compressed + rest["raw"]["B"] if "raw" in rest else b""
    return codec.decompress(compressed) if compressed else b""


def erase(client: Any, table: str, key: OrderKey, event_id: str, *, now: int) -> bool:
    """Erase the bytes of a stored event, for good; its digest and what it said stay. False if there is no such event.

    The rest goes first: killed between the two, the event still says that there was some, and it can be done again.
    """
    pk, values = text(keys.order_pk(key)), {":now": number(now)}
    rest = {"pk": pk, "sk": text(keys.evidence_sk(event_id))}
    dynamo.update_if(client, table, rest, "SET erased_at = :now REMOVE #raw", "attribute_exists(pk)", values)
    event = {"pk": pk, "sk": text(keys.EVENT + event_id)}
    expression = "SET erased_at = :now REMOVE #raw, more"
    return dynamo.update_if(client, table, event, expression, "attribute_exists(pk)", values)

"""The bytes that a platform signed, as they came: what of them fits beside the event, the rest in a row of its own.

A write is charged by the kilobyte, and an event's row leaves a part of its last one free: evidence fills that first.
What does not fit stands in rows that sort behind everything else of the order, so that reading an order never reads
them. All pieces can be erased while the event, its digest and its amounts stay: a shop's customer may ask for that.

A row holds 400 KB and a transaction 4 MB. Of a message that is larger even compressed, digest and length are
kept: news that came is told in any case, and whoever has the message can still show that it is the one.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from countersign.orders.changes import OrderKey
from countersign.signing import digests
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

KILOBYTE = 1024
ROW_BYTES = 350 * KILOBYTE  # DynamoDB takes rows of 400 KB; only an order of a megabyte that hardly compresses has two
MOST_BYTES = 8 * ROW_BYTES  # of one message: all its rows are written in the order's one transaction, which takes 4 MB
RESERVED_BYTES = 12  # for the names of what is added; being published makes a row smaller, for it leaves the due list


def pieces(event: Item, raw: bytes) -> tuple[Item, list[Item]]:
    """Return what the event's row holds of its evidence, and the rows that hold the rest, if there is any."""
    if not raw:
        return {}, []
    compressed = codec.compress(raw)
    held: Item = {"digest": {"B": bytes.fromhex(digests.sha256(raw))}}
    if len(compressed) > MOST_BYTES:
        return held | {"not_kept": number(len(raw))}, []
    taken = RESERVED_BYTES + codec.item_bytes(event) + codec.item_bytes(held)
    room = -taken % KILOBYTE  # what is left of the last kilobyte that is begun
    first, rest = compressed[:room], compressed[room:]
    if first:
        held["raw"] = {"B": first}
    if not rest:
        return held, []
    held["more"] = number(len(rest))
    rows = _rows(event["pk"]["S"], codec.event_id(event), len(rest))
    parts = (rest[start : start + ROW_BYTES] for start in range(0, len(rest), ROW_BYTES))
    return held, [
        {"pk": text(pk), "sk": text(sk), "raw": {"B": part}} for (pk, sk), part in zip(rows, parts, strict=True)
    ]


def _rows(pk: str, event_id: str, size: int) -> Iterator[tuple[str, str]]:
    """Yield the keys of the rows that hold so many bytes of an event."""
    yield pk, keys.evidence_sk(event_id)
    for further in range(1, -(-size // ROW_BYTES)):
        yield pk, f"{keys.evidence_sk(event_id)}#{further}"


def whole(raw: bytes) -> Item:
    """Return what a row that stands for itself holds of a message: its bytes or, where they are too many, how many."""
    compressed = codec.compress(raw)
    return {"raw": {"B": compressed}} if len(compressed) <= ROW_BYTES else {"not_kept": number(len(raw))}


def read(client: Any, table: str, event: Mapping[str, Any]) -> bytes:
    """Return the bytes that a stored event was made of; empty where it had none, or they were erased or too many."""
    compressed: bytes = event["raw"]["B"] if "raw" in event else b""
    if size := codec.as_number(event, "more"):
        rows = list(_rows(event["pk"]["S"], codec.event_id(event), size))
        found = dynamo.read_many(client, table, rows)
        rest = [found[row]["raw"]["B"] for row in rows if "raw" in found.get(row, {})]
        compressed = compressed + b"".join(rest) if len(rest) == len(rows) else b""
    return codec.decompress(compressed) if compressed else b""


def erase(client: Any, table: str, key: OrderKey, event_id: str, *, now: int) -> bool:
    """Erase the bytes of a stored event, for good; its digest and what it said stay. False if there is no such event.

    The rest goes first: killed between the two, the event still says that there was some, and it can be done again.
    """
    pk, values = keys.order_pk(key), {":now": number(now)}
    own = (pk, keys.EVENT + event_id)
    size = codec.as_number(dynamo.read_many(client, table, [own]).get(own, {}), "more") or 1
    for row in _rows(pk, event_id, size):
        item = {"pk": text(row[0]), "sk": text(row[1])}
        dynamo.update_if(client, table, item, "SET erased_at = :now REMOVE #raw", "attribute_exists(pk)", values)
    event = {"pk": text(pk), "sk": text(own[1])}
    expression = "SET erased_at = :now REMOVE #raw, more"
    return dynamo.update_if(client, table, event, expression, "attribute_exists(pk)", values)


def erase_row(client: Any, table: str, row: Item, *, now: int) -> bool:
    """Erase the bytes of a row that stands for itself, for good; False where it has none (any more)."""
    key = {"pk": row["pk"], "sk": row["sk"]}
    expression = "SET erased_at = :now REMOVE #raw"
    return dynamo.update_if(client, table, key, expression, "attribute_exists(#raw)", {":now": number(now)})

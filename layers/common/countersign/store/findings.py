"""What a person must look at that is about an account and no single order: on the list of exceptions, once each."""

from collections.abc import Iterable, Iterator
from typing import Any

from countersign.orders.changes import OrderKey
from countersign.orders.reasons import Reason
from countersign.signing import digests
from countersign.store import codec, dynamo, evidence, keys
from countersign.store.codec import Item, number, text

KIND = "finding"
ORDER_ID = "~account"  # no order can have that name
MOST_ORDERS = 1000


def add(
    client: Any,
    table: str,
    platform: str,
    account: str,
    reason: Reason,
    *,
    subject: str,
    now: int,
    orders: Iterable[str] = (),
    due_by: int | None = None,
    raw: bytes = b"",
    key_id: str = "",
) -> bool:
    """Put a finding on the list; False where it was put there before, whether or not somebody took it off since.

    `subject` tells findings of one reason apart, `orders` are those that it names, `due_by` until when it must be seen
    to (epoch seconds). `raw` is the message that asks for it, as it came, and `key_id` names what verified it: it is
    evidence until somebody took the finding off the list, or what it names is erased.
    """
    item: Item = {
        **_row(platform, account, reason.code, subject),
        "reasons": codec.reasons(reason),
        "received_at": number(now),
        **codec.listed(KIND, account, now),
    }
    if named := list(dict.fromkeys(orders))[:MOST_ORDERS]:
        item["orders"] = {"L": [text(one) for one in named]}
    if due_by is not None:
        item["due_by"] = number(due_by)
    if raw:
        item |= {"key_id": text(key_id), "digest": text(digests.sha256(raw)), **evidence.whole(raw)}
    if dynamo.put_if_absent(client, table, item):
        return True
    values = {":exception": item["exception"], ":now": item["listed_at"]}
    expression = "SET #exception = :exception, listed_at = :now REMOVE ended"
    return dynamo.update_if(client, table, item, expression, "attribute_exists(ended)", values)


def is_finding(row: Item) -> bool:
    """Tell whether a key is that of a finding."""
    return str(row["sk"]["S"]).startswith("FINDING#")


def naming(client: Any, table: str, platform: str, account: str, orders: Iterable[str] = ()) -> Iterator[Item]:
    """Yield the keys of findings with a message that name one of these orders, or of all where there are none."""
    wanted = set(orders)
    for row in dynamo.read_all(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        FilterExpression="attribute_exists(#raw)",
        ProjectionExpression="pk, sk, orders",
        ExpressionAttributeNames={"#raw": "raw"},
        ExpressionAttributeValues={":pk": _row(platform, account, "", "")["pk"], ":prefix": text("FINDING#")},
        ConsistentRead=True,
    ):
        if not wanted or wanted & {one["S"] for one in row.get("orders", {"L": []})["L"]}:
            yield row


def end(client: Any, table: str, platform: str, account: str, code: str, *, but: str = "") -> None:
    """Take findings of a reason off the list that are true no longer, save the one of a subject; it may come again."""
    prefix = f"FINDING#{code}#"
    rows = dynamo.read_all(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues={":pk": _row(platform, account, code, "")["pk"], ":prefix": text(prefix)},
        ConsistentRead=True,
    )
    kept = _row(platform, account, code, but)["sk"]["S"] if but else ""
    for row in rows:
        if row["sk"]["S"] != kept and "ended" not in row:
            key = {"pk": row["pk"], "sk": row["sk"]}
            dynamo.update_if(
                client, table, key, "SET ended = :one REMOVE #exception, listed_at", "attribute_exists(pk)",
                {":one": number(1)},
            )  # fmt: skip


def end_one(client: Any, table: str, platform: str, account: str, code: str, *, subject: str) -> None:
    """Take the finding of one subject off the list, where it is there; it may come again."""
    expression = "SET ended = :one REMOVE #exception, listed_at"
    there = "attribute_exists(pk) AND attribute_not_exists(ended)"
    dynamo.update_if(client, table, _row(platform, account, code, subject), expression, there, {":one": number(1)})


def _row(platform: str, account: str, code: str, subject: str) -> Item:
    digest = digests.sha256(subject.encode())[:32]
    pk = keys.order_pk(OrderKey(platform, account, ORDER_ID))
    return {"pk": text(pk), "sk": text(f"FINDING#{code}#{digest}")}

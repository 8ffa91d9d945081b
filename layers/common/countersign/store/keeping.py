"""Rows beside the orders: genuine news that could not be processed, and limits on unsigned hints."""

from typing import Any

from countersign.orders.changes import Hint, Verified
from countersign.signing import digests
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

HINTS_PER_MINUTE = 60
CLOCKS_DIFFER_MINUTES = 10


def quarantine(
    client: Any,
    table: str,
    *,
    platform: str,
    account: str,
    key_id: str,
    reason: str,
    raw: bytes,
    now: int,
    source: str = "notify",
    hint: bool = False,
) -> None:
    """Keep verified bytes that could not be processed, with the reason; the same bytes again are kept once a day.

    `source` says which door they came by, and so who can read them later; `hint` that they are no more than a reason to
    ask, whatever they say.
    """
    digest = digests.sha256(raw)
    item: Item = {
        "pk": text(f"QUARANTINE#{now // 86400}"),
        "sk": text(f"{keys.part(platform)}#{keys.part(account)}#{digest}"),
        "exception": text("quarantine"),
        "updated_at": number(now),
        "account": text(f"{platform}/{account}"),
        "key_id": text(key_id),
        "reason": text(reason),
        "digest": text(digest),
        "source": text(source),
        "trust": text(Hint.name if hint else Verified.name),
        "raw": {"B": codec.compress(raw)},
    }
    for _ in dynamo.attempts():
        try:
            dynamo.call(client.put_item, TableName=table, Item=item)
        except dynamo.StaleViewError:
            continue
        return


def count_hint(client: Any, table: str, *, platform: str, account: str, now: int) -> bool:
    """Count one unsigned hint of an account; False over the limit of its minute."""
    for _ in dynamo.attempts():
        try:
            dynamo.call(
                client.update_item,
                TableName=table,
                Key={"pk": text(f"LIMIT#{keys.part(platform)}#{keys.part(account)}"), "sk": text("HINTS")},
                UpdateExpression=(
                    "SET hints = if_not_exists(hints, :none) + :one, in_minute = if_not_exists(in_minute, :minute)"
                ),
                # A minute just ahead is another container's: its clock runs before ours, and the count is common.
                ConditionExpression=(
                    "attribute_not_exists(pk) OR (in_minute BETWEEN :minute AND :ahead AND hints < :most)"
                ),
                ExpressionAttributeValues={
                    ":none": number(0),
                    ":one": number(1),
                    ":minute": number(now // 60),
                    ":ahead": number(now // 60 + CLOCKS_DIFFER_MINUTES),
                    ":most": number(HINTS_PER_MINUTE),
                },
            )
        except dynamo.StaleViewError as error:
            if not dynamo.is_condition(error):
                continue
            return _new_minute(client, table, platform=platform, account=account, now=now)
        return True
    return False  # attempts() raised before


def _new_minute(client: Any, table: str, *, platform: str, account: str, now: int) -> bool:
    try:
        dynamo.call(
            client.update_item,
            TableName=table,
            Key={"pk": text(f"LIMIT#{keys.part(platform)}#{keys.part(account)}"), "sk": text("HINTS")},
            UpdateExpression="SET hints = :one, in_minute = :minute",
            # One further ahead than clocks differ is from a clock that was set back since.
            ConditionExpression="in_minute < :minute OR in_minute > :ahead",
            ExpressionAttributeValues={
                ":one": number(1),
                ":minute": number(now // 60),
                ":ahead": number(now // 60 + CLOCKS_DIFFER_MINUTES),
            },
        )
    except dynamo.StaleViewError:
        return False
    return True

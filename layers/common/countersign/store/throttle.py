"""Limits: slots between two calls about one order, accounts whose calls only fail, and unsigned hints in a minute."""

from typing import Any

from countersign.orders.changes import OrderKey
from countersign.store import codec, dynamo, keys
from countersign.store.codec import number, text

HINTS_PER_MINUTE = 60
CLOCKS_DIFFER_MINUTES = 10


def acquire_slot(client: Any, table: str, key: OrderKey, what: str, *, now: int, pause: int) -> bool:
    """Take the order's slot for `what`, which nobody gets again for `pause` seconds; False if somebody has it."""
    for _ in dynamo.attempts():
        try:
            dynamo.call(
                client.update_item,
                TableName=table,
                Key={"pk": text(keys.order_pk(key)), "sk": text(f"TURN#{what}")},
                UpdateExpression="SET next_at = :next",
                # A time further off than a pause is from a clock that was set back since.
                ConditionExpression="attribute_not_exists(pk) OR next_at <= :now OR next_at > :next",
                ExpressionAttributeValues={":now": number(now), ":next": number(now + pause)},
            )
        except dynamo.StaleViewError as error:
            if not dynamo.is_condition(error):
                continue
            return False
        return True
    return False


def cool_down(client: Any, table: str, platform: str, account: str, what: str, *, until: int) -> None:
    """Make no calls of the kind `what` for an account until then: every container keeps to it, not only this one."""
    item = {**_cool_down_row(platform, account, what), "until": number(until)}
    for _ in dynamo.attempts():
        try:
            dynamo.call(client.put_item, TableName=table, Item=item)
        except dynamo.StaleViewError:
            continue
        return


def cooling_until(client: Any, table: str, platform: str, account: str, what: str) -> int:
    """Return until when no such call is made for an account (epoch seconds); 0 if it never cooled down."""
    row = _cool_down_row(platform, account, what)
    key = (row["pk"]["S"], row["sk"]["S"])
    item = dynamo.read_many(client, table, [key]).get(key)
    return (codec.as_number(item, "until") or 0) if item else 0


def _cool_down_row(platform: str, account: str, what: str) -> dict[str, dict[str, str]]:
    return {"pk": text(f"LIMIT#{keys.part(platform)}#{keys.part(account)}"), "sk": text(f"REST#{what}")}


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

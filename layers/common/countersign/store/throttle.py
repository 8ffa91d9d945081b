"""Limits: slots between two calls about one order, accounts whose calls only fail, and unsigned hints in a minute."""

from typing import Any

from countersign.orders.changes import OrderKey
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

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
    return count_in_minute(client, table, platform, account, "hint", most=HINTS_PER_MINUTE, now=now)


def count_in_minute(client: Any, table: str, platform: str, account: str, what: str, *, most: int, now: int) -> bool:
    """Count one `what` of an account in all containers together; False where the minute had `most` already."""
    row = {"pk": text(f"LIMIT#{keys.part(platform)}#{keys.part(account)}"), "sk": text(f"MINUTE#{what}")}
    minute, ahead = number(now // 60), number(now // 60 + CLOCKS_DIFFER_MINUTES)
    for _ in dynamo.attempts():
        try:
            dynamo.call(
                client.update_item,
                TableName=table,
                Key=row,
                UpdateExpression=(
                    "SET counted = if_not_exists(counted, :none) + :one, in_minute = if_not_exists(in_minute, :minute)"
                ),
                # A minute just ahead is another container's: its clock runs before ours, and the count is common.
                ConditionExpression=(
                    "attribute_not_exists(pk) OR (in_minute BETWEEN :minute AND :ahead AND counted < :most)"
                ),
                ExpressionAttributeValues={
                    ":none": number(0),
                    ":one": number(1),
                    ":minute": minute,
                    ":ahead": ahead,
                    ":most": number(most),
                },
            )
        except dynamo.StaleViewError as error:
            if not dynamo.is_condition(error):
                continue
            return _begin_minute(client, table, row, minute, ahead)
        return True
    return False  # attempts() raised before


def _begin_minute(client: Any, table: str, row: Item, minute: dict[str, str], ahead: dict[str, str]) -> bool:
    try:
        dynamo.call(
            client.update_item,
            TableName=table,
            Key=row,
            UpdateExpression="SET counted = :one, in_minute = :minute",
            # One further ahead than clocks differ is from a clock that was set back since.
            ConditionExpression="in_minute < :minute OR in_minute > :ahead",
            ExpressionAttributeValues={":one": number(1), ":minute": minute, ":ahead": ahead},
        )
    except dynamo.StaleViewError:
        return False
    return True

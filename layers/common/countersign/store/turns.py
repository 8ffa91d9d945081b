"""Turns: what a platform wants done one after another for one order; rests: accounts that only waste calls just now."""

from typing import Any

from countersign.orders.changes import OrderKey
from countersign.store import codec, dynamo, keys
from countersign.store.codec import number, text


def take_turn(client: Any, table: str, key: OrderKey, what: str, *, now: int, pause: int) -> bool:
    """Take the order's turn for `what`, which nobody gets again for `pause` seconds; False if somebody has it."""
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


def rest(client: Any, table: str, platform: str, account: str, what: str, *, until: int) -> None:
    """Let an account rest from `what`: every run and container hears of it, not only the one that found out."""
    item = {**_rest_row(platform, account, what), "until": number(until)}
    for _ in dynamo.attempts():
        try:
            dynamo.call(client.put_item, TableName=table, Item=item)
        except dynamo.StaleViewError:
            continue
        return


def rests_until(client: Any, table: str, platform: str, account: str, what: str) -> int:
    """Return until when an account rests; 0 if it never did."""
    row = _rest_row(platform, account, what)
    key = (row["pk"]["S"], row["sk"]["S"])
    item = dynamo.read_many(client, table, [key]).get(key)
    return (codec.as_number(item, "until") or 0) if item else 0


def _rest_row(platform: str, account: str, what: str) -> dict[str, dict[str, str]]:
    return {"pk": text(f"LIMIT#{keys.part(platform)}#{keys.part(account)}"), "sk": text(f"REST#{what}")}

"""Turns: what a platform wants done one after another for one order, with a pause between."""

from typing import Any

from countersign.orders.changes import OrderKey
from countersign.store import dynamo, keys
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

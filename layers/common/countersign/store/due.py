"""The due list: everything that must be looked at by some time, and who is looking at it."""

import os
from collections.abc import Iterator
from typing import Any, Self

from countersign import aws
from countersign.errors import StoreUnavailableError
from countersign.orders.changes import OrderKey
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

# Longer than any function runs, and than the minute between two runs: an item on which a run dies must not come first
# in the very next one, or what stands behind it would never be looked at.
LEASE_SECONDS = 120


class DueList:
    """The items that one function owns; each is claimed before it is worked on, so two runs never do one job."""

    def __init__(self, client: Any, table: str, owner: str) -> None:
        self.client = client
        self.table = table
        self.owner = owner

    @classmethod
    def from_environment(cls, owner: str) -> Self:
        """Return the due list of `owner` (the function's folder name)."""
        return cls(aws.client("dynamodb"), os.environ["TABLE_NAME"], owner)

    def due(self, now: int, *, first: int = 0) -> Iterator[Item]:
        """Yield what is due, shard by shard from `first` on, oldest first in each.

        Runs at the same time that begin with different shards seldom meet.
        """
        for shard in [(first + step) % keys.SHARDS for step in range(keys.SHARDS)]:
            yield from dynamo.read_all(
                self.client,
                TableName=self.table,
                IndexName="due",
                KeyConditionExpression="due_shard = :shard AND due_at <= :now",
                ExpressionAttributeValues={":shard": text(f"{self.owner}#{shard}"), ":now": number(now)},
            )

    def lease(self, item: Item, *, now: int, seconds: int = LEASE_SECONDS) -> bool:
        """Take an item for `seconds`; False if somebody else has it or it is no longer due.

        Leases are counted in the item's `looks` until it is written anew.
        """
        values = {
            ":seen": number(codec.as_number(item, "due_at") or 0),
            ":at": number(now + seconds),
            ":one": number(1),
        }
        return self._update(item, "SET due_at = :at ADD looks :one", values)

    def reschedule(self, item: Item, *, at: int, leased: int) -> bool:
        """Put a leased item back on the list for a later time, unless something changed it meanwhile."""
        return self._update(item, "SET due_at = :at", {":seen": number(leased), ":at": number(at)})

    def complete(self, item: Item, *, leased: int) -> bool:
        """Take a leased item off the list, unless something changed it meanwhile."""
        return self._update(item, "REMOVE due_at, due_shard, looks", {":seen": number(leased)})

    def published(self, item: Item, *, now: int) -> bool:
        """Mark an event as published and take it off the list."""
        key = {"pk": item["pk"], "sk": item["sk"]}
        return self._conditional(
            Key=key,
            UpdateExpression="SET published_at = :now REMOVE due_at, due_shard, looks",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":now": number(now)},
        )

    def due_of(self, key: OrderKey, kind: str, now: int) -> Iterator[Item]:
        """Yield what is due among an order's children of a kind, so that news need not wait for the list."""
        yield from dynamo.read_all(
            self.client,
            TableName=self.table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :kind)",
            FilterExpression="begins_with(due_shard, :owner) AND due_at <= :now",
            ExpressionAttributeValues={
                ":pk": text(keys.order_pk(key)),
                ":kind": text(kind),
                ":owner": text(f"{self.owner}#"),
                ":now": number(now),
            },
            ConsistentRead=True,
        )

    def make_due(self, key: OrderKey, *, now: int) -> bool:
        """Make an order due at once; False if there is no such order."""
        return self._conditional(
            Key={"pk": text(keys.order_pk(key)), "sk": text(keys.ORDER)},
            UpdateExpression="SET due_at = :now, due_shard = :shard",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":now": number(now), ":shard": text(keys.due_shard(self.owner, key.order_id))},
        )

    def read(self, key: OrderKey) -> Item | None:
        """Return an order's item as the list would give it."""
        row = (keys.order_pk(key), keys.ORDER)
        return dynamo.read_many(self.client, self.table, [row]).get(row)

    def _update(self, item: Item, expression: str, values: dict[str, Any]) -> bool:
        return self._conditional(
            Key={"pk": item["pk"], "sk": item["sk"]},
            UpdateExpression=expression,
            # Somebody else's claim, or a change of the order, moved due_at: then the item is theirs.
            ConditionExpression="due_at = :seen",
            ExpressionAttributeValues=values,
        )

    def _conditional(self, **update: Any) -> bool:
        for attempt in dynamo.attempts():
            try:
                dynamo.call(self.client.update_item, TableName=self.table, **update)
            except dynamo.StaleViewError as error:
                if attempt == 0 and not dynamo.is_condition(error):
                    continue
                return False
            return True
        raise StoreUnavailableError("DynamoDB does not answer")  # attempts() raised before

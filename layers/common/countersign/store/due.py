"""The due list: everything that must be looked at by some time, and who is looking at it."""

import os
from collections.abc import Iterator
from typing import Any, Self

from countersign import aws
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
        self.prefix = f"{owner}#"

    @classmethod
    def from_environment(cls, owner: str) -> Self:
        """Return the due list of `owner` (the function's folder name)."""
        return cls(aws.client("dynamodb"), os.environ["TABLE_NAME"], owner)

    def due(self, now: int, *, first: int = 0) -> Iterator[Item]:
        """Yield what is due, shard by shard from `first` on, oldest first in each, as it is now.

        Runs at the same time that begin with different shards seldom meet. The index holds keys only, so each row is
        read as it is when its batch comes up: what another run leased meanwhile is not even tried.
        """
        for shard in [(first + step) % keys.SHARDS for step in range(keys.SHARDS)]:
            entries = dynamo.read_all(
                self.client,
                TableName=self.table,
                IndexName="due",
                KeyConditionExpression="due_shard = :shard AND due_at <= :now",
                ExpressionAttributeValues={":shard": text(f"{self.owner}#{shard}"), ":now": number(now)},
            )
            for item in dynamo.whole_rows(self.client, self.table, entries):
                due_at = codec.as_number(item, "due_at")
                if due_at is not None and due_at <= now and codec.as_text(item, "due_shard").startswith(self.prefix):
                    yield item

    def lease(self, item: Item, *, now: int, seconds: int = LEASE_SECONDS) -> bool:
        """Take an item for `seconds`; False if somebody else has it or it is no longer due.

        Leases are counted in the item's `attempts` until it is written anew.
        """
        seen = codec.as_number(item, "due_at") or 0
        return self._update(item, "SET due_at = :at ADD attempts :one", seen, at=now + seconds, one=1)

    def reschedule(self, item: Item, *, at: int, leased: int) -> bool:
        """Put a leased item back on the list for a later time, unless something changed it meanwhile."""
        return self._update(item, "SET due_at = :at", leased, at=at)

    def complete(self, item: Item, *, leased: int) -> bool:
        """Take a leased item off the list, unless something changed it meanwhile."""
        return self._update(item, "REMOVE due_at, due_shard, attempts", leased)

    def published(self, item: Item, *, now: int) -> bool:
        """Mark an event as published and take it off the list."""
        expression = "SET published_at = :now REMOVE due_at, due_shard, attempts"
        values = {":now": number(now)}
        return dynamo.update_if(self.client, self.table, item, expression, "attribute_exists(pk)", values)

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
                ":owner": text(self.prefix),
                ":now": number(now),
            },
            ConsistentRead=True,
        )

    def make_due(self, key: OrderKey, *, now: int) -> bool:
        """Make an order due at once; False if there is no such order."""
        row = {"pk": text(keys.order_pk(key)), "sk": text(keys.ORDER)}
        values = {":now": number(now), ":shard": text(keys.due_shard(self.owner, key.order_id))}
        expression = "SET due_at = :now, due_shard = :shard"
        return dynamo.update_if(self.client, self.table, row, expression, "attribute_exists(pk)", values)

    def read(self, key: OrderKey) -> Item | None:
        """Return an order's item as the list would give it."""
        row = (keys.order_pk(key), keys.ORDER)
        return dynamo.read_many(self.client, self.table, [row]).get(row)

    def _update(self, item: Item, expression: str, seen: int, **values: int) -> bool:
        # Somebody else's lease, or a change of the order, moved due_at: then the item is theirs.
        numbers = {f":{name}": number(value) for name, value in {"seen": seen, **values}.items()}
        return dynamo.update_if(self.client, self.table, item, expression, "due_at = :seen", numbers)

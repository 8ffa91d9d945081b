"""What a platform was last told of an order's state: a row beside the order.

Each telling has a stamp that is greater than all before it, fixed here before the platform hears of it: of two that
cross on their way the platform keeps the later one, and one whose answer was lost is repeated under a new stamp.
"""

from dataclasses import dataclass
from typing import Any

from countersign.orders.changes import OrderKey
from countersign.store import codec, dynamo, keys
from countersign.store.codec import number, text


@dataclass(frozen=True, slots=True)
class SyncState:
    """The state that the platform is known to have, and the stamp of the last telling, heard or not."""

    state: str = ""
    stamp: int = 0


class OrderSyncStore:
    """The rows of all orders whose platform wants to be told."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def read(self, key: OrderKey) -> SyncState:
        """Return what the platform was told so far."""
        row = (keys.order_pk(key), keys.SYNC)
        item = dynamo.read_many(self._client, self._table, [row]).get(row, {})
        return SyncState(codec.as_text(item, "state"), codec.as_number(item, "stamp") or 0)

    def make_due(self, key: OrderKey, owner: str, *, now: int) -> None:
        """Have `owner` tell the platform of an order at once; what it was told so far stays."""
        values = {":now": number(now), ":shard": text(keys.due_shard(owner, key.order_id))}
        self._update(key, "SET due_at = :now, due_shard = :shard REMOVE attempts", "", values)

    def begin(self, key: OrderKey, told: SyncState, *, now: int) -> int | None:
        """Take the stamp of the next telling (epoch seconds, or later); None if somebody else began one meanwhile.

        From now on nobody knows what the platform has, until `end` says so.
        """
        stamp = max(now, told.stamp + 1)
        condition = "stamp = :seen" if told.stamp else "attribute_not_exists(stamp)"
        values = {":stamp": number(stamp), **({":seen": number(told.stamp)} if told.stamp else {})}
        return stamp if self._update(key, "SET stamp = :stamp REMOVE #state", condition, values) else None

    def end(self, key: OrderKey, stamp: int, state: str) -> None:
        """Keep that the platform took a telling, unless a later one began meanwhile."""
        self._update(key, "SET #state = :state", "stamp = :stamp", {":state": text(state), ":stamp": number(stamp)})

    def _update(self, key: OrderKey, expression: str, condition: str, values: dict[str, Any]) -> bool:
        row = {"pk": text(keys.order_pk(key)), "sk": text(keys.SYNC)}
        return dynamo.update_if(self._client, self._table, row, expression, condition, values)

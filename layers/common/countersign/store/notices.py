"""Notices to be sent: one row for each event of the bus and each notice that the account wants of it."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from countersign import aws
from countersign.errors import StoreUnavailableError
from countersign.orders.changes import OrderKey
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

OWNER = "notify"
EXCEPTION = "failed_notice"
ENDED = frozenset({"sent", "failed", "skipped", "unknown"})
LISTED_SECONDS = 14 * 86400  # later nobody will act on it; the order shows it for good


class Event(NamedTuple):
    """An event as the bus tells it: `id` is stable however often it is delivered."""

    key: OrderKey
    id: str
    detail_type: str
    event_id: str
    at: int
    version: int


class PendingNotice(NamedTuple):
    """A notice as it was when it was leased; `attempts` counts this one too.

    `again` is how often people had it sent anew after it had ended.
    """

    event: Event
    name: str
    attempts: int
    memo: Mapping[str, str]
    leased: int
    again: int = 0

    @property
    def row(self) -> Item:
        """Where its row is."""
        return {
            "pk": text(keys.order_pk(self.event.key)),
            "sk": text(keys.notice_sk(self.event.id, self.name)),
        }


class NoticeStore:
    """The rows of notices in the orders table: the function `notify` writes them, people have one sent again."""

    def __init__(self, client: Any, table: str) -> None:
        self.client = client
        self.table = table

    @classmethod
    def from_environment(cls) -> Self:
        """Return the store that the function's environment names."""
        return cls(aws.client("dynamodb"), os.environ["TABLE_NAME"])

    def enqueue(self, event: Event, *, name: str, channel: str, now: int) -> bool:
        """Put a notice about an event on the list, due at once; False where it stands there, or was sent, already."""
        key = event.key
        item: Item = {
            "pk": text(keys.order_pk(key)),
            "sk": text(keys.notice_sk(event.id, name)),
            "event": text(event.id),
            "detail_type": text(event.detail_type),
            "event_id": text(event.event_id),
            "at": number(event.at),
            "version": number(event.version),
            "name": text(name),
            "channel": text(channel),
            "status": text("pending"),
            "attempts": number(0),
            "updated_at": number(now),
            "due_at": number(now),
            "due_shard": text(keys.due_shard(OWNER, key.order_id)),
        }
        return dynamo.put_if_absent(self.client, self.table, item)

    def lease(self, item: Item, *, now: int, seconds: int) -> PendingNotice | None:
        """Lease a due notice, and say in its row that it is being sent; None if somebody else leased it first."""
        attempts = (codec.as_number(item, "attempts") or 0) + 1
        taken = self._update(
            item,
            codec.as_number(item, "due_at") or 0,
            "SET due_at = :at, #status = :sending, attempts = :attempts, updated_at = :now",
            {
                ":at": number(now + seconds),
                ":sending": text("sending"),
                ":attempts": number(attempts),
                ":now": number(now),
            },
        )
        if not taken:
            return None
        event = Event(
            keys.order_key(item["pk"]["S"]),
            codec.as_text(item, "event"),
            codec.as_text(item, "detail_type"),
            codec.as_text(item, "event_id"),
            codec.as_number(item, "at") or 0,
            codec.as_number(item, "version") or 0,
        )
        memo = {name: value["S"] for name, value in item.get("memo", {}).get("M", {}).items()}
        wanted_anew = codec.as_number(item, "again") or 0
        return PendingNotice(event, codec.as_text(item, "name"), attempts, memo, now + seconds, wanted_anew)

    def remember(self, pending: PendingNotice, memo: Mapping[str, str]) -> None:
        """Keep what the channel must know after a crash; raises StoreUnavailableError, and then nothing may be sent."""
        content = {name: text(value) for name, value in memo.items()}
        if not self._update(pending.row, pending.leased, "SET memo = :memo", {":memo": {"M": content}}):
            raise StoreUnavailableError("another run has the notice")

    def later(self, pending: PendingNotice, *, reason: str, via: str, at: int, now: int) -> None:
        """Put a notice back on the list for another attempt."""
        self._write(pending, "pending", ", due_at = :at", {":at": number(at)}, reason=reason, via=via, now=now)

    def ended(self, pending: PendingNotice, status: str, *, reason: str, via: str, listed: bool, now: int) -> None:
        """Write how a notice ended; a `listed` one is what a person must look at, until the due list unlists it."""
        if listed:
            more = ", due_at = :until, #exception = :exception, listed_at = :listed"
            entry = codec.listed(EXCEPTION, pending.event.key.order_id, now)
            values = {":until": number(now + LISTED_SECONDS)}
            values |= {":exception": entry["exception"], ":listed": entry["listed_at"]}
        else:
            more, values = " REMOVE due_at, due_shard", {}
        self._write(pending, status, more, values, reason=reason, via=via, now=now)

    def again(self, item: Item, *, by: str, now: int) -> bool:
        """Put a notice that has ended on the list once more, due at once; False where it is no longer as it was read.

        What its channel remembered of earlier attempts goes: it would take the new one for one of those.
        """
        expression = (
            "SET #status = :pending, attempts = :none, due_at = :now, due_shard = :shard, updated_at = :now, "
            "again = if_not_exists(again, :none) + :one, again_by = :by REMOVE memo, #exception, listed_at"
        )
        values = {
            ":pending": text("pending"),
            ":none": number(0),
            ":one": number(1),
            ":now": number(now),
            ":shard": text(keys.due_shard(OWNER, keys.order_key(item["pk"]["S"]).order_id)),
            ":by": text(by),
            ":seen": item["updated_at"],
            ":was": item["status"],
        }
        condition = "#status = :was AND updated_at = :seen"
        return dynamo.update_if(self.client, self.table, item, expression, condition, values)

    def unlist(self, item: Item) -> bool:
        """Take a notice that ended badly, and is due for it, off the list of exceptions; tell whether it was one."""
        if keys.exception_kind(codec.as_text(item, "exception")) != EXCEPTION:
            return False
        expression = "REMOVE due_at, due_shard, #exception, listed_at"
        return self._update(item, codec.as_number(item, "due_at") or 0, expression, {})

    def event(self, key: OrderKey, event_id: str) -> Item | None:
        """Return the stored event that the bus told of."""
        row = (keys.order_pk(key), keys.EVENT + event_id)
        return dynamo.read_many(self.client, self.table, [row]).get(row)

    def _write(
        self, pending: PendingNotice, status: str, more: str, values: dict[str, Any], *, reason: str, via: str, now: int
    ) -> None:
        values |= {":status": text(status), ":reason": text(reason), ":via": text(via), ":now": number(now)}
        expression = f"SET #status = :status, reason = :reason, via = :via, updated_at = :now{more}"
        self._update(pending.row, pending.leased, expression, values)

    def _update(self, row: Item, seen: int, expression: str, values: dict[str, Any]) -> bool:
        """Update a row that is still as it was seen: whoever takes it moves its due_at."""
        condition, values = "due_at = :seen", {":seen": number(seen), **values}
        return dynamo.update_if(self.client, self.table, row, expression, condition, values)

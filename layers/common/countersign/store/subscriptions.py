"""When an account's subscriptions to webhooks were last seen whole, and what the bus is told where they were not."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from countersign.orders.changes import OrderKey
from countersign.signing import digests
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text
from countersign.store.record import OUTBOX_GRACE_SECONDS

ORDER_ID = "~subscriptions"  # no order can have that name: what is told is about the account


ASKED = "asked"  # the cause of a gap that a person wants read


class Gap(NamedTuple):
    """A time in which deliveries were missing (epoch seconds), and why: the topics, or a word for silence."""

    since: int
    until: int
    cause: str


def row_of(platform: str, account: str) -> tuple[str, str]:
    """Return the key of an account's row."""
    return f"SCAN#{keys.part(platform)}#{keys.part(account)}", "SUBSCRIPTIONS"


def seen_at_of(item: Item) -> int | None:
    """Return when an account's row says that all of its subscriptions were there."""
    return codec.as_number(item, "seen_at")


def gap_of(item: Item) -> Gap | None:
    """Return the open gap that an account's row has."""
    since, cause = codec.as_number(item, "gap_since"), codec.as_text(item, "gap_cause")
    return Gap(since, codec.as_number(item, "gap_until") or 0, cause) if since is not None else None


def wish_of(item: Item) -> Gap | None:
    """Return the time that somebody wants read anew, by an account's row."""
    since = codec.as_number(item, "wish_since")
    return Gap(since, codec.as_number(item, "wish_until") or 0, ASKED) if since is not None else None


class SubscriptionStore:
    """The rows of one platform."""

    def __init__(self, client: Any, table: str, platform: str) -> None:
        self.client = client
        self.table = table
        self.platform = platform

    def seen_at(self, account: str) -> int | None:
        """Return when all of an account's subscriptions were last there (epoch seconds); None where they never were."""
        return seen_at_of(self._read(account))

    def seen(self, account: str, *, now: int) -> None:
        """Note that all of an account's subscriptions are there."""
        values = {":now": number(now)}
        dynamo.update(self.client, self.table, self._row(account), "SET seen_at = :now", "", values)

    def wish(self, account: str, since: int, until: int) -> Gap | None:
        """Note that a person wants a time read anew, together with what was wanted before; None without such a row.

        Raises ContentionError where others wish at the same moment, again and again.
        """
        for _ in dynamo.attempts():
            found = self._read(account)
            if not found:
                return None
            known = wish_of(found)
            wanted = Gap(min(since, known.since), max(until, known.until), ASKED) if known else Gap(since, until, ASKED)
            values = {":since": number(wanted.since), ":until": number(wanted.until)}
            condition = "attribute_exists(pk) AND attribute_not_exists(wish_since)"
            if known:
                condition = "wish_since = :known AND wish_until = :end"
                values |= {":known": number(known.since), ":end": number(known.until)}
            expression = "SET wish_since = :since, wish_until = :until"
            if dynamo.update_if(self.client, self.table, self._row(account), expression, condition, values):
                return wanted
        return None  # attempts() raised before

    def wished(self, account: str) -> Gap | None:
        """Return the time that a person wants read anew, if there is one."""
        return wish_of(self._read(account))

    def fulfil(self, account: str, wish: Gap) -> bool:
        """Take a wish off that is being done; False where it is another one meanwhile."""
        values = {":since": number(wish.since), ":until": number(wish.until)}
        condition = "wish_since = :since AND wish_until = :until"
        expression = "REMOVE wish_since, wish_until"
        return dynamo.update_if(self.client, self.table, self._row(account), expression, condition, values)

    def gap(self, account: str) -> Gap | None:
        """Return the time in which deliveries were missing and that is not proved read yet, if there is one."""
        return gap_of(self._read(account))

    def open_gap(self, account: str, gap: Gap) -> bool:
        """Note a gap; False where one of the same cause is open already: it is told of once."""
        values = {":since": number(gap.since), ":until": number(gap.until), ":cause": text(gap.cause)}
        expression = "SET gap_since = :since, gap_until = :until, gap_cause = :cause"
        condition = "attribute_not_exists(gap_cause) OR gap_cause <> :cause"
        return dynamo.update_if(self.client, self.table, self._row(account), expression, condition, values)

    def close_gap(self, account: str, gap: Gap) -> bool:
        """Note that a gap is read, all of it; False where it is another one meanwhile."""
        expression = "REMOVE gap_since, gap_until, gap_cause"
        values = {":since": number(gap.since), ":cause": text(gap.cause)}
        condition = "gap_since = :since AND gap_cause = :cause"
        return dynamo.update_if(self.client, self.table, self._row(account), expression, condition, values)

    def tell(
        self, account: str, detail_type: str, topics: Iterable[str], *, now: int, proof: Mapping[str, int] | None = None
    ) -> None:
        """Have the bus told of subscriptions, at least once and under one id for the same topics of the same hour.

        `proof` says what the platform's own list was compared with: numbers, among them how many are missing.
        """
        named = ",".join(sorted(topics))
        event_id = f"{detail_type}.{digests.sha256(f'{account} {named} {now // 3600}'.encode())}"
        pk = keys.order_pk(OrderKey(self.platform, account, ORDER_ID))
        item: Item = {
            "pk": text(pk),
            "sk": text(keys.EVENT + event_id),
            "kind": text(detail_type),
            "via": text("query"),
            "trust": text("queried"),
            "topics": text(named),
            "received_at": number(now),
            "emits": {"L": [text(detail_type)]},
            "due_at": number(now + OUTBOX_GRACE_SECONDS),
            "due_shard": text(keys.due_shard("sweep", event_id)),
        }
        if proof:
            item["proof"] = {"M": {name: number(value) for name, value in proof.items()}}
        dynamo.put_if_absent(self.client, self.table, item)

    def _read(self, account: str) -> Item:
        row = row_of(self.platform, account)
        return dynamo.read_many(self.client, self.table, [row]).get(row, {})

    def _row(self, account: str) -> Item:
        pk, sk = row_of(self.platform, account)
        return {"pk": text(pk), "sk": text(sk)}

"""When an account's subscriptions to webhooks were last seen whole, and what the bus is told where they were not."""

from collections.abc import Iterable
from typing import Any

from countersign.orders.changes import OrderKey
from countersign.signing import digests
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text
from countersign.store.record import OUTBOX_GRACE_SECONDS

ORDER_ID = "~subscriptions"  # no order can have that name: what is told is about the account


class SubscriptionStore:
    """The rows of one platform."""

    def __init__(self, client: Any, table: str, platform: str) -> None:
        self.client = client
        self.table = table
        self.platform = platform

    def seen_at(self, account: str) -> int | None:
        """Return when all of an account's subscriptions were last there (epoch seconds); None where they never were."""
        key = self._row(account)
        row = (key["pk"]["S"], key["sk"]["S"])
        item = dynamo.read_many(self.client, self.table, [row]).get(row, {})
        return codec.as_number(item, "seen_at")

    def seen(self, account: str, *, now: int) -> None:
        """Note that all of an account's subscriptions are there."""
        dynamo.put(self.client, self.table, {**self._row(account), "seen_at": number(now)})

    def tell(self, account: str, detail_type: str, topics: Iterable[str], *, now: int) -> None:
        """Have the bus told of subscriptions, at least once and under one id for the same topics of the same hour."""
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
        dynamo.put_if_absent(self.client, self.table, item)

    def _row(self, account: str) -> Item:
        return {"pk": text(f"SCAN#{keys.part(self.platform)}#{keys.part(account)}"), "sk": text("SUBSCRIPTIONS")}

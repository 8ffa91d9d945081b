"""What people look at: one order with everything about it, lists, exceptions."""

import heapq
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from countersign import aws
from countersign.orders.changes import OrderKey
from countersign.orders.state import Order, Refund, Settlement, Shipment
from countersign.signing import digests
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text
from countersign.store.cursors import Place, read_cursor, write_cursor

PAGE = 50
LOOKED_AT = 1000  # refunds for one page, however few of them the caller may see


@dataclass(frozen=True, slots=True)
class History:
    """One order, its refunds, and its events as stored, oldest first."""

    order: Order
    refunds: tuple[Refund, ...]
    events: tuple[Item, ...]
    settlements: tuple[Settlement, ...] = ()
    shipments: tuple[Shipment, ...] = ()
    notices: tuple[Item, ...] = ()


class OrderLists:
    """Reads for people and for the merchant's systems; nothing here is on a callback's path."""

    def __init__(self, client: Any, table: str) -> None:
        self.client = client
        self.table = table

    @classmethod
    def from_environment(cls) -> Self:
        """Return the lists over the table that the function's environment names."""
        return cls(aws.client("dynamodb"), os.environ["TABLE_NAME"])

    def history(self, key: OrderKey) -> History | None:
        """Return an order with its children and events, or None if there is no such order."""
        order: Order | None = None
        refunds: list[Refund] = []
        settlements: list[Settlement] = []
        shipments: list[Shipment] = []
        events: list[Item] = []
        notices: list[Item] = []
        query = {
            "TableName": self.table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": text(keys.order_pk(key))},
            "ConsistentRead": True,
        }
        for item in dynamo.read_all(self.client, **query):
            sk = item["sk"]["S"]
            if sk == keys.ORDER:
                order = codec.read_order(item)
            elif sk.startswith(keys.REFUND):
                refunds.append(codec.read_refund(item))
            elif sk.startswith(keys.SETTLEMENT):
                settlements.append(codec.read_settlement(item))
            elif sk.startswith(keys.SHIPMENT):
                shipments.append(codec.read_shipment(item))
            elif sk.startswith(keys.EVENT):
                events.append(item)
            elif sk.startswith(keys.NOTICE):
                notices.append(item)
        if order is None:
            return None
        events.sort(key=_sequence)
        shipments.sort(key=lambda shipment: (shipment.requested_at, shipment.shipment_id))
        notices.sort(key=lambda item: (codec.as_number(item, "at") or 0, item["sk"]["S"]))
        return History(order, tuple(refunds), tuple(events), tuple(settlements), tuple(shipments), tuple(notices))

    def by_transaction(self, platform: str, account: str, transaction_id: str) -> OrderKey | None:
        """Return the order that a platform's transaction paid."""
        row = (keys.transaction_pk(platform, account, transaction_id), "TXN")
        item = dynamo.read_many(self.client, self.table, [row]).get(row)
        return keys.order_key(item["order"]["S"]) if item else None

    def page(self, platform: str, account: str, *, status: str = "", cursor: str = "") -> tuple[list[Order], str]:
        """Return a page of an account's orders, least recently changed first, and the cursor of the next page.

        An order that changes while somebody pages moves behind the cursor, so it may come twice and is never missed;
        the last cursor also tells later what changed since.
        """
        after = read_cursor(cursor)
        names = [f"{keys.part(platform)}#{keys.part(account)}#{shard}" for shard in range(keys.SHARDS)]
        shards = [self._partition(name, after, status) for name in names]
        items = list(islice(heapq.merge(*shards, key=_place), PAGE))
        following = write_cursor(_place(items[-1])) if items else cursor
        return [codec.read_order(item) for item in items], following

    def _partition(
        self, name: str, after: Place, status: str = "", place: Callable[[Item], Place] | None = None
    ) -> Iterator[Item]:
        place = place or _place
        query: dict[str, Any] = {
            "TableName": self.table,
            "IndexName": "by_account",
            "KeyConditionExpression": "account_shard = :shard AND updated_at >= :after",
            "ExpressionAttributeValues": {
                ":shard": text(name),
                ":after": number(after[0]),
            },
            "Limit": PAGE,
        }
        if status:
            query["FilterExpression"] = "#status = :status"
            query["ExpressionAttributeNames"] = {"#status": "status"}
            query["ExpressionAttributeValues"][":status"] = text(status)
        # Orders that changed in the same second come in no fixed sequence from the index: sort each second.
        second: list[Item] = []
        for item in dynamo.read_all(self.client, **query):
            if second and second[0]["updated_at"] != item["updated_at"]:
                yield from sorted((known for known in second if place(known) > after), key=place)
                second = []
            second.append(item)
        yield from sorted((known for known in second if place(known) > after), key=place)

    def refunds(
        self, statuses: Iterable[str], visible: Callable[[OrderKey], bool], *, cursor: str = ""
    ) -> tuple[list[tuple[OrderKey, Refund]], str]:
        """Return a page of refunds in these statuses, least recently changed first, and the next page's cursor.

        A page may hold few or none although more follow, where most are not visible: the last is the one whose cursor
        stays the same.
        """
        after = read_cursor(cursor)
        names = [name for status in statuses for name in keys.refunds_shards(status)]
        partitions = [self._partition(name, after, place=_hidden_place) for name in names]
        found: list[tuple[OrderKey, Refund]] = []
        merged = heapq.merge(*partitions, key=_hidden_place)
        for looked_at, item in enumerate(islice(merged, LOOKED_AT), 1):
            key = keys.order_key(item["pk"]["S"])
            if visible(key):
                found.append((key, codec.read_refund(item)))
            if visible(key) or looked_at == LOOKED_AT:
                cursor = write_cursor(_hidden_place(item))
            if len(found) == PAGE:
                break
        return found, cursor

    def exceptions(self, kind: str) -> Iterator[Item]:
        """Yield items that a person must look at: a review, an orphan, a refund, a notice, something quarantined."""
        names = {"#exception": "exception"}
        yield from dynamo.read_all(
            self.client,
            TableName=self.table,
            IndexName="exceptions",
            KeyConditionExpression="#exception = :kind",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":kind": text(kind)},
        )


def _sequence(item: Item) -> tuple[int, int, bool]:
    version = codec.as_number(item, "version") or 0
    return (codec.as_number(item, "received_at") or 0, version, codec.as_text(item, "decision") != "applied")


def _place(item: Item) -> Place:
    return (int(item["updated_at"]["N"]), f"{item['pk']['S']} {item['sk']['S']}")


def _hidden_place(item: Item) -> Place:
    """Return a place that names no order: the caller may not know of the one that ends a page."""
    return (int(item["updated_at"]["N"]), digests.sha256(_place(item)[1].encode()))

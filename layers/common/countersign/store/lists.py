"""What people look at: one order with everything about it, lists, exceptions.

The indexes hold keys and little more, so that each change of an order costs them as little as can be: a list asks its
index for the places of a page and reads those rows whole, in one batch.
"""

import heapq
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, NamedTuple, Self

from countersign import aws
from countersign.orders.changes import OrderKey
from countersign.orders.children import BY_NAME
from countersign.orders.refunds import Refund
from countersign.orders.settlements import Settlement
from countersign.orders.shipments import Shipment
from countersign.orders.state import Order
from countersign.orders.work import ALL_LISTS
from countersign.signing import digests
from countersign.store import codec, dynamo, keys
from countersign.store.children import child_of
from countersign.store.codec import Item, number, text
from countersign.store.cursors import LATEST, Place, read_cursor, write_cursor
from countersign.store.exceptions import account_of

PAGE = 50
LOOKED_AT = 1000  # entries for one page, however few of them the caller may see

COUNTED_AT_ONCE = 1000
MOST_NAMED = 20  # orders that are called the same
BEYOND: Place = (LATEST, "")
Span = tuple[int, int]  # first and last time (epoch seconds), both included
ALWAYS: Span = (0, LATEST)

Visible = Callable[[str, str], bool]  # (platform, account): may the caller see its rows


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a list is wanted: beyond which place, of which times, in which sequence, in which statuses (or all)."""

    after: Place
    span: Span = ALWAYS
    newest_first: bool = False
    statuses: frozenset[str] = frozenset()

    def bounds(self) -> Span:
        """Return the first and the last time that is asked for."""
        first, last = self.span
        return (first, min(last, self.after[0])) if self.newest_first else (max(first, self.after[0]), last)


class Named(NamedTuple):
    """An order, and as what it is called so: a `number` or a `reference`."""

    kind: str
    key: OrderKey


@dataclass(frozen=True, slots=True)
class History:
    """One order, its children of every kind, and its events as stored, oldest first."""

    order: Order
    children: tuple[Any, ...]
    events: tuple[Item, ...]
    notices: tuple[Item, ...] = ()
    notes: tuple[Item, ...] = ()
    looks: tuple[Item, ...] = ()
    links: tuple[Item, ...] = ()
    due: Mapping[str, int] = field(default_factory=dict)  # sort key -> when a worker looks at it

    def of(self, kind: str) -> tuple[Any, ...]:
        """Return its children of one kind, in their sequence."""
        return tuple(sorted((child for child in self.children if child.kind == kind), key=BY_NAME[kind].sequence))

    @property
    def refunds(self) -> tuple[Refund, ...]:
        """Its refunds."""
        return self.of("refund")

    @property
    def settlements(self) -> tuple[Settlement, ...]:
        """Its settlements."""
        return self.of("settlement")

    @property
    def shipments(self) -> tuple[Shipment, ...]:
        """Its shipments."""
        return self.of("shipment")


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
        if not dynamo.is_key(keys.order_pk(key), keys.ORDER):
            return None
        order: Order | None = None
        children: list[Any] = []
        rows: dict[str, list[Item]] = {
            start: [] for start in (keys.EVENT, keys.NOTICE, keys.NOTE, keys.LOOK, keys.LINK)
        }
        due: dict[str, int] = {}
        query = {
            "TableName": self.table,
            "KeyConditionExpression": "pk = :pk AND sk < :evidence",
            "ExpressionAttributeValues": {":pk": text(keys.order_pk(key)), ":evidence": text(keys.EVIDENCE)},
            "ConsistentRead": True,
        }
        for item in dynamo.read_all(self.client, **query):
            kind = item["sk"]["S"].partition("#")[0]
            if (due_at := codec.as_number(item, "due_at")) is not None:
                due[item["sk"]["S"]] = due_at
            if kind == keys.ORDER:
                order = codec.read_order(item)
            elif kind.lower() in BY_NAME:
                children.append(child_of(item))
            elif f"{kind}#" in rows:
                rows[f"{kind}#"].append(item)
        if order is None:
            return None
        events = sorted(rows.pop(keys.EVENT), key=_sequence)
        notices, notes, looks, links = (
            tuple(sorted(some, key=lambda item: (codec.as_number(item, "at") or 0, item["sk"]["S"])))
            for some in rows.values()
        )
        return History(order, tuple(children), tuple(events), notices, notes, looks, links, due)

    def by_transaction(self, platform: str, account: str, transaction_id: str) -> OrderKey | None:
        """Return the order that a platform's transaction paid."""
        row = (keys.transaction_pk(platform, account, transaction_id), "TXN")
        item = dynamo.read_many(self.client, self.table, [row]).get(row)
        return keys.order_key(item["order"]["S"]) if item else None

    def named(self, platform: str, account: str, name: str, kind: str = "", *, most: int = MOST_NAMED) -> list[Named]:
        """Return the orders of an account that are called so, the latest number first; of one kind of name, or of all.

        Names are no keys: a buyer may give a cart any reference, so several orders may be called the same.
        """
        query: dict[str, Any] = {
            "TableName": self.table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :kind)" if kind else "pk = :pk",
            "ExpressionAttributeValues": {":pk": text(keys.name_pk(platform, account, name))},
            "ScanIndexForward": False,
            "Limit": most,
            "ConsistentRead": True,
        }
        if kind:
            query["ExpressionAttributeValues"][":kind"] = text(f"{kind}#")
        found = (item["sk"]["S"].split("#") for item in islice(dynamo.read_all(self.client, **query), most))
        return [Named(of, OrderKey(platform, account, keys.whole(order_id))) for of, order_id in found]

    def page(
        self,
        platform: str,
        account: str,
        *,
        statuses: Collection[str] = (),
        work: Iterable[str] = ALL_LISTS,
        cursor: str = "",
        span: Span = ALWAYS,
        newest_first: bool = False,
        limit: int = 0,
    ) -> tuple[list[Order], str]:
        """Return a page of an account's orders, least recently changed first, and the cursor of the next page.

        `work` names the work lists that are wanted (`orders.work`), `span` the times of the last change. An order that
        changes while somebody pages moves behind the cursor, so it may come twice and is never missed; the last cursor
        also tells later what changed since. With `newest_first` it moves before the cursor, so whoever pages that way
        sees what has just changed only by beginning anew.
        """
        after = read_cursor(cursor) if cursor or not newest_first else BEYOND
        names = [name for one in work for name in keys.account_shards(platform, account, one)]
        wanted = Wanted(after, span, newest_first, frozenset(statuses))
        partitions = [self._partition(name, wanted) for name in names]
        merged = heapq.merge(*partitions, key=_place, reverse=newest_first)
        entries = list(islice(merged, limit or PAGE))
        following = write_cursor(_place(entries[-1])) if entries else cursor
        orders = [codec.read_order(item) for item in dynamo.whole_rows(self.client, self.table, entries)]
        return [order for order in orders if not statuses or order.status in statuses], following

    def keys_page(
        self, platform: str, account: str, *, cursor: str = "", limit: int = PAGE
    ) -> tuple[list[OrderKey], str]:
        """Return a page of an account's orders by their keys alone, as `page` has them, and the next page's cursor.

        No order is read for it: one whose row cannot be read any more is among them.
        """
        names = [name for one in ALL_LISTS for name in keys.account_shards(platform, account, one)]
        merged = heapq.merge(*(self._partition(name, Wanted(read_cursor(cursor))) for name in names), key=_place)
        entries = list(islice(merged, limit))
        following = write_cursor(_place(entries[-1])) if entries else cursor
        return [keys.order_key(entry["pk"]["S"]) for entry in entries], following

    def _partition(self, name: str, wanted: Wanted, place: Callable[[Item], Place] | None = None) -> Iterator[Item]:
        first, last = wanted.bounds()
        if first > last:
            return iter(())
        query: dict[str, Any] = {
            "TableName": self.table,
            "IndexName": "by_account",
            "KeyConditionExpression": "account_shard = :shard AND updated_at BETWEEN :first AND :last",
            "ExpressionAttributeValues": {":shard": text(name), ":first": number(first), ":last": number(last)},
            "ScanIndexForward": not wanted.newest_first,
            "Limit": PAGE,
        }
        if wanted.statuses:
            values = {f":status{n}": text(status) for n, status in enumerate(sorted(wanted.statuses))}
            query["FilterExpression"] = f"#status IN ({', '.join(values)})"
            query["ExpressionAttributeNames"] = {"#status": "status"}
            query["ExpressionAttributeValues"] |= values
        items = dynamo.read_all(self.client, **query)
        return _by_place(items, "updated_at", wanted.after, place or _place, reverse=wanted.newest_first)

    def changed(self, platform: str, account: str, since: int) -> Iterator[Item]:
        """Yield the index entries of an account's orders that changed at `since` or later, oldest first.

        An entry has the order's key, status, version and time; its partition is the work list.
        """
        names = [name for one in ALL_LISTS for name in keys.account_shards(platform, account, one)]
        return heapq.merge(*(self._partition(name, Wanted((since, ""))) for name in names), key=_place)

    def orders(self, wanted: Collection[OrderKey]) -> dict[OrderKey, Order]:
        """Return those of the orders that there are, at most 100."""
        rows = {(keys.order_pk(key), keys.ORDER): key for key in wanted}
        found = dynamo.read_many(self.client, self.table, rows) if rows else {}
        return {rows[row]: codec.read_order(item) for row, item in found.items()}

    def count(self, index: str, partitions: Iterable[str], *, account: str = "", most: int = 999) -> int:
        """Return how many entries partitions of an index hold, counted up to one more than `most`.

        `account` (`platform/name`) counts only its entries where a partition holds those of all.
        """
        attribute = {"by_account": "account_shard", "exceptions": "exception"}[index]
        found = 0
        for name in partitions:
            query: dict[str, Any] = {
                "TableName": self.table,
                "IndexName": index,
                "Select": "COUNT",
                "KeyConditionExpression": "#partition = :name",
                "ExpressionAttributeNames": {"#partition": attribute},
                "ExpressionAttributeValues": {":name": text(name)},
                "Limit": COUNTED_AT_ONCE,
            }
            if account:
                prefix = "#".join(keys.part(part) for part in account.split("/", 1)) + "#"
                query["FilterExpression"] = "begins_with(pk, :prefix) OR begins_with(sk, :prefix)"
                query["ExpressionAttributeValues"][":prefix"] = text(prefix)
            for counted in dynamo.read_counts(self.client, **query):
                found += counted
                if found > most:
                    return most + 1
        return found

    def find(
        self,
        platform: str,
        account: str,
        wanted: Callable[[Order], bool],
        *,
        status: str = "",
        newest_first: bool = False,
        limit: int = PAGE,
        cursor: str = "",
    ) -> tuple[list[Order], str]:
        """Return up to `limit` of an account's orders that are `wanted`, by the time of their last change here.

        A page may hold few or none although more follow, where few are wanted: the last is the one whose cursor stays
        the same.
        """
        after = read_cursor(cursor) if cursor or not newest_first else BEYOND
        names = [name for one in ALL_LISTS for name in keys.account_shards(platform, account, one)]
        places = Wanted(after, newest_first=newest_first, statuses=frozenset([status] if status else []))
        partitions = [self._partition(name, places) for name in names]
        merged = islice(heapq.merge(*partitions, key=_place, reverse=newest_first), LOOKED_AT)
        found: list[Order] = []
        while entries := list(islice(merged, dynamo.BATCH)):
            rows = {item["pk"]["S"]: item for item in dynamo.whole_rows(self.client, self.table, entries)}
            for entry in entries:
                cursor = write_cursor(_place(entry))
                row = rows.get(entry["pk"]["S"])
                order = codec.read_order(row) if row is not None else None
                if order is not None and status in ("", order.status) and wanted(order):
                    found.append(order)
                if len(found) == limit:
                    return found, cursor
        return found, cursor

    def refunds(
        self, statuses: Iterable[str], visible: Callable[[OrderKey], bool], *, cursor: str = "", limit: int = 0
    ) -> tuple[list[tuple[OrderKey, Refund]], str]:
        """Return a page of refunds in these statuses, least recently changed first, and the next page's cursor.

        A page may hold few or none although more follow, where most are not visible: the last is the one whose cursor
        stays the same.
        """
        after = read_cursor(cursor)
        names = [name for status in statuses for name in keys.refunds_shards(status)]
        merged = heapq.merge(
            *(self._partition(name, Wanted(after), _hidden_place) for name in names), key=_hidden_place
        )
        entries, following = _seen(
            merged, lambda item: visible(keys.order_key(item["pk"]["S"])), _hidden_place, cursor, limit or PAGE
        )
        items = dynamo.whole_rows(self.client, self.table, entries)
        return [(keys.order_key(item["pk"]["S"]), child_of(item)) for item in items], following

    def exceptions(
        self, kinds: Iterable[str], visible: Visible, *, cursor: str = "", limit: int = 0
    ) -> tuple[list[Item], str]:
        """Return a page of the exceptions of these kinds, longest listed first, and the next page's cursor.

        `visible` is asked by platform and account before a row is read. A page may hold few or none although more
        follow: the last is the one whose cursor stays the same.
        """
        after = read_cursor(cursor)
        names = [name for kind in kinds for name in keys.exception_shards(kind)]
        merged = heapq.merge(*(self._exceptions(name, after) for name in names), key=_listed)
        entries, following = _seen(merged, lambda item: visible(*account_of(item)), _listed, cursor, limit or PAGE)
        return list(dynamo.whole_rows(self.client, self.table, entries)), following

    def exceptions_by_account(self, kind: str, *, most: int = 999) -> tuple[Counter[tuple[str, str]], bool]:
        """Return how many exceptions of a kind each account (platform, name) has, and whether there are more.

        No more than `most` entries are counted, over all accounts: beyond them each count is a least.
        """
        names = keys.exception_shards(kind)
        entries = list(islice(chain.from_iterable(self._exceptions(name, read_cursor("")) for name in names), most + 1))
        return Counter(account_of(item) for item in entries[:most]), len(entries) > most

    def _exceptions(self, name: str, after: Place) -> Iterator[Item]:
        query = {
            "TableName": self.table,
            "IndexName": "exceptions",
            "KeyConditionExpression": "#exception = :name AND listed_at >= :after",
            "ExpressionAttributeNames": {"#exception": "exception"},
            "ExpressionAttributeValues": {":name": text(name), ":after": number(after[0])},
            "Limit": PAGE,
        }
        return _by_place(dynamo.read_all(self.client, **query), "listed_at", after, _listed)


def _by_place(
    items: Iterable[Item], time: str, after: Place, place: Callable[[Item], Place], *, reverse: bool = False
) -> Iterator[Item]:
    """Yield what comes beyond `after`: what has the same second comes in no fixed sequence from an index."""

    def beyond(second: list[Item]) -> list[Item]:
        further = [known for known in second if (place(known) < after if reverse else place(known) > after)]
        return sorted(further, key=place, reverse=reverse)

    second: list[Item] = []
    for item in items:
        if second and second[0][time] != item[time]:
            yield from beyond(second)
            second = []
        second.append(item)
    yield from beyond(second)


def _seen(
    merged: Iterable[Item], visible: Callable[[Item], bool], place: Callable[[Item], Place], cursor: str, limit: int
) -> tuple[list[Item], str]:
    """Return a page of what the caller may see, and the cursor behind what was looked at for it."""
    found: list[Item] = []
    for looked_at, item in enumerate(islice(merged, LOOKED_AT), 1):
        seen = visible(item)
        if seen:
            found.append(item)
        if seen or looked_at == LOOKED_AT:
            cursor = write_cursor(place(item))
        if len(found) == limit:
            break
    return found, cursor


def _sequence(item: Item) -> tuple[int, int, bool]:
    version = codec.as_number(item, "version") or 0
    return (codec.as_number(item, "received_at") or 0, version, codec.as_text(item, "decision") != "applied")


def _place(item: Item) -> Place:
    return (int(item["updated_at"]["N"]), f"{item['pk']['S']} {item['sk']['S']}")


def _hidden_place(item: Item) -> Place:
    """Return a place that names no order: the caller may not know of the one that ends a page."""
    return (int(item["updated_at"]["N"]), digests.sha256(_place(item)[1].encode()))


def _listed(item: Item) -> Place:
    return (int(item["listed_at"]["N"]), digests.sha256(f"{item['pk']['S']} {item['sk']['S']}".encode()))

"""All that is kept about what a finding names, as one document: what a customer is answered who wants to know it."""

import base64
from collections.abc import Iterator
from typing import Any

from countersign.api.orders import OrderService
from countersign.api.story import MOST_AS_TEXT
from countersign.errors import NotFoundError, UnreadableError
from countersign.orders.changes import OrderKey
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.orders.sentences import said
from countersign.orders.times import timestamp
from countersign.runtime.caller import Caller
from countersign.store import OrderStore, codec, dynamo, evidence, findings, journal, keys, quarantine
from countersign.store import exceptions as entries
from countersign.store.codec import Item, text
from countersign.store.journal import Deed, Who
from countersign.store.lists import OrderLists

PAGE = 25  # orders of one answer: whoever looks at each is recorded beside them before anything is shown
MOST_BYTES = 2_000_000  # of messages in one answer: Lambda answers with 6 MB, and a text of JSON grows in JSON
Json = dict[str, Any]


class Exports:
    """One caller's exports: everything outside the token's accounts does not exist."""

    def __init__(self, store: OrderStore, lists: OrderLists, caller: Caller, now: int, *, language: str) -> None:
        self.lists, self.caller, self.now, self.language = lists, caller, now, language
        self.desk = OrderService(store, lists, caller, now, language=language)

    def of_finding(self, name: str, *, cursor: str = "") -> Json:
        """Return the finding's message, and of each order that it names what is kept, with the messages themselves.

        The answer whose `cursor` is null ends the document. A message that has no room, or is larger than an answer,
        says where it is (`shown_at`). Raises NotFoundError for what is no finding, or not the caller's to see.
        """
        self.caller.require_person()
        row = entries.read_exception_id(name)
        platform, account = entries.account_of(row)
        place = (row["pk"]["S"], row["sk"]["S"])
        finding = dynamo.read_many(self.lists.client, self.lists.table, [place]).get(place)
        if finding is None or not findings.is_finding(row) or not self.caller.may_see(platform, account):
            raise refusal(NotFoundError, because("no_such_exception"))
        named = [OrderKey(platform, account, one["S"]) for one in finding.get("orders", {"L": []})["L"]]
        first = int(cursor) if cursor else 0
        self._look(platform, account, Deed("export_seen", subject=name))
        orders: list[Json] = []
        room = MOST_BYTES
        for key in named[first : first + PAGE]:
            found, taken = self._order(key, room, whole=bool(orders))
            if found is None:
                break
            orders.append(found)
            room -= taken
        following = first + len(orders)
        return {
            "platform": platform,
            "account": account,
            "reason": said(codec.as_reasons(finding), self.language),
            "asked_at": timestamp(codec.as_number(finding, "received_at")),
            "due_by": timestamp(codec.as_number(finding, "due_by")),
            "message": _asked(finding) if first == 0 and "digest" in finding else None,
            "orders": orders,
            "cursor": str(following) if following < len(named) else None,
        }

    def _order(self, key: OrderKey, room: int, *, whole: bool) -> tuple[Json | None, int]:
        """Return what is kept of an order, and how many bytes of messages that shows.

        An order that is wanted `whole` is None where not all of its messages have room; of another one a message that
        has none says where it is.
        """
        shown: Json | None = None
        problem = None
        try:
            shown = self.desk.order(key)
            shown.pop("actions")
        except NotFoundError:
            problem = "unknown"
        except UnreadableError:  # what was said of it is there all the same
            problem = "unreadable"
        left, messages = room, []
        for row, raw, shown_at in self._messages(key):
            if len(raw) > left and whole:
                return None, 0
            if len(raw) <= left:
                left -= len(raw)
                messages.append(row | _content(raw))
            else:
                messages.append(row | _content(b"") | {"bytes": len(raw), "shown_at": shown_at})
        self._look(key.platform, key.account, Deed("export_seen", key.order_id))
        return {"order_id": key.order_id, "problem": problem, "order": shown, "messages": messages}, room - left

    def _messages(self, key: OrderKey) -> Iterator[tuple[Json, bytes, str | None]]:
        """Yield what was received about an order: each message, its bytes, and where else they can be seen."""
        client, table = self.lists.client, self.lists.table
        events = dynamo.read_all(
            client,
            TableName=table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :event)",
            ExpressionAttributeValues={":pk": text(keys.order_pk(key)), ":event": text(keys.EVENT)},
            ConsistentRead=True,
        )
        for event in events:
            if "digest" not in event:
                continue  # nothing was received: something was asked, or decided here
            raw, number = evidence.read(client, table, event), codec.event_id(event)
            order = "/".join(keys.part(one) for one in (key.platform, key.account, key.order_id))
            row = {"event_id": number, "digest": event["digest"]["B"].hex(), **_times(event)}
            yield row, raw, f"/orders/{order}/events/{keys.part(number)}/evidence"
        named = {"platform": key.platform, "account": key.account, "order_id": key.order_id}
        for place in quarantine.kept(client, table, **named):
            found = (place["pk"]["S"], place["sk"]["S"])
            item = dynamo.read_many(client, table, [found]).get(found)
            if item is not None:
                yield *_own(item), None

    def _look(self, platform: str, account: str, deed: Deed) -> None:
        who = Who(self.caller.subject, self.caller.name)
        journal.add_deed(self.lists.client, self.lists.table, platform, account, deed, who, now=self.now)


def _asked(finding: Item) -> Json:
    row, raw = _own(finding)
    return row | _content(raw)


def _own(item: Item) -> tuple[Json, bytes]:
    """Return a message that stands in a row of its own, and its bytes."""
    raw = codec.decompress(item["raw"]["B"]) if "raw" in item else b""
    return {"event_id": None, "digest": codec.as_text(item, "digest"), **_times(item)}, raw


def _times(item: Item) -> Json:
    received = codec.as_number(item, "received_at") or codec.as_number(item, "updated_at")
    return {"received_at": timestamp(received), "erased_at": timestamp(codec.as_number(item, "erased_at"))}


def _content(raw: bytes) -> Json:
    """Return a message's bytes for people to read: as text where they are one, and not too long to be one in JSON."""
    try:
        as_text = raw.decode() if raw and len(raw) <= MOST_AS_TEXT else None
    except UnicodeDecodeError:
        as_text = None
    encoded = base64.b64encode(raw).decode() if raw and as_text is None else None
    return {"bytes": len(raw), "text": as_text, "base64": encoded, "shown_at": None}

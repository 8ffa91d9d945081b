"""An order's story: all that was said, told, noted and looked at, in one sequence; and what people add to it."""

import base64
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from countersign.api.overview import one_of
from countersign.api.people import people
from countersign.errors import ConflictError, NotFoundError, TooLargeError, UnprocessableError
from countersign.orders.changes import OrderKey
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.orders.sentences import ENGLISH
from countersign.orders.times import timestamp
from countersign.runtime.caller import Caller
from countersign.signing import digests, nonces
from countersign.store import codec, evidence, journal
from countersign.store.codec import Item
from countersign.store.cursors import Place, read_cursor, write_cursor
from countersign.store.journal import Deed, Who
from countersign.store.lists import History, OrderLists
from countersign.store.notices import ENDED, NoticeStore
from countersign.store.present import by_json, event_json, link_json, note_json, notice_id, notice_json

SORTS = ("at", "-at")
PAGE = 50
MOST_SHOWN = 4_000_000  # bytes of evidence in one answer: Lambda answers with 6 MB, and base64 takes a third more
MOST_AS_TEXT = 250_000
NOT_PRINTED = "not printed"  # what somebody says who has looked
Json = dict[str, Any]


class _Entry(NamedTuple):
    place: Place
    row: Json


class StoryService:
    """One caller's view of an order's story: everything outside the token's accounts does not exist."""

    def __init__(self, lists: OrderLists, caller: Caller, now: int, *, language: str = ENGLISH) -> None:
        self.lists = lists
        self.caller = caller
        self.now = now
        self.language = language

    def timeline(self, key: OrderKey, *, sort: str = "-at", limit: int = 0, cursor: str = "") -> Json:
        """Return a page of an order's events, notices, notes, looks at evidence and links, newest or oldest first.

        What stands at one second keeps its sequence, so a page neither repeats nor leaves out anything.
        """
        one_of("sort", [sort], SORTS)
        newest_first = sort.startswith("-")
        after = read_cursor(cursor) if cursor else None
        entries = sorted(self._entries(self._history(key)), reverse=newest_first, key=lambda entry: entry.place)
        if after is not None:
            entries = [one for one in entries if (one.place < after if newest_first else one.place > after)]
        page = entries[: limit or PAGE]
        rows = [entry.row for entry in page]
        return {
            "timeline": rows,
            "cursor": (write_cursor(page[-1].place) if page else cursor) or None,
            "people": people(self.lists, {"platform": key.platform, "account": key.account, "timeline": rows}),
        }

    def _entries(self, history: History) -> Iterable[_Entry]:
        for item in history.events:
            at, version = codec.as_number(item, "received_at") or 0, codec.as_number(item, "version") or 0
            later = codec.as_text(item, "decision") != "applied"
            place = f"{version:010d} {int(later)} {item['sk']['S']}"
            yield _entry("event", at, place, event_json(item, self.language))
        for item in history.notices:
            yield _entry("notice", codec.as_number(item, "at") or 0, _behind(item), notice_json(item))
        for item in history.notes:
            yield _entry("note", codec.as_number(item, "at") or 0, _behind(item), note_json(item))
        for item in history.looks:
            look = {"event_id": codec.as_text(item, "event_id"), "by": by_json(item)}
            yield _entry("look", codec.as_number(item, "at") or 0, _behind(item), look)
        for item in history.links:
            for what, name in (("made", "at"), ("opened", "opened_at"), ("used", "used_at"), ("ended", "ended_at")):
                if (happened := codec.as_number(item, name)) is not None:
                    yield _entry("payment_link", happened, f"{_behind(item)} {name}", link_json(item, what))

    def note(self, key: OrderKey, content: str, *, once: str = "") -> Json:
        """Put a person's note beside the order; the same call under an Idempotency-Key gives the same note."""
        self.caller.require_person()
        self._history(key)
        number = nonces.nonce()
        if once:
            named = [key.platform, key.account, key.order_id, self.caller.subject, once]
            number = digests.sha256(json.dumps(named).encode())[:32]
        client, table = self.lists.client, self.lists.table
        row = journal.add_note(client, table, key, number, content, self._who, now=self.now)
        if codec.as_text(row, "note") != content:
            raise refusal(UnprocessableError, because("key_used_for_another_note"))
        return {**note_json(row), "at": timestamp(codec.as_number(row, "at"))}

    def evidence(self, key: OrderKey, event_id: str) -> Json:
        """Return the bytes that an event was made of; the look is recorded before anything is shown."""
        history = self._history(key)
        event = next((item for item in history.events if codec.event_id(item) == event_id), None)
        if event is None:
            raise refusal(NotFoundError, because("no_such_event"))
        if "erased_at" in event:
            raise refusal(NotFoundError, because("evidence_erased"))
        raw = evidence.read(self.lists.client, self.lists.table, event)
        if (size := codec.as_number(event, "not_kept") or len(raw)) > MOST_SHOWN:
            raise refusal(TooLargeError, because("evidence_too_large", bytes=size))
        if not raw:
            raise refusal(NotFoundError, because("no_evidence"))
        client, table = self.lists.client, self.lists.table
        journal.add_look(client, table, key, event_id, self._who, now=self.now)
        deed = Deed("evidence_seen", key.order_id, event_id)
        journal.add_deed(client, table, key.platform, key.account, deed, self._who, now=self.now)
        kept, found = event["digest"]["B"].hex(), digests.sha256(raw)
        return {
            "event_id": event_id,
            "trust": codec.as_text(event, "trust"),
            "key_id": codec.as_text(event, "key_id") or None,
            "received_at": timestamp(codec.as_number(event, "received_at")),
            "digest": kept,
            "intact": found == kept,
            "base64": base64.b64encode(raw).decode(),
            "text": _as_text(raw),
        }

    def again(self, notices: NoticeStore, key: OrderKey, number: str, *, seen: str = "") -> Json:
        """Have a notice that has ended sent once more, at the next look at the list.

        Where nobody knows whether it was sent, a person must have looked first and say so: `seen` is "not printed".
        """
        item = next((one for one in self._history(key).notices if notice_id(one) == number), None)
        if item is None:
            raise refusal(NotFoundError, because("no_such_notice"))
        status = codec.as_text(item, "status")
        if status not in ENDED:
            raise refusal(ConflictError, because("notice_under_way"))
        if status == "unknown" and seen != NOT_PRINTED:
            raise refusal(ConflictError, because("notice_perhaps_sent"))
        if not notices.again(item, by=self.caller.subject, now=self.now):
            raise refusal(ConflictError, because("notice_under_way"))
        return {**notice_json(item), "status": "pending", "attempts": 0, "updated_at": timestamp(self.now)}

    @property
    def _who(self) -> Who:
        return Who(self.caller.subject, self.caller.name)

    def _history(self, key: OrderKey) -> History:
        self.caller.require_account(key.platform, key.account)
        history = self.lists.history(key)
        if history is None:
            raise refusal(NotFoundError, because("no_such_order"))
        return history


def _entry(kind: str, at: int, place: str, row: Json) -> _Entry:
    return _Entry((at, place), {"type": kind, "at": timestamp(at), **row})


def _behind(item: Item) -> str:
    """Return the place of what is no event, behind the events of its second: they are what it is about."""
    return f"~ {item['sk']['S']}"


def _as_text(raw: bytes) -> str | None:
    if len(raw) > MOST_AS_TEXT:  # as text of a JSON document it would be said a second time, and longer
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None

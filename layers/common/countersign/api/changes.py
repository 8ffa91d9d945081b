"""Which orders changed since somebody looked, over all of a token's accounts: what an open page asks every few seconds.

One query says which accounts moved at all; only of those the lists are read, from the index alone. A cursor looks back
ten seconds behind its own time, for clocks that differ and an index that is a moment late, and names what it told of
those: so a change is told once, and none is left out. Where it cannot name them all it looks back less far.
"""

import base64
import binascii
import heapq
import json
from itertools import islice
from typing import Any, NamedTuple

from countersign.api.overview import account_of
from countersign.errors import MalformedError
from countersign.http import read_json
from countersign.orders.times import timestamp
from countersign.runtime.caller import Caller
from countersign.signing import digests
from countersign.store import codec, keys, pulse
from countersign.store.codec import Item
from countersign.store.cursors import LATEST, Place
from countersign.store.lists import OrderLists

MOST = 100  # changes in one answer; the next one goes on
LOOK_BACK = 10  # seconds
POLL_AFTER = 5  # seconds after which it makes sense to ask again
MARKS = 300  # that a cursor holds
_MARK = 10
Json = dict[str, Any]


class Cursor(NamedTuple):
    """When somebody looked, and what of the last seconds they were told: up to the place `behind`, everything."""

    looked_at: int
    told: tuple[str, ...] = ()
    behind: Place = (0, "")


def changes(lists: OrderLists, caller: Caller, account: str, after: str, *, now: int) -> Json:
    """Return what changed since the cursor `after`, oldest first, and the next cursor; nothing without one.

    Raises MalformedError for a cursor that is not one of ours.
    """
    only = account_of(account, caller) if account else None
    if not after:
        return {"changes": [], "cursor": write(Cursor(now)), "poll_after": POLL_AFTER}
    last = read(after)
    since = max(0, min(last.looked_at, now) - LOOK_BACK)
    beats = pulse.beats(lists.client, lists.table)
    moved = [
        name for name, at in beats.items() if at >= since - pulse.GAP and only in (None, name) and caller.may_see(*name)
    ]
    merged = heapq.merge(*(lists.changed(*name, max(since, last.behind[0])) for name in moved), key=_place)
    seen = list(islice((item for item in merged if _place(item) > last.behind), MOST + len(last.told) + 1))
    fresh = [item for item in seen if _mark(item) not in last.told]
    looked_at = now
    if len(fresh) > MOST:
        fresh = fresh[:MOST]
        looked_at = min(now, _at(fresh[-1]))
        seen = seen[: seen.index(fresh[-1]) + 1]
    recent = [item for item in seen if _at(item) >= looked_at - LOOK_BACK]
    # Without this, what the marks have no room for would be told again and again, and nothing behind it ever.
    behind = _place(recent[-MARKS - 1]) if len(recent) > MARKS else last.behind
    cursor = Cursor(looked_at, tuple(_mark(item) for item in recent[-MARKS:]), behind)
    return {"changes": [_json(item) for item in fresh], "cursor": write(cursor), "poll_after": POLL_AFTER}


def write(cursor: Cursor) -> str:
    """Return a cursor as callers hand it back."""
    content = [cursor.looked_at, "".join(cursor.told), *cursor.behind]
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def read(text: str) -> Cursor:
    """Return the cursor behind a text; raises MalformedError for any that is not one of ours."""
    try:
        content = read_json(base64.b64decode(text, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, MalformedError):
        content = None
    match content:
        case [int() as at, str() as told, int() as second, str() as row] if all(
            not isinstance(time, bool) and 0 <= time <= LATEST for time in (at, second)
        ):
            marks = tuple(told[start : start + _MARK] for start in range(0, len(told), _MARK))
            return Cursor(at, marks, (second, row))
    raise MalformedError("the cursor is not one of ours")


def _at(item: Item) -> int:
    return codec.as_number(item, "updated_at") or 0


def _place(item: Item) -> Place:
    return _at(item), f"{item['pk']['S']} {item['sk']['S']}"


def _mark(item: Item) -> str:
    return digests.sha256(f"{item['pk']['S']} {codec.as_number(item, 'version')}".encode())[:_MARK]


def _json(item: Item) -> Json:
    key = keys.order_key(item["pk"]["S"])
    return {
        "order": {"platform": key.platform, "account": key.account, "order_id": key.order_id},
        "version": codec.as_number(item, "version"),
        "status": codec.as_text(item, "status"),
        "work": keys.work_of(item["account_shard"]["S"]),
        "updated_at": timestamp(_at(item)),
    }

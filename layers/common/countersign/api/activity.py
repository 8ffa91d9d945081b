"""Who did what: each thing that a person or a system has this API do is a line in the account's activity.

The order's own events stay the proof of a decision; this is the list by which somebody finds it. What only looks
(evidence, a search by what a customer said) is recorded before it is answered, what decides once it is decided.
"""

from collections.abc import Mapping
from typing import Any

from countersign.api.orders import span_of
from countersign.api.overview import account_of
from countersign.orders.times import timestamp
from countersign.runtime.caller import Caller
from countersign.store import codec, journal, keys
from countersign.store import exceptions as entries
from countersign.store.codec import Item
from countersign.store.cursors import read_cursor, write_cursor
from countersign.store.exceptions import read_exception_id
from countersign.store.journal import Deed, Who
from countersign.store.lists import OrderLists
from countersign.store.present import by_json

ORDER = "POST /orders/{platform}/{account}/{order_id}"
# What is said of a call that was answered well; looks are recorded by what shows them.
DEEDS: Mapping[str, str] = {
    f"{ORDER}/refresh": "refreshed",
    f"{ORDER}/close": "close_asked",
    f"{ORDER}/settlements": "settlement_asked",
    f"{ORDER}/capture": "capture_asked",
    f"{ORDER}/void": "void_asked",
    f"{ORDER}/cancel": "cancellation_asked",
    f"{ORDER}/mark-paid": "mark_as_paid_asked",
    f"{ORDER}/shipments": "shipped",
    f"{ORDER}/notes": "noted",
    f"{ORDER}/payment-link": "link_made",
    f"{ORDER.replace('POST', 'DELETE')}/payment-link": "link_ended",
    f"{ORDER}/refunds": "refund_asked",
    f"{ORDER}/refunds/{{refund_id}}/approve": "refund_approved",
    f"{ORDER}/refunds/{{refund_id}}/reject": "refund_rejected",
    f"{ORDER}/refunds/{{refund_id}}/retry": "refund_retried",
    f"{ORDER}/refunds/{{refund_id}}/resolve": "refund_resolved",
    f"{ORDER}/review/{{review_id}}/resolve": "question_answered",
    f"{ORDER}/notices/{{notice_id}}/again": "notice_again",
    "POST /charges/{account}/{charge_id}/retry": "charge_retried",
    "POST /accounts/{platform}/{account}/restore": "restore_asked",
    "POST /exceptions/{exception_id}/dismiss": "exception_dismissed",
}
SUBJECTS = ("refund_id", "review_id", "notice_id", "exception_id")
Json = dict[str, Any]


def record(lists: OrderLists, caller: Caller, route: str, names: Mapping[str, str], *, charges: str, now: int) -> None:
    """Record a call that was answered well, where it changes something; `charges` is the platform of charges."""
    what = DEEDS.get(route)
    if what is None:
        return
    subject = next((names[name] for name in SUBJECTS if name in names), "")
    if "exception_id" in names:
        row = read_exception_id(names["exception_id"])
        platform, account = entries.account_of(row)
        order_id = "" if row["pk"]["S"].startswith(keys.QUARANTINE) else keys.order_key(row["pk"]["S"]).order_id
        order_id = "" if order_id.startswith("~") else order_id  # what is about an account is about no order
    else:
        platform, account = names.get("platform", charges), names["account"]
        order_id = names.get("order_id") or names.get("charge_id", "")
    add(lists, caller, platform, account, Deed(what, order_id, subject), now=now)


def add(lists: OrderLists, caller: Caller, platform: str, account: str, deed: Deed, *, now: int) -> None:
    """Record what the caller did in an account."""
    who = Who(caller.subject, caller.name)
    journal.add_deed(lists.client, lists.table, platform, account, deed, who, now=now)


def page(
    lists: OrderLists,
    caller: Caller,
    account: str,
    *,
    person: str = "",
    first: str = "",
    last: str = "",
    limit: int,
    cursor: str = "",
) -> Json:
    """Return what was done in an account, newest first, by all or by one; days are of UTC+8, both included."""
    platform, name = account_of(account, caller)
    before = read_cursor(cursor) if cursor else None
    span = span_of(first, last)
    rows, place = journal.deeds(
        lists.client, lists.table, platform, name, person=person, span=span, before=before, limit=limit
    )
    return {"activity": [_json(row) for row in rows], "cursor": write_cursor(place) if place else None}


def _json(item: Item) -> Json:
    return {
        "what": codec.as_text(item, "what"),
        "at": timestamp(codec.as_number(item, "at")),
        "by": by_json(item),
        "order_id": codec.as_text(item, "order_id") or None,
        "subject": codec.as_text(item, "subject") or None,
    }

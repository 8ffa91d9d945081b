"""Stored events and notices in the words of the HTTP contract."""

import json
from typing import Any

from countersign.orders.sentences import ENGLISH, said
from countersign.orders.times import timestamp
from countersign.signing import digests
from countersign.store import keys
from countersign.store.codec import Item, as_number, as_reasons, as_text, event_id


def event_json(item: Item, language: str = ENGLISH) -> dict[str, Any]:
    """Return an event row of the contract; the raw evidence stays in the table."""
    fact = json.loads(as_text(item, "change"))[0]["fact"]
    occurred = next((fact[name] for name in ("paid_at", "closed_at", "at") if fact.get(name)), None)
    return {
        "event_id": event_id(item),
        "kind": as_text(item, "kind"),
        "via": as_text(item, "via"),
        "trust": as_text(item, "trust"),
        "key_id": as_text(item, "key_id") or None,
        "occurred_at": timestamp(occurred),
        "received_at": timestamp(as_number(item, "received_at")),
        "decision": as_text(item, "decision"),
        "reason": said(as_reasons(item), language),
        "reasons": [reason.to_json() for reason in as_reasons(item)],
        "digest": item["digest"]["B"].hex() if "digest" in item else None,
        "evidence_not_kept": as_number(item, "not_kept"),
        "version": as_number(item, "version"),
        "published_at": timestamp(as_number(item, "published_at")),
    }


def notice_json(item: Item) -> dict[str, Any]:
    """Return a notice row of the contract."""
    return {
        "notice_id": notice_id(item),
        "name": as_text(item, "name"),
        "event": as_text(item, "detail_type"),
        "channel": as_text(item, "channel"),
        "status": as_text(item, "status"),
        "attempts": as_number(item, "attempts") or 0,
        "via": as_text(item, "via") or None,
        "reason": as_text(item, "reason") or None,
        "updated_at": timestamp(as_number(item, "updated_at")),
    }


def notice_id(item: Item) -> str:
    """Return the name by which callers mean a notice of an order: its key names an event, which they need not know."""
    return digests.sha256(item["sk"]["S"].encode())[:32]


def note_json(item: Item) -> dict[str, Any]:
    """Return a person's note of the contract."""
    return {
        "note_id": keys.whole(item["sk"]["S"].removeprefix(keys.NOTE)),
        "note": as_text(item, "note"),
        "by": by_json(item),
    }


def link_json(item: Item, what: str) -> dict[str, Any]:
    """Return what became of a payment link: `made`, `opened` or `used` (for the first time, of so many), `ended`."""
    return {
        "link_id": item["sk"]["S"].removeprefix(keys.LINK),
        "what": what,
        "by": by_json(item) if what == "made" else None,
        "times": as_number(item, f"{what}_times"),
        "expires_at": timestamp(as_number(item, "expires_at")),
    }


def by_json(item: Item) -> dict[str, Any]:
    """Return who did something: a token's subject, and the name that the token said, if any."""
    return {"id": as_text(item, "by"), "name": as_text(item, "name") or None}

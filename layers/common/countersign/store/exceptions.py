"""Entries of the exceptions list: how callers name one, and how a person takes one off it."""

import base64
import binascii
import json
from typing import Any

from countersign.errors import MalformedError, NotFoundError
from countersign.http import read_json
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

# A question is resolved, and a refund or shipment that needs a person is acted on: only the rest can be dismissed.
DISMISSIBLE = frozenset({"orphan", "quarantine", "failed_notice", "finding"})
_LONGEST = 4096


def exception_id(item: Item) -> str:
    """Return the name by which callers mean an entry: the row's key, fit for a path."""
    key = json.dumps([item["pk"]["S"], item["sk"]["S"]], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def read_exception_id(name: str) -> Item:
    """Return the key behind a name; raises NotFoundError for a text that is no such name."""
    try:
        padded = name + "=" * (-len(name) % 4)
        key = read_json(base64.b64decode(padded, altchars=b"-_", validate=True)) if len(name) <= _LONGEST else None
    except (ValueError, binascii.Error, MalformedError):
        key = None
    match key:
        case [str() as pk, str() as sk] if pk and sk:
            return {"pk": text(pk), "sk": text(sk)}
    raise NotFoundError("no such exception")


def is_of_account(item: Item) -> bool:
    """Tell an entry that is about an account as a whole, and about no order of it."""
    return str(item["sk"]["S"]) == "AUTHORIZATION"


def account_of(item: Item) -> tuple[str, str]:
    """Return the platform and account that an exception is of: by its order's key, or by its own where it has none.

    Raises NotFoundError for a key that no exception can have.
    """
    pk, sk = item["pk"]["S"], item["sk"]["S"]
    try:
        if pk.startswith(keys.QUARANTINE):
            platform, account, _ = sk.split("#")
            return keys.whole(platform), keys.whole(account)
        if is_of_account(item):
            _, platform, account = pk.split("#")
            return keys.whole(platform), keys.whole(account)
        key = keys.order_key(pk)
    except ValueError:
        raise NotFoundError("no such exception") from None
    return key.platform, key.account


def dismiss(client: Any, table: str, row: Item, *, by: str, note: str, now: int) -> str:
    """Take a row off the list and keep who did so, when and why; return its kind.

    The row stays, and what can be redriven stays so. Raises NotFoundError where the row is on no list (any more);
    returns the kind of an entry that cannot be dismissed without touching it.
    """
    key = (row["pk"]["S"], row["sk"]["S"])
    item = dynamo.read_many(client, table, [key]).get(key, {})
    entry = codec.as_text(item, "exception")
    kind = keys.exception_kind(entry)
    if not entry:
        raise NotFoundError("no such exception")
    if kind not in DISMISSIBLE:
        return kind
    # A notice that failed is due only to leave the list some day; an orphan is still asked about.
    due = ", due_at, due_shard" if kind == "failed_notice" else ""
    due += ", #raw" if kind == "finding" else ""  # the message that asked for it: who asked may not wish to be kept
    dismissed = dynamo.update_if(
        client,
        table,
        row,
        f"SET dismissed_at = :now, dismissed_by = :by, dismissed_note = :note REMOVE #exception, listed_at{due}",
        "#exception = :entry",
        {":now": number(now), ":by": text(by), ":note": text(note), ":entry": text(entry)},
    )
    if not dismissed:
        raise NotFoundError("no such exception")
    return kind

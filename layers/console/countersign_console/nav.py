"""Where the console leads: each entry's path, its word in `base.nav`, and the counts that its badge adds up."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """One entry; `counts` names lists of GET /counts as `(group, list)`."""

    path: str
    word: str
    counts: tuple[tuple[str, str], ...] = ()


# Kinds of the inbox that no other entry's badge counts.
_NOBODY_ELSES = ("orphan", "quarantine", "failed_notice", "authorization", "finding")
# The first four are a phone's bottom bar; the others are behind "more" there.
ENTRIES = (
    Entry("/", "today"),
    Entry("/orders", "orders", (("work", "decide"),)),
    Entry("/ship", "ship", (("work", "to_ship"),)),
    Entry("/refunds", "refunds", (("refunds", "requested"), ("refunds", "needs_action"))),
    Entry(
        "/inbox", "inbox", tuple(("exceptions", kind) for kind in ("orphan", "quarantine", "failed_notice", "finding"))
    ),
    Entry("/bills", "bills"),
    Entry("/charges", "charges"),
    Entry("/accounts", "accounts"),
    Entry("/activity", "activity"),
    Entry("/settings", "settings"),
)
IN_THE_BAR = 4


def badge(entry: Entry, waiting: Mapping[str, Any] | None) -> str:
    """Return how much waits behind an entry, as its badge says it; empty where nothing does or nobody knows."""
    if waiting is None:
        return ""
    counted = [waiting.get(group, {}).get(name, {"count": 0, "more": False}) for group, name in entry.counts]
    total = sum(int(one["count"]) for one in counted)
    return f"{total}+" if any(one["more"] for one in counted) else (str(total) if total else "")

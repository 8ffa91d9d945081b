"""By which names the people in an answer are known: what stands in an order are the subjects of their tokens."""

from collections.abc import Iterator
from typing import Any, Protocol

from countersign.store import journal

_BY = frozenset({"requested_by", "judged_by", "resolved_by", "by"})
_NOBODY = frozenset({"policy", "user", "platform", "merchant", "operator"})
_ELSEWHERE = frozenset({"reasons", "notices", "actions"})  # who is named there is no person, or is named in full
_OWN_SIDE = "operator"  # what vouches for news of the merchant's own side is the subject of a token
Json = dict[str, Any]


class Rows(Protocol):
    """What reads the orders' table."""

    client: Any
    table: str


def people(rows_of: Rows, *rows: Json) -> dict[str, str]:
    """Return the names, by subject, of whoever the rows say did something; each row names its platform and account.

    A name is known once its bearer did something in that account: it is the one that their token said then. Without
    anybody in the rows nothing is read.
    """
    wanted = {(row["platform"], row["account"], subject) for row in rows for subject in _subjects(row)}
    return journal.known_names(rows_of.client, rows_of.table, wanted) if wanted else {}


def _subjects(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _subjects(one)
    elif isinstance(value, dict):
        if value.get("trust") == _OWN_SIDE and value.get("key_id"):
            yield value["key_id"]
        for name, one in value.items():
            if name in _BY and isinstance(one, str) and one not in _NOBODY:
                yield one
            elif name not in _ELSEWHERE:
                yield from _subjects(one)

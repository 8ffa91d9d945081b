"""What people say and look at: notes and looks at evidence beside an order, and who did what in an account."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from countersign.orders.changes import OrderKey
from countersign.signing import nonces
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text
from countersign.store.cursors import LATEST, Place

PAGE = 50
LOOKED_AT = 1000  # deeds for one page, however few of them are the person's


class Who(NamedTuple):
    """Who does something: a token's subject, and its bearer's name where the token says one."""

    subject: str
    name: str = ""


class Deed(NamedTuple):
    """What somebody did: a word for it, and whatever of an account it was done to."""

    what: str
    order_id: str = ""
    subject: str = ""  # which of the order's refunds, questions, notices or events


def add_note(client: Any, table: str, key: OrderKey, note_id: str, content: str, by: Who, *, now: int) -> Item:
    """Put a note beside an order and return its row; under a number that there is already, the row of that one."""
    row = _beside(key, keys.NOTE + keys.part(note_id), by, now) | {"note": text(content)}
    if dynamo.put_if_absent(client, table, row):
        return row
    place = (row["pk"]["S"], row["sk"]["S"])
    return dynamo.read_many(client, table, [place]).get(place, row)


def add_look(client: Any, table: str, key: OrderKey, event_id: str, by: Who, *, now: int) -> None:
    """Record that somebody looks at an event's bytes; raises StoreUnavailableError, and then nothing may be shown."""
    row = _beside(key, f"{keys.LOOK}{now:011d}#{nonces.nonce()}", by, now) | {"event_id": text(event_id)}
    dynamo.put(client, table, row)


def _beside(key: OrderKey, sk: str, by: Who, now: int) -> Item:
    return {"pk": text(keys.order_pk(key)), "sk": text(sk), "at": number(now), **_by(by)}


def _by(by: Who) -> Item:
    return {"by": text(by.subject)} | ({"name": text(by.name)} if by.name else {})


def add_deed(client: Any, table: str, platform: str, account: str, deed: Deed, by: Who, *, now: int) -> None:
    """Record in an account's activity what somebody did."""
    row: Item = {
        "pk": text(keys.activity_pk(platform, account)),
        "sk": text(f"{now:011d}#{nonces.nonce()}"),
        "what": text(deed.what),
        "at": number(now),
        **_by(by),
    }
    row |= {name: text(value) for name, value in (("order_id", deed.order_id), ("subject", deed.subject)) if value}
    dynamo.put(client, table, row)
    if by.name:
        pk, sk = _person(platform, account, by.subject)
        dynamo.put(client, table, {"pk": text(pk), "sk": text(sk), "name": text(by.name)})


def known_names(client: Any, table: str, people: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """Return the names, by subject, of people who did something in an account: each is (platform, account, subject)."""
    places = {_person(*one): one[2] for one in people}
    wanted, found = list(places), dict[str, str]()
    for start in range(0, len(wanted), dynamo.BATCH):
        for place, item in dynamo.read_many(client, table, wanted[start : start + dynamo.BATCH]).items():
            found[places[place]] = item["name"]["S"]
    return found


def _person(platform: str, account: str, subject: str) -> tuple[str, str]:
    return keys.activity_pk(platform, account), keys.PERSON + keys.part(subject)


def deeds(
    client: Any,
    table: str,
    platform: str,
    account: str,
    *,
    person: str = "",
    span: tuple[int, int] = (0, LATEST),
    before: Place | None = None,
    limit: int = PAGE,
) -> tuple[list[Item], Place | None]:
    """Return what was done in an account, newest first, and the place of the last that was looked at.

    `span` are the first and the last second that are asked for. A page may hold few or none although more follow, where
    few are the person's: the last is the one whose place is the one it began with.
    """
    found: list[Item] = []
    place = before
    for looked_at, item in enumerate(
        _newest_first(client, table, keys.activity_pk(platform, account), span, before), 1
    ):
        place = (codec.as_number(item, "at") or 0, item["sk"]["S"])
        if person in ("", codec.as_text(item, "by")):
            found.append(item)
        if len(found) == limit or looked_at == LOOKED_AT:
            break
    return found, place


def _newest_first(client: Any, table: str, pk: str, span: tuple[int, int], before: Place | None) -> Iterator[Item]:
    first, last = span
    # A dollar comes right behind the delimiter: whatever was done in the last second is below it.
    end = f"{min(last, before[0] if before else last, 10**11 - 1):011d}$"
    items = dynamo.read_all(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :end",
        ExpressionAttributeValues={":pk": text(pk), ":first": text(f"{first:011d}"), ":end": text(end)},
        ScanIndexForward=False,
        Limit=PAGE,
    )
    for item in items:
        if before is None or item["sk"]["S"] < before[1]:
            yield item

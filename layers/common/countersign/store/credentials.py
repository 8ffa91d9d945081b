"""Which keys an account's platform still signs with, and when certificates end: what whoever rotates them must know.

A key goes by its place in the account's document when it was used (`tokens[1]`), so a rotation that moves keys leaves
what was noted before it under the old places: a key may go once its place has not been used since the rotation.
"""

from typing import Any, NamedTuple

from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

NOTED = 3600  # a use that was noted is not noted again for so long
KEPT = 30 * 86_400  # after the last note of it
_noted: dict[tuple[str, str, str], int] = {}  # of this container: what it has just written need not be tried again


class Credential(NamedTuple):
    """A key or certificate of an account's document; times in epoch seconds, None where it is not known."""

    name: str
    used_at: int | None
    ends_at: int | None


def note_use(client: Any, table: str, platform: str, account: str, name: str, *, at: int) -> None:
    """Say that a key verified what was received `at`, once in an hour; raises StoreUnavailableError."""
    known = _noted.get((platform, account, name))
    if known is not None and abs(at - known) < NOTED:
        return
    condition = "attribute_not_exists(used_at) OR used_at <= :before"
    values = {":at": number(at), ":before": number(at - NOTED), ":expiration": number(at + KEPT)}
    expression = "SET used_at = :at, expiration = :expiration"
    dynamo.update_if(client, table, _row(platform, account, name), expression, condition, values)
    _noted[platform, account, name] = at


def note_end(client: Any, table: str, platform: str, account: str, name: str, *, ends_at: int, now: int) -> None:
    """Say when a certificate that an account's document holds now ends; raises StoreUnavailableError."""
    values = {":ends": number(ends_at), ":expiration": number(now + KEPT)}
    expression = "SET ends_at = :ends, expiration = :expiration"
    dynamo.update_if(client, table, _row(platform, account, name), expression, "", values)


def noted(client: Any, table: str, *, now: int) -> dict[tuple[str, str], list[Credential]]:
    """Return what is noted of each account (platform, name), in the documents' sequence; one query."""
    items = dynamo.read_all(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": text(keys.CREDENTIALS)},
    )
    found: dict[tuple[str, str], list[Credential]] = {}
    for item in items:
        if (codec.as_number(item, "expiration") or 0) <= now:  # DynamoDB removes it within days
            continue
        platform, account, name = map(keys.whole, item["sk"]["S"].split("#"))
        times = codec.as_number(item, "used_at"), codec.as_number(item, "ends_at")
        found.setdefault((platform, account), []).append(Credential(name, *times))
    return found


def _row(platform: str, account: str, name: str) -> Item:
    return {
        "pk": text(keys.CREDENTIALS),
        "sk": text("#".join(map(keys.part, (platform, account, name)))),
    }

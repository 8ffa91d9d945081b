"""When something of an account last moved, and by which road: one row for each account, so nobody reads quiet lists.

Whoever publishes an event writes it, at most once in two seconds for each account: a change within two seconds after a
beat has none of its own, so a reader goes on looking that long (`GAP`) after the last one. Roads (`CALLBACK`, `ANSWER`)
are told to the minute, in the same write.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

GAP = 2
CLOCKS_DIFFER = 600  # a beat further ahead than this is from a clock that was set back since
CALLBACK, ANSWER = "callback_at", "answer_at"  # news that the platform sent and signed; its answers when it was asked
NOTED = 60  # a road that was noted is not noted again for so long
_heard: dict[tuple[str, str, str], int] = {}  # of this container, as `_last`
_last: dict[tuple[str, str], int] = {}  # of this container: what it has just written need not be tried again


class Heard(NamedTuple):
    """When an account last moved (epoch seconds), and when the platform last said so by each road; None is never."""

    moved_at: int
    callback_at: int | None
    answer_at: int | None


def beat(
    client: Any,
    table: str,
    platform: str,
    account: str,
    *,
    now: int,
    heard: Mapping[str, int] = MappingProxyType({}),
) -> bool:
    """Say that something of an account moved; False where that was said within the last two seconds.

    `heard` says when news came by which road (epoch seconds): a road whose last time is a minute old is noted then,
    whatever moved since. Raises StoreUnavailableError.
    """
    fresh = {
        road: at
        for road, at in heard.items()
        if not 0 <= at - _heard.get((platform, account, road), at - NOTED) < NOTED
    }
    if not fresh and 0 <= now - _last.get((platform, account), now - GAP) < GAP:
        return False
    _last[platform, account] = now
    _heard.update({(platform, account, road): at for road, at in fresh.items()})
    values = {":now": number(now), ":before": number(now - GAP), ":ahead": number(now + CLOCKS_DIFFER)}
    quiet = "attribute_not_exists(pk) OR beat_at <= :before OR beat_at > :ahead"
    expression = "SET beat_at = :now"
    for road, at in fresh.items():
        values |= {f":{road}": number(at), f":{road}_before": number(at - NOTED)}
        expression += f", {road} = :{road}"
        quiet += f" OR attribute_not_exists({road}) OR {road} <= :{road}_before"
    return dynamo.update_if(client, table, _row(platform, account), expression, quiet, values)


def beats(client: Any, table: str) -> dict[tuple[str, str], int]:
    """Return when each account (platform, name) last moved, epoch seconds."""
    return {name: heard.moved_at for name, heard in told(client, table).items()}


def told(client: Any, table: str) -> dict[tuple[str, str], Heard]:
    """Return when each account (platform, name) last moved and was last heard of by each road; one query."""
    items = dynamo.read_all(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": text(keys.PULSE)},
    )
    found = {}
    for item in items:
        platform, account = map(keys.whole, item["sk"]["S"].split("#"))
        callback_at, answer_at = codec.as_number(item, CALLBACK), codec.as_number(item, ANSWER)
        found[platform, account] = Heard(codec.as_number(item, "beat_at") or 0, callback_at, answer_at)
    return found


def _row(platform: str, account: str) -> Item:
    return {"pk": text(keys.PULSE), "sk": text(f"{keys.part(platform)}#{keys.part(account)}")}

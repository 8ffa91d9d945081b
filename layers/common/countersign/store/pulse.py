"""When something of an account last moved: one row for each account, so that nobody reads lists that stand still.

Whoever publishes an event writes it, at most once in two seconds for each account: a change within two seconds after a
beat has none of its own, so a reader goes on looking that long (`GAP`) after the last one.
"""

from typing import Any

from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

GAP = 2
CLOCKS_DIFFER = 600  # a beat further ahead than this is from a clock that was set back since
_last: dict[tuple[str, str], int] = {}  # of this container: what it has just written need not be tried again


def beat(client: Any, table: str, platform: str, account: str, *, now: int) -> bool:
    """Say that something of an account moved; False where that was said within the last two seconds.

    Raises StoreUnavailableError.
    """
    if 0 <= now - _last.get((platform, account), -GAP) < GAP:
        return False
    _last[platform, account] = now
    values = {":now": number(now), ":before": number(now - GAP), ":ahead": number(now + CLOCKS_DIFFER)}
    quiet = "attribute_not_exists(pk) OR beat_at <= :before OR beat_at > :ahead"
    return dynamo.update_if(client, table, _row(platform, account), "SET beat_at = :now", quiet, values)


def beats(client: Any, table: str) -> dict[tuple[str, str], int]:
    """Return when each account (platform, name) last moved, epoch seconds."""
    items = dynamo.read_all(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": text(keys.PULSE)},
    )
    found = {}
    for item in items:
        platform, account = map(keys.whole, item["sk"]["S"].split("#"))
        found[platform, account] = codec.as_number(item, "beat_at") or 0
    return found


def _row(platform: str, account: str) -> Item:
    return {"pk": text(keys.PULSE), "sk": text(f"{keys.part(platform)}#{keys.part(account)}")}

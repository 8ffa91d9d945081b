"""Limits: slots between two calls about one order, accounts whose calls only fail, and unsigned hints in a minute."""

from typing import Any

from countersign.orders.changes import OrderKey
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

HINTS_PER_MINUTE = 60
CLOCKS_DIFFER_MINUTES = 10


def acquire_slot(client: Any, table: str, key: OrderKey, what: str, *, now: int, pause: int) -> bool:
    """Take the order's slot for `what`, which nobody gets again for `pause` seconds; False if somebody has it."""
    row = {"pk": text(keys.order_pk(key)), "sk": text(f"SLOT#{what}")}
    # A time further off than a pause is from a clock that was set back since.
    free = "attribute_not_exists(pk) OR next_at <= :now OR next_at > :next"
    values = {":now": number(now), ":next": number(now + pause)}
    return dynamo.update_if(client, table, row, "SET next_at = :next", free, values)


def cool_down(client: Any, table: str, platform: str, account: str, what: str, *, until: int) -> None:
    """Make no calls of the kind `what` for an account until then: every container keeps to it, not only this one."""
    dynamo.put(client, table, {**_cool_down_row(platform, account, what), "until": number(until)})


def cooling_until(client: Any, table: str, platform: str, account: str, what: str) -> int:
    """Return until when no such call is made for an account (epoch seconds); 0 if it never cooled down."""
    row = _cool_down_row(platform, account, what)
    key = (row["pk"]["S"], row["sk"]["S"])
    item = dynamo.read_many(client, table, [key]).get(key)
    return (codec.as_number(item, "until") or 0) if item else 0


def _cool_down_row(platform: str, account: str, what: str) -> Item:
    return _limit_row(platform, account, f"COOL#{what}")


def _limit_row(platform: str, account: str, what: str) -> Item:
    return {"pk": text(f"LIMIT#{keys.part(platform)}#{keys.part(account)}"), "sk": text(what)}


def count_hint(client: Any, table: str, *, platform: str, account: str, now: int) -> bool:
    """Count one unsigned hint of an account; False over the limit of its minute."""
    return count_in_minute(client, table, platform, account, "hint", most=HINTS_PER_MINUTE, now=now)


def count_in_minute(client: Any, table: str, platform: str, account: str, what: str, *, most: int, now: int) -> bool:
    """Count one `what` of an account in all containers together; False where the minute had `most` already."""
    row = _limit_row(platform, account, f"MINUTE#{what}")
    # A minute just ahead is another container's: its clock runs before ours, and the count is common.
    minutes = {":minute": number(now // 60), ":ahead": number(now // 60 + CLOCKS_DIFFER_MINUTES), ":one": number(1)}
    if dynamo.update_if(
        client,
        table,
        row,
        "SET counted = if_not_exists(counted, :none) + :one, in_minute = if_not_exists(in_minute, :minute)",
        "attribute_not_exists(pk) OR (in_minute BETWEEN :minute AND :ahead AND counted < :most)",
        {**minutes, ":none": number(0), ":most": number(most)},
    ):
        return True
    # One further ahead than clocks differ is from a clock that was set back since.
    other_minute = "in_minute < :minute OR in_minute > :ahead"
    return dynamo.update_if(client, table, row, "SET counted = :one, in_minute = :minute", other_minute, minutes)


def count_daily(client: Any, table: str, *, platform: str, account: str, what: str, now: int, most: int) -> int:
    """Count one row of a kind that strangers can cause (`what`) for an account and day (UTC, `now` in epoch seconds).

    Returns the count with this one, 1 to `most`; 0 where the day has had its `most`: then nothing is to be written. The
    caller that is told `most` has taken the day's last, and is the one that rings, once. The row for a kind is
    overwritten the next day, so there is one for each account and kind, however many days.
    """
    row, day = _limit_row(platform, account, f"DAILY#{what}"), number(now // 86400)
    more = {":day": day, ":one": number(1), ":most": number(most)}
    for _ in range(2):  # twice, where somebody else begins the day between our two updates
        same_day = "in_day = :day AND counted < :most"
        counted = dynamo.update(client, table, row, "ADD counted :one", same_day, more, "UPDATED_NEW")
        if counted is not None:
            return codec.as_number(counted, "counted") or 0
        key = (row["pk"]["S"], row["sk"]["S"])
        found = dynamo.read_many(client, table, [key]).get(key, {})
        if found.get("in_day") == day and (codec.as_number(found, "counted") or 0) >= most:
            return 0  # told by a read: strangers must not have us pay for writes that fail
        begins = {":day": day, ":one": number(1)}
        new_day = "attribute_not_exists(pk) OR in_day <> :day"
        if dynamo.update_if(client, table, row, "SET counted = :one, in_day = :day", new_day, begins):
            return 1
    return 0

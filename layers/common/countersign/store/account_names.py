"""Which accounts are used in the stack: a mark for each name, which tells a real one from a stranger's guess.

A name is marked once something was created or recorded for its account, so whoever is refused writes nothing. Creating
a payment marks it before a callback about that payment can come.
"""

from typing import Any

from countersign.store import dynamo, keys
from countersign.store.codec import Item, number, text

unmarked: set[tuple[str, str]] = set()  # platform and name of what this container has loaded since the last mark


def mark(client: Any, table: str) -> None:
    """Leave the marks of the accounts that were loaded; raises StoreUnavailableError."""
    while unmarked:
        platform, account = next(iter(unmarked))
        dynamo.put(client, table, _row(platform, account))
        unmarked.discard((platform, account))


def forget(client: Any, table: str, platform: str, account: str) -> None:
    """Take back the mark of an account that is gone; raises StoreUnavailableError."""
    dynamo.put(client, table, {**_row(platform, account), "gone": number(1)})


def is_remembered(client: Any, table: str, platform: str, account: str) -> bool:
    """Tell whether an account of this name has its mark; raises StoreUnavailableError."""
    row = _row(platform, account)
    key = (row["pk"]["S"], row["sk"]["S"])
    found = dynamo.read_many(client, table, [key]).get(key)
    return found is not None and "gone" not in found


def names(client: Any, table: str) -> list[tuple[str, str]]:
    """Return platform and name of every account that has its mark.

    A document in a folder of its own is no account: what it is of has a mark too.
    """
    items = dynamo.read_all(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": text(keys.ACCOUNTS)},
    )
    found = [item["sk"]["S"].split("#") for item in items if "gone" not in item]
    named = ((keys.whole(platform), keys.whole(account)) for platform, account in found)
    return sorted(name for name in named if "/" not in name[0])


def _row(platform: str, account: str) -> Item:
    # One partition for all: few rows, written once for each container and account, and listed by a query.
    return {"pk": text(keys.ACCOUNTS), "sk": text(f"{keys.part(platform)}#{keys.part(account)}")}

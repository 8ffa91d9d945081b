"""Which accounts were ever loaded in the stack: a row for each name, which tells a real one from a stranger's guess."""

from typing import Any

from countersign.store import dynamo, keys
from countersign.store.codec import Item, number, text


def remember(client: Any, table: str, platform: str, account: str) -> None:
    """Leave the mark of an account that exists; raises StoreUnavailableError."""
    dynamo.put(client, table, _row(platform, account))


def forget(client: Any, table: str, platform: str, account: str) -> None:
    """Take back the mark of an account that is gone; raises StoreUnavailableError."""
    dynamo.put(client, table, {**_row(platform, account), "gone": number(1)})


def is_remembered(client: Any, table: str, platform: str, account: str) -> bool:
    """Tell whether an account of this name was ever loaded; raises StoreUnavailableError."""
    row = _row(platform, account)
    key = (row["pk"]["S"], row["sk"]["S"])
    found = dynamo.read_many(client, table, [key]).get(key)
    return found is not None and "gone" not in found


def _row(platform: str, account: str) -> Item:
    return {"pk": text(f"ACCOUNT#{keys.part(platform)}#{keys.part(account)}"), "sk": text("NAME")}

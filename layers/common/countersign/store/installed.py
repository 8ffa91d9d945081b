"""Where an app is installed, as the table has it: what needs no key to be read, and is for every callback."""

from collections.abc import Iterator
from typing import Any

from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, text
from countersign.values import dataclass

_GRANT = "GRANT#"
_NUMBER = "NUMBER#"


@dataclass(frozen=True, slots=True)
class Installed:
    """An app in one account: `id` names what it was granted, `number` is the platform's own of the account.

    `open` is false once the grant is over: its tokens are gone. `seeded` is one that began with a document's tokens.
    """

    account: str
    id: str
    number: str
    scopes: frozenset[str]
    granted_at: int
    open: bool
    seeded: bool


def row_of(platform: str, app: str, account: str) -> tuple[str, str]:
    """Return the key of an app's row of an account."""
    return _partition(platform, app), f"{_GRANT}{keys.part(account)}"


def installed(client: Any, table: str, platform: str, app: str, account: str) -> Installed | None:
    """Return what an app was granted for an account; None where it was never installed there."""
    row = row_of(platform, app, account)
    item = dynamo.read_many(client, table, [row]).get(row)
    return read(item) if item is not None else None


def installed_everywhere(client: Any, table: str, platform: str, app: str) -> Iterator[Installed]:
    """Yield every account in which an app was installed."""
    found = dynamo.read_all(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :grant)",
        ExpressionAttributeValues={":pk": text(_partition(platform, app)), ":grant": text(_GRANT)},
    )
    yield from map(read, found)


def note_number(client: Any, table: str, platform: str, app: str, account: str, number: str) -> None:
    """Note under which name an account is known here that has the platform's own number; its name there may change."""
    row = {"pk": text(_partition(platform, app)), "sk": text(f"{_NUMBER}{keys.part(number)}")}
    condition = "attribute_not_exists(#account) OR #account <> :account"
    dynamo.update_if(client, table, row, "SET #account = :account", condition, {":account": text(account)})


def numbered(client: Any, table: str, platform: str, app: str, number: str) -> str:
    """Return the name under which an account with a number is known here; empty where none was noted."""
    row = (_partition(platform, app), f"{_NUMBER}{keys.part(number)}")
    return codec.as_text(dynamo.read_many(client, table, [row]).get(row, {}), "account")


def read(item: Item) -> Installed:
    """Return what a row says."""
    scopes = frozenset(filter(None, codec.as_text(item, "scopes").split(",")))
    return Installed(
        keys.whole(item["sk"]["S"].removeprefix(_GRANT)),
        codec.as_text(item, "id"),
        codec.as_text(item, "number"),
        scopes,
        codec.as_number(item, "granted_at") or 0,
        "sealed" in item,
        "seeded" in item,
    )


def _partition(platform: str, app: str) -> str:
    return f"TOKEN#{keys.part(platform)}#{keys.part(app)}"

"""Genuine bytes that could not be processed: kept on a callback's path, read again by an operator only."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from countersign.errors import MalformedError
from countersign.orders.changes import Hint, Verified
from countersign.signing import digests
from countersign.store import codec, dynamo, evidence, keys
from countersign.store.codec import Item, number, text
from countersign.store.throttle import count_daily

PER_DAY, HINTS_PER_DAY = 200, 20  # rows of one account
_EPOCH = date(1970, 1, 1)


def quarantine(
    client: Any,
    table: str,
    *,
    platform: str,
    account: str,
    key_id: str,
    reason: str,
    raw: bytes,
    now: int,
    content: bytes = b"",
    source: str = "notify",
    hint: bool = False,
    order_id: str = "",
) -> str:
    """Keep verified bytes that could not be processed, with the reason.

    Returns kept, `known` where the same was kept that day already, or `full`: then nothing is written. `last` is kept,
    and says that it was the account's last one of the day. `content` is what was signed, in one form, where that is not
    all of `raw`: who repeats a captured message, however laid out, writes nothing. `source` says which door they came
    by, and so who can read them later; `hint` that they are no more than a reason to ask, whatever they say. `order_id`
    is the order that they name, as far as they can be read: whoever erases what is kept of it finds them by it.
    """
    item: Item = {
        "pk": text(f"{keys.QUARANTINE}{now // 86400}"),
        "sk": text(f"{keys.part(platform)}#{keys.part(account)}#{digests.sha256(content or raw)}"),
        **codec.listed("quarantine", digests.sha256(content or raw), now),
        "updated_at": number(now),
        "account": text(f"{platform}/{account}"),
        "key_id": text(key_id),
        "reason": text(reason),
        "digest": text(digests.sha256(raw)),
        "source": text(source),
        "trust": text(Hint.name if hint else Verified.name),
        **evidence.whole(raw),
    }
    key = (item["pk"]["S"], item["sk"]["S"])
    if not {"exception", "dismissed_at"}.isdisjoint(dynamo.read_many(client, table, [key]).get(key, {})):
        return "known"
    # Who can send a hint is not known, so hints never take the room of what was signed.
    what, most = ("UNREADABLE_HINTS", HINTS_PER_DAY) if hint else ("UNREADABLE", PER_DAY)
    counted = count_daily(client, table, platform=platform, account=account, what=what, now=now, most=most)
    if not counted:
        return "full"
    pk, sk = _places(platform, account), f"{keys.part(order_id)}#{key[0]}#{key[1]}"
    if not dynamo.is_key(pk, sk):  # what no order can be called
        sk = f"#{key[0]}#{key[1]}"
    place = {"pk": text(pk), "sk": text(sk)}
    dynamo.put(client, table, place)  # first: what is kept can always be found by whom it is about
    dynamo.put(client, table, item)
    return "last" if counted == most else "kept"


def kept(client: Any, table: str, *, platform: str, account: str, order_id: str = "") -> Iterator[Item]:
    """Yield the keys of what was kept of an account, or of one of its orders, whatever became of it since."""
    for place in dynamo.read_all(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :order)" if order_id else "pk = :pk",
        ExpressionAttributeValues={
            ":pk": text(_places(platform, account)),
            **({":order": text(f"{keys.part(order_id)}#")} if order_id else {}),
        },
        ConsistentRead=True,
    ):
        _, kind, day, own = place["sk"]["S"].split("#", 3)
        yield {"pk": text(f"{kind}#{day}"), "sk": text(own)}


def _places(platform: str, account: str) -> str:
    """Return the partition that says where messages of an account are kept, for the rows themselves lie by days."""
    return f"QUARANTINED#{keys.part(platform)}#{keys.part(account)}"


@dataclass(frozen=True, slots=True)
class QuarantinedMessage:
    """Genuine bytes as they came, and what was known of them then."""

    account: str
    source: str  # the door they came by
    key_id: str  # names the key that verified them
    raw: bytes
    received_at: int
    hint: bool  # nothing but a reason to ask, whatever they say


class Quarantine:
    """The rows of one platform, day by day (UTC, as they were kept)."""

    def __init__(self, client: Any, table: str, platform: str) -> None:
        self.client = client
        self.table = table
        self.platform = platform

    def rows(self, day: date, *, account: str = "", after: str = "") -> Iterator[Item]:
        """Yield a day's rows that still wait, dismissed ones too, by their sort keys, those beyond `after` only."""
        prefix = f"{keys.part(self.platform)}#{keys.part(account)}#" if account else f"{keys.part(self.platform)}#"
        # DynamoDB takes one condition on a sort key. `~` comes after whatever a name or a digest is made of.
        for row in dynamo.read_all(
            self.client,
            TableName=self.table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :after AND :last",
            FilterExpression="attribute_exists(#exception) OR attribute_exists(dismissed_at)",
            ExpressionAttributeNames={"#exception": "exception"},
            ExpressionAttributeValues={
                ":pk": text(f"{keys.QUARANTINE}{(day - _EPOCH).days}"),
                ":after": text(max(prefix, after)),
                ":last": text(f"{prefix}~"),
            },
            ConsistentRead=True,
        ):
            if row["sk"]["S"] != after:
                yield row

    def read(self, row: Item) -> QuarantinedMessage:
        """Read a row; MalformedError where its bytes are not those that were kept.

        Rows of before do not say their source, nor whether they may be believed: where that matters, the platform is
        asked.
        """
        if "not_kept" in row:
            raise MalformedError("the message was too large to be kept: only the platform can send it again")
        if "erased_at" in row:
            raise MalformedError("the bytes were erased, as the platform asked")
        try:
            raw = codec.decompress(row["raw"]["B"])
        except (KeyError, zlib.error):
            raise MalformedError("the row does not hold the bytes that were kept") from None
        if not digests.equal(digest(row), digests.sha256(raw)):
            raise MalformedError("the bytes are not those that were kept: their digest differs")
        platform, _, account = codec.as_text(row, "account").partition("/")
        if platform != self.platform or not row["sk"]["S"].startswith(f"{keys.part(platform)}#{keys.part(account)}#"):
            raise MalformedError("the row names another account than it was kept under")
        return QuarantinedMessage(
            account=account,
            source=codec.as_text(row, "source") or "notify",
            key_id=codec.as_text(row, "key_id"),
            raw=raw,
            received_at=codec.as_number(row, "updated_at") or 0,
            hint=codec.as_text(row, "trust") != Verified.name,
        )

    def redriven(self, row: Item, *, outcome: str, event_id: str, now: int) -> bool:
        """Take a row off the exceptions, with what became of it; False if the same bytes were kept anew meanwhile."""
        return dynamo.update_if(
            self.client,
            self.table,
            row,
            "SET redriven_at = :now, outcome = :outcome, event_id = :event REMOVE #exception, listed_at, dismissed_at",
            "(attribute_exists(#exception) OR attribute_exists(dismissed_at)) AND updated_at = :seen",
            {
                ":now": number(now),
                ":outcome": text(outcome),
                ":event": text(event_id),
                ":seen": row["updated_at"],
            },
        )


def digest(row: Item) -> str:
    """Return the SHA-256 that a row says its bytes have."""
    return codec.as_text(row, "digest")

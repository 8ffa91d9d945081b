"""Genuine messages about no order of ours: one row of evidence for each signed content, and a limit for each day."""

import re
from collections.abc import Iterator
from typing import Any

from countersign.orders.changes import AccountNews
from countersign.signing import digests
from countersign.store import dynamo, evidence, keys
from countersign.store.codec import Item, number, text
from countersign.store.throttle import count_daily

NEWS_PER_DAY = 1000  # rows of one account; a large shop shares a thousand profits a day, and what is more is counted
_WORD = re.compile(r"[0-9A-Za-z_.-]{1,64}")


def keep_news(
    client: Any,
    table: str,
    news: AccountNews,
    *,
    platform: str,
    account: str,
    key_id: str,
    content: bytes,
    raw: bytes,
    now: int,
) -> str:
    """Keep `raw` as evidence; return kept, `known` where the same content was kept before, or `full`.

    `content` is what was signed, in one form: who repeats a captured message, however laid out, writes nothing. `last`
    is kept, and says that it was the day's last one.
    """
    row: Item = {
        "pk": text(_pk(platform, account)),
        "sk": text(digests.sha256(content)),
    }
    key = (row["pk"]["S"], row["sk"]["S"])
    if dynamo.read_many(client, table, [key]):
        return "known"
    counted = count_daily(client, table, platform=platform, account=account, what="NEWS", now=now, most=NEWS_PER_DAY)
    if not counted:
        return "full"
    item: Item = {
        **row,
        "word": text(news.word if _WORD.fullmatch(news.word) else ""),
        "key_id": text(key_id),
        "received_at": number(now),
        **evidence.whole(raw),
        "digest": text(digests.sha256(raw)),
    }
    dynamo.put_if_absent(client, table, item)
    return "last" if counted == NEWS_PER_DAY else "kept"


def kept(client: Any, table: str, *, platform: str, account: str) -> Iterator[Item]:
    """Yield the keys of an account's rows that have their bytes."""
    yield from dynamo.read_all(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk",
        FilterExpression="attribute_exists(#raw)",
        ProjectionExpression="pk, sk",
        ExpressionAttributeNames={"#raw": "raw"},
        ExpressionAttributeValues={":pk": text(_pk(platform, account))},
        ConsistentRead=True,
    )


def _pk(platform: str, account: str) -> str:
    return f"NEWS#{keys.part(platform)}#{keys.part(account)}"

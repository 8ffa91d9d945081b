"""How often a platform is asked: slots in time, handed out over all processes by one row of the table.

A row holds the moment of the next free slot; taking one moves it on by a conditional update, so each slot has one
owner whatever runs where. Slots have equal distances, because a counter for each second would let twice its limit pass
around the border of two seconds. DynamoDB is what all our processes share anyway, and one write for a call to a
platform is little; a reserved concurrency of one would limit a function and not an app, which several functions ask.
"""

import time
from typing import Any

from countersign.errors import RateLimitedError
from countersign.store import dynamo, keys
from countersign.store.codec import number, text

# Who was held up between getting a slot and using it comes in a burst with the others: at most one call each. Six below
# the 30 that Douyin allows, so that six callers at once stay under it over any second.
SLOTS_PER_SECOND = 24
GAP_MS = 1000 // SLOTS_PER_SECOND
# A next slot further away than this is of a clock that was moved back, or of callers that died by the hundred.
HORIZON_MS = 10_000
TOO_LATE_MS = 100


class Pace:
    """The slots of one app; `wait` returns when the caller may ask."""

    def __init__(self, client: Any, table: str, platform: str, app: str) -> None:
        self._client = client
        self._table = table
        self._key = {"pk": text(f"LIMIT#{keys.part(platform)}#{keys.part(app)}"), "sk": text("QUERIES")}

    def wait(self) -> None:
        """Take the next slot and sleep until it begins; one that was slept through is given up for another."""
        for _ in range(5):
            started, now = time.monotonic(), time.time_ns() // 1_000_000
            slot = self._take(now)
            pause = max(slot - now, 0) / 1000 - (time.monotonic() - started)
            if pause > 0:
                time.sleep(pause)
            late = (time.monotonic() - started) * 1000 - (slot - now)
            if late < TOO_LATE_MS:
                return
        raise RateLimitedError("no slot could be used in time")

    def _take(self, now: int) -> int:
        """Return the moment (epoch milliseconds) of a slot that is nobody else's."""
        for _ in dynamo.attempts():
            for expression, condition in (
                ("SET next_at = next_at + :gap", "next_at BETWEEN :now AND :horizon"),
                ("SET next_at = :after", "attribute_not_exists(next_at) OR NOT (next_at BETWEEN :now AND :horizon)"),
            ):
                values = {":gap": GAP_MS, ":now": now, ":horizon": now + HORIZON_MS, ":after": now + GAP_MS}
                used = {name: number(value) for name, value in values.items() if name in expression + condition}
                try:
                    answer = dynamo.call(
                        self._client.update_item,
                        TableName=self._table,
                        Key=self._key,
                        UpdateExpression=expression,
                        ConditionExpression=condition,
                        ExpressionAttributeValues=used,
                        ReturnValues="UPDATED_NEW",
                    )
                except dynamo.StaleViewError:
                    continue
                return int(answer["Attributes"]["next_at"]["N"]) - GAP_MS
        raise RateLimitedError("no slot is free")  # attempts() raised before

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

# More callers than Lambda runs at once do not wait: a next slot further away than theirs is of a clock that was moved
# back. Counted in slots, for at a slow pace the same callers wait longer, and beginning anew would give theirs twice.
MOST_WAITING = 1000
TOO_LATE_MS = 100


class RateLimiter:
    """The slots of one app, `per_second` of them in a second; `wait` returns when the caller may ask.

    Who was held up between getting a slot and using it comes in a burst with the others, at most one call each: a
    platform's limit wants to be that much higher.
    """

    def __init__(self, client: Any, table: str, platform: str, app: str, *, per_second: int) -> None:
        self._client = client
        self._table = table
        self._gap_ms = 1000 // per_second
        self._horizon_ms = MOST_WAITING * self._gap_ms
        self._key = {"pk": text(f"LIMIT#{keys.part(platform)}#{keys.part(app)}"), "sk": text("QUERIES")}
        self._begins = True  # which way succeeded last: it is tried first

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
            for begins in (self._begins, not self._begins):
                slot = self._begin(now) if begins else self._follow(now)
                if slot is not None:
                    self._begins = begins
                    return slot
        raise RateLimitedError("no slot is free")  # attempts() raised before

    def _follow(self, now: int) -> int | None:
        """Take the slot after the last one that somebody has, if that is still to come."""
        values = {":gap": self._gap_ms, ":now": now, ":horizon": now + self._horizon_ms}
        return self._update("SET next_at = next_at + :gap", "next_at BETWEEN :now AND :horizon", values)

    def _begin(self, now: int) -> int | None:
        """Take a slot that begins now, if all that were given out are over."""
        values = {":after": now + self._gap_ms, ":now": now, ":horizon": now + self._horizon_ms}
        idle = "attribute_not_exists(next_at) OR (NOT (next_at BETWEEN :now AND :horizon))"
        return self._update("SET next_at = :after", idle, values)

    def _update(self, expression: str, condition: str, values: dict[str, int]) -> int | None:
        numbers = {name: number(value) for name, value in values.items()}
        answer = dynamo.update(self._client, self._table, self._key, expression, condition, numbers, "UPDATED_NEW")
        return None if answer is None else int(answer["next_at"]["N"]) - self._gap_ms

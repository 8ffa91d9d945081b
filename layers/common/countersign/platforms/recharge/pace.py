"""How often Recharge is called: a bucket of 40 calls from which two leak each second, one for each token.

Nothing is shared between processes here: each answer says how full the bucket is, so whoever else calls is seen.
"""

import re
from collections.abc import Callable, Mapping

# https://docs.getrecharge.com/docs/api-rate-limits
SIZE, LEAK_PER_SECOND = 40, 2.0
REFUSED_SECONDS = 2.0  # to wait at least after a call that was one too many
_LEVEL = re.compile(r"([0-9]{1,4})/([0-9]{1,4})", re.ASCII)


class Bucket:
    """The calls of one token, as far as this process knows; `clock` gives seconds and `sleep` waits for some."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._level, self._at = 0.0, clock()

    def wait(self) -> None:
        """Return when a call fits into the bucket, and count it."""
        over = self._now() + 1 - SIZE
        if over > 0:
            self._sleep(over / LEAK_PER_SECOND)
        self._level = self._now() + 1

    def seen(self, headers: Mapping[str, str]) -> None:
        """Take what an answer says about the bucket (`X-Recharge-Limit: 12/40`), where it says so."""
        match = _LEVEL.fullmatch(headers.get("X-Recharge-Limit", ""))
        if match and int(match[2]):
            self._level = max(self._now(), min(int(match[1]) * SIZE / int(match[2]), SIZE))

    def refused(self) -> None:
        """Wait after a call that was one too many; the bucket is full."""
        self._level, self._at = float(SIZE), self._clock()
        self._sleep(REFUSED_SECONDS)

    def _now(self) -> float:
        """Return how full the bucket is, after what leaked since."""
        now = self._clock()
        self._level = max(0.0, self._level - max(0.0, now - self._at) * LEAK_PER_SECOND)
        self._at = now
        return self._level

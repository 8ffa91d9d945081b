"""What time it is in the sandbox: one small file that every process maps and reads at every call.

The supervisor writes it, everyone else only reads. Sandbox time runs from an anchor on the machine's monotonic clock,
so that moving, stopping or scaling it is one write that everybody sees at once, and years back are as good as ahead.
"""

from __future__ import annotations

import mmap
import struct
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# sequence, monotonic anchor (ns), sandbox time there (ns), rate, sequence again: a reader retries while the two differ.
_RECORD = struct.Struct("<qqqdq")
_SECOND = 1_000_000_000


class ClockReader:
    """Sandbox time, read from the file."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), _RECORD.size, access=mmap.ACCESS_READ)

    def time_ns(self) -> int:
        """Nanoseconds since 1970, as the sandbox counts them."""
        while True:
            first, anchor, sandbox, rate, last = _RECORD.unpack(self._map[: _RECORD.size])
            if first == last:
                elapsed = time.monotonic_ns() - anchor
                return int(sandbox + (elapsed if rate == 1.0 else elapsed * rate))

    def now(self) -> float:
        """Seconds since 1970, as the sandbox counts them."""
        return self.time_ns() / _SECOND

    @property
    def rate(self) -> float:
        """How fast time runs; 0 while it is frozen."""
        return float(_RECORD.unpack(self._map[: _RECORD.size])[3])

    def wait_until(self, moment: float, stop: threading.Event) -> bool:
        """Wait for a sandbox time; False if stopped first."""
        while self.now() < moment:
            if stop.wait(0.05):
                return False
        return not stop.is_set()


class Clock(ClockReader):
    """The clock's one writer."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._sequence = 0
        self._rate, self._frozen = 1.0, False
        path.write_bytes(bytes(_RECORD.size))
        with path.open("r+b") as file:
            self._written = mmap.mmap(file.fileno(), _RECORD.size)
        self._write(time.time_ns())
        super().__init__(path)

    def state(self) -> dict[str, float | bool]:
        """Describe the clock as `GET /clock` does."""
        return {"now": self.now(), "frozen": self._frozen, "rate": self._rate}

    def change(self, wanted: dict[str, object]) -> dict[str, float | bool]:
        """Apply `{"now"?, "advance"?, "frozen"?, "rate"?}`; when this returns, everybody sees it."""
        numbers = {}
        for name in ("now", "advance", "rate"):
            if (value := wanted.get(name)) is not None:
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise ValueError(f"{name} must be a number of seconds")
                numbers[name] = value
        unknown = set(wanted) - {"now", "advance", "frozen", "rate"}
        if unknown or numbers.get("rate", 1) <= 0:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}" if unknown else "rate must be above 0")
        with self._lock:
            now = int(numbers["now"] * _SECOND) if "now" in numbers else self.time_ns()
            self._rate = float(numbers.get("rate", self._rate))
            self._frozen = bool(wanted.get("frozen", self._frozen))
            self._write(now + int(numbers.get("advance", 0) * _SECOND))
        return self.state()

    def _write(self, sandbox_ns: int) -> None:
        self._sequence += 1
        rate = 0.0 if self._frozen else self._rate
        self._written[: _RECORD.size] = _RECORD.pack(
            self._sequence, time.monotonic_ns(), sandbox_ns, rate, self._sequence
        )

"""Which misbehaviour happens now: knobs that fire a number of times on calls that contain their `match`."""

from __future__ import annotations

import threading
from typing import Any

KNOWN = {
    "error500": "answer 500; with `after` the work was done",
    "timeout": "do the work, then answer `seconds` (12) later",
    "not_json": "answer 502 with an HTML page; with `after` the work was done",
    "refuse": "refuse with `code`",
    "offline": "say that the printer is offline",
    "abnormal": "say that the printer has no paper or an open lid",
    "bad_token": "take no access token (Yilianyun)",
}


class Faults:
    """All knobs: `{"offline": 1}`, `{"error500": {"match": "Open_printMsg", "after": true}}`, `{"clear": true}`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[str, dict[str, Any]] = {}

    def set(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Turn knobs and return those that are set; an unknown name is a mistake of the caller."""
        unknown = sorted(set(wanted) - set(KNOWN) - {"clear"})
        if unknown:
            raise ValueError(f"unknown faults {unknown}; there are {sorted(KNOWN)}")
        with self._lock:
            if wanted.get("clear"):
                self._faults.clear()
            for name, value in wanted.items():
                if name == "clear":
                    continue
                if not value:
                    self._faults.pop(name, None)
                elif isinstance(value, dict):
                    self._faults[name] = {"count": 1, **value}
                else:
                    self._faults[name] = {"count": 1 if value is True else int(value)}
            return {name: dict(fault) for name, fault in self._faults.items() if fault["count"]}

    def take(self, name: str, subject: str) -> dict[str, Any] | None:
        """Return the knob's parameters if it fires now, else None."""
        with self._lock:
            fault = self._faults.get(name)
            if fault is None or not fault["count"] or str(fault.get("match", "")) not in subject:
                return None
            fault["count"] -= 1
            return dict(fault)

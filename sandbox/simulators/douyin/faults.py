"""Which misbehaviour happens now: knobs that fire a number of times on what contains their `match`."""

from __future__ import annotations

import threading
from typing import Any

KNOWN = {
    "drop": "lose the callback, or only its first `attempts`",
    "duplicate": "send `copies` (3) of the callback at once",
    "delay": "send the callback `seconds` (60) of sandbox time late",
    "type": "a callback whose unsigned `type` (refund) is changed comes first (ecpay)",
    "extra": "a callback with an extra outer field comes first (ecpay)",
    "shifted": "a callback with digits moved from the timestamp to the nonce comes first (ecpay)",
    "swapped": "a callback with timestamp and nonce swapped comes first (ecpay)",
    "forge": "a callback signed with a key that is not Douyin's comes first",
    "wrong_amount": "a signed payment callback of one fen more comes first",
    "error500": "answer 500; with `after` the work was done",
    "timeout": "do the work, then answer `seconds` (12) later",
    "rate_limited": "answer 12001",
    "not_json": "answer 502 with an HTML page",
    "system_error": "answer err_no 1000",
    "bad_token": "answer that the access token is not valid",
    "refund_result": "refunds end as `status` (FAIL) with `message`",
    "settle_result": "settlements end as `status` (FAIL) with `message`",
}


class Faults:
    """All knobs of one simulator: `{"drop": 1}`, `{"drop": {"count": 2, "match": "A1"}}`, `{"clear": true}`."""

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

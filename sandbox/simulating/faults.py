"""Which misbehaviour happens now: knobs that fire a number of times, or at random from a seed."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DELIVERY_FAULTS = {
    "duplicate": "send `copies` (3) of a message at once",
    "delay": "send the first message `seconds` (60) of sandbox time late",
    "reorder": "send the message after the one that follows it",
    "drop": "lose the message, or only its first `attempts`",
}
HTTP_FAULTS = {
    "error500": "answer 500; with `after` the work was done",
    "rate_limited": "answer that there were too many calls",
    "not_json": "answer 502 with an HTML page; with `after` the work was done",
    "timeout": "do the work, then answer `seconds` (12) later",
    "hang": "do nothing and answer `seconds` (60) later",
    "truncated": "cut the answer in half",
}


@dataclass
class Fault:
    """One knob: how often it still fires, and on what."""

    parameters: dict[str, Any]
    remaining: int | None
    probability: float
    match: str
    random: random.Random = field(repr=False)

    def fires(self, subject: str) -> bool:
        """Say whether it happens to this subject, and count it."""
        if self.remaining == 0 or self.match not in subject or self.random.random() >= self.probability:
            return False
        if self.remaining is not None:
            self.remaining -= 1
        return True


class Faults:
    """All knobs of one simulator.

    `{"forge": true}` fires once, `{"forge": 3}` three times, `{"forge": {"probability": 0.1, "seed": 7}}` at random
    until it is taken back with `{"forge": false}`; `{"clear": true}` takes everything back. `count` limits a
    probability, `match` limits a knob to messages whose subject, or to calls whose line or body contains it, `instead`
    lets a spoilt message replace the real one rather than come before it. Everything else is the knob's own parameter.
    `known` says in words what each knob does.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}

    def set(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Turn knobs and return those that are set; an unknown name is a mistake of the caller."""
        wanted = dict(wanted)
        unknown = sorted(set(wanted) - set(self._known) - {"clear"})
        if unknown:
            raise ValueError(f"unknown faults {unknown}; there are {sorted(self._known)}")
        with self._lock:
            if wanted.pop("clear", False):
                self._faults.clear()
            for name, value in wanted.items():
                if value is None or value is False or value == 0:
                    self._faults.pop(name, None)
                else:
                    self._faults[name] = _read(value)
            return {
                name: fault.parameters | {"remaining": fault.remaining, "probability": fault.probability}
                for name, fault in self._faults.items()
                if fault.remaining != 0
            }

    def take(self, name: str, subject: str) -> dict[str, Any] | None:
        """Return the knob's parameters if it fires now, else None."""
        with self._lock:
            fault = self._faults.get(name)
            return dict(fault.parameters) if fault is not None and fault.fires(subject) else None


def _read(value: object) -> Fault:
    """Read one knob's setting in any of its forms."""
    parameters: dict[str, Any] = dict(value) if isinstance(value, dict) else {}
    random_wanted = "probability" in parameters
    if isinstance(value, int) and not isinstance(value, bool):
        count: int | None = value
    else:
        given = parameters.pop("count", None if random_wanted else 1)
        count = None if given is None else int(given)
    return Fault(
        remaining=count,
        probability=float(parameters.pop("probability", 1.0)),
        match=str(parameters.pop("match", "")),
        random=random.Random(parameters.pop("seed", 0)),  # noqa: S311 - a repeatable run, not a secret
        parameters=parameters,
    )

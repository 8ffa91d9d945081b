"""What the sample events of every platform share: a case, and the collection that a platform's module offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
Event = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One event, what a function answers to it, and what must be there before.

    `order` is what the merchant created before, `becomes` the order's status afterwards; `after` names cases to run
    before; `needs_platform` that the function calls the platform; `failures` is how many records go back to the stream.
    """

    event: Event
    status: int | None
    why: str
    order: dict[str, Any] = field(default_factory=dict)
    becomes: str = ""
    after: tuple[str, ...] = ()
    needs_platform: bool = False
    failures: int | None = None


class SampleEvents(NamedTuple):
    """A platform's cases by `function.case`, and the account documents by name that they are for."""

    cases: dict[str, Case]
    accounts: dict[str, dict[str, Any]]

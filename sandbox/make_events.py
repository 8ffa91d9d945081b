"""Writes `events/`, or prints one event signed for this very moment.

`python -m sandbox.make_events` writes every committed event with its index, and the account documents they are for;
`make event FUNCTION=wechat_notify CASE=paid-v3` prints a fresh one, for signatures grow old in five minutes.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import time
from typing import TYPE_CHECKING, Any

from sandbox import events
from sandbox.events.shared import ROOT, Case, SampleEvents

if TYPE_CHECKING:
    from pathlib import Path

NOON = 1_795_328_845


def main(arguments: list[str] | None = None) -> int:
    """Write all events, or print the one that `function case` names."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments:
        write(ROOT)
        return 0
    name = ".".join(arguments)
    cases = {name: case for found in of_platforms(int(time.time())).values() for name, case in found.cases.items()}
    if name not in cases:
        print(f"there is no event {name}; there are:\n  " + "\n  ".join(sorted(cases)), file=sys.stderr)
        return 1
    print(_json(cases[name].event), end="")
    return 0


def of_platforms(now: int) -> dict[str, SampleEvents]:
    """Return the sample events of each platform that has a module in `sandbox/events/`."""
    names = [module.name for module in pkgutil.iter_modules(events.__path__)]
    modules = {name: importlib.import_module(f"sandbox.events.{name}") for name in names}
    return {name: module.sample_events(now) for name, module in modules.items() if hasattr(module, "sample_events")}


def write(root: Path) -> None:
    """Write the committed events and their account documents below a folder, platform by platform."""
    for platform, found in of_platforms(NOON).items():
        _write(root, platform, found)


def _write(root: Path, platform: str, found: SampleEvents) -> None:
    folder, accounts = root / "events" / platform, root / "tests" / "accounts" / platform
    for made in (folder, accounts):
        made.mkdir(parents=True, exist_ok=True)
    for name, case in found.cases.items():
        (folder / f"{name}.json").write_text(_json(case.event), encoding="utf-8")
    index = {f"{name}.json": _entry(case) for name, case in sorted(found.cases.items())}
    (folder / "index.json").write_text(_json(index), encoding="utf-8")
    for account, document in found.accounts.items():
        (accounts / account).parent.mkdir(parents=True, exist_ok=True)
        (accounts / f"{account}.json").write_text(_json(document), encoding="utf-8")


def _entry(case: Case) -> dict[str, Any]:
    """Describe a case in the index."""
    entry: dict[str, Any] = {"now": NOON, "status": case.status, "why": case.why}
    if case.order:
        entry["order"] = case.order
    if case.becomes:
        entry["becomes"] = case.becomes
    if case.after:
        entry["after"] = [f"{name}.json" for name in case.after]
    if case.failures is not None:
        entry["failures"] = case.failures
    if case.needs_platform:
        entry["needs_platform"] = True
    return entry


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main())

"""Writes `events/`, or prints one event signed for this very moment.

`python -m sandbox.make_events` writes every committed event with its index, and the account documents they are for;
`make event FUNCTION=wechat_notify CASE=paid-v3` prints a fresh one, for signatures grow old in five minutes.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from sandbox.events import (
    douyin,
    notices,
    wechat_merchant,
    wechat_notify,
    wechat_push,
    wechat_refunds,
    wechat_shipping,
)
from sandbox.events.maker import ROOT, Case, Maker

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
    cases = all_cases(Maker(int(time.time())))
    if name not in cases:
        print(f"there is no event {name}; there are:\n  " + "\n  ".join(sorted(cases)), file=sys.stderr)
        return 1
    print(_json(cases[name].event), end="")
    return 0


def all_cases(maker: Maker) -> dict[str, Case]:
    """Return every case by `function.case`."""
    return {**_wechat(maker), **douyin.cases(douyin.DouyinMaker(maker.now))}


def _wechat(maker: Maker) -> dict[str, Case]:
    modules = (wechat_notify, wechat_push, wechat_merchant, wechat_refunds, wechat_shipping, notices)
    return {name: case for module in modules for name, case in module.cases(maker).items()}


def write(root: Path) -> None:
    """Write the committed events and their account documents below a folder, platform by platform."""
    maker, douyin_maker = Maker(NOON), douyin.DouyinMaker(NOON)
    _write(root, "wechat", _wechat(maker), maker.documents)
    _write(root, "douyin", douyin.cases(douyin_maker), douyin_maker.documents())


def _write(root: Path, platform: str, cases: dict[str, Case], documents: dict[str, dict[str, Any]]) -> None:
    events, accounts = root / "events" / platform, root / "tests" / "accounts" / platform
    for folder in (events, accounts):
        folder.mkdir(parents=True, exist_ok=True)
    for name, case in cases.items():
        (events / f"{name}.json").write_text(_json(case.event), encoding="utf-8")
    index = {f"{name}.json": _entry(case) for name, case in sorted(cases.items())}
    (events / "index.json").write_text(_json(index), encoding="utf-8")
    for account, document in documents.items():
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

"""The commands: keys, run, list, explain, replay, compare. Exit status 0 passed, 1 failed, 2 could not run."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import VERSION, keyring, report
from .cases import cases_of
from .engine import SETTLE, Result, Run
from .merchant import CannotRun, Commands
from .platforms import PLATFORMS
from .wire import Refused, Target

if TYPE_CHECKING:
    from .engine import Case

PASSED, FAILED, COULD_NOT = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.do(options))
    except (Refused, CannotRun) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename or ''}: {error.strerror or error}", file=sys.stderr)
    return COULD_NOT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="countersign-conformance", description=__doc__)
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(required=True, metavar="command")
    names = sorted(PLATFORMS)

    keys = commands.add_parser("keys", help="make a platform's throwaway keys, and what to configure at the target")
    keys.add_argument("--platform", choices=names, action="append", required=True)
    keys.add_argument("--out", type=Path, required=True)
    keys.set_defaults(do=_keys)

    run = commands.add_parser("run", help="play a platform against an endpoint")
    run.add_argument("--target", required=True, metavar="URL")
    run.add_argument("--platform", choices=names, required=True)
    run.add_argument("--keys", type=Path, required=True, metavar="DIR")
    run.add_argument("--level", type=int, choices=(1, 2, 3), default=1)
    run.add_argument("--seed", type=int, default=1)
    run.add_argument(
        "--run", default="", metavar="WORD", help="goes into the orders' numbers; another each time if left out"
    )
    run.add_argument(
        "--now", type=int, help="seconds since 1970 that messages carry, for a target with a clock of its own"
    )
    run.add_argument("--only", default="", metavar="WORD", help="only cases whose id holds this")
    run.add_argument("--i-run-this-target", default="", metavar="HOST")
    for name in ("create", "state", "close", "kill", "store-down", "store-up"):
        run.add_argument(f"--{name}-cmd", default="", metavar="CMD")
    run.add_argument(
        "--orders-url", default="", metavar="URL", help="POST makes an order, GET .../ORDER says what it is"
    )
    run.add_argument(
        "--paid", default="paid", metavar="WORDS", help="what the target calls a paid order, comma-separated"
    )
    run.add_argument("--refunded", default="refunded,partially_refunded", metavar="WORDS")
    run.add_argument(
        "--settle", type=float, default=SETTLE, metavar="SECONDS", help="how long a payment may take to arrive"
    )
    run.add_argument("--json", type=Path), run.add_argument("--junit", type=Path), run.add_argument("--html", type=Path)
    run.set_defaults(do=_run)

    listing = commands.add_parser("list", help="list the cases")
    listing.add_argument("--platform", choices=names)
    listing.set_defaults(do=_list)

    explain = commands.add_parser("explain", help="explain one case: PLATFORM.CASE")
    explain.add_argument("case")
    explain.set_defaults(do=_explain)

    replay = commands.add_parser("replay", help="send the bytes of a failed case again: REPORT.json#NUMBER")
    replay.add_argument("case")
    replay.add_argument("--i-run-this-target", default="", metavar="HOST")
    replay.set_defaults(do=_replay)

    compare = commands.add_parser("compare", help="say in which cases two reports (JSON) differ: 0 where in none")
    compare.add_argument("first", type=Path), compare.add_argument("second", type=Path)
    compare.set_defaults(do=_compare)
    return parser


def _keys(options: argparse.Namespace) -> int:
    for name, path in keyring.make(options.out, options.platform).items():
        print(f"{PLATFORMS[name].title}: configure the target with what is in {path}")
    return PASSED


def _run(options: argparse.Namespace) -> int:
    target = Target(options.target, options.i_run_this_target)
    if not (options.keys / f"{options.platform}.keys.json").exists():
        raise Refused(
            f"there are no keys: countersign-conformance keys --platform {options.platform} --out {options.keys}"
        )
    platform = keyring.read(options.keys, options.platform)
    merchant = Commands(
        options.create_cmd,
        options.state_cmd,
        options.close_cmd,
        options.kill_cmd,
        options.store_down_cmd,
        options.store_up_cmd,
        options.orders_url,
    )
    run = Run(
        platform,
        target,
        merchant,
        level=options.level,
        seed=options.seed,
        name=options.run or secrets.token_hex(3).upper(),
        clock=(lambda: float(options.now)) if options.now else time.time,
        paid=tuple(options.paid.split(",")),
        refunded=tuple(options.refunded.split(",")),
        settle=options.settle,
        only=options.only,
    )
    print(f"{platform.title}  {options.target}  seed {options.seed}")
    run.play(lambda result: print(report.line(result), flush=True))
    return finish(run, options.json, options.junit, options.html)


def finish(run: Run, json_path: Path | None, junit_path: Path | None, html_path: Path | None) -> int:
    """Write the reports, say the grade and each failure, and return the exit status."""
    told = report.report(run)
    for path, text in (
        (json_path, report.written(told)),
        (junit_path, report.junit([told])),
        (html_path, report.page([told])),
    ):
        if path:
            path.write_text(text, encoding="utf-8")
    for number, result in enumerate(run.results, 1):
        if result.outcome == "fail":
            _tell(number, result, told)
    print("\n".join(report.lines(run, told["verdict"])))
    judged = [one for one in run.results if one.outcome != "not judged"]
    if not judged or all(exchange.reply.status == 0 for exchange in run.every_exchange()):
        print("nothing could be judged: nobody answers there", file=sys.stderr)
        return COULD_NOT
    return FAILED if any(one.outcome == "fail" for one in judged) else PASSED


def _tell(number: int, result: Result, told: dict[str, Any]) -> None:
    print(f"\n#{number} {told['verdict']['platform']}.{result.case.id}: {result.case.title}")
    print(
        f"   what came: {result.what}\n   what a thief gains: {result.case.gain}\n"
        f"   the platform's page: {told['page']}"
    )
    for kept in told["evidence"][str(number)][-1:]:
        print(f"   the same bytes again: {kept['curl']}")


@cache
def _every(name: str) -> list[Case]:
    return cases_of(PLATFORMS[name](PLATFORMS[name].new_keys()))


def _list(options: argparse.Namespace) -> int:
    for name in [options.platform] if options.platform else sorted(PLATFORMS):
        for case in _every(name):
            mark = "critical" if case.critical else ""
            print(f"{name}.{case.id:<{36 - len(name)}} level {case.level}  {case.weight:>2}{mark:>9}  {case.title}")
    return PASSED


def _explain(options: argparse.Namespace) -> int:
    name, _, rest = options.case.partition(".")
    if name not in PLATFORMS:
        raise Refused(f"a case begins with its platform: {', '.join(sorted(PLATFORMS))}")
    found = next((case for case in _every(name) if case.id == rest), None)
    if found is None:
        raise Refused(f"{name} has no case {rest!r}; `list --platform {name}` shows them")
    needs = f"\nneeds: {', '.join(found.needs)}" if found.needs else ""
    print(
        f"{options.case}: {found.title}\nlevel {found.level} ({report.LEVELS[found.level]}), {found.weight} points"
        f"{', critical: an F by itself' if found.critical else ''}{needs}\nwhat a thief gains: {found.gain}\n"
        f"the platform's page: {PLATFORMS[name].page}"
    )
    return PASSED


def _replay(options: argparse.Namespace) -> int:
    path, _, number = options.case.partition("#")
    told = json.loads(Path(path).read_text(encoding="utf-8"))
    kept = told["evidence"].get(number)
    if not kept:
        raise Refused(f"{path} holds no failed case {number or 'without a number'}")
    case = told["verdict"]["cases"][int(number) - 1]
    print(f"{told['verdict']['platform']}.{case['id']}: {case['what']}")
    same = True
    for one in kept:
        try:
            exchange = report.exchange_of(one, dict(os.environ))
        except KeyError as error:
            raise Refused(f"{error.args[0].removeprefix('$')} is not set") from error
        # The kept address is the target's, with what was added to it.
        status = Target(exchange.url, options.i_run_this_target).send(exchange.message).reply.status
        print(f"  then {one['status']}, now {status}   {one['curl']}")
        same = same and status == one["status"]
    print(
        "the same answers"
        if same
        else f"other answers: what was signed is fresh for some minutes only; run --only {case['id']} signs anew"
    )
    return FAILED if same else PASSED


def _compare(options: argparse.Namespace) -> int:
    first, second = (
        json.loads(path.read_text(encoding="utf-8"))["verdict"] for path in (options.first, options.second)
    )
    cases = [{case["id"]: case for case in told["cases"]} for told in (first, second)]
    for name in dict.fromkeys([*cases[0], *cases[1]]):
        was, now = (told.get(name) for told in cases)
        if was != now:
            print(f"{name}: {_outcome(was)}, then {_outcome(now)}")
    if first == second:
        print(f"the same verdict: {first['points']}/{first['full']} {first['grade']}, {len(first['cases'])} cases")
        return PASSED
    said = "{platform}, seed {seed}, level {level}: {points}/{full} {grade}"
    print(f"{said.format(**first)}; then {said.format(**second)}")
    return FAILED


def _outcome(case: dict[str, Any] | None) -> str:
    return "not there" if case is None else f"{case['outcome']} ({case['what']})" if case["what"] else case["outcome"]

"""`make conformance`: Countersign's sandbox at level 3, peers' receivers, and the table of all grades."""

from __future__ import annotations

import argparse
import json
import re
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .. import keyring, report
from ..engine import COULD_NOT, Run
from ..merchant import Commands
from ..platforms import PLATFORMS
from ..wire import Target
from . import ours
from .peers import PEERS, Peer, shopify_api
from .reference import serving

Json = dict[str, Any]
HERE = Path(__file__).parents[1]
OWN, SHOPIFY_TITLE = "Countersign", "@shopify/shopify-api"
TABLE = HERE / "grades.md"
SHOPIFY = HERE / "receivers" / "shopify"
SHOPIFY_RECIPE = (
    "https://github.com/Shopify/shopify-app-js/blob/3fac32f5ba1553f4ddb9f4bfa94efefe2f4f4493"
    "/packages/apps/shopify-api/docs/reference/webhooks/validate.md"
)
HEAD = """# Grades

Written by `make conformance`; the same seed gives the same table. Level 1 judges answers, level 2 orders, level 3 both
while processes are killed and the store is away. **F** is any critical failure, whatever the points: somebody gets
goods for nothing, or money that was paid is lost. What a case means: `python -m conformance explain PLATFORM.CASE`.

A peer is the recipe of the page that it cites, with the least store: an order that the recipe's message calls paid is
paid. That is what people start from, not what its authors say is enough: most leave amounts, merchants and repetitions
to you. One that says only whether a message is genuine has no state, and is not judged at level 2.
"""


def main(arguments: list[str] | None = None) -> int:
    """Play everything and write the table."""
    parser = argparse.ArgumentParser(prog="python -m conformance.receivers.grades", description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only platforms whose name holds this; other rows stay")
    parser.add_argument("--peers", action="store_true", help="only peers' receivers; our rows stay")
    parser.add_argument("--out", type=Path, default=Path(".conformance"), help="where the reports go")
    options = parser.parse_args(arguments)
    names = [name for name in PLATFORMS if options.only in name]
    options.out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder, "keys")
        keyring.make(keys, names)
        started = time.monotonic()
        reports = [] if options.peers else _own(names, keys, Path(folder, "accounts"), options)
        print(f"our own grades took {time.monotonic() - started:.0f} s", flush=True)
        reports += _peers(names, keys, options.seed)
    for told in reports:
        (options.out / _file(told["who"], told["verdict"]["platform"])).write_text(report.written(told), "utf-8")
    (options.out / "report.junit.xml").write_text(report.junit(reports), encoding="utf-8")
    (options.out / "report.html").write_text(report.page(reports), encoding="utf-8")
    TABLE.write_text(table(options.out), encoding="utf-8")
    print(f"wrote {TABLE.relative_to(HERE.parent)}")
    return int(any(_missed(told) for told in reports if told["who"] == OWN))


def _file(who: str, platform: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{who} {platform}".lower()).strip("-") + ".json"


def _missed(told: Json) -> list[str]:
    """Return what failed, and what should have been judged and was not."""
    cases = told["verdict"]["cases"]
    return [case["id"] for case in cases if case["outcome"] == "fail" or case["what"].startswith(COULD_NOT)]


def _own(names: list[str], keys: Path, accounts: Path, options: argparse.Namespace) -> list[Json]:
    ours.documents(accounts, names, {name: keyring.read(keys, name).values() for name in names})
    found = []
    with ours.running(options.port, accounts) as sandbox:
        for name in names:
            place = ours.PLACES[name]
            merchant = ours.OurMerchant(sandbox, place)
            run = Run(
                keyring.read(keys, name),
                Target(f"http://127.0.0.1:{options.port}{place.path}"),
                merchant,
                level=3,
                seed=options.seed,
                name=secrets.token_hex(3).upper(),
                clock=merchant.clock,
                tries=ours.PATIENT,
            )
            found.append(_played(run, OWN))
    return found


def _peers(names: list[str], keys: Path, seed: int) -> list[Json]:
    found = []
    for kind in PEERS:
        if kind.platform in names:
            found.append(_peer(kind, keys, seed))
    if "shopify" in names:
        if shutil.which("node") and (SHOPIFY / "node_modules").exists():
            platform = keyring.read(keys, "shopify")
            with shopify_api(platform.values(), SHOPIFY) as url:
                run = Run(platform, Target(url), Commands(), level=2, seed=seed, name="PEER")
                found.append(_played(run, SHOPIFY_TITLE, SHOPIFY_RECIPE))
        else:
            print("@shopify/shopify-api was not tried: there is no Node, or `npm ci` did not run", file=sys.stderr)
    return found


def _peer(kind: type[Peer], keys: Path, seed: int) -> Json:
    # MD5 is what WeChat signs with where nobody asks for more, and what wechatpy knows.
    overrides = {"sign_type": "MD5"} if kind.platform == "wechat-v2" else {}
    platform = keyring.read(keys, kind.platform, overrides)
    receiver = kind(platform.values())
    with serving(receiver) as url:
        run = Run(platform, Target(url), receiver, level=2, seed=seed, name="PEER", settle=2.0, pause=0.1)
        return _played(run, kind.title, kind.recipe)


def _played(run: Run, who: str, recipe: str = "") -> Json:
    started = time.monotonic()
    run.play()
    told = report.report(run) | {"who": who, "recipe": recipe}
    print(f"{who}: {report.lines(run, told['verdict'])[0]}  [{time.monotonic() - started:.0f} s]", flush=True)
    for result in run.results:
        if result.outcome != "pass":
            print(report.line(result), flush=True)
    return told


def table(folder: Path) -> str:
    """Return the page of grades, of the newest report of each receiver."""
    lines = [HEAD, "| receiver | platform | level | grade | points | what it misses |", "|---|---|---|---|---|---|"]
    everybody = [(OWN, name) for name in PLATFORMS]
    everybody += [(kind.title, kind.platform) for kind in PEERS] + [(SHOPIFY_TITLE, "shopify")]
    for who, platform in everybody:
        file = folder / _file(who, platform)
        if file.exists():
            told = json.loads(file.read_text(encoding="utf-8"))
            lines.append(_row(f"**{who}**" if who == OWN else f"[{who}]({told['recipe']})", told))
    return "\n".join([*lines, ""])


def _row(who: str, told: Json) -> str:
    said = told["verdict"]
    missed = [f"**{one['id']}**" if one["critical"] else one["id"] for one in said["cases"] if one["outcome"] == "fail"]
    level = str(said["level"])
    if said["level"] == 1 and PLATFORMS[said["platform"]].judges_state:
        level = "1 (not judged at level 2)"
    skipped = [one["id"] for one in said["cases"] if one["outcome"] == "not judged" and one["level"] <= said["level"]]
    tail = f" (not judged: {', '.join(skipped)})" if skipped else ""
    points = f"{said['points']}/{said['full']}"
    return f"| {who} | {said['platform']} | {level} | {said['grade']} | {points} | {', '.join(missed) or '–'}{tail} |"


if __name__ == "__main__":
    sys.exit(main())

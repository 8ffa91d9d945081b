"""`make bench`: our callback beside its peers and the floor; prints ratios, writes bench/results.md.

Every figure is CPU time, and every ratio the median of the ratios inside each repeat of one run, so that whatever else
the machine does hits both sides alike. Where valgrind is installed, instructions are counted too: those are exact.
"""

from __future__ import annotations

import compileall
import json
import platform
import statistics
import subprocess
import sys
import sysconfig
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import instructions
from callback import FLOOR, OURS, PEER, REPEATS
from cloud import HERE, ROOT, parent_watch
from cold import ECHO, STARTS
from primitives import FLOOR as PRIMITIVE_FLOOR

RESULTS = HERE / "results.md"
LIBRARIES = ("aws-lambda-powertools", "boto3", "cryptography", "pydantic", "wechatpayv3", "wechatpy", "xmltodict")
Figures = dict[str, Any]


class Report:
    """Lines for the screen and for the page, and which targets were met."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.targets: list[tuple[str, float, float]] = []

    def say(self, line: str = "") -> None:
        """Add a line."""
        self.lines.append(line)
        print(line, flush=True)

    def table(self, heads: list[str], rows: list[list[str]]) -> None:
        """Add a table whose first column is text and whose others are figures."""
        self.say("| " + " | ".join(heads) + " |")
        self.say("| --- |" + " ---: |" * (len(heads) - 1))
        for row in rows:
            self.say("| " + " | ".join(row) + " |")
        self.say()

    def target(self, name: str, measured: float, limit: float) -> None:
        """Note a figure that must not be over its limit."""
        self.targets.append((name, measured, limit))


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median of the ratios inside each repeat."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def spread(ours: list[float], theirs: list[float]) -> str:
    """Return the middle half of those ratios."""
    low, _, high = statistics.quantiles([a / b for a, b in zip(ours, theirs, strict=True)], n=4)
    return f"{low:.2f}-{high:.2f}"


def worker(*arguments: str) -> Figures:
    """Run one part in a process of its own and return its figures."""
    command = [sys.executable, "-P", parent_watch.__file__, *arguments]
    ended = subprocess.run(command, cwd=HERE, env=parent_watch.watched(), check=True, stdout=subprocess.PIPE, text=True)
    figures: Figures = json.loads(ended.stdout)
    return figures


def compile_alike() -> None:
    """Give both sides byte code, as the built layer has it."""
    for folder in (ROOT / "layers" / "common", ROOT / "functions", HERE, Path(sysconfig.get_path("purelib"))):
        compileall.compile_dir(folder, quiet=2)


def callback_path(report: Report, transport: str, figures: Figures) -> None:
    """Tell what a warm callback costs."""
    report.say(f"## Warm callback over {'TLS' if transport == 'tls' else 'plain HTTP'}")
    report.say()
    rows = []
    for name, figure in figures.items():
        fresh, peer, floor = figure["fresh"], figures[PEER]["fresh"], figures[FLOOR]["fresh"]
        requests, sent = figure["requests"], figure["requests"]["bytes"]
        rows.append(
            [
                name,
                f"{statistics.median(fresh):.0f}",
                f"**{ratio(fresh, peer):.2f}**",
                spread(fresh, peer),
                f"{ratio(fresh, floor):.1f}",
                f"{statistics.median(figure['duplicate']):.0f}",
                f"{ratio(figure['duplicate'], figures[PEER]['duplicate']):.2f}",
                f"{sum(requests['fresh'].values()):g} / {sum(requests['duplicate'].values()):g}",
                f"{sent['fresh']:.0f} / {sent['duplicate']:.0f}",
            ]
        )
    heads = ["build", "fresh, us", "of A", "middle half", "x floor", "duplicate, us", "of A's", "requests", "bytes out"]
    report.table(heads, rows)
    if transport == "tls":
        ours = figures[OURS]
        report.target("fresh callback, CPU of A", ratio(ours["fresh"], figures[PEER]["fresh"]), 0.40)
        report.target("requests of a fresh callback", sum(ours["requests"]["fresh"].values()), 2)
        report.target("requests of a duplicate", sum(ours["requests"]["duplicate"].values()), 1)
        named = ", ".join(f"{count:g} {name}" for name, count in ours["requests"]["fresh"].items())
        again = ", ".join(f"{count:g} {name}" for name, count in ours["requests"]["duplicate"].items())
        report.say(f"Ours sends {named} for a fresh callback, and {again} for a duplicate, as the stub counted.")
        report.say()


def cold_start(report: Report, figures: Figures) -> None:
    """Tell what the first answer of a new process costs."""
    report.say("## Cold start: from process start to the first answer, under awslambdaric, over TLS")
    report.say()
    peer = figures[PEER]
    rows = [
        [
            name,
            f"{statistics.median(figure['cpu']):.0f}",
            f"**{ratio(figure['cpu'], peer['cpu']):.2f}**",
            f"{statistics.median(figure['wall']):.0f}",
            f"**{ratio(figure['wall'], peer['wall']):.2f}**",
        ]
        for name, figure in figures.items()
    ]
    report.table(["build", "CPU, ms", "of A", "wall, ms", "of A"], rows)
    report.say(
        f"Median of {STARTS} starts each, in turn. Ours reads its account from Secrets Manager; A finds its keys in the"
    )
    report.say(f"environment. {ECHO.capitalize()}: Python and the runtime client alone.")
    report.say()
    report.target("first answer of a cold start, CPU of A", ratio(figures[OURS]["cpu"], peer["cpu"]), 0.60)


def counted(report: Report, figures: dict[str, dict[str, float]]) -> None:
    """Tell the instruction counts."""
    if not figures:
        return
    report.say("## Instructions, counted by valgrind (user space, TLS; exact, whatever else the machine does)")
    report.say()
    peer = figures[PEER]
    rows = [
        [
            name,
            f"{figure['callback']:.2f}",
            f"**{figure['callback'] / peer['callback']:.3f}**",
            f"{figure['start']:.0f}",
            f"**{figure['start'] / peer['start']:.3f}**",
        ]
        for name, figure in figures.items()
    ]
    report.table(["build", "fresh callback, million", "of A", "start and first answer, million", "of A"], rows)


def primitives(report: Report, figures: Figures) -> None:
    """Tell what verifying and reading one notification costs."""
    limits = {"v3": 1.05, "v2, MD5": 1.0, "v2, HMAC-SHA256": 1.0}
    names = {"v3": "RSA verify, AES-GCM, JSON", "v2, MD5": "XML, MD5", "v2, HMAC-SHA256": "XML, HMAC-SHA256"}
    for kind, cases in figures.items():
        report.say(f"## One {kind.partition(',')[0]} notification verified and read: {names[kind]}")
        report.say()
        floor = cases[PRIMITIVE_FLOOR]
        ordered = sorted(cases.items(), key=lambda case: statistics.median(case[1]))
        rows = [
            [name, f"{statistics.median(case):.1f}", f"**{ratio(case, floor):.2f}**", spread(case, floor)]
            for name, case in ordered
        ]
        report.table(["reader", "us", "x floor", "middle half"], rows)
        if kind == "v3":
            report.say("Only ours refuses duplicate keys, deep nesting, loose base64 and an old timestamp.")
            report.say()
        report.target(f"{kind}: verify and read, x floor", ratio(cases[OURS], floor), limits[kind])


def shopify(report: Report, warm: Figures, cold: Figures, large: Figures) -> None:
    """Tell what a delivery of Shopify's costs, warm, cold and large."""
    report.say("## Shopify: a delivery of an order of 6 KB, over TLS")
    report.say()
    ours, peer = warm[OURS], warm[PEER]
    rows = [
        [
            name,
            f"{statistics.median(figure['fresh']):.0f}",
            f"**{ratio(figure['fresh'], peer['fresh']):.2f}**",
            spread(figure["fresh"], peer["fresh"]),
            f"{statistics.median(figure['duplicate']):.0f}",
            f"{ratio(figure['duplicate'], peer['duplicate']):.2f}",
            f"{sum(figure['requests']['fresh'].values()):g} / {sum(figure['requests']['duplicate'].values()):g}",
            f"{statistics.median(cold[name]['cpu']):.0f}",
            f"**{ratio(cold[name]['cpu'], cold[PEER]['cpu']):.2f}**",
        ]
        for name, figure in warm.items()
    ]
    heads = ["build", "fresh, us", "of A", "middle half", "duplicate, us", "of A's", "requests", "cold, CPU ms", "of A"]
    report.table(heads, rows)
    report.say(
        "A is build A of `peers/shopify`: it keeps no history of an order and no bytes as evidence, and believes the"
    )
    report.say("header that names the shop.")
    report.say()
    report.say("| body | answer | CPU, ms | wall, ms |")
    report.say("| --- | ---: | ---: | ---: |")
    for size, figure in large.items():
        answers = ", ".join(map(str, figure["answers"]))
        times = (f"{statistics.median(figure[name]):.1f}" for name in ("cpu", "wall"))
        report.say(f"| {size} | {answers} | {' | '.join(times)} |")
    report.say()
    report.target("Shopify: fresh delivery, CPU of A", ratio(ours["fresh"], peer["fresh"]), 0.60)
    report.target("Shopify: first answer of a cold start, CPU of A", ratio(cold[OURS]["cpu"], cold[PEER]["cpu"]), 0.60)
    report.target("Shopify: body of 256 KB, milliseconds", statistics.median(large["256 KB"]["wall"]), 1000)
    report.target("Shopify: body of 1 MB, answers of 500 and more", max(0, *large["1 MB"]["answers"]) // 500, 0)


def verdicts(report: Report) -> None:
    """Tell which targets were met."""
    report.say("## Targets")
    report.say()
    rows = []
    for name, measured, limit in report.targets:
        verdict = "met" if measured <= limit else f"missed by {measured / limit - 1:.0%}" if limit else "missed"
        rows.append([name, f"{measured:.2f}", f"{limit:.2f}", verdict])
    report.table(["target", "measured", "at most", ""], rows)


def main() -> None:
    """Run everything, a few minutes."""
    parent_watch.end_with_starter()
    compile_alike()
    report = Report()
    report.say("# Bench results")
    report.say()
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    report.say(f"{time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {platform.machine()}. {libraries}.")
    report.say(
        "Written by `make bench`. Local stubs answer at once: CPU of the client's side, not latency in AWS; no arm64."
    )
    report.say(
        f"A is build A of `peers/powertools`. Warm figures: median of {REPEATS} repeats; all code byte-compiled alike."
    )
    report.say()
    callback_path(report, "tls", worker("callback.py", "tls"))
    callback_path(report, "plain", worker("callback.py", "plain"))
    cold_start(report, worker("cold.py"))
    counted(report, instructions.main())
    primitives(report, worker("primitives.py"))
    shopify(report, *(worker("shopify.py", part) for part in ("warm", "cold", "large")))
    verdicts(report)
    RESULTS.write_text("\n".join(report.lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

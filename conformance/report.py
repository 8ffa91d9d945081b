"""Grades and reports. Two runs with one seed agree on the verdict; what was sent and measured stands beside it."""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from . import VERSION
from .wire import Exchange, Message, Reply, curl

if TYPE_CHECKING:
    from .engine import Result, Run

Json = dict[str, Any]
GRADES = ((95, "A"), (85, "B"), (70, "C"), (50, "D"))
KEPT = 3  # exchanges of a failed case that are written down, from its end
LEVELS = {1: "answers", 2: "state", 3: "under fire"}


def grade(points: int, full: int, criticals: int) -> str:
    """Return a letter: any critical failure is an F, whatever the points."""
    if criticals or not full:
        return "F"
    return next((letter for least, letter in GRADES if points * 100 >= least * full), "F")


def verdict(run: Run) -> Json:
    """Return what a second run with the same seed has to repeat."""
    judged = [one for one in run.results if one.outcome != "not judged"]
    points = sum(one.case.weight for one in judged if one.outcome == "pass")
    full = sum(one.case.weight for one in judged)
    criticals = [one.case.id for one in judged if one.outcome == "fail" and one.case.critical]
    level = max((one.case.level for one in judged), default=0)
    return {
        "platform": run.platform.name,
        "seed": run.seed,
        "asked_level": run.level,
        "level": level,
        "points": points,
        "full": full,
        "critical": criticals,
        "grade": grade(points, full, len(criticals)),
        "cases": [_case(number, one) for number, one in enumerate(run.results, 1)],
    }


def _case(number: int, one: Result) -> Json:
    found = {
        "number": number,
        "id": f"{one.case.id}",
        "title": one.case.title,
        "level": one.case.level,
        "weight": one.case.weight,
        "critical": one.case.critical,
        "outcome": one.outcome,
        "what": one.what,
    }
    if one.outcome == "fail":
        found["gain"] = one.case.gain
    return found


def report(run: Run) -> Json:
    """Return everything: the verdict, how it was measured, and what was sent in the cases that failed."""
    exchanges = run.every_exchange()
    times = sorted(one.reply.seconds for one in exchanges)
    secrets = run.platform.secrets()
    return {
        "kit": VERSION,
        "target": run.target.url,
        "page": run.platform.page,
        "verdict": verdict(run),
        "measured": {
            "run": run.name,
            "requests": len(exchanges),
            "p95_ms": round(times[int(len(times) * 0.95)] * 1000) if times else None,
        },
        "evidence": {
            str(number): [_exchange(one, secrets) for one in result.exchanges[-KEPT:]]
            for number, result in enumerate(run.results, 1)
            if result.outcome == "fail"
        },
    }


def _exchange(one: Exchange, secrets: list[str]) -> Json:
    headers = [
        [name, f"$CONFORMANCE_{name.upper().replace('-', '_')}" if name.lower() in one.message.secret else value]
        for name, value in one.message.headers
    ]
    answer = one.reply.body[:2000].decode("utf-8", "replace")
    for secret in secrets:
        answer = answer.replace(secret, "(a secret)")
    return {
        "curl": curl(one),
        "url": one.url,
        "method": one.message.method,
        "headers": headers,
        "body": base64.b64encode(one.message.body).decode(),
        "secret": list(one.message.secret),
        "status": one.reply.status,
        "answer": answer,
    }


def exchange_of(kept: Json, values: dict[str, str]) -> Exchange:
    """Return an exchange as a report kept it; secret headers take their values from the environment."""
    headers = []
    for name, value in kept["headers"]:
        known = values.get(value.removeprefix("$")) if name.lower() in kept["secret"] else value
        if known is None:
            raise KeyError(value)
        headers.append((name, known))
    message = Message(
        tuple(headers), base64.b64decode(kept["body"]), method=kept["method"], secret=tuple(kept["secret"])
    )
    return Exchange(message, Reply(kept["status"], kept["answer"].encode()), kept["url"])


def lines(run: Run, said: Json | None = None) -> list[str]:
    """Return the end of a run, for a person."""
    told = said or verdict(run)
    level = told["level"]
    of = LEVELS.get(level, "nothing")
    found = [f"{run.platform.title}: {told['points']}/{told['full']} {told['grade']}, level {level} ({of})"]
    if told["critical"]:
        found.append(f"  F because of {len(told['critical'])} critical: {', '.join(told['critical'])}")
    skipped = [one for one in told["cases"] if one["outcome"] == "not judged"]
    if skipped:
        found.append(f"  not judged: {len(skipped)} ({', '.join(sorted({one['what'] for one in skipped}))})")
    return found


def line(result: Result) -> str:
    """Return one case's line."""
    mark = {"pass": "ok  ", "fail": "FAIL", "not judged": "  - "}[result.outcome]
    critical = "  CRITICAL" if result.outcome == "fail" and result.case.critical else ""
    tail = f"  {result.what}" if result.what else ""
    return f"  {mark} {result.case.id:<20} {result.case.title}{critical}{tail}"


def junit(reports: list[Json]) -> str:
    """Return the reports as JUnit XML."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    for one in reports:
        told = one["verdict"]
        outcomes = [case["outcome"] for case in told["cases"]]
        name = quoteattr(f"conformance.{told['platform']}")
        parts.append(
            f'<testsuite name={name} tests="{len(outcomes)}" failures="{outcomes.count("fail")}" '
            f'skipped="{outcomes.count("not judged")}">'
        )
        for case in told["cases"]:
            parts.append(f"<testcase classname={name} name={quoteattr(case['id'] + ': ' + case['title'])}>")
            if case["outcome"] == "fail":
                commands = "\n".join(kept["curl"] for kept in one["evidence"].get(str(case["number"]), []))
                text = f"{case['what']}\ngain: {case['gain']}\n{one['page']}\n{commands}"
                parts.append(f"<failure message={quoteattr(case['what'])}>{escape(_printable(text))}</failure>")
            if case["outcome"] == "not judged":
                parts.append(f"<skipped message={quoteattr(case['what'])}/>")
            parts.append("</testcase>")
        parts.append("</testsuite>")
    return "\n".join([*parts, "</testsuites>", ""])


def _printable(text: str) -> str:
    return "".join(one if one in "\n\t" or ord(one) >= 32 else "\ufffd" for one in text)


STYLE = """body{font:16px/1.5 system-ui,sans-serif;
max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}a{color:#8ab4ff}}
table{border-collapse:collapse;width:100%}td,th{text-align:left;
padding:.3rem .5rem;border-bottom:1px solid #8884;vertical-align:top}
pre{white-space:pre-wrap;word-break:break-all;background:#8882;padding:.7rem;font-size:13px}
.fail{color:#b00020;font-weight:600}@media(prefers-color-scheme:dark){.fail{color:#ff8a8a}}.grade{font-size:3rem;margin:0}"""


def page(reports: list[Json]) -> str:
    """Return the reports as one page that stands alone."""
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>Conformance</title><style>{STYLE}</style><h1>Conformance</h1>",
    ]
    for one in reports:
        told = one["verdict"]
        parts += [
            f"<h2>{html.escape(told['platform'])}</h2><p class=grade>{told['grade']}</p>",
            f"<p>{told['points']} of {told['full']} points, level {told['level']}, seed {told['seed']}, "
            f"{html.escape(one['target'])}. "
            f"<a href='{html.escape(one['page'], quote=True)}'>The platform's page</a></p>",
        ]
        for case in told["cases"]:
            if case["outcome"] != "fail":
                continue
            parts.append(
                f"<h3 class=fail>{html.escape(case['id'])}{' (critical)' if case['critical'] else ''}</h3>"
                f"<p>Expected: {html.escape(case['title'])}. What came: {html.escape(case['what'])}.</p>"
                f"<p>What a thief gains: {html.escape(case['gain'])}.</p>"
            )
            for kept in one["evidence"].get(str(case["number"]), []):
                parts.append(
                    f"<pre>{html.escape(kept['curl'])}</pre><pre>{kept['status']} {html.escape(kept['answer'])}</pre>"
                )
        rows = "".join(
            f"<tr><td>{html.escape(case['id'])}<td>{html.escape(case['title'])}<td>{case['weight']}"
            f"<td class='{case['outcome'].replace(' ', '-')}'>{case['outcome']}"
            for case in told["cases"]
        )
        parts.append(f"<table><tr><th>case<th>what<th>weight<th>outcome{rows}</table>")
    return "\n".join(parts)


def written(one: Any) -> str:
    """Write JSON the same way each time."""
    return json.dumps(one, ensure_ascii=False, indent=1, sort_keys=True) + "\n"

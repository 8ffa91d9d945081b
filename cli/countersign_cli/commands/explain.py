"""`countersign explain ORDER`: why an order is in its state, and what happens next."""

from __future__ import annotations

import base64
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from countersign_cli import amounts, texts, times
from countersign_cli.completing import orders
from countersign_cli.options import Command, Context, pass_context
from countersign_cli.output import Column, Output, plain

if TYPE_CHECKING:
    from countersign_cli.session import Reference, Session

Json = dict[str, Any]


@click.command(cls=Command)
@click.argument("order", shell_complete=orders)
@click.option("--at", metavar="TIME", help="Only what was known by then: 2h ago as 2h, or a moment.")
@click.option("--raw", metavar="EVENT", help="Print the bytes of this event (`all`: of each). Each look is recorded.")
@pass_context
def command(context: Context, order: str, at: str | None, raw: str | None) -> None:
    """Say why an order is in its state, step by step, newest first, and what happens next.

    ORDER is any number by which an order is found, or PLATFORM/ACCOUNT/NUMBER.
    """
    session, output = context.session, context.output
    reference = session.find(order)
    if raw:
        _bytes(session, output, reference, raw)
        return
    explanation = session.api.explain_order(*reference).json
    shown = session.api.get_order(*reference).json
    now = session.now()
    if at is not None:
        until = times.since(at, now)
        explanation["steps"] = [step for step in explanation["steps"] if (times.parsed(step["at"]) or 0) <= until]
        explanation |= {"at": times.iso(until)}
    match output.form:
        case "json":
            output.json({"platform": reference[0], "account": reference[1], **explanation})
        case "ids":
            click.echo(reference)
        case "csv":
            output.rows(explanation["steps"], _columns(), lambda step: str(step["event_id"]))
        case _:
            _tell(output, reference, shown, explanation, now)


def _columns() -> list[Column]:
    return [Column(name, itemgetter(name)) for name in ("at", "trust", "why", "decision", "event_id")]


def _tell(output: Output, reference: Reference, order: Json, explanation: Json, now: float) -> None:
    status = texts.word(f"state.{order['status']}", output.language, order["status"])
    head = f"{plain(order['order_id'])}  {status}  {amounts.shown(order['amount'])}"
    output.line(f"{head}    {reference[0]}/{reference[1]}    ({times.ZONE})", bold=True)
    if "at" in explanation:
        output.line(output.text("as_of", at=times.clock(explanation["at"], now=now)))
    else:
        output.line(plain(explanation["summary"]))
        for question in explanation["open"]:
            output.line(output.text("open_question", text=plain(_said(question))), fg="yellow")
    for step in reversed(explanation["steps"]):
        output.line(f"  {_step(output, step, now)}")
    for step in () if "at" in explanation else explanation["next"]:
        code = "next_at" if step["at"] else "next"
        output.line(output.text(code, text=plain(step["text"]), at=times.clock(step["at"], now=now)))


def _step(output: Output, step: Json, now: float) -> str:
    decision = texts.word(f"decision.{step['decision']}", output.language, step["decision"])
    parts = [times.clock(step["at"], now=now), step["trust"], step["why"], decision]
    if step["key_id"]:
        by_a_person = step["said"].endswith(("(merchant)", "(operator)"))
        key = _short(step["key_id"])
        parts.append(output.text("by", who=step["key_id"]) if by_a_person else output.text("by_key", key=key))
    return plain("  ".join(parts))


def _short(key: str) -> str:
    return key if len(key) <= 20 else f"{key[:8]}…{key[-4:]}"


def _said(question: Any) -> str:
    if isinstance(question, str):
        return question
    return str(question.get("meaning") or question.get("reason") or question.get("text") or question)


def _bytes(session: Session, output: Output, reference: Reference, wanted: str) -> None:
    events = [event["event_id"] for event in session.api.get_order(*reference).json["events"] if event["digest"]]
    found = [one for one in events if wanted in ("all", one) or one.startswith(wanted)]
    for event_id in found:
        seen = session.api.see_evidence(*reference, event_id).json
        if output.form == "json":
            output.json(seen)
            continue
        output.note("evidence_of", event=event_id)
        click.echo(base64.b64decode(seen["base64"]))
    if not found:
        output.note("nothing_found")

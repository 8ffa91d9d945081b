"""`countersign verify PLATFORM --account FILE --request FILE`: says offline why a request was refused."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from countersign_cli import times
from countersign_cli.exits import FOUND, OK, USAGE, StopError
from countersign_cli.options import Command, Context, pass_context
from countersign_cli.output import Output, plain
from countersign_cli.verifying import capture, doors, judge

if TYPE_CHECKING:
    from countersign_cli.verifying.judge import Verdict

MARKS = {judge.GOOD: ("✓", "green"), judge.BAD: ("✗", "red"), judge.NOT_REACHED: ("·", "bright_black")}
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=Command)
@click.argument("platform", type=click.Choice(sorted(doors.DOORS)))
@click.option("--account", "document", type=FILE, required=True, help="The document of the account, or of the app.")
@click.option(
    "--request", "captured", type=click.File("rb"), required=True, help="The request; `-` reads it from stdin."
)
@click.option("--store", type=FILE, help="The document of the store that installed the app (bigcommerce).")
@click.option("--at", metavar="TIME", help="When it arrived; now, if not said.")
@click.option("--door", metavar="NAME", help="Which door it came by, where its path does not tell.")
@pass_context
def command(
    context: Context,
    platform: str,
    document: Path,
    captured: BinaryIO,
    store: Path | None,
    at: str | None,
    door: str | None,
) -> None:
    r"""Say why a captured request was refused, step by step, by the project's own signing code. Nobody is called.

    \b
    The request is a file as HTTP has it (POST /path, headers, an empty line, the exact bytes of the body),
    an event of API Gateway, or JSON with method, path, headers and body or body_base64.
    """
    found = capture.read(captured.read())
    known = [one.name for one in doors.DOORS[platform]]
    if door is not None and door not in known:
        raise StopError(USAGE, "no_such_door", name=door, known=", ".join(known))
    clock = context.clock or time.time
    now = times.since(at, clock()) if at is not None else clock()
    chosen = doors.door_of(platform, found.request, door)
    beside = doors.Beside(_document(store) if store else {})
    verdict = judge.judge(platform, chosen, found, _document(document), beside, now=int(now))
    _print(context.output, verdict)
    raise click.exceptions.Exit(OK if verdict.is_taken and not verdict.unreadable else FOUND)


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise StopError(USAGE, "bad_document", path=path)
    return document


def _print(output: Output, verdict: Verdict) -> None:
    if output.form == "json":
        output.json(verdict.to_json())
        return
    if not output.is_for_people:
        click.echo(verdict.error or "taken")
        return
    for step in verdict.steps:
        mark, colour = MARKS[step.outcome]
        reason = f": {plain(step.reason)}" if step.reason else ""
        output.line(f"{mark} {output.text(f'step.{step.name}')}{reason}", fg=colour)
    if verdict.is_taken:
        key = verdict.key_id or "-"
        output.line(
            output.text("verdict.unreadable" if verdict.unreadable else "verdict.taken", key=plain(key)), bold=True
        )
        if verdict.hint:
            output.line(output.text("verdict.hint"))
    else:
        said = output.text("verdict.refused", error=verdict.error, status=verdict.status, reason=plain(verdict.reason))
        output.line(said, bold=True)
    for code in verdict.advice:
        output.line(f"  {output.text(code)}")

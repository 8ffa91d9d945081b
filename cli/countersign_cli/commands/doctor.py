"""`countersign doctor`: what is wrong, or soon will be, with documents, accounts, and what is deployed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countersign_cli.examining import documents, stack
from countersign_cli.exits import FOUND, OK
from countersign_cli.options import Command, Context, pass_context
from countersign_cli.output import plain

if TYPE_CHECKING:
    from countersign_cli.examining.documents import Finding
    from countersign_cli.examining.stack import Result

Json = dict[str, Any]
MARKS = {
    stack.GOOD: ("✓", "green"),
    stack.WARNING: ("⚠", "yellow"),
    stack.ERROR: ("✗", "red"),
    stack.UNKNOWN: ("?", "bright_black"),
}


@click.command(cls=Command)
@click.option(
    "--accounts",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Examine a folder of account documents, offline: nobody is called.",
)
@click.option(
    "--stack", "deployed", is_flag=True, help="Look behind the API too, with AWS credentials (the profile's stack)."
)
@pass_context
def command(context: Context, folder: Path | None, deployed: bool) -> None:
    """Examine account documents (--accounts), or how accounts and what is deployed do.

    Ends with 1 where something is wrong (✗). What was not found out (?) is not said to be good.
    """
    if folder is not None:
        _offline(context, folder)
        return
    session = context.session
    looked_behind = deployed or session.sandbox is not None
    bad = False
    told: list[Json] = []
    for result in stack.examine(session, session.cloud if looked_behind else None):
        bad = bad or result.level in (stack.ERROR, stack.UNKNOWN)
        told.append({"level": result.level, "subject": result.subject, "code": result.code, **result.arguments})
        if context.output.is_for_people:
            _line(context, result)
    if context.output.form == "json":
        context.output.json(told)
    elif not context.output.is_for_people:
        for one in told:
            if one["level"] != stack.GOOD:
                click.echo(
                    f"{one['level']},{one['subject']},{one['code']}" if context.output.form == "csv" else one["subject"]
                )
    raise click.exceptions.Exit(FOUND if bad else OK)


def _line(context: Context, result: Result) -> None:
    mark, colour = MARKS[result.level]
    said = context.output.text(result.code, **{name: plain(value) for name, value in result.arguments.items()})
    context.output.line(f"{mark} {plain(result.subject)}: {said}", fg=colour)


def _offline(context: Context, folder: Path) -> None:
    found = documents.lint(folder, int(context.clock() if context.clock else time.time()))
    count = len([*folder.glob("*/*.json"), *folder.glob("*/*/*.json")])
    errors = sum(finding.level == stack.ERROR for finding in found)
    _print(context, found)
    context.output.note("doctor.linted", count=count, errors=errors, warnings=len(found) - errors)
    raise click.exceptions.Exit(FOUND if errors else OK)


def _print(context: Context, found: list[Finding]) -> None:
    match context.output.form:
        case "json":
            context.output.json([finding._asdict() for finding in found])
        case "csv":
            for finding in found:
                click.echo(",".join(json.dumps(part, ensure_ascii=False) for part in finding))
        case "ids":
            for name in dict.fromkeys(finding.where for finding in found):
                click.echo(name)
        case _:
            for finding in found:
                mark, colour = MARKS[finding.level]
                context.output.line(f"{mark} {finding.where}: {plain(finding.what)}", fg=colour)

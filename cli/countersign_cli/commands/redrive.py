"""`countersign redrive PLATFORM`: quarantined news once more, after a fix; docs/operations.md says when."""

from __future__ import annotations

import json
import sys
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import click

from countersign_cli import profiles
from countersign_cli.deployed import REDRIVEN
from countersign_cli.exits import FOUND, OK, USAGE, StopError
from countersign_cli.options import Command, Context, pass_context
from countersign_cli.output import Output, plain

if TYPE_CHECKING:
    from pathlib import Path

    from countersign_cli.session import Session

Json = dict[str, Any]
MOST_RUNS = 10_000  # each looks at a row at least, or ends


@click.command(cls=Command)
@click.argument("platform", type=click.Choice(REDRIVEN))
@click.option("--day", metavar="DAY", help="The day in UTC on which the news came.")
@click.option("--from", "first", metavar="DAY", help="The first of several days.")
@click.option("--to", "last", metavar="DAY", help="The last of them.")
@click.option("--account", metavar="NAME", help="Only this account's.")
@click.option("--digest", metavar="HEX", help="Only this row.")
@click.option("--dry-run", is_flag=True, help="Say what would become of it, and write nothing.")
@pass_context
def command(
    context: Context,
    platform: str,
    day: str | None,
    first: str | None,
    last: str | None,
    account: str | None,
    digest: str | None,
    dry_run: bool,
) -> None:
    """Take quarantined news in again, after a fix. First with --dry-run.

    Interrupted, the same command goes on where it was; what was taken in already is a duplicate at most.
    """
    if (day is None) == (first is None and last is None) or (first is None) != (last is None):
        raise StopError(USAGE, "which_days")
    wanted: Json = {"from": _day(day or first), "to": _day(day or last)}
    name = account.partition("/")[2] or account if account else None
    wanted |= {key: value for key, value in (("account", name), ("digest", digest)) if value}
    wanted |= {"dry_run": True} if dry_run else {}
    session, output = context.session, context.output
    place = _place(session, platform, wanted)
    total = _run(session, output, platform, wanted, place)
    place.unlink(missing_ok=True)
    _tell(output, total, dry_run=dry_run)
    raise click.exceptions.Exit(FOUND if total["still_refused"] else OK)


def _day(text: str | None) -> str:
    try:
        return date.fromisoformat(text or "").isoformat()
    except ValueError:
        raise StopError(USAGE, "bad_time", text=text) from None


def _place(session: Session, platform: str, wanted: Json) -> Path:
    """Return the file that says how far this very wish has come."""
    name = sha256(json.dumps([session.name, platform, wanted], sort_keys=True).encode()).hexdigest()[:24]
    return session.folder / "redrive" / f"{name}.json"


def _run(session: Session, output: Output, platform: str, wanted: Json, place: Path) -> Json:
    kept = profiles.kept(place)
    event: Json = kept.get("continue") or wanted
    total: Json = kept.get("total") or {"looked_at": 0, "redriven": 0, "still_refused": []}
    if kept:
        output.note("going_on", count=total["looked_at"])
    for _ in range(MOST_RUNS):
        answer = session.cloud.invoke(f"{platform}_redrive", event)
        for name in ("looked_at", "redriven"):
            total[name] += answer[name]
        total["still_refused"] += answer["still_refused"]
        if sys.stderr.isatty():
            click.echo(f"\r{output.text('redriving', count=total['looked_at'])}", nl=False, err=True)
        if not answer.get("continue"):
            break
        event = answer["continue"]
        # Only after the run is over is it said that it was: what an interruption loses is done again.
        profiles.keep(place, json.dumps({"continue": event, "total": total}))
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    return total


def _tell(output: Output, total: Json, *, dry_run: bool) -> None:
    refused = total["still_refused"]
    if output.form == "json":
        output.json({**total, "dry_run": dry_run})
        return
    if not output.is_for_people:
        for row in refused:
            click.echo(f"{row['digest']},{json.dumps(row['reason'])}" if output.form == "csv" else row["digest"])
        return
    code = "would_redrive" if dry_run else "redriven"
    output.line(output.text(code, count=total["redriven"], refused=len(refused), looked=total["looked_at"]))
    for row in refused:
        output.line(plain(f"  {row['digest'][:12]}…  {row['reason']}"), fg="yellow")

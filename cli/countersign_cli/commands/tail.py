"""`countersign tail`: what comes in, what becomes of it, and what is refused."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import click

from countersign import errors
from countersign_cli import texts, times
from countersign_cli.options import Command, Context, pass_context
from countersign_cli.output import Output, plain
from countersign_cli.session import Reference, Session, pages

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
POLL_SECONDS = 2.0
REFUSED = '"message":"refused"'
MOST_ORDERS = 200  # of an account, looked at for what happened before
# Names of functions that platforms call end so: what people are refused is their own business.
DOORS = ("_notify", "_push", "_callback", "_webhook", "_session")


class Line(NamedTuple):
    """One thing that happened."""

    at: str
    what: str  # event or refused
    where: str
    said: str
    outcome: str
    detail: Json

    @property
    def is_problem(self) -> bool:
        """Whether somebody should look."""
        return self.what == "refused" or self.outcome not in ("applied", "unchanged", "duplicate")


@click.command(cls=Command)
@click.option("--since", metavar="TIME", default="10m", show_default=True, help="Begin with what happened since then.")
@click.option("--account", metavar="ACCOUNT", help="Only this account's orders.")
@click.option("--problems", is_flag=True, help="Only what was refused, what is unknown here, and what asks a person.")
@click.option("--once", is_flag=True, help="End with what has happened; do not wait for more.")
@pass_context
def command(context: Context, since: str, account: str | None, problems: bool, once: bool) -> None:
    """Follow what comes in and what becomes of it, until Ctrl-C.

    Events come from the API. What was refused at the door comes from the functions' logs: in the sandbox, and with AWS
    credentials where the profile names its stack.
    """
    session, output = context.session, context.output
    start = times.since(since, session.now())
    of = session.accounts(account)
    seen: set[str] = set()
    watch = _Watch(session, of if account else None, start)
    try:
        cursor = watch.begin()
        _show(output, session, watch.before(of), seen, problems=problems)
        while not once:
            wait, cursor, lines = watch.next(cursor)
            _show(output, session, lines, seen, problems=problems)
            time.sleep(wait)
    except KeyboardInterrupt:  # how a tail ends
        return


class _Watch:
    """Asks the API and the logs for what happened."""

    def __init__(self, session: Session, accounts: list[str] | None, start: float) -> None:
        self._session, self._accounts, self._start = session, accounts, start
        self._logs = logs_of(session)

    def begin(self) -> str:
        """Return the cursor from which on changes are told."""
        account = self._accounts[0] if self._accounts else None
        return str(self._session.api.list_changes(account=account).json["cursor"])

    def before(self, accounts: list[str]) -> list[Line]:
        """Return what happened since the start."""
        found: list[Line] = []
        for account in accounts:
            asked = {"account": account, "sort": "-updated", "from_": times.day(self._start)}

            def page(cursor: str | None, asked: Json = asked) -> Json:
                return dict(self._session.api.list_orders(cursor=cursor, limit=50, **asked).json)

            for row in pages(page, "orders", MOST_ORDERS):
                if (times.parsed(row["updated_at"]) or 0) < self._start:
                    break
                found += self._of_order(row)
        return [*found, *self._refused()]

    def next(self, cursor: str) -> tuple[float, str, list[Line]]:
        """Return how long to wait, the next cursor, and what happened since the last one."""
        account = self._accounts[0] if self._accounts else None
        reply = self._session.api.list_changes(account=account, after=cursor)
        rows = reply.json["changes"] if reply.json else []
        after = reply.json["cursor"] if reply.json else reply.headers.get("x-next-cursor", cursor)
        lines = [line for row in rows for line in self._of_order(row)]
        wait = float(reply.headers.get("x-poll-after", POLL_SECONDS))
        return min(wait, POLL_SECONDS) if self._session.sandbox else wait, str(after), [*lines, *self._refused()]

    def _of_order(self, row: Json) -> Iterator[Line]:
        reference = Reference.of(row)
        order = self._session.api.get_order(*reference).json
        asks = {event_id for question in order["review"] for event_id in question["evidence"]}
        for event in order["events"]:
            if (times.parsed(event["received_at"]) or 0) >= self._start:
                outcome = "review" if event["event_id"] in asks else event["decision"]
                yield Line(event["received_at"], "event", str(reference), event["reason"], outcome, event)

    def _refused(self) -> Iterator[Line]:
        for function, line in self._logs.refused(self._start):
            if not function.endswith(DOORS):
                continue
            kind = getattr(errors, str(line.get("error")), errors.CountersignError)
            said = f"{kind.status} {line.get('error')}: {line.get('reason')}"
            yield Line(str(line["timestamp"]), "refused", function, said, str(line.get("error")), line)


class _SandboxLogs:
    def __init__(self, session: Session) -> None:
        self._sandbox = session.in_sandbox()

    def refused(self, start: float) -> Iterator[tuple[str, Json]]:
        """Yield the function and the line of each refusal since the start."""
        for entry in self._sandbox.call("GET", f"/logs?containing={quote(REFUSED)}"):
            line = json.loads(entry["line"])
            if (times.parsed(line["timestamp"]) or 0) >= start:
                yield entry["function"], line


class _AwsLogs:
    """CloudWatch's logs of the functions that platforms call."""

    def __init__(self, session: Session) -> None:
        self._cloud, self._stack = session.cloud, session.profile.stack
        self._groups: dict[str, str] = {}

    def refused(self, start: float) -> Iterator[tuple[str, Json]]:
        """Yield the function and the line of each refusal since the start."""
        for function, group in self._known().items():
            asked: Json = {
                "logGroupName": group,
                "startTime": int(start * 1000),
                "filterPattern": '{ $.message = "refused" }',
            }
            while True:
                answer = self._cloud.call("logs", "FilterLogEvents", **asked)
                for event in answer.get("events", ()):
                    yield function, json.loads(event["message"])
                if not answer.get("nextToken"):
                    break
                asked["nextToken"] = answer["nextToken"]

    def _known(self) -> dict[str, str]:
        if not self._groups:
            asked: Json = {"StackName": self._stack}
            while True:
                answer = self._cloud.call("cloudformation", "ListStackResources", **asked)
                for one in answer["StackResourceSummaries"]:
                    name = _snake(one["LogicalResourceId"].removesuffix("Logs"))
                    if one["ResourceType"] == "AWS::Logs::LogGroup" and name.endswith(DOORS):
                        self._groups[name] = one["PhysicalResourceId"]
                if not answer.get("NextToken"):
                    break
                asked["NextToken"] = answer["NextToken"]
        return self._groups


class _NoLogs:
    def refused(self, _start: float) -> Iterator[tuple[str, Json]]:
        """Yield nothing: who has no AWS credentials sees no logs."""
        return iter(())


def logs_of(session: Session) -> _SandboxLogs | _AwsLogs | _NoLogs:
    """Return where refusals are read."""
    if session.sandbox:
        return _SandboxLogs(session)
    return _AwsLogs(session) if session.profile.stack else _NoLogs()


def _show(output: Output, session: Session, lines: list[Line], seen: set[str], *, problems: bool) -> None:
    """Print what is new, in the sequence in which it happened."""
    now = session.now()
    for line in sorted(lines, key=lambda one: one.at):
        name = f"{line.where} {line.detail.get('event_id') or line.detail.get('request_id')}"
        if name in seen:
            continue
        seen.add(name)
        if problems and not line.is_problem:
            continue
        if output.form == "json":
            click.echo(
                json.dumps({"at": line.at, "what": line.what, "where": line.where, **line.detail}, ensure_ascii=False)
            )
        elif output.form == "ids":
            click.echo(line.where)
        else:
            _line(output, line, now)


def _line(output: Output, line: Line, now: float) -> None:
    at = times.clock(line.at, now=now)
    if line.what == "refused":
        output.line(plain(f"{at} ✕ {line.where}  {line.said}"), fg="red")
        return
    outcome = texts.word(f"decision.{line.outcome}", output.language, line.outcome)
    colour = {"fg": "yellow"} if line.is_problem else {}
    output.line(plain(f"{at} → {line.where}  {line.said}  {outcome}"), **colour)


def _snake(name: str) -> str:
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name).lstrip("_")

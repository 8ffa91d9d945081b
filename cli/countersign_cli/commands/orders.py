"""`countersign orders …`: lists of orders, one order, and what is done about one."""

from __future__ import annotations

import time
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from countersign_cli import amounts, texts, times
from countersign_cli.completing import orders
from countersign_cli.exits import UNAVAILABLE, USAGE, StopError
from countersign_cli.options import Context, Group, pass_context
from countersign_cli.output import Column, Output
from countersign_cli.session import PAGE, Reference, Session, pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clients.python.countersign_client import ShipmentWish

Json = dict[str, Any]
WAIT_SECONDS = 30
LOOK_SECONDS = 0.5


@click.group(cls=Group, name="orders")
def command() -> None:
    """List, get, ship, ask about and close orders."""


def columns(output: Output, now: float) -> list[Column]:
    """Return what a list of orders shows."""
    money = partial(amounts.shown, for_people=output.is_for_people)
    status = lambda row: texts.word(f"state.{row['status']}", output.language, row["status"])  # noqa: E731
    return [
        Column("order", lambda row: str(Reference.of(dict(row)))),
        Column("status", status if output.is_for_people else lambda row: row["status"]),
        Column("amount", lambda row: money(row["amount"])),
        Column("paid", lambda row: money(row["paid"])),
        Column("refunded", lambda row: money(row["refunded"]) if row["refunded"]["minor"] else ""),
        Column("shipping", lambda row: row.get("shipping", "")),
        Column(
            "updated",
            lambda row: times.clock(row["updated_at"], now=now) if output.is_for_people else row["updated_at"],
        ),
        Column("description", lambda row: row.get("description")),
    ]


@command.command(name="list")
@click.option("--account", metavar="ACCOUNT", help="`wechat/shop`, or `shop` where that is one; without it, all.")
@click.option("--status", metavar="WORD", help="As `paid`, `pending`, `partially_refunded`.")
@click.option("--to-ship", "work", flag_value="to_ship", help="Paid, and not all of it is on its way.")
@click.option("--to-decide", "work", flag_value="decide", help="Those with an open question.")
@click.option("--waiting", "work", flag_value="waiting", help="Those that wait for their payer.")
@click.option("--done", "work", flag_value="done", help="Those with which nothing is left to do.")
@click.option("--since", metavar="TIME", help="That changed since: `2h`, `today`, `2026-11-22`.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@click.option("--all", "everything", is_flag=True, help="All, however many.")
@click.option("--oldest-first", is_flag=True, help="Instead of newest first.")
@pass_context
def list_orders(
    context: Context,
    account: str | None,
    status: str | None,
    work: str | None,
    since: str | None,
    limit: int,
    everything: bool,
    oldest_first: bool,
) -> None:
    """List orders by their last change."""
    session, now = context.session, context.session.now()
    start = times.since(since, now) if since else None
    asked: Json = {"status": status, "work": work, "sort": None if oldest_first else "-updated"}
    asked["from_"] = times.day(start) if start is not None else None
    most = None if everything else limit
    found = [
        row
        for one in session.accounts(account)
        for row in _of_account(session, one, asked, most)
        if start is None or (times.parsed(row["updated_at"]) or 0) >= start
    ]
    # Each account's list is sorted already; together they are sorted again.
    found.sort(key=lambda row: str(row["updated_at"]), reverse=not oldest_first)
    context.output.rows(found[:most], columns(context.output, now), lambda row: str(Reference.of(dict(row))))


def _of_account(session: Session, account: str, asked: Json, most: int | None) -> Iterator[Json]:
    def page(cursor: str | None) -> Json:
        size = PAGE if most is None else min(PAGE, most)
        return dict(session.api.list_orders(account=account, limit=size, cursor=cursor, **asked).json)

    return pages(page, "orders", most)


@command.command()
@click.argument("order", shell_complete=orders)
@pass_context
def get(context: Context, order: str) -> None:
    """Print an order; with `-o json` everything that is known about it."""
    session = context.session
    row = session.api.get_order(*session.find(order)).json
    context.output.one(row, columns(context.output, session.now()), lambda one: str(Reference.of(dict(one))))


@command.command()
@click.argument("order", shell_complete=orders)
@click.option("--carrier", metavar="CODE", help="The platform's code of the carrier, as YTO.")
@click.option("--number", "tracking_no", metavar="NO", help="The tracking number.")
@click.option(
    "--method", type=click.Choice(["express", "local", "virtual", "pickup"]), help="How; express if not said."
)
@click.option(
    "--contact", metavar="DIGITS", help="The last four digits of the receiver's phone, where a carrier wants them."
)
@click.option("--note", "description", metavar="TEXT", help="What was sent.")
@click.option("--more-follows", is_flag=True, help="Something remains to be sent.")
@pass_context
def ship(
    context: Context,
    order: str,
    carrier: str | None,
    tracking_no: str | None,
    method: Any,
    contact: str | None,
    description: str | None,
    more_follows: bool,
) -> None:
    """Record what was sent; the platform and the buyer are told."""
    given = {
        "carrier": carrier,
        "tracking_no": tracking_no,
        "method": method,
        "contact": contact,
        "description": description,
        "complete": False if more_follows else None,
    }
    body: ShipmentWish = {name: value for name, value in given.items() if value is not None}  # type: ignore[assignment]  # names are the body's
    reference = context.session.find(order)
    answer = context.session.api.ship_order(*reference, body, idempotency_key=uuid.uuid4().hex).json
    _done(context, "shipped", reference, answer)


@command.command()
@click.argument("order", shell_complete=orders)
@click.option("--wait", is_flag=True, help=f"Wait for the answer, at most {WAIT_SECONDS} s.")
@pass_context
def ask(context: Context, order: str, wait: bool) -> None:
    """Have the platform asked about an order now."""
    session, reference = context.session, context.session.find(order)
    before = session.api.get_order(*reference).json["version"] if wait else None
    answer = session.api.refresh_order(*reference).json
    if not wait:
        _done(context, "asked_now", reference, answer)
        return
    status, answered = _awaited(session, reference, before)
    word = texts.word(f"state.{status}", context.language, status)
    if not answered:
        raise StopError(UNAVAILABLE, "answer_waits", seconds=WAIT_SECONDS, status=word)
    if context.output.is_for_people:
        context.output.line(context.output.text("answer_came", status=word))
    else:
        context.output.one(session.api.get_order(*reference).json, columns(context.output, session.now()), _name)


def _awaited(session: Session, reference: Reference, before: int | None) -> tuple[str, bool]:
    """Wait until the order changed, or until it is no longer about to be asked about."""
    end = time.monotonic() + WAIT_SECONDS
    while True:
        order = session.api.get_order(*reference).json
        steps = session.api.explain_order(*reference).json["next"]
        asked = not any(step["code"] == "next.asked_soon" for step in steps)
        if order["version"] != before or asked:
            return str(order["status"]), True
        if time.monotonic() >= end:
            return str(order["status"]), False
        time.sleep(LOOK_SECONDS)


@command.command()
@click.argument("order", shell_complete=orders)
@pass_context
def close(context: Context, order: str) -> None:
    """Close an order as soon as the platform allows."""
    reference = context.session.find(order)
    _done(context, "closing", reference, context.session.api.close_order(*reference).json)


@command.command()
@click.argument("order", shell_complete=orders)
@click.argument("text")
@pass_context
def note(context: Context, order: str, text: str) -> None:
    """Put a note beside an order, for good."""
    if not text.strip():
        raise StopError(USAGE, "empty_note")
    reference = context.session.find(order)
    answer = context.session.api.note_order(*reference, {"note": text}, idempotency_key=uuid.uuid4().hex).json
    _done(context, "noted", reference, answer)


def _name(row: Any) -> str:
    return str(Reference.of(dict(row)))


def _done(context: Context, code: str, reference: Reference, answer: Any) -> None:
    """Say that something was done: to a program by the API's answer or the order's name."""
    output = context.output
    if output.form == "json":
        output.json(answer)
    elif output.is_for_people:
        output.line(f"{reference}  {output.text(code)}")
    else:
        click.echo(reference)

"""`countersign charges …`: subscription charges that failed, and one more try."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from countersign_cli import amounts, confirming, times
from countersign_cli.commands.refunds import YES
from countersign_cli.exits import USAGE, StopError
from countersign_cli.options import Context, Group, pass_context
from countersign_cli.output import Column, Output
from countersign_cli.session import PAGE, Reference, pages

Json = dict[str, Any]


@click.group(cls=Group, name="charges")
def command() -> None:
    """List subscription charges, and have one tried again."""


def columns(output: Output, now: float) -> list[Column]:
    """Return what a list of charges shows."""
    money = partial(amounts.shown, for_people=output.is_for_people)

    def when(text: Any) -> Any:
        return times.clock(text, now=now) if output.is_for_people else text

    def of(name: str) -> Any:
        return lambda row: (row.get("charge") or {}).get(name)

    return [
        Column("charge", lambda row: str(Reference.of(dict(row)))),
        Column("status", lambda row: of("status")(row) or row["status"]),
        Column("amount", lambda row: money(row["amount"])),
        Column("group", of("group")),
        Column("reason", of("error")),
        Column("next_try", lambda row: when(of("retry_at")(row))),
        Column("customer", of("customer_id")),
        Column("updated", lambda row: when(row["updated_at"])),
    ]


@command.command(name="list")
@click.option("--account", metavar="ACCOUNT", help="`recharge/store`, or `store`; without it, all that have charges.")
@click.option("--status", metavar="WORD", help="The platform's word, as `error`.")
@click.option("--group", metavar="WORD", help="Who must act, as `customer`.")
@click.option("--customer", metavar="NO", help="The platform's number of a customer.")
@click.option("--since", metavar="TIME", help="That changed since.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@pass_context
def list_charges(
    context: Context,
    account: str | None,
    status: str | None,
    group: str | None,
    customer: str | None,
    since: str | None,
    limit: int,
) -> None:
    """List charges, newest first."""
    session, now = context.session, context.session.now()
    asked: Json = {"status": status, "group": group, "customer": customer, "sort": "-updated_at"}
    asked["from_"] = times.day(times.since(since, now)) if since else None
    found: list[Json] = []
    for one in session.accounts(account):
        if not account and not _has_charges(context, one):
            continue

        def page(cursor: str | None, one: str = one) -> Json:
            size = min(PAGE, limit)
            return dict(session.api.list_charges(account=one, limit=size, cursor=cursor, **asked).json)

        found += pages(page, "charges", limit)
    found.sort(key=lambda row: str(row["updated_at"]), reverse=True)
    context.output.rows(found[:limit], columns(context.output, now), _name)


def _has_charges(context: Context, account: str) -> bool:
    """Ask the API whether an account's platform has charges: which do is its business."""
    from clients.python.countersign_client import ApiError

    try:
        context.session.api.list_charges(account=account, limit=1)
    except ApiError as refused:
        if refused.status in (404, 422):
            return False
        raise
    return True


@command.command()
@click.argument("charge")
@YES
@pass_context
def retry(context: Context, charge: str, typed: str | None) -> None:
    """Have a failed charge tried again, once: the customer is charged if it succeeds."""
    session, reference = context.session, context.session.find(charge)
    order = session.api.get_order(*reference).json
    if not order.get("charge"):
        raise StopError(USAGE, "no_charge", text=charge)
    confirming.amount(context, order["amount"], typed)
    answer = session.api.retry_charge(reference[1], reference[2]).json
    if context.output.form == "json":
        context.output.json(answer)
    elif context.output.is_for_people:
        context.output.line(context.output.text("charge_retried", charge=reference))
    else:
        click.echo(reference)


def _name(row: Any) -> str:
    return str(Reference.of(dict(row)))

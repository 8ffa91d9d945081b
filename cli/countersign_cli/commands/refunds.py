"""`countersign refunds …`: one person asks, another decides."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from countersign_cli import amounts, confirming, times
from countersign_cli.completing import orders
from countersign_cli.exits import NOT_FOUND, USAGE, StopError
from countersign_cli.options import Context, Group, pass_context
from countersign_cli.output import Column, Output
from countersign_cli.session import PAGE, Reference, pages

if TYPE_CHECKING:
    from clients.python.countersign_client import Judgement, RefundWish

Json = dict[str, Any]
YES = click.option("--yes-amount", "typed", metavar="AMOUNT", help="The amount again: that you mean it, in scripts.")


@click.group(cls=Group, name="refunds")
def command() -> None:
    """List, ask for, approve and reject refunds."""


def columns(output: Output, now: float) -> list[Column]:
    """Return what a list of refunds shows."""
    money = partial(amounts.shown, for_people=output.is_for_people)

    def asked_at(row: Any) -> Any:
        return times.clock(row["requested_at"], now=now) if output.is_for_people else row["requested_at"]

    return [
        Column("refund", lambda row: row["refund_id"]),
        Column("order", lambda row: str(Reference.of(dict(row)))),
        Column("status", lambda row: row["status"]),
        Column("amount", lambda row: money(row["amount"])),
        Column("asked_by", lambda row: row["requested_by"]),
        Column("asked_at", asked_at),
        Column("reason", lambda row: row["problem"] or row["reason"]),
    ]


@command.command(name="list")
@click.option("--account", metavar="ACCOUNT", help="`wechat/shop`, or `shop` where that is one; without it, all.")
@click.option("--status", metavar="WORD", help="As `requested`, `approved`, `succeeded`, `needs_action`.")
@click.option("--to-approve", "status", flag_value="requested", help="Those that wait for a second person.")
@click.option("--to-act", "status", flag_value="needs_action", help="Those that the platform could not make.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@pass_context
def list_refunds(context: Context, account: str | None, status: str | None, limit: int) -> None:
    """List refunds, least recently changed first."""
    session = context.session
    of = session.accounts(account)[0] if account else None

    def page(cursor: str | None) -> Json:
        return dict(session.api.list_refunds(status=status, account=of, limit=min(PAGE, limit), cursor=cursor).json)

    found = list(pages(page, "refunds", limit))
    context.output.rows(found, columns(context.output, session.now()), _name)


@command.command()
@click.argument("order", shell_complete=orders)
@click.argument("amount", required=False)
@click.option("--reason", metavar="TEXT", help="Why: whoever approves reads it.")
@click.option("--key", metavar="KEY", help="The same key again is the same wish, for scripts.")
@YES
@pass_context
def ask(
    context: Context, order: str, amount: str | None, reason: str | None, key: str | None, typed: str | None
) -> None:
    """Ask for a refund of AMOUNT (`30.00`), or of all that is left. Nothing moves before somebody else approves it."""
    session, reference = context.session, context.session.find(order)
    body: RefundWish = {"reason": reason} if reason else {}
    if amount is not None:
        currency = session.api.get_order(*reference).json["amount"]["currency"]
        money = amounts.written(amount, currency)
        confirming.amount(context, money, typed)
        body["amount"] = {"minor": money["minor"], "currency": money["currency"]}
    elif session.is_production or typed is not None:
        raise StopError(USAGE, "say_amount")
    refund = session.api.request_refund(*reference, body, idempotency_key=key or uuid.uuid4().hex).json
    _done(context, "refund_asked", refund)


@command.command()
@click.argument("refund")
@click.option(
    "--amount", metavar="AMOUNT", help="What you saw: where the refund is of another amount, nothing happens."
)
@YES
@pass_context
def approve(context: Context, refund: str, amount: str | None, typed: str | None) -> None:
    """Approve a refund that somebody else asked for: it is paid out."""
    reference, found = _find(context, refund)
    money = amounts.written(amount, found["amount"]["currency"]) if amount else found["amount"]
    confirming.amount(context, money, typed)
    seen: Judgement = {"amount": {"minor": money["minor"], "currency": money["currency"]}}
    answer = context.session.api.approve_refund(*reference, found["refund_id"], seen).json
    _done(context, "refund_approved", answer)


@command.command()
@click.argument("refund")
@pass_context
def reject(context: Context, refund: str) -> None:
    """Reject a refund that somebody else asked for."""
    reference, found = _find(context, refund)
    _done(context, "refund_rejected", context.session.api.reject_refund(*reference, found["refund_id"], {}).json)


def _find(context: Context, text: str) -> tuple[Reference, Json]:
    reference = context.session.find(text)
    for refund in context.session.api.get_order(*reference).json["refunds"]:
        if text in (refund["refund_id"], refund.get("platform_refund_id")):
            return reference, refund
    raise StopError(NOT_FOUND, "no_refund", text=text)


def _name(row: Any) -> str:
    return str(row["refund_id"])


def _done(context: Context, code: str, refund: Json) -> None:
    output = context.output
    if output.is_for_people:
        said = output.text(code, refund=refund["refund_id"])
        output.line(f"{Reference.of(refund)}  {said}  {amounts.shown(refund['amount'])}")
    else:
        output.one(refund, columns(output, context.session.now()), _name)

"""`countersign replay ORDER EVENT`: a stored event is decided again on the order as it is now."""

from __future__ import annotations

from typing import Any

import click

from countersign_cli import texts
from countersign_cli.completing import orders
from countersign_cli.exits import NOT_FOUND, USAGE, StopError
from countersign_cli.options import Command, Context, pass_context
from countersign_cli.output import plain

Json = dict[str, Any]


@click.command(cls=Command)
@click.argument("order", shell_complete=orders)
@click.argument("event")
@pass_context
def command(context: Context, order: str, event: str) -> None:
    """Decide a stored event again: an order that has it already does not change.

    EVENT is its id as `explain -o json` tells it, or how it begins. Only what the platform signed can be replayed.
    """
    session, output = context.session, context.output
    reference = session.find(order)
    event_id = event
    if not _is_whole(event):
        known = [one["event_id"] for one in session.api.get_order(*reference).json["events"]]
        found = [one for one in known if one.startswith(event)]
        if len(found) != 1:
            raise StopError(USAGE if found else NOT_FOUND, "which_event", event=event, known=", ".join(found) or "-")
        event_id = found[0]
    platform, account, order_id = reference
    wanted = {"replay": {"account": account, "order_id": order_id, "event_id": event_id}}
    answer: Json = session.cloud.invoke(f"{platform}_redrive", wanted)
    if not output.is_for_people:
        if output.form == "json":
            output.json(answer)
        else:
            click.echo(answer["outcome"])
        return
    outcome = texts.word(f"decision.{answer['outcome']}", output.language, answer["outcome"])
    output.line(f"{reference}  {outcome}: {plain(answer['reason'])}")


def _is_whole(event: str) -> bool:
    """Tell whether a text ends as the ids of events do, with a digest: then nobody has to be asked."""
    end = event.rpartition(".")[2]
    return len(end) == 64 and not set(end) - set("0123456789abcdef")

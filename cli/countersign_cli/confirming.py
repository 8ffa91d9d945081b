"""What a person confirms before money moves: in production the amount is typed, not a `y`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from countersign.money import Money
from countersign_cli import amounts
from countersign_cli.exits import REFUSED, StopError
from countersign_cli.output import styled

if TYPE_CHECKING:
    from countersign_cli.options import Context


def amount(context: Context, money: dict[str, Any], typed: str | None) -> None:
    """Go on only where the amount was said again: by `--yes-amount`, or, where money is real, at a prompt."""
    session, output = context.session, context.output
    shown = str(Money(money["minor"], money["currency"])).partition(" ")[0]
    if typed is None:
        if not session.is_production:
            return
        if not sys.stdin.isatty():
            raise StopError(REFUSED, "amount_needed", name=session.name, amount=shown)
        prompt = output.text("type_amount", name=session.name, amount=amounts.shown(money))
        typed = str(click.prompt(styled(prompt, fg="white", bg="red"), err=True))
    if amounts.written(typed, money["currency"]) != money:
        raise StopError(REFUSED, "amount_differs", given=typed, amount=shown)

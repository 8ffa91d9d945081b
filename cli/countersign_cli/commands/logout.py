"""`countersign logout`: forget a sign-in."""

from __future__ import annotations

import click

from countersign_cli import profiles, sign_in
from countersign_cli.options import Command, Context, pass_context


@click.command(cls=Command)
@pass_context
def command(context: Context) -> None:
    """Forget what a sign-in left on this machine."""
    folder = profiles.folder(context.environ, context.home)
    profile = profiles.chosen(folder, context.given.get("profile"))
    sign_in.forget(profile, folder)
    context.output.line(context.output.text("signed_out", name=profile.name))

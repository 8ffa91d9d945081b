"""`countersign completion SHELL`: what makes a shell complete commands, options and orders."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from countersign_cli.options import Command

VARIABLE = "_COUNTERSIGN_COMPLETE"


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, /, shell: str) -> None:
    r"""Print what makes SHELL complete commands, options, and the orders that changed last.

    \b
    bash   eval "$(countersign completion bash)"           in ~/.bashrc
    zsh    eval "$(countersign completion zsh)"            in ~/.zshrc
    fish   countersign completion fish | source            in ~/.config/fish/config.fish
    """
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click has these three
    maker = found(ctx.find_root().command, {}, "countersign", VARIABLE)
    # Not `source()`: of bash it asks the version of whichever is on this machine.
    click.echo(maker.source_template % maker.source_vars())

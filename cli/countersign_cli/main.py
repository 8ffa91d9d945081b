"""The root command: sub-commands are imported when they are called, and what goes wrong becomes a status."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import urllib.error
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countersign_cli import exits, texts
from countersign_cli.options import Context, RootOptions, spelt_out

if TYPE_CHECKING:
    from collections.abc import Sequence

# What each command is, for `--help` without importing any.
COMMANDS = {
    "explain": "Why an order is in its state, and what happens next.",
    "orders": "List, get, ship, ask about and close orders.",
    "refunds": "List, ask for, approve and reject refunds.",
    "charges": "List subscription charges, and have one tried again.",
    "tail": "Follow what comes in and what becomes of it.",
    "verify": "Say offline why a captured request was refused, step by step.",
    "trigger": "Have a platform of the sandbox do something. Sandbox only.",
    "doctor": "Examine account documents, or everything that is deployed.",
    "redrive": "Take quarantined news in again, after a fix.",
    "replay": "Decide a stored event again.",
    "rotate": "Change a key of an account in three safe steps.",
    "login": "Sign in as a person.",
    "logout": "Forget a sign-in.",
    "completion": "Print what makes your shell complete commands and orders.",
}


class Root(click.Group):
    """The group of all commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"countersign_cli.commands.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command is, without importing it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the root's own options."""
        return super().parse_args(ctx, spelt_out(args))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it cannot do ends it with the status and the sentence for that."""
        # The client's own module is small; importing it here keeps `except` below honest.
        from clients.python.countersign_client import ApiError

        context: Context = ctx.ensure_object(Context)
        try:
            return super().invoke(ctx)
        except exits.StopError as stop:
            say = texts.text(stop.code, context.language, **stop.arguments)
            click.echo(say, err=True)
            ctx.exit(stop.status)
        except ApiError as refused:
            click.echo(_refusal(refused, context), err=True)
            ctx.exit(exits.of_answer(refused.status))
        except BrokenPipeError:  # `| head` has read enough: what the network breaks off is told as another error
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(exits.OK)
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            click.echo(texts.text("unreachable", context.language, why=type(reason).__name__), err=True)
            ctx.exit(exits.UNAVAILABLE)
        except KeyboardInterrupt:
            click.echo(texts.text("interrupted", context.language), err=True)
            ctx.exit(exits.INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            # The text of an error may hold what was sent: a secret, a customer. Its kind and place do not.
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            click.echo(texts.text("unforeseen", context.language, kind=type(error).__name__, where=where), err=True)
            ctx.exit(exits.UNAVAILABLE)


def _refusal(refused: Any, context: Context) -> str:
    if refused.code != "gateway":
        return texts.text("refused", context.language, why=refused.detail or refused.code)
    known = {401: "gateway_401", 403: "gateway_403", 429: "gateway_429"}
    return texts.text(known.get(refused.status, "gateway_other"), context.language, status=refused.status)


@click.command(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@RootOptions.add
@click.version_option(package_name="countersign-operator-cli", message="%(version)s")
@click.pass_context
def cli(ctx: click.Context, /, **given: Any) -> None:
    """Countersign: what payment platforms said, what became of it, and what an operator does about it.

    Ends with 0 (ok), 1 (a check found something), 2 (misused), 3 (not found), 4 (refused by a rule),
    5 (not signed in), 6 (unavailable: try again) or 130 (Ctrl-C).
    """
    ctx.ensure_object(Context).take(given)


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    try:
        cli.main(args=list(arguments) if arguments is not None else None, prog_name="countersign")
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(exits.OK)

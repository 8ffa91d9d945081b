"""Options that every command takes, before its name or after it, and what commands get of them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from countersign_cli import texts
from countersign_cli.output import FORMATS, Output

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from countersign_cli.session import Session

SANDBOX_PORT = 8080
_BARE = re.compile(r"--sandbox")


def spelt_out(args: list[str]) -> list[str]:
    """Give a bare `--sandbox` its port: what follows it is a command, never its value."""
    return [f"--sandbox={SANDBOX_PORT}" if _BARE.fullmatch(arg) else arg for arg in args]


class RootOptions:
    """The options themselves."""

    @staticmethod
    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        """Give a command the options."""
        for option in reversed(_options()):
            command = option(command)
        return command


def _options() -> list[Callable[[Callable[..., Any]], Callable[..., Any]]]:
    return [
        click.option(
            "--sandbox",
            type=click.IntRange(1, 65534),
            metavar="[=PORT]",
            help=f"Speak to the sandbox of this machine ({SANDBOX_PORT}); nothing has to be set up.",
        ),
        click.option(
            "--as", "subject", metavar="NAME", help="In the sandbox: who you are (two people decide a refund)."
        ),
        click.option("--profile", envvar="COUNTERSIGN_PROFILE", metavar="NAME", help="Which deployment to speak to."),
        click.option("--lang", type=click.Choice(texts.LANGUAGES), envvar="COUNTERSIGN_LANG", help="Language."),
        click.option("-o", "--output", "form", type=click.Choice(FORMATS), help="How the answer is printed."),
    ]


@dataclass
class Context:
    """What was asked for beside the command, and the world it is asked of: tests give another."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    transport: Any = None  # as the client's; None is the network
    home: Path | None = None
    cloud: Any = None  # instead of AWS
    clock: Callable[[], float] | None = None
    given: dict[str, Any] = field(default_factory=dict)
    _session: Session | None = None

    def take(self, given: Mapping[str, Any]) -> None:
        """Note options; those after the command's name count more than those before it."""
        self.given.update({name: value for name, value in given.items() if value is not None})

    @property
    def language(self) -> str:
        """Return the language of sentences."""
        return str(self.given.get("lang") or texts.of_environment(self.environ))

    @property
    def output(self) -> Output:
        """Return what prints."""
        return Output(self.given.get("form") or "table", self.language)

    @property
    def session(self) -> Session:
        """Return the connection, made when it is first needed: `--help` and what is offline need none."""
        from countersign_cli.session import Session

        if self._session is None:
            self._session = Session.of(self)
        return self._session


class Command(click.Command):
    """A command that takes the root's options as well."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {option for parameter in self.params for option in parameter.opts}
        holder = RootOptions.add(lambda: None)
        shared: list[click.Parameter] = list(reversed(getattr(holder, "__click_params__", [])))
        self._shared = [one for one in shared if not own.intersection(one.opts)]
        for parameter in self._shared:
            if isinstance(parameter, click.Option):
                parameter.hidden = parameter.name not in ("form", "lang")
                parameter.envvar = None  # read once, by the root
        self.params.extend(self._shared)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options; the shared ones go to the context and not to the function."""
        rest = super().parse_args(ctx, spelt_out(args))
        names = [str(parameter.name) for parameter in self._shared]
        ctx.ensure_object(Context).take({name: ctx.params.pop(name, None) for name in names})
        return rest


class Group(click.Group):
    """A group whose commands take the root's options."""

    command_class = Command


pass_context = click.make_pass_decorator(Context, ensure=True)

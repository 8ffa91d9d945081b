"""`countersign login`: a person signs in by a browser, which comes back to this machine."""

from __future__ import annotations

import http.server
import time
import webbrowser
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from countersign_cli import cloud, profiles, sign_in
from countersign_cli.exits import NOT_SIGNED_IN, UNAVAILABLE, USAGE, StopError
from countersign_cli.options import Command, Context, pass_context

if TYPE_CHECKING:
    from pathlib import Path

    from countersign_cli.profiles import Profile

WAIT_SECONDS = 300
LISTEN = "127.0.0.1"
PAGE = "<!doctype html><meta charset=utf-8><title>Countersign</title><p>You can close this page. / 可以关闭此页面。"


@click.command(cls=Command)
@click.option("--stack", metavar="NAME", help="Set the profile up from this stack's outputs, with AWS credentials.")
@click.option("--region", help="The stack's region.")
@click.option("--aws-profile", metavar="NAME", help="Which AWS credentials.")
@click.option("--api-url", metavar="URL", help="Set the profile up by hand: the stack's output ApiUrl.")
@click.option("--authorize-url", metavar="URL", help="Where people sign in.")
@click.option("--token-url", metavar="URL", help="The stack's output TokenEndpoint.")
@click.option("--client-id", metavar="ID", help="The stack's output PeopleClientId.")
@click.option("--scope-prefix", metavar="TEXT", help="What stands before each scope; `countersign/` if not said.")
@click.option("--production/--no-production", default=None, help="Whether money is real there; yes, if not said.")
@click.option("--paste", is_flag=True, help="No browser here: open the address anywhere, and paste where it ends.")
@pass_context
def command(context: Context, /, paste: bool, production: bool | None, **given: str | None) -> None:
    r"""Sign in to a deployment as a person; its addresses are kept as a profile (--profile NAME).

    \b
    The browser comes back to http://localhost:8399/, which the stack's sign-in knows.
    """
    if context.given.get("sandbox"):
        raise StopError(USAGE, "sandbox_has_no_profile")
    folder = profiles.folder(context.environ, context.home)
    profile = _profile(context, folder, {name: value for name, value in given.items() if value}, production)
    visit = sign_in.begin(profile)
    came = _pasted(context, visit.url) if paste else _brought(context, visit.url)
    sign_in.finish(profile, folder, context, visit, sign_in.code_of(visit, came))
    context.given["profile"] = profile.name
    me: dict[str, Any] = context.session.api.whoami().json
    context.output.line(context.output.text("signed_in", name=profile.name, who=me["name"] or me["id"]))


def _profile(context: Context, folder: Path, given: dict[str, Any], production: bool | None) -> Profile:
    """Return the profile to sign in to, kept with what is said about it now."""
    known, default = profiles.read(folder)
    name = context.given.get("profile") or given.get("stack") or default
    if not name:
        raise StopError(NOT_SIGNED_IN, "no_profile")
    profile = replace(known.get(name) or profiles.Profile(name), **given)
    if production is not None:
        profile = replace(profile, production=production)
    if "stack" in given:
        stack = context.cloud or cloud.Aws(profile)
        profile = replace(
            profile,
            api_url=stack.output("ApiUrl"),
            authorize_url=stack.output("SignInUrl").partition("?")[0],
            token_url=stack.output("TokenEndpoint"),
            client_id=stack.output("PeopleClientId"),
        )
    if profile != known.get(name):
        profiles.write(folder, profile)
    return profile


def _pasted(context: Context, url: str) -> str:
    context.output.note("sign_in_open", url=url)
    return str(click.prompt(context.output.text("sign_in_paste"), err=True))


def _brought(context: Context, url: str) -> str:
    """Open the browser, and return the address with which it comes back."""
    came: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Take the browser's return; what else a browser asks for (an icon) is none."""
            is_return = "state=" in self.path or "error=" in self.path
            if is_return:
                came.append(self.path)
            self.send_response(200 if is_return else 404)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("cache-control", "no-store")
            self.send_header("referrer-policy", "no-referrer")
            self.end_headers()
            self.wfile.write(PAGE.encode() if is_return else b"")

        def log_message(self, *_: Any) -> None:
            """Say nothing: the address holds a code."""

    try:
        server = http.server.HTTPServer((LISTEN, sign_in.LOOPBACK_PORT), Handler)
    except OSError:
        raise StopError(UNAVAILABLE, "sign_in_port", port=sign_in.LOOPBACK_PORT) from None
    with server:
        context.output.note("sign_in_open", url=url)
        webbrowser.open(url)
        server.timeout = 1
        end = time.monotonic() + WAIT_SECONDS
        while not came:
            if time.monotonic() > end:
                raise StopError(NOT_SIGNED_IN, "sign_in_late", minutes=WAIT_SECONDS // 60)
            server.handle_request()
    return came[0]

"""`python -m sandbox run|demo|token|event`: the whole system on one machine."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

from sandbox import parent_watch

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Do what the command line says."""
    parent_watch.end_with_starter()
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="bring everything up and stay up")
    run.add_argument(
        "--port", type=int, default=8080, help="the API's port; control and simulators are on the next one"
    )
    run.add_argument(
        "--accounts", type=Path, help="a folder of {platform}/{account}.json; without it, throwaway accounts"
    )
    run.add_argument("--template", type=Path, default=ROOT / "template.yaml")
    run.add_argument("--foreign-issuer", action="store_true", help="tokens of another issuer than Cognito")
    run.add_argument("--seed", action="store_true", help="thirty orders in all states, so that no list is empty")
    run.add_argument("--quiet", action="store_true", help="do not print the URLs")
    commands.add_parser("demo", help="a payment's whole story, told step by step")
    token = commands.add_parser("token", help="print a token of a running sandbox")
    token.add_argument("--port", type=int, default=8080)
    token.add_argument("--scopes", default="payments:write orders:read")
    token.add_argument("--subject")
    token.add_argument("--accounts", help="platform/account, several with commas; default: all")
    token.add_argument("--client", action="store_true", help="a machine's token instead of a person's")
    event = commands.add_parser("event", help="print a freshly signed event")
    event.add_argument("function")
    event.add_argument("case")
    options = parser.parse_args()
    match options.command:
        case "run":
            from sandbox import supervisor

            return supervisor.run(
                options.port,
                options.accounts,
                options.template,
                quiet=options.quiet,
                foreign=options.foreign_issuer,
                seed=options.seed,
            )
        case "demo":
            from sandbox import demo

            return demo.main()
        case "event":
            from sandbox import make_events

            return make_events.main([options.function, options.case])
    return _token(options)


def _token(options: argparse.Namespace) -> int:
    wanted = {"scopes": options.scopes.split(), "client": options.client}
    if options.subject:
        wanted["subject"] = options.subject
    if options.accounts:
        wanted["accounts"] = options.accounts.split(",")
    url = f"http://127.0.0.1:{options.port + 1}/token"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(wanted).encode()), timeout=10) as reply:
            print(json.load(reply)["access_token"])
    except urllib.error.URLError as error:
        print(f"no sandbox answers on port {options.port + 1}: {error.reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A new process of the console's function up to its first page; prints the milliseconds of processor that it took.

`bench/console.py --cold` starts it, with byte code and compiled templates as the layers have them. What the table and
the API answer is in memory, so the wait for them is not in it, and neither are the handshakes.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import app  # functions/console

from countersign_console.outside import Reply
from countersign_console.routes import COOKIE
from countersign_console.session import Person, SessionStore, Tokens

ROOT = Path(__file__).resolve().parent.parent
Json = dict[str, Any]


class Rows:
    """The table of sessions, as far as one page needs it."""

    def __init__(self) -> None:
        self.rows: dict[str, Json] = {}
        self.exceptions = type("Exceptions", (), {"ConditionalCheckFailedException": ValueError})

    def put_item(self, *, Item: Json, **_: Any) -> Json:  # noqa: N803 - its name on the wire
        self.rows[Item["id"]["S"]] = Item
        return {}

    def get_item(self, *, Key: Json, **_: Any) -> Json:  # noqa: N803 - its name on the wire
        found = self.rows.get(Key["id"]["S"])
        return {"Item": found} if found else {}


def main() -> None:
    """Answer the first page of somebody who is signed in."""
    now = int(time.time())
    answers = json.loads((ROOT / "tests/console/answers.json").read_text(encoding="utf-8"))
    console = app.console
    store = SessionStore(Rows(), "Sessions")
    account = {"account": "wechat/shop", "platform": "wechat", "name": "shop", "platform_name": "WeChat"}
    person = Person("ann", "Ann", ("shop",), ("orders:read",), (account,))
    session = store.create(person, Tokens("t", "r", now + 900), now=now)
    console._store = store
    console._send = lambda method, url, *_: Reply(
        200, {}, json.dumps(answers[f"{method} /{url.split('/', 3)[3].partition('?')[0]}"]).encode()
    )
    event = {
        "rawPath": "/orders",
        "rawQueryString": "",
        "headers": {"accept-language": "zh-CN", "host": "console.example.com"},
        "cookies": [f"{COOKIE}={session.cookie}"],
        "requestContext": {"http": {"method": "GET", "sourceIp": "192.0.2.1"}, "domainName": "console.example.com"},
    }
    answer = app.lambda_handler(event, type("Context", (), {"aws_request_id": "1", "function_name": "console"})())
    assert answer["statusCode"] == 200, answer
    sys.stderr.write(f"{time.process_time() * 1000:.1f}\n")


main()

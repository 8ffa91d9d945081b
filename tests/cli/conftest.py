"""The command line in this process, before an API that answers what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from click.testing import CliRunner, Result

from clients.python.countersign_client import Reply
from countersign_cli.main import cli
from countersign_cli.options import Context

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]
NOW = 1_796_000_900  # 2026-11-30, 09:08:20 in Beijing
TOKEN = "the-token-of-a-person"


@dataclass(frozen=True)
class Asked:
    """One request that a command made."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.url).path)

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.url).query).items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass
class Fakes:
    """The API and the sandbox's own side, as far as a test needs them: `METHOD path` and what it answers."""

    home: Path
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    cloud: Any = None

    def on(self, call: str, answer: Any, status: int = 200) -> None:
        """Answer a call with JSON, or with what a function makes of the request."""
        self.answers[call] = (status, answer)

    def refuse(self, call: str, status: int, code: str, detail: str = "no", **arguments: Any) -> None:
        """Answer a call with a problem."""
        told = {"code": code, "status": status, "detail": detail, "args": arguments, "title": "No", "type": "urn:x"}
        self.answers[call] = (status, told)

    def transport(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        asked = Asked(method, url, headers, body)
        self.asked.append(asked)
        if (asked.path, method) == ("/token", "POST"):
            return Reply(200, {}, json.dumps({"access_token": TOKEN}).encode())
        if (asked.path, method) == ("/clock", "GET"):
            return Reply(200, {}, json.dumps({"now": NOW}).encode())
        status, answer = self.answers.get(f"{method} {asked.path}", (404, {"message": "Not Found"}))
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            answer = answer(asked)
        kind = "application/problem+json" if isinstance(answer, dict) and "code" in answer else "application/json"
        return Reply(status, {"content-type": kind}, json.dumps(answer).encode())

    def run(self, *arguments: str, given: str | None = None, sandbox: bool = True) -> Result:
        """Run a command to its end."""
        context = Context(
            environ=self.environ, transport=self.transport, home=self.home, cloud=self.cloud, clock=lambda: NOW
        )
        first = ["--sandbox"] if sandbox else []
        return CliRunner().invoke(cli, [*first, *arguments], obj=context, input=given, prog_name="countersign")

    def calls(self, call: str) -> list[Asked]:
        """Return the requests of one kind."""
        return [one for one in self.asked if f"{one.method} {one.path}" == call]


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    return Fakes(tmp_path / "config")


def order(number: str = "A-1", status: str = "paid", **more: Any) -> Json:
    """Return an order as the API lists it, as far as commands look."""
    amount = {"minor": 8800, "currency": "CNY"}
    return {
        "platform": "wechat",
        "account": "shop",
        "order_id": number,
        "status": status,
        "amount": amount,
        "paid": amount if status == "paid" else None,
        "refunded": {"minor": 0, "currency": "CNY"},
        "shipping": "none",
        "description": "Tea",
        "updated_at": "2026-11-30T01:06:49Z",
        "version": 3,
        "refunds": [],
        "events": [],
        **more,
    }


Maker = Callable[..., Json]

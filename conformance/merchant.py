"""The merchant's side of a target: how an order is made, what it is, and how the target is hurt. All of it optional.

Everything is a command of yours, with `{order_id}`, `{minor}` and `{currency}` filled in; no shell reads it. Instead of
the first two, a target may have an address for orders: `POST` of `{order_id, amount: {minor, currency}}` makes one,
`GET /<order_id>` says what it is.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

Json = dict[str, Any]
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class CannotRun(Exception):
    """A command of the merchant's did not work: nothing was judged."""


@dataclass(frozen=True)
class State:
    """What the merchant thinks of an order: a word and, where it says so, money and how often goods went out."""

    word: str
    paid: int | None = None  # minor units that count as paid
    times: int | None = None  # how often it became paid
    version: Any = None  # anything that changes when the order does

    @classmethod
    def read(cls, text: str) -> State:
        """Read a word, or JSON with `status` and, if you like, `paid`, `times`, `version`."""
        try:
            found = json.loads(text)
        except ValueError:
            return cls(text.strip())
        if not isinstance(found, dict):
            return cls(str(found))
        paid = found.get("paid")
        minor = paid.get("minor") if isinstance(paid, dict) else paid
        times = found.get("times")
        return cls(
            str(found.get("status")),
            minor if isinstance(minor, int) and not isinstance(minor, bool) else None,
            times if isinstance(times, int) else None,
            found.get("version"),
        )


@dataclass
class Order:
    """An order that a case is about."""

    number: str
    minor: int
    currency: str
    label: str
    at: int = 0  # when it was made: what is said of its payment is said of that moment
    names: Json = field(default_factory=dict)  # what the target calls it, where making it said so


class Merchant(Protocol):
    """What the kit can ask of a target beyond its endpoint."""

    @property
    def can(self) -> AbstractSet[str]:
        """Which of `create`, `state`, `close`, `kill`, `store` there are."""

    def create(self, order: Order) -> Json:
        """Make the order; what the target calls it."""

    def state(self, order: Order) -> State:
        """Say what the order is."""

    def close(self, order: Order) -> None:
        """Close the order: it is not to be paid any more."""

    def kill(self) -> None:
        """End what serves the target, at once; it is back when this returns, or soon."""

    def store(self, *, up: bool) -> None:
        """Take the target's store away, or give it back."""


@dataclass
class Commands:
    """A merchant of commands, or of an address for orders."""

    create_cmd: str = ""
    state_cmd: str = ""
    close_cmd: str = ""
    kill_cmd: str = ""
    store_down_cmd: str = ""
    store_up_cmd: str = ""
    orders_url: str = ""

    @property
    def can(self) -> set[str]:
        """What was configured."""
        told = {
            "create": self.create_cmd or self.orders_url,
            "state": self.state_cmd or self.orders_url,
            "close": self.close_cmd,
            "kill": self.kill_cmd,
            "store": self.store_down_cmd and self.store_up_cmd,
        }
        return {name for name, value in told.items() if value}

    def create(self, order: Order) -> Json:
        """Make the order."""
        if self.create_cmd:
            text = _run(self.create_cmd, order)
        else:
            body = {"order_id": order.number, "amount": {"minor": order.minor, "currency": order.currency}}
            text = _http(self.orders_url, json.dumps(body).encode())
        try:
            found = json.loads(text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def state(self, order: Order) -> State:
        """Ask what the order is."""
        if self.state_cmd:
            return State.read(_run(self.state_cmd, order))
        return State.read(_http(f"{self.orders_url.rstrip('/')}/{urllib.parse.quote(order.number, safe='')}"))

    def close(self, order: Order) -> None:
        """Close it."""
        _run(self.close_cmd, order)

    def kill(self) -> None:
        """Kill the target."""
        _run(self.kill_cmd)

    def store(self, *, up: bool) -> None:
        """Take its store away, or give it back."""
        _run(self.store_up_cmd if up else self.store_down_cmd)


def _run(command: str, order: Order | None = None) -> str:
    values = {} if order is None else {"order_id": order.number, "minor": order.minor, "currency": order.currency}
    arguments = [one.format(**values) for one in shlex.split(command)]
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command
            arguments, capture_output=True, text=True, timeout=60, check=False, env=os.environ
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotRun(f"{arguments[0]}: {type(error).__name__}") from error
    if done.returncode:
        raise CannotRun(f"{arguments[0]} ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    return done.stdout


def _http(url: str, body: bytes | None = None) -> str:
    request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310 - the user's own
    try:
        with _DIRECT.open(request, timeout=30) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 404 and body is None:
                return "none"
            raise CannotRun(f"{urllib.parse.urlsplit(url).path} answered {error.code}") from error
    except OSError as error:
        raise CannotRun(f"{urllib.parse.urlsplit(url).path}: {type(error).__name__}") from error

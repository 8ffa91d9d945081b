"""What one click does: calls of the merchant API and of the control port, each kept as the curl that repeats it."""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sandbox.signin import PEOPLE

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
UNAVAILABLE = 503
PATIENCE = 20.0  # seconds that a click waits for what a function does by itself
SCOPES = ("payments:write", "payments:link", "orders:read", "orders:ship", "refunds:request", "refunds:approve")


class ClickError(Exception):
    """Something that a click needed was refused; its text is the answer."""


@dataclass(frozen=True)
class Wire:
    """Where the two sides are, and what carries a request there."""

    api_url: str
    control_url: str
    send: Callable[[str, str, dict[str, str], bytes | None], tuple[int, bytes]]

    def token(self, subject: str) -> str:
        """Return a token of somebody, as `make token` makes it."""
        name = next((person.name for person in PEOPLE if person.id == subject), "")
        wanted = {"scopes": SCOPES, **({"subject": subject} if subject else {}), **({"name": name} if name else {})}
        _, reply = self.send("POST", f"{self.control_url}/token", {}, json.dumps(wanted).encode())
        return str(json.loads(reply)["access_token"])


@dataclass(frozen=True)
class Call:
    """One HTTP call that was made, with its answer."""

    method: str
    url: str
    headers: tuple[str, ...]
    body: Any
    status: int

    def curl(self) -> str:
        """Write it as a shell takes it; an authorization is made anew by `make`."""
        parts = ["curl -s", *(["-X", self.method] if self.method not in ("GET", "POST") else [])]
        if self.method == "POST" and self.body is None:
            parts.append("-X POST")
        parts.append(shlex.quote(self.url))
        parts += [f"-H {_quoted(header)}" for header in self.headers]
        if self.body is not None:
            parts.append(f"-d {shlex.quote(json.dumps(self.body, ensure_ascii=False))}")
        return " ".join(parts)


def _quoted(header: str) -> str:
    """Quote a header; what `$(...)` makes is left to the shell."""
    return f'"{header}"' if "$(" in header else shlex.quote(header)


@dataclass
class Bought:
    """An order that was made here; `reference` is its number at who takes the money, `handed` what the payer needs.

    `is_left` says that it is no longer its payer's turn, whatever the product knows by now; `bill` is where the bill of
    its day is.
    """

    counter: str
    platform: str
    account: str
    order_id: str
    good: str
    minor: int
    currency: str
    reference: str = ""
    code: str = ""
    handed: Json = field(default_factory=dict)
    bill: str = ""
    is_left: bool = False

    @property
    def key(self) -> str:
        """The order, in one text."""
        return f"{self.platform}/{self.account}/{self.order_id}"

    @property
    def path(self) -> str:
        """Its place in the merchant API."""
        return "/orders/" + "/".join(quote(part, safe="") for part in (self.platform, self.account, self.order_id))


@dataclass
class Hand:
    """Carries out one click; `said` are codes of sentences with their arguments."""

    wire: Wire
    calls: list[Call] = field(default_factory=list)
    said: list[tuple[str, Json]] = field(default_factory=list)

    def say(self, code: str, **arguments: Any) -> None:
        """Add a sentence to what the page tells."""
        self.said.append((code, arguments))

    def api(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        by: str = "",
        origin: str = "",
        fails: bool = False,
        repeats: bool = False,
    ) -> Json:
        """Call the product as somebody; with `fails` a refusal is an answer like any other.

        What `repeats` is safe to make again: a function that is only starting may be late for its gateway.
        """
        port = self.wire.control_url.rpartition(":")[2]
        make = f"make -s token PORT={int(port) - 1}" + (f" SUBJECT={by}" if by else "")
        headers = {"content-type": "application/json"} if body is not None else {}
        shown = [f"{name}: {value}" for name, value in headers.items()]
        if origin:
            headers["origin"] = origin
            shown.append(f"origin: {origin}")
        else:
            headers["authorization"] = f"Bearer {self.wire.token(by)}"
            shown.insert(0, f"authorization: Bearer $({make})")
        tries = 6 if repeats else 1
        return self._call(method, f"{self.wire.api_url}{path}", headers, shown, body, fails=fails, tries=tries)

    def control(self, path: str, body: Any = None, *, method: str = "POST") -> Json:
        """Make something happen outside of the product."""
        return self._call(method, f"{self.wire.control_url}{path}", {}, [], body, fails=False)

    def happen(self, platform: str, what: str, **how: Any) -> Json:
        """Make something happen at a platform's simulator."""
        return self.control(f"/{platform}/_control/{what}", how)

    def advance(self, seconds: float) -> None:
        """Let sandbox time pass."""
        self.control("/clock", {"advance": seconds})

    def now(self) -> float:
        """Return sandbox time."""
        return float(self.quietly("GET", f"{self.wire.control_url}/clock")["now"])

    def order(self, bought: Bought) -> Json:
        """Return an order as the merchant API has it; empty where it is not known. No click is needed for that."""
        return self.read(bought.path)

    def read(self, path: str) -> Json:
        """Read something of the merchant API, which is no part of the click."""
        headers = {"authorization": f"Bearer {self.wire.token('')}"}
        return self.quietly("GET", f"{self.wire.api_url}{path}", headers)

    def quietly(self, method: str, url: str, headers: dict[str, str] | None = None) -> Json:
        """Make a call that is not shown; what was refused is empty."""
        status, reply = self.wire.send(method, url, headers or {}, None)
        return _json(reply) if status < 300 else {}

    def until(self, look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Wait until something is true, and give up in silence: the page shows what is so."""
        end = time.monotonic() + seconds
        while not (found := look()) and time.monotonic() < end:
            time.sleep(0.2)
        return found

    def _call(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        shown: list[str],
        body: Any,
        *,
        fails: bool,
        tries: int = 1,
    ) -> Json:
        sent = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        status, reply = self.wire.send(method, url, headers, sent)
        while status == UNAVAILABLE and (tries := tries - 1):
            status, reply = self.wire.send(method, url, headers, sent)
        self.calls.append(Call(method, url, tuple(shown), body, status))
        if status >= 300 and not fails:
            raise ClickError(f"{status} {reply.decode('utf-8', 'replace')[:300]}")
        return _json(reply)


def _json(reply: bytes) -> Json:
    value = json.loads(reply or b"{}")
    return value if isinstance(value, dict) else {"list": value}

"""The sandbox's own side (PORT+1): tokens, the clock, functions by hand, what the simulators do."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from clients.python.countersign_client import Reply
from countersign_cli.exits import NOT_FOUND, REFUSED, UNAVAILABLE, StopError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clients.python.countersign_client import Transport


# Everything: the sandbox is where each command is tried.
SCOPES = (
    "payments:write", "payments:link", "orders:read", "orders:ship", "refunds:request", "refunds:approve",
    "evidence:read", "operate",
)  # fmt: skip
PATIENCE_SECONDS = 310


class SandboxSide:
    """Calls the control port of a sandbox on this machine."""

    def __init__(self, port: int, transport: Transport | None = None) -> None:
        # A function by hand may work for minutes, and cold ones start slowly on a busy machine.
        self.port, self._transport = port, transport or patient
        self.api_url = f"http://127.0.0.1:{port}"
        self._url = f"http://127.0.0.1:{port + 1}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Make a call and return what it answers; StopError where it refuses."""
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = {"content-type": "application/json"} if data is not None else {}
        try:
            reply: Reply = self._transport(method, self._url + path, headers, data)
        except OSError:
            raise StopError(UNAVAILABLE, "no_sandbox", port=self.port) from None
        content = _read(reply)
        if reply.status >= 300:
            told: Mapping[str, Any] = content if isinstance(content, dict) else {}
            why = str(told.get("error") or told.get("message") or reply.status)
            raise StopError(NOT_FOUND if reply.status == 404 else REFUSED, "sandbox_refused", why=why)
        return content

    def token(self, subject: str | None = None) -> str:
        """Return a token of a person with every scope."""
        wanted: dict[str, Any] = {"scopes": SCOPES, "expires_in": 10**6} | ({"subject": subject} if subject else {})
        return str(self.call("POST", "/token", wanted)["access_token"])

    def now(self) -> float:
        """Return the sandbox's time."""
        return float(self.call("GET", "/clock")["now"])

    def invoke(self, function: str, event: Any) -> tuple[bool, Any]:
        """Run a function; say whether it failed, and what it returned."""
        answer = self.call("POST", "/invoke", {"function": function, "event": event})
        return bool(answer["failed"]), answer["payload"]

    def control(self, platform: str, call: str, body: Any) -> Any:
        """Have a simulator do something."""
        return self.call("POST", f"/{platform}/_control/{call}", body)


def patient(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
    """Send a request to this machine and wait for as long as a function may work."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, f"{where.path}?{where.query}" if where.query else where.path, body, dict(headers))
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def _read(reply: Reply) -> Any:
    try:
        return reply.json
    except ValueError:
        return None

"""The sandbox's own HTTP side, on PORT+1: health, clock, tokens, inbox, faults, kills, and the simulators."""

from __future__ import annotations

import http.client
import json
import shutil
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.clock import Clock
    from sandbox.desk.desk import Desk
    from sandbox.inbox import Inbox
    from sandbox.queues import Queues
    from sandbox.signin import SignIn
    from sandbox.simulating.simulator import Simulator
    from sandbox.tokens import Issuer

Answer = tuple[int, dict[str, str], bytes]


class Control:
    """Answers requests; everything it needs is set before the sandbox says that it is ready."""

    def __init__(self, state: Path, clock: Clock, inbox: Inbox, issuer: Issuer) -> None:
        self._state, self._clock, self._inbox, self._issuer = state, clock, inbox, issuer
        self._faults: dict[str, Any] = {}
        self.simulators: dict[str, Simulator] = {}
        self.queues: Queues | None = None
        self.sign_in: SignIn | None = None
        self.desk: Desk | None = None
        self.runner_port = 0
        self.certificates: dict[str, Any] = {}
        self.kill_runner: Callable[[], int] = lambda: 0
        self.ready = False

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answer one request that this machine's own programs send, not one that a web page made a browser send."""
        if not _is_loopback(f"//{headers.get('host', '')}"):
            return _json(403, {"message": "the Host header must name this machine: 127.0.0.1 or localhost"})
        if "origin" in headers and not _is_loopback(headers["origin"]):
            return _json(403, {"message": "pages of other origins may not control the sandbox"})
        parts = urlsplit(target)
        first, _, rest = parts.path.lstrip("/").partition("/")
        if first == "_sqs" and self.queues:
            status, reply = self.queues.handle(headers.get("x-amz-target", ""), body)
            return status, {"Content-Type": "application/x-amz-json-1.0"}, reply
        if first in ("", "desk") and self.desk:
            return self.desk.handle(method, parts.path, parts.query, headers, body)
        if first == "issuer" and self.sign_in:
            return self.sign_in.handle(method, f"/{rest}", parts.query, headers, body)
        if simulator := self.simulators.get(first):
            if rest.startswith("_control/"):
                return _json(*simulator.control(rest.removeprefix("_control"), _object(body)))
            return simulator.handle(method, f"/{rest}", parts.query, headers, body)
        try:
            wanted = _object(body)
            return self._own(method, parts.path, parse_qs(parts.query), wanted)
        except ValueError as error:
            return _json(400, {"message": str(error)})

    def _own(self, method: str, path: str, query: dict[str, list[str]], wanted: dict[str, Any]) -> Answer:
        if method == "GET" and path == "/healthz":
            return _json(200 if self.ready else 503, {"status": "ready" if self.ready else "starting"})
        if method == "POST" and path == "/kill" and wanted.get("what") == "runner":
            return _json(200, {"killed": self.kill_runner()})
        if method == "POST" and path in ("/kill", "/invoke"):
            return self._ask_runner(path, wanted)
        actions: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", "/clock"): self._clock.state,
            ("POST", "/clock"): lambda: self._clock.change(wanted),
            ("POST", "/token"): lambda: self._issuer.grant(wanted, self._clock.now()),
            ("GET", "/inbox"): lambda: self._inbox.entries(query.get("kind", [None])[0]),
            ("DELETE", "/inbox"): self._inbox.clear,
            ("GET", "/faults"): lambda: self._faults,
            ("POST", "/faults"): lambda: self._set_faults(wanted),
            ("DELETE", "/faults"): self._clear_faults,
            ("GET", "/calls"): self._calls,
            ("GET", "/mtls"): lambda: self.certificates,
        }
        action = actions.get((method, path))
        return _json(200, action()) if action else _json(404, {"message": "Not Found"})

    def _set_faults(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Hand platforms' knobs to their simulators; the rest is for the fault points of functions."""
        for name, value in wanted.items():
            if name in self.simulators:
                self._faults[name] = self.simulators[name].faults(value)
            elif name == "crash":
                self._faults["crash"] = [
                    _numbered(item) for item in (value if isinstance(value, list) else [value]) if item
                ]
            elif name in ("aws", "dynamodb"):
                pattern = "*" if name == "aws" else "dynamodb.*"
                self._faults["aws"] = [_numbered({"call": pattern, **item}) for item in _listed(value)]
            elif name == "record":
                self._faults["record"] = bool(value)
                (self._state / "calls.jsonl").unlink(missing_ok=True)
            else:
                raise ValueError(f"no such fault: {name}")
        write_faults(self._state, self._faults)
        return self._faults

    def _clear_faults(self) -> dict[str, Any]:
        for simulator in self.simulators.values():
            simulator.faults({"clear": True})
        self._faults = {}
        write_faults(self._state, {})
        shutil.rmtree(self._state / "claims", ignore_errors=True)
        return {}

    def _calls(self) -> list[dict[str, Any]]:
        path = self._state / "calls.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def _ask_runner(self, path: str, wanted: dict[str, Any]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.runner_port, timeout=120)
        try:
            connection.request("POST", path, json.dumps(wanted))
            reply = connection.getresponse()
            return reply.status, {"Content-Type": "application/json"}, reply.read()
        except (OSError, http.client.HTTPException):
            return _json(502, {"message": "the runner ended meanwhile"})
        finally:
            connection.close()


def write_faults(folder: Path, faults: dict[str, Any]) -> None:
    """Change the plan that fault points follow, in one step."""
    temporary = folder / "faults.json.new"
    temporary.write_text(json.dumps(faults), encoding="utf-8")
    temporary.replace(folder / "faults.json")


def _is_loopback(url: str) -> bool:
    """Say whether a URL's host is this machine by name; a name that merely resolves to it (DNS rebinding) is not."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host in ("localhost", "127.0.0.1", "::1")


def _numbered(fault: dict[str, Any]) -> dict[str, Any]:
    return {"id": uuid.uuid4().hex, **fault}


def _listed(value: Any) -> list[dict[str, Any]]:
    """Spell out `{"conflict": 2}`, which is short for a list of faults."""
    if isinstance(value, dict) and "kind" in value:
        return [value]
    if isinstance(value, dict):
        return [{"kind": kind, "count": count} for kind, count in value.items()]
    return list(value or [])


def _object(body: bytes) -> dict[str, Any]:
    value = json.loads(body or b"{}")
    if not isinstance(value, dict):
        raise ValueError("a JSON object is wanted")
    return value


def _json(status: int, value: Any) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(value, ensure_ascii=False).encode()


def serve(control: Control, listener: socket.socket) -> ThreadingHTTPServer:
    """Make a server on a socket that listens already, a thread for each connection."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, reply_headers, reply = control.answer(self.command, self.path, headers, body)
            self.send_response_only(status)
            for name, value in reply_headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - names that the base class looks for

        def log_message(self, *_: Any) -> None:
            """Say nothing: the inbox has it."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Print what went wrong, but a client that went away is no news."""
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    server = Server(listener.getsockname(), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    return server

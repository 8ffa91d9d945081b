"""The sandbox's own HTTP side, on PORT+1: health, clock, tokens, inbox, faults, kills, and the simulators."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sandbox.clock import Clock
from sandbox.inbox import Inbox
from sandbox.queues import Queues
from sandbox.simulation import Simulator
from sandbox.tokens import Issuer

Answer = tuple[int, dict[str, str], bytes]


class Control:
    """Answers requests; everything it needs is set before the sandbox says that it is ready."""

    def __init__(self, state: Path, clock: Clock, inbox: Inbox, issuer: Issuer) -> None:
        self._state, self._clock, self._inbox, self._issuer = state, clock, inbox, issuer
        self._faults: dict[str, Any] = {}
        self.simulators: dict[str, Simulator] = {}
        self.queues: Queues | None = None
        self.runner_port = 0
        self.kill_runner: Callable[[], int] = lambda: 0
        self.ready = False

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answer one request."""
        parts = urlsplit(target)
        first, _, rest = parts.path.lstrip("/").partition("/")
        if first == "_sqs" and self.queues:
            status, reply = self.queues.handle(headers.get("x-amz-target", ""), body)
            return status, {"Content-Type": "application/x-amz-json-1.0"}, reply
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
        match method, path:
            case "GET", "/healthz":
                return _json(200 if self.ready else 503, {"status": "ready" if self.ready else "starting"})
            case "GET", "/clock":
                return _json(200, self._clock.state())
            case "POST", "/clock":
                return _json(200, self._clock.change(wanted))
            case "POST", "/token":
                return _json(200, {"access_token": self._issuer.token(wanted, self._clock.now()), "token_type": "Bearer"})
            case "GET", "/inbox":
                return _json(200, self._inbox.entries(query.get("kind", [None])[0]))
            case "DELETE", "/inbox":
                self._inbox.clear()
                return _json(200, [])
            case "GET", "/faults":
                return _json(200, self._faults)
            case "POST", "/faults":
                return _json(200, self._set_faults(wanted))
            case "DELETE", "/faults":
                return _json(200, self._clear_faults())
            case "GET", "/calls":
                return _json(200, self._calls())
            case "POST", "/kill" if wanted.get("what") == "runner":
                return _json(200, {"killed": self.kill_runner()})
            case "POST", "/kill" | "/invoke":
                return self._ask_runner(path, wanted)
        return _json(404, {"message": "Not Found"})

    def _set_faults(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Hand platforms' knobs to their simulators; the rest is for the fault points of functions."""
        for name, value in wanted.items():
            if name in self.simulators:
                self._faults[name] = self.simulators[name].faults(value)
            elif name == "crash":
                self._faults["crash"] = [_numbered(item) for item in (value if isinstance(value, list) else [value]) if item]
            elif name == "dynamodb":
                self._faults["dynamodb"] = [_numbered(item) for item in _dynamodb_faults(value)]
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
    os.replace(temporary, folder / "faults.json")


def _numbered(fault: dict[str, Any]) -> dict[str, Any]:
    return {"id": uuid.uuid4().hex, **fault}


def _dynamodb_faults(value: Any) -> list[dict[str, Any]]:
    """`{"conflict": 2}` in short, or the list of faults that it stands for."""
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
    """A server on a socket that listens already, a thread for each connection."""

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

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing: the inbox has it."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that goes away is no news."""

    server = Server(listener.getsockname(), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    return server

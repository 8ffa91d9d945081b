"""Where a story is played: a running sandbox, spoken to over HTTP only, and what was expected beside what came."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS, STOP_SECONDS, PATIENCE = 60.0, 20.0, 20.0
EVERYTHING = ("payments:write", "orders:read", "refunds:approve")
BEIJING = datetime.timezone(datetime.timedelta(hours=8))
Json = dict[str, Any]


class StageError(RuntimeError):
    """The sandbox did not come up or did not answer."""


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    body: Any


@dataclass
class Stage:
    """A running sandbox and the book of what differed."""

    port: int
    differences: list[str] = field(default_factory=list)
    checks: int = 0

    @property
    def state(self) -> Path:
        """Where the sandbox keeps its logs."""
        return ROOT / ".sandbox" / str(self.port)

    def call(self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None) -> Answer:
        """Call the product as the merchant's backend does, with a person's fresh token."""
        token = (headers or {}).pop("token", None) or self.token()
        sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | (headers or {})
        return _request(self.port, method, path, body, sent)

    def control(self, method: str, path: str, body: object = None) -> Answer:
        """Call the sandbox's own side: clock, inbox, and WeChat's puppet strings."""
        return _request(self.port + 1, method, path, body, {"Content-Type": "application/json"})

    def token(self, *, machine: bool = False) -> str:
        """Return an access token of a person, or of the shop's backend."""
        wanted = {"scopes": EVERYTHING, "client": machine} | ({} if machine else {"subject": "anna"})
        return str(self.control("POST", "/token", wanted).body["access_token"])

    def now(self) -> float:
        """Return sandbox time."""
        return float(self.control("GET", "/clock").body["now"])

    def advance(self, seconds: float, why: str) -> None:
        """Let sandbox time pass."""
        self.control("POST", "/clock", {"advance": seconds})
        self.tell("clock", f"{datetime.timedelta(seconds=seconds)} later: {why}")

    def wechat(self, what: str, body: Json) -> Json:
        """Make something happen at WeChat."""
        answer = self.control("POST", f"/wechat/_control/{what}", body)
        if answer.status != 200:
            raise StageError(f"WeChat's simulator answered {answer.status} {answer.body} to {what} {body}")
        return dict(answer.body)

    def order(self, order_id: str, account: str = "shop", part: str = "") -> Json:
        """Return an order as the merchant sees it."""
        answer = self.call("GET", f"/orders/wechat/{account}/{quote(order_id, safe='')}{part}")
        return answer.body if isinstance(answer.body, dict) else {"status": f"HTTP {answer.status}"}

    def bus(self, order_id: str) -> list[str]:
        """Return what the bus carried about an order: each distinct detail id once."""
        entries = self.control("GET", "/inbox?kind=bus").body
        found = {_detail(entry).get("id"): entry for entry in entries if _detail(entry).get("order_id") == order_id}
        return sorted(str(entry.get("detail-type")) for entry in found.values())

    def scene(self, title: str) -> None:
        """Announce a scene."""
        print(f"\n{title}\n{'-' * len(title)}")

    def tell(self, who: str, what: str) -> None:
        """Print one line of the time-line."""
        at = datetime.datetime.fromtimestamp(self.now(), BEIJING)
        print(f"{at:%m-%d %H:%M:%S}  {who:<9} {what}", flush=True)

    def expect(self, what: str, actual: object, wanted: object) -> bool:
        """Compare, print, and remember a difference."""
        self.checks += 1
        if actual == wanted:
            print(f"{'':16}ok        {what}: {_short(actual)}", flush=True)
            return True
        self.differences.append(f"{what}: wanted {wanted!r}, got {actual!r}")
        print(f"{'':16}DIFFERS   {what}: wanted {_short(wanted)}, got {_short(actual)}", flush=True)
        return False

    def expect_soon(self, what: str, look: Callable[[], object], wanted: object) -> bool:
        """Compare, giving the background work some real seconds."""
        end = time.monotonic() + PATIENCE
        while (actual := look()) != wanted and time.monotonic() < end:
            time.sleep(0.1)
        return self.expect(what, actual, wanted)

    def explain(self, order_id: str, account: str = "shop") -> None:
        """Print why an order is as it is, in the product's own words."""
        told = self.order(order_id, account, "/explanation")
        self.tell("why", str(told.get("summary", told)))
        for step in told.get("steps", []):
            at = datetime.datetime.fromisoformat(step["at"]).astimezone(BEIJING)
            said = f"{at:%m-%d %H:%M:%S} {step['said']}, {step['trust']}"
            print(f"{'':16}{said}: {step['decision']}, {step['why']}")


def _detail(entry: Json) -> Json:
    detail = entry.get("detail", {})
    return dict(json.loads(detail) if isinstance(detail, str) else detail)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 140 else f"{text[:137]}..."


def _request(port: int, method: str, path: str, body: object, headers: dict[str, str]) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
        reply = connection.getresponse()
        text = reply.read()
    finally:
        connection.close()
    try:
        return Answer(reply.status, json.loads(text))
    except ValueError:
        return Answer(reply.status, text.decode("utf-8", "replace"))


def free_ports() -> int:
    """Return a free port whose successor is free too."""
    while True:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
            with socket.create_server(("127.0.0.1", port + 1)):
                return port


@contextlib.contextmanager
def running() -> Iterator[Stage]:
    """Start a sandbox on free ports, and end it with everything it started."""
    stage = Stage(free_ports())
    command = [sys.executable, "-m", "sandbox", "run", "--port", str(stage.port), "--quiet"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_ready(stage, process)
        yield stage
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_ready(stage: Stage, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if stage.control("GET", "/healthz").status == http.HTTPStatus.OK:
                return
        time.sleep(0.1)
    raise StageError("the sandbox did not come up")

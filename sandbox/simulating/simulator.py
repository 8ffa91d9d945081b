"""The frame of every simulator: its knobs, postman and control calls, and the misbehaviour that HTTP allows."""

from __future__ import annotations

import json
import threading
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from sandbox.simulating.control import Control
from sandbox.simulating.faults import DELIVERY_FAULTS, HTTP_FAULTS, Faults
from sandbox.simulating.postman import Clock, Postman

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]
Headers = dict[str, str]
Reply = tuple[int, Headers, bytes]


class Inbox(Protocol):
    """Where everything that a platform received is shown."""

    def add(self, kind: str, entry: Json) -> None:
        """Keep one entry."""
        ...


@dataclass(frozen=True)
class Call:
    """One call of the product: the path without the simulator's mount, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes

    @property
    def subject(self) -> str:
        """Return what a knob's `match` is looked for in; a form is read out, so that it matches what was meant."""
        text = self.body.decode("utf-8", "replace")
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            text = urllib.parse.unquote_plus(text)
        return f"{self.method} {self.path}?{self.query} {text}"


class Simulator:
    """What `sandbox/simulators/__init__.py` promises; a platform adds `answer`, and the rest where it differs.

    NAME is its folder's, under which calls are shown in the inbox; FAULTS are knobs beside those of deliveries and of
    HTTP; FAILURES are its own answers, status and content, to knobs that prevent an answer.
    """

    NAME: ClassVar[str]
    FAULTS: ClassVar[Mapping[str, str]] = {}
    FAILURES: ClassVar[Mapping[str, tuple[int, Json | None]]] = {}
    sees_all_accounts: ClassVar[bool] = False

    def __init__(
        self, clock: Clock, accounts: dict[str, Any], inbox: Inbox, public_base_url: str, state_dir: Path
    ) -> None:
        self._clock, self._inbox, self._state_dir = clock, inbox, state_dir
        self._stopped = threading.Event()
        self._faults = Faults(DELIVERY_FAULTS | HTTP_FAULTS | dict(self.FAULTS))
        self._postman = Postman(clock, self._faults, public_base_url)
        self._control = Control()

    @staticmethod
    def throwaway_accounts() -> dict[str, Json]:
        """Make accounts for a sandbox that was given none."""
        return {}

    @staticmethod
    def prepare_account(document: Json, api_base: str) -> Json:
        """Complete an account document so that the product can use it against this simulator."""
        raise NotImplementedError

    def answer(self, call: Call) -> tuple[Reply, str | None]:
        """Answer a call as the platform does; with the name of the account that called, where it is known."""
        raise NotImplementedError

    def seen(self, call: Call) -> Json:
        """Pick what the inbox shows of a call: numbers, nothing personal and nothing secret."""
        return {}

    def problem(self, reply: Reply) -> Json:
        """Pick the platform's error code out of an answer."""
        return {}

    def json_reply(self, status: int, content: Any) -> Reply:
        """Write a JSON answer; none at all for None."""
        body = b"" if content is None else json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        return status, {"Content-Type": "application/json"}, body

    def start(self) -> None:
        """Begin to deliver messages."""
        self._postman.start()

    def stop(self) -> None:
        """Stop delivering, let hanging answers go, and leave the ledger, where there is one, on disk."""
        self._stopped.set()
        self._postman.stop()
        if "ledger" in self._control:
            folder = Path(self._state_dir)
            folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(self._control.call("ledger", {})[1], ensure_ascii=False, indent=1)
            (folder / f"{self.NAME}-ledger.json").write_text(text, encoding="utf-8")

    def faults(self, wanted: Json) -> Json:
        """Turn the misbehaviour knobs; returns those that are set."""
        return self._faults.set(wanted)

    def control(self, path: str, body: Json | None = None) -> tuple[int, Json]:
        """Carry out a control call; the path may come with or without `/_control/`."""
        return self._control.call(path.rpartition("_control/")[2].strip("/"), body or {})

    def handle(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Reply:
        """Answer one call of the product, or misbehave as the knobs want."""
        call = Call(method, path, query, {name.lower(): value for name, value in headers.items()}, body)
        shown = {"at": self._clock.now(), "method": method, "path": path, **self.seen(call)}
        if (hang := self._faults.take("hang", call.subject)) is not None:
            self._inbox.add(self.NAME, shown | {"status": None, "fault": "hang"})
            self._stopped.wait(float(hang.get("seconds", 60)))
            return 503, {}, b""
        failure, is_done = self._failure(call.subject)
        reply, account = self.answer(call) if failure is None or is_done else ((0, {}, b""), None)
        reply = failure or reply
        if self._faults.take("truncated", call.subject) is not None:
            reply = (reply[0], reply[1], reply[2][: len(reply[2]) // 2])
        slow = self._faults.take("timeout", call.subject)
        late = {"fault": "timeout"} if slow is not None else {}
        self._inbox.add(self.NAME, shown | {"account": account, "status": reply[0], **self.problem(reply), **late})
        if slow is not None:
            self._stopped.wait(float(slow.get("seconds", 12)))
        return reply

    def _failure(self, subject: str) -> tuple[Reply | None, bool]:
        """Return the failure the knobs want, and whether the work is done all the same."""
        if (wanted := self._faults.take("not_json", subject)) is not None:
            page = b"<html><h1>502 Bad Gateway</h1></html>"
            return (502, {"Content-Type": "text/html"}, page), bool(wanted.get("after"))
        for name, (status, content) in (
            {"error500": (500, None), "rate_limited": (429, None)} | dict(self.FAILURES)
        ).items():
            if (wanted := self._faults.take(name, subject)) is not None:
                return self.json_reply(status, content), bool(wanted.get("after"))
        return None, False

"""The merchant's endpoint: verifies what comes as the specification says, and misbehaves when told to."""

# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

TOLERANCE = 300
HUGE = 4 * 1024 * 1024
KNOWN = {
    "status": "answer `status` (500)",
    "hang": "answer `seconds` (60) later",
    "redirect": "answer 302 to `location`",
    "huge": "answer 4 MB",
}
Headers = dict[str, str]
Reply = tuple[int, Headers, bytes]


class Clock(Protocol):
    """The sandbox's time."""

    def now(self) -> float:
        """Return seconds since 1970."""
        ...


class Inbox(Protocol):
    """Where everything that was received is shown."""

    def add(self, kind: str, entry: dict[str, Any]) -> None:
        """Keep one entry."""
        ...


class Simulator:
    """One endpoint for all accounts' webhooks; it takes what any secret of any account document has signed."""

    sees_all_accounts = True

    def __init__(
        self,
        clock: Clock,
        accounts: dict[str, dict[str, dict[str, Any]]],
        inbox: Inbox,
        public_base_url: str,
        state_dir: Path,
    ) -> None:
        self._clock, self._inbox = clock, inbox
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._faults: dict[str, dict[str, Any]] = {}
        self._seen: set[str] = set()
        self._secrets = [
            secret
            for by_name in accounts.values()
            for document in by_name.values()
            for notice in _webhooks(document)
            for secret in notice.get("secrets") or []
        ]

    @staticmethod
    def prepare_account(document: dict[str, Any], api_base: str) -> dict[str, Any]:
        """Give every webhook of an account document that has no address this one, and a secret."""
        if not _webhooks(document):
            return document
        own = {"url": f"{api_base}/hook", "secrets": [f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"]}
        notices = {
            name: own | notice if notice in _webhooks(document) else notice
            for name, notice in document["notices"].items()
        }
        return {**document, "notices": notices}

    @staticmethod
    def throwaway_accounts() -> dict[str, dict[str, Any]]:
        """Make none: webhooks belong to the accounts of platforms."""
        return {}

    def start(self) -> None:
        """Nothing runs in the background."""

    def stop(self) -> None:
        """Let hanging answers go."""
        self._stopped.set()

    def faults(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Turn knobs: `{"status": 3}` or `{"status": {"count": 3, "status": 503}}`; returns those that are set."""
        unknown = sorted(set(wanted) - set(KNOWN) - {"clear"})
        if unknown:
            raise ValueError(f"unknown faults {unknown}; there are {sorted(KNOWN)}")
        with self._lock:
            if wanted.get("clear"):
                self._faults.clear()
            for name, value in wanted.items():
                if name != "clear":
                    given = value if isinstance(value, dict) else {"count": int(value or 0)}
                    self._faults[name] = {"count": 1, **given}
            return {name: dict(fault) for name, fault in self._faults.items() if fault["count"]}

    def control(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Offer nothing: the merchant only listens."""
        return 404, {"error": f"there is no control call {path!r} with {sorted(body or {})}"}

    def handle(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Reply:
        """Take a webhook."""
        if (method, path, query) != ("POST", "/hook", ""):
            return 404, {}, b""
        names = {name.lower(): value for name, value in headers.items()}
        problem = self._problem(names, body)
        reply, hangs = self._reply() if not problem else ((401, {}, problem.encode()), None)
        self._show(names, body, problem, reply[0])
        if hangs is not None:
            self._stopped.wait(float(hangs.get("seconds", 60)))
        return reply

    def _reply(self) -> tuple[Reply, dict[str, Any] | None]:
        """Return the answer that the knobs want, and the one that makes it come late."""
        hangs = self._take("hang")
        if (wanted := self._take("status")) is not None:
            return (int(wanted.get("status", 500)), {}, b""), hangs
        if (wanted := self._take("redirect")) is not None:
            return (302, {"Location": str(wanted.get("location", "http://169.254.169.254/"))}, b""), hangs
        return (200, {}, b"x" * HUGE if self._take("huge") is not None else b""), hangs

    def _take(self, name: str) -> dict[str, Any] | None:
        with self._lock:
            fault = self._faults.get(name)
            if fault is None or not fault["count"]:
                return None
            fault["count"] -= 1
            return dict(fault)

    def _problem(self, headers: Headers, body: bytes) -> str:
        """Return what is wrong with a webhook, or nothing."""
        webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not webhook_id or not timestamp.isdecimal():
            return "webhook-id or webhook-timestamp is missing"
        if abs(self._clock.now() - int(timestamp)) > TOLERANCE:
            return "webhook-timestamp is too old or too new"
        signed = f"{webhook_id}.{timestamp}.".encode() + body
        given = [part.partition(",") for part in headers.get("webhook-signature", "").split(" ")]
        for secret in self._secrets:
            digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
            expected = base64.b64encode(digest).decode()
            if any(version == "v1" and hmac.compare_digest(one, expected) for version, _, one in given):
                return ""
        return "no signature is right"

    def _show(self, headers: Headers, body: bytes, problem: str, status: int) -> None:
        webhook_id = headers.get("webhook-id", "")
        entry: dict[str, Any] = {"id": webhook_id, "status": status, "verified": not problem}
        if problem:
            entry["problem"] = problem
        else:
            entry |= {"repeated": webhook_id in self._seen, "body": json.loads(body)}
            if 200 <= status < 300:
                self._seen.add(webhook_id)
        self._inbox.add("webhook", entry)


def _webhooks(document: dict[str, Any]) -> list[dict[str, Any]]:
    notices = document.get("notices") or {}
    return [notice for notice in notices.values() if isinstance(notice, dict) and notice.get("channel") == "webhook"]

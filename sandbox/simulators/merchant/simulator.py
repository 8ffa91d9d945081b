"""The merchant's endpoint: verifies what comes as the specification says, and misbehaves when told to."""

# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Any, ClassVar

from sandbox.simulating import simulator

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.simulating.postman import Clock
    from sandbox.simulating.simulator import Headers, Inbox, Reply

TOLERANCE = 300
HUGE = 4 * 1024 * 1024
Json = dict[str, Any]


class Simulator(simulator.Simulator):
    """One endpoint for all accounts' webhooks; it takes what any secret of any account document has signed."""

    NAME = "merchant"
    FAULTS: ClassVar[dict[str, str]] = {
        "status": "answer `status` (500)",
        "hang": "answer `seconds` (60) later",
        "redirect": "answer 302 to `location`",
        "huge": "answer 4 MB",
    }
    sees_all_accounts = True

    def __init__(
        self, clock: Clock, accounts: dict[str, dict[str, Json]], inbox: Inbox, public_base_url: str, state_dir: Path
    ) -> None:
        super().__init__(clock, accounts, inbox, public_base_url, state_dir)
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

    def handle(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Reply:
        """Take a webhook."""
        if (method, path, query) != ("POST", "/hook", ""):
            return 404, {}, b""
        names = {name.lower(): value for name, value in headers.items()}
        problem = self._problem(names, body)
        reply, hangs = self._reply(names.get("webhook-id", "")) if not problem else ((401, {}, problem.encode()), None)
        self._show(names, body, problem, reply[0])
        if hangs is not None:
            self._stopped.wait(float(hangs.get("seconds", 60)))
        return reply

    def _reply(self, webhook_id: str) -> tuple[Reply, Json | None]:
        """Return the answer that the knobs want, and the one that makes it come late."""
        take = functools.partial(self._faults.take, subject=webhook_id)
        hangs = take("hang")
        if (wanted := take("status")) is not None:
            return (int(wanted.get("status", 500)), {}, b""), hangs
        if (wanted := take("redirect")) is not None:
            return (302, {"Location": str(wanted.get("location", "http://169.254.169.254/"))}, b""), hangs
        return (200, {}, b"x" * HUGE if take("huge") is not None else b""), hangs

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

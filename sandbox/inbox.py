"""What left the product: bus events, e-mails, and what each simulator received or sent."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.dataplane import DataPlane


class Inbox:
    """A list that everybody may add to."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []
        self._mails: Callable[[], list[dict[str, Any]]] = list
        self._mails_seen = 0

    def add(self, kind: str, entry: dict[str, Any]) -> None:
        """Keep an entry with the sandbox time."""
        with self._lock:
            self._entries.append({"kind": kind, "at": self._now(), **entry})

    def entries(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Everything of a kind, oldest first."""
        self._fetch_mails()
        with self._lock:
            return [entry for entry in self._entries if kind in (None, entry["kind"])]

    def clear(self) -> None:
        """Forget everything."""
        self._fetch_mails()
        with self._lock:
            self._entries.clear()

    def mails_from(self, plane: DataPlane) -> None:
        """Show what SES was given, whenever somebody looks."""
        self._mails = plane.mails

    def _fetch_mails(self) -> None:
        with self._lock:
            mails = self._mails()
            for mail in mails[self._mails_seen :]:
                shown = {"from": mail["Source"], "to": mail["To"], "subject": mail["Subject"], "text": mail["BodyText"]}
                self._entries.append({"kind": "email", "at": self._now(), **shown})
            self._mails_seen = len(mails)

    def watch(self, plane: DataPlane, queue_url: str) -> None:
        """Keep every event of the bus, from the queue of a rule that matches all; for a thread of its own."""
        source = {"QueueUrl": queue_url}
        with contextlib.suppress(OSError, http.client.HTTPException):  # until the data plane is gone
            while True:
                answer = plane.call("sqs", "ReceiveMessage", **source, MaxNumberOfMessages=10, WaitTimeSeconds=5)
                for message in answer.get("Messages", []):
                    self.add("bus", json.loads(message["Body"]))
                    plane.call("sqs", "DeleteMessage", **source, ReceiptHandle=message["ReceiptHandle"])

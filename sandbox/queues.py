"""The queues' front door: delays run on the sandbox clock, everything else is passed on as it came.

The data plane knows only real time, so a message with a delay waits here, in the supervisor, which outlives functions
and runner.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import threading
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.clock import ClockReader
    from sandbox.dataplane import DataPlane


@dataclass
class _Held:
    queue_url: str
    message: dict[str, Any]
    due: float
    delay: int


class Queues:
    """Takes what functions send to SQS."""

    def __init__(self, plane: DataPlane, clock: ClockReader) -> None:
        self._plane, self._clock = plane, clock
        self._lock = threading.Lock()
        self._held: list[_Held] = []

    def handle(self, target: str, body: bytes) -> tuple[int, bytes]:
        """Answer one call of the SQS protocol."""
        operation = target.rpartition(".")[2]
        if operation == "SendMessage":
            wanted = json.loads(body)
            if wanted.get("DelaySeconds"):
                return 200, json.dumps(self._hold(wanted["QueueUrl"], wanted)).encode()
        elif operation == "SendMessageBatch":
            return self._batch(json.loads(body))
        return self._plane.forward("sqs", operation, body)

    def release_for_ever(self) -> None:
        """Send on what has become due; for a thread of its own."""
        with contextlib.suppress(OSError, http.client.HTTPException):  # until the data plane is gone
            while True:
                for held in self._due(self._clock.now()):
                    self._plane.call("sqs", "SendMessage", QueueUrl=held.queue_url, **held.message)
                time.sleep(0.05)

    def _due(self, now: float) -> list[_Held]:
        with self._lock:
            for held in self._held:
                held.due = min(held.due, now + held.delay)  # the clock may have been set back
            due = [held for held in self._held if held.due <= now]
            self._held = [held for held in self._held if held.due > now]
        return due

    def _hold(self, queue_url: str, wanted: dict[str, Any]) -> dict[str, str]:
        delay = int(wanted["DelaySeconds"])
        message: dict[str, Any] = {
            key: wanted[key] for key in ("MessageBody", "MessageAttributes", "MessageSystemAttributes") if key in wanted
        }
        with self._lock:
            self._held.append(_Held(queue_url, message, self._clock.now() + delay, delay))
        digest = hashlib.md5(wanted["MessageBody"].encode(), usedforsecurity=False).hexdigest()
        return {"MessageId": str(uuid.uuid4()), "MD5OfMessageBody": digest}

    def _batch(self, wanted: dict[str, Any]) -> tuple[int, bytes]:
        url = wanted["QueueUrl"]
        delayed = [entry for entry in wanted["Entries"] if entry.get("DelaySeconds")]
        at_once = [entry for entry in wanted["Entries"] if not entry.get("DelaySeconds")]
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        if at_once:
            status, body = self._plane.forward(
                "sqs", "SendMessageBatch", json.dumps({**wanted, "Entries": at_once}).encode()
            )
            if status >= 300:
                return status, body
            answer |= json.loads(body)
        answer.setdefault("Successful", []).extend({"Id": entry["Id"], **self._hold(url, entry)} for entry in delayed)
        return 200, json.dumps(answer).encode()

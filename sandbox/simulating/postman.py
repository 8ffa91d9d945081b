"""Delivers messages the way platforms do: at once, then by a retry table until the product says that it has them."""

from __future__ import annotations

import heapq
import http.client
import itertools
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sandbox.simulating.faults import Faults

PATIENCE = 5.0
TICK = 0.02
REORDER_LIMIT = 60.0
WORKERS = 32


class Clock(Protocol):
    """Sandbox time."""

    def now(self) -> float:
        """Return the sandbox's seconds since the epoch."""
        ...


@dataclass(frozen=True)
class Message:
    """One HTTP request to the product."""

    headers: dict[str, str]
    body: bytes
    query: str = ""


@dataclass
class Delivery:
    """One message on its way. A platform's own kind of it says how it is written and which answer takes it.

    `subject` is what a knob's `match` is looked for in; `retries` are the seconds between attempts; `attempts` collects
    what became of each; `spoiling` names the kinds in which the platform can spoil it (knobs of the same names).
    """

    url: str
    subject: str
    retries: Sequence[float]
    attempts: list[dict[str, Any]] = field(default_factory=list)
    spoiling: Sequence[str] = ()
    copies: int = 1
    concurrent: bool = False
    tries: int = 0
    lost: int = 0
    acknowledged: bool = False
    over: bool = False
    followers: list[Delivery] = field(default_factory=list)
    first_done: threading.Event = field(default_factory=threading.Event)

    def message(
        self, now: float, *, spoil: str = "", parameters: Mapping[str, Any] | None = None, copy: int = 0
    ) -> Message:
        """Write the request: the genuine one, its `copy`-th duplicate, or one spoilt in a way."""
        raise NotImplementedError

    def takes(self, status: int | None, answer: bytes) -> bool:
        """Say whether an answer means that the product has it; no status: there was none."""
        return status is not None and 200 <= status < 300

    def labels(self) -> dict[str, Any]:
        """Return what each attempt is shown with."""
        return {}


class Postman:
    """The background worker; due times are sandbox times, so that a moved clock moves the retries too."""

    def __init__(self, clock: Clock, faults: Faults, public_base_url: str) -> None:
        self._clock, self._faults, self._base = clock, faults, public_base_url.rstrip("/")
        self._lock = threading.Lock()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()
        self._held: list[Delivery] = []
        self._running = 0
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="postman")
        self._thread = threading.Thread(target=self._run, name="postman", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Stop at once; what is under way ends by its own time limit."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Run work when that much sandbox time has passed."""
        with self._lock:
            heapq.heappush(self._queue, (self._clock.now() + seconds, next(self._sequence), work))

    def post(self, delivery: Delivery, *, wait: float = 0.0) -> None:
        """Take a message; knobs decide whether it goes now, later, behind the next one or never.

        Waits up to `wait` seconds for the first attempt of one that goes now.
        """
        dropped = self._faults.take("drop", delivery.subject)
        if dropped is not None:
            delivery.lost = int(dropped.get("attempts", len(delivery.retries) + 1))
        delayed = self._faults.take("delay", delivery.subject)
        if self._faults.take("reorder", delivery.subject) is not None:
            with self._lock:
                self._held.append(delivery)
            self.later(REORDER_LIMIT, lambda: self._release(delivery))
            return
        with self._lock:
            delivery.followers, self._held = self._held, []
        seconds = float(delayed.get("seconds", 60)) if delayed is not None else 0.0
        self.later(seconds, lambda: self._attempt(delivery))
        if wait and not seconds:
            delivery.first_done.wait(wait)

    def _release(self, delivery: Delivery) -> None:
        """Send a held notice that nothing overtook."""
        with self._lock:
            if delivery not in self._held:
                return
            self._held.remove(delivery)
        self._attempt(delivery)

    def waiting(self) -> int:
        """Count what is planned or held."""
        with self._lock:
            return len(self._queue) + len(self._held)

    def busy(self) -> bool:
        """Say whether something is due or under way now."""
        with self._lock:
            return self._running > 0 or bool(self._queue and self._queue[0][0] <= self._clock.now())

    def _work(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self._lock:
                self._running -= 1

    def _run(self) -> None:
        while not self._stopped.wait(TICK):
            for work in self.due(running=True):
                self._pool.submit(self._work, work)

    def due(self, *, running: bool = False) -> list[Callable[[], None]]:
        """Take the work whose time has come, in its order; for the worker, and for tests that do without one."""
        now, due = self._clock.now(), []
        with self._lock:
            while self._queue and self._queue[0][0] <= now:
                due.append(heapq.heappop(self._queue)[2])
            self._running += len(due) if running else 0
        return due

    def _attempt(self, delivery: Delivery) -> None:
        """Send a message once, with whatever comes before and beside it, and plan the next attempt."""
        replaced = self._spoilt(delivery)
        if delivery.lost > 0:
            delivery.lost -= 1
            entry = {"at": self._clock.now(), "what": "lost", "status": None, "answer": "lost"}
            delivery.attempts.append(entry | delivery.labels())
        elif not replaced:
            self._copies(delivery)
        delivery.first_done.set()
        for follower in delivery.followers:
            self.later(0, lambda follower=follower: self._attempt(follower))  # type: ignore[misc]
        delivery.followers = []
        if not delivery.acknowledged and delivery.tries < len(delivery.retries):
            self.later(delivery.retries[delivery.tries], lambda: self._attempt(delivery))
            delivery.tries += 1
        else:
            delivery.over = True

    def _spoilt(self, delivery: Delivery) -> bool:
        """Send the spoilt messages that the knobs ask for; true where one takes the place of the real one."""
        replaced = False
        for kind in delivery.spoiling:
            if (parameters := self._faults.take(kind, delivery.subject)) is None:
                continue
            accepted = self.send(delivery, delivery.message(self._clock.now(), spoil=kind, parameters=parameters), kind)
            if parameters.get("instead"):
                replaced = True
                delivery.acknowledged |= accepted
        return replaced

    def _copies(self, delivery: Delivery) -> None:
        """Send the genuine message, once or as often as wanted."""
        duplicated = self._faults.take("duplicate", delivery.subject)
        copies, concurrent = delivery.copies, delivery.concurrent
        if duplicated is not None:
            copies, concurrent = int(duplicated.get("copies", 3)), True
        delivery.copies = 1
        messages = [delivery.message(self._clock.now(), copy=copy) for copy in range(copies)]

        def send(message: Message) -> None:
            if self.send(delivery, message):
                delivery.acknowledged = True

        if not concurrent:
            for message in messages:
                send(message)
            return
        threads = [threading.Thread(target=send, args=(message,), daemon=True) for message in messages]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def send(self, delivery: Delivery, message: Message, what: str = "genuine") -> bool:
        """Send one request, note the answer, and say whether it counts as received."""
        at, started = self._clock.now(), time.monotonic()
        try:
            status, answer = self._post_once(delivery.url, message)
        except (OSError, http.client.HTTPException) as error:
            status, answer = None, type(error).__name__.encode()
        entry = {"at": at, "what": what, "status": status, "answer": answer.decode("utf-8", "replace")[:300]}
        delivery.attempts.append(entry | {"seconds": round(time.monotonic() - started, 4)} | delivery.labels())
        return delivery.takes(status, answer)

    def _post_once(self, url: str, message: Message) -> tuple[int | None, bytes]:
        """POST with a platform's patience; nothing leaves the machine: a public address is our product's path."""
        parts, base = urllib.parse.urlsplit(url), urllib.parse.urlsplit(self._base)
        if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"):
            host, port, path = parts.hostname, parts.port, parts.path
        else:
            host, port, path = base.hostname or "", base.port, base.path + parts.path
        query = "&".join(filter(None, (parts.query, message.query)))
        connection = http.client.HTTPConnection(host, port or 80, timeout=PATIENCE)
        try:
            connection.request("POST", (path or "/") + (f"?{query}" if query else ""), message.body, message.headers)
            reply = connection.getresponse()
            return reply.status, reply.read(65536)
        finally:
            connection.close()

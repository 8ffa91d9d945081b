"""Delivers callbacks the way Douyin does: at once, then by the system's retry table until the product has them."""

from __future__ import annotations

import heapq
import http.client
import itertools
import json
import threading
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sandbox.simulators.douyin.callbacks import SPOILING, Callback, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulators.douyin.faults import Faults

RETRIES = {
    "ecpay": (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600),
    "trade": (12, 12, 33, 60, 120, 180, 240, 300, 360, 420),
}
PATIENCE = 5.0
TICK = 0.02
WORKERS = 16


class Clock(Protocol):
    """Sandbox time."""

    def now(self) -> float:
        """Return the sandbox's seconds since the epoch."""
        ...


@dataclass
class Delivery:
    """One callback on its way; `answered` hears the data of the answer that took it."""

    callback: Callback
    token: str
    answered: Callable[[dict[str, Any]], None] | None = None
    tries: int = 0
    lost: int = 0
    acknowledged: bool = False
    first_done: threading.Event = field(default_factory=threading.Event)


class Postman:
    """The background worker; due times are sandbox times, so that a moved clock moves the retries too."""

    def __init__(self, clock: Clock, faults: Faults, public_base_url: str) -> None:
        self._clock, self._faults, self._base = clock, faults, public_base_url.rstrip("/")
        self._lock = threading.Lock()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="douyin")
        self._thread = threading.Thread(target=self._run, name="douyin-postman", daemon=True)

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

    def post(self, delivery: Delivery) -> None:
        """Take a callback; knobs decide whether it goes now, later or never."""
        number = delivery.callback.trade.out_order_no
        dropped = self._faults.take("drop", number)
        if dropped is not None:
            delivery.lost = int(dropped.get("attempts", 99))
        delayed = self._faults.take("delay", number)
        self.later(float(delayed.get("seconds", 60)) if delayed else 0.0, lambda: self._attempt(delivery))

    def _run(self) -> None:
        while not self._stopped.wait(TICK):
            for work in self.due():
                self._pool.submit(work)

    def due(self) -> list[Callable[[], None]]:
        """Take the work whose time has come, in its order; for the worker, and for tests that do without one."""
        now, due = self._clock.now(), []
        with self._lock:
            while self._queue and self._queue[0][0] <= now:
                due.append(heapq.heappop(self._queue)[2])
        return due

    def _attempt(self, delivery: Delivery) -> None:
        """Send a callback once, with what the knobs put before and beside it, and plan the next attempt."""
        callback = delivery.callback
        for kind in SPOILING:
            if self._faults.take(kind, callback.trade.out_order_no) is not None:
                self.send(callback, callback.request(self._clock.now(), delivery.token, kind), kind)
        if delivery.lost > 0:
            delivery.lost -= 1
            callback.trade.deliveries.append({"at": self._clock.now(), "kind": callback.kind, "what": "lost"})
        else:
            self._copies(delivery)
        delivery.first_done.set()
        retries = RETRIES[callback.trade.system]
        if not delivery.acknowledged and delivery.tries < len(retries):
            self.later(retries[delivery.tries], lambda: self._attempt(delivery))
            delivery.tries += 1

    def _copies(self, delivery: Delivery) -> None:
        duplicated = self._faults.take("duplicate", delivery.callback.trade.out_order_no)

        def send() -> None:
            request = delivery.callback.request(self._clock.now(), delivery.token)
            data = self.send(delivery.callback, request, "genuine")
            if data is not None:
                delivery.acknowledged = True
                if delivery.answered is not None:
                    delivery.answered(data)

        threads = [threading.Thread(target=send) for _ in range(int(duplicated.get("copies", 3)) if duplicated else 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def send(self, callback: Callback, request: Request, what: str) -> dict[str, Any] | None:
        """Send one request, note the answer, and return its data where it counts as received."""
        try:
            status, answer = _post(self.target(callback.url), request)
            text = answer.decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            status, text = 0, type(error).__name__
        entry = {"at": self._clock.now(), "kind": callback.kind, "what": what, "status": status, "answer": text[:300]}
        callback.trade.deliveries.append(entry)
        try:
            content = json.loads(text)
        except ValueError:
            return None
        taken = status == http.HTTPStatus.OK and isinstance(content, dict) and content.get("err_no") == 0
        return content.get("data") or {} if taken else None

    def target(self, url: str) -> urllib.parse.SplitResult:
        """Say where a callback really goes: nothing leaves the machine, a public address is our product's path."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"):
            return parts
        base = urllib.parse.urlsplit(self._base)
        return base._replace(path=base.path + parts.path, query=parts.query)


def _post(target: urllib.parse.SplitResult, request: Request) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=PATIENCE)
    try:
        connection.request("POST", target.path or "/", body=request.body, headers=request.headers)
        reply = connection.getresponse()
        return reply.status, reply.read(65536)
    finally:
        connection.close()

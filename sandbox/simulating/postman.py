"""Delivers notices the way WeChat does: at once, then by its retry table until the product says that it has them."""

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

from sandbox.simulators.wechat.notices import SPOILING, Message, Notice, Spoiling, spoils

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulators.wechat.faults import Faults

RETRIES = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
PATIENCE = 5.0
TICK = 0.02
REORDER_LIMIT = 60.0
WORKERS = 32
SUCCESS_V2 = b"<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"


class Clock(Protocol):
    """Sandbox time."""

    def now(self) -> float:
        """Return the sandbox's seconds since the epoch."""
        ...


@dataclass
class Delivery:
    """One notice on its way: what was tried, and what follows it."""

    notice: Notice
    url: str
    copies: int = 1
    concurrent: bool = False
    tries: int = 0
    lost: int = 0
    acknowledged: bool = False
    over: bool = False
    attempts: list[dict[str, Any]] = field(default_factory=list)
    followers: list[Delivery] = field(default_factory=list)
    first_done: threading.Event = field(default_factory=threading.Event)


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
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="wechat")
        self._thread = threading.Thread(target=self._run, name="wechat-postman", daemon=True)

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

    def post(self, delivery: Delivery) -> bool:
        """Take a notice; knobs decide whether it goes now (true), later, behind the next one or never."""
        subject = delivery.notice.trade.out_trade_no
        dropped = self._faults.take("drop", subject)
        if dropped is not None:
            delivery.lost = int(dropped.get("attempts", len(RETRIES) + 1))
        delayed = self._faults.take("delay", subject)
        if self._faults.take("reorder", subject) is not None:
            with self._lock:
                self._held.append(delivery)
            self.later(REORDER_LIMIT, lambda: self._release(delivery))
            return False
        with self._lock:
            delivery.followers, self._held = self._held, []
        seconds = float(delayed.get("seconds", 60)) if delayed is not None else 0.0
        self.later(seconds, lambda: self._attempt(delivery))
        return seconds == 0

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
            now = self._clock.now()
            with self._lock:
                due = []
                while self._queue and self._queue[0][0] <= now:
                    due.append(heapq.heappop(self._queue)[2])
                self._running += len(due)
            for work in due:
                self._pool.submit(self._work, work)

    def _attempt(self, delivery: Delivery) -> None:
        """Send a notice once, with whatever comes before and beside it, and plan the next attempt."""
        replaced = self._spoilt(delivery)
        if delivery.lost > 0:
            delivery.lost -= 1
            delivery.attempts.append({"at": self._clock.now(), "what": "lost", "status": None})
        elif not replaced:
            self._copies(delivery)
        delivery.first_done.set()
        for follower in delivery.followers:
            self.later(0, lambda follower=follower: self._attempt(follower))  # type: ignore[misc]
        delivery.followers = []
        if not delivery.acknowledged and delivery.tries < len(RETRIES):
            self.later(RETRIES[delivery.tries], lambda: self._attempt(delivery))
            delivery.tries += 1
        else:
            delivery.over = True

    def _spoilt(self, delivery: Delivery) -> bool:
        """Send the spoilt notices that the knobs ask for; true where one takes the place of the real one."""
        replaced, trade = False, delivery.notice.trade
        for kind in SPOILING:
            parameters = (
                self._faults.take(kind, trade.out_trade_no) if spoils(kind, trade, delivery.notice.refund) else None
            )
            if parameters is None:
                continue
            message = delivery.notice.message(self._clock.now(), fresh=True, spoiling=Spoiling(kind, parameters))
            accepted = self.send(delivery, message, kind)
            if parameters.get("instead"):
                replaced = True
                delivery.acknowledged |= accepted
        return replaced

    def _copies(self, delivery: Delivery) -> None:
        """Send the genuine notice, once or as often as wanted; every second copy is sealed anew under another id."""
        duplicated = self._faults.take("duplicate", delivery.notice.trade.out_trade_no)
        copies, concurrent = delivery.copies, delivery.concurrent
        if duplicated is not None:
            copies, concurrent = int(duplicated.get("copies", 3)), True
        delivery.copies = 1
        messages = [delivery.notice.message(self._clock.now(), fresh=copy % 2 == 1) for copy in range(copies)]

        def send(message: Message) -> None:
            if self.send(delivery, message, "genuine"):
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

    def send(self, delivery: Delivery, message: Message, what: str) -> bool:
        """Send one request, note the answer, and say whether it counts as received."""
        at, started = self._clock.now(), time.monotonic()
        try:
            status, answer = post_once(self.target(delivery.url), message)
            problem = ""
        except (OSError, http.client.HTTPException) as error:
            status, answer, problem = None, b"", type(error).__name__
        delivery.attempts.append(
            {
                "at": at,
                "what": what,
                "status": status,
                "answer": (problem or answer.decode("utf-8", "replace"))[:300],
                "seconds": round(time.monotonic() - started, 4),
            }
        )
        if delivery.notice.trade.api == "v2":
            return status == http.HTTPStatus.OK and answer.strip() == SUCCESS_V2
        return status in (http.HTTPStatus.OK, http.HTTPStatus.NO_CONTENT)

    def target(self, url: str) -> urllib.parse.SplitResult:
        """Say where a notice really goes: nothing leaves the machine, a public notify_url is our product's path."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"):
            return parts
        base = urllib.parse.urlsplit(self._base)
        return base._replace(path=base.path + parts.path, query=parts.query)


def post_once(target: urllib.parse.SplitResult, message: Message) -> tuple[int, bytes]:
    """POST with WeChat's patience."""
    connection = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=PATIENCE)
    try:
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        connection.request("POST", path, body=message.body, headers=message.headers)
        reply = connection.getresponse()
        return reply.status, reply.read(65536)
    finally:
        connection.close()

"""A receiver that is right, in one process, and the twelve mistakes that it can be told to make, one at a time."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, Protocol

from ..merchant import Order, State
from .readers import ACCEPTED, READERS, News, NotTheirs, NotUnderstood, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..engine import Clock

Json = dict[str, Any]
MISTAKES = (
    "no signature check",
    "prefix compare",
    "parsed before verified",
    "no freshness",
    "dedupe by envelope id",
    "200 before write",
    "amount unchecked",
    "refund notice believed",
    "XXE on",
    "stack trace leaked",
    "other merchant accepted",
    "500 on garbage",
)


class StoreDown(Exception):
    """Nothing can be written."""


class Store:
    """Orders, as something durable keeps them."""

    def __init__(self, *, makes_orders: bool, flaws: frozenset[str]) -> None:
        self.orders: dict[str, Json] = {}
        self.is_up, self.makes_orders, self.flaws = True, makes_orders, flaws
        self._lock = threading.Lock()
        self._envelopes: set[str] = set()

    def create(self, number: str, minor: int, currency: str) -> None:
        """Make an order."""
        with self._lock:
            self.orders.setdefault(
                number,
                {"status": "pending", "minor": minor, "currency": currency, "paid": 0, "times": 0, "payment": ""},
            )

    def apply(self, news: News) -> None:
        """Let news change its order, once."""
        with self._lock:
            if not self.is_up:
                raise StoreDown
            order = self.orders.get(news.order)
            if order is None and self.makes_orders and news.kind == "payment":
                order = self.orders[news.order] = {
                    "status": "pending",
                    "minor": news.minor,
                    "currency": news.currency,
                    "paid": 0,
                    "times": 0,
                    "payment": "",
                }
            if order is None:
                return
            if news.kind == "refund" and order["status"] == "paid":
                order["status"] = "refunded"
            if news.kind != "payment" or not news.paid:
                return
            if "dedupe by envelope id" in self.flaws:
                if news.envelope in self._envelopes:
                    return
                self._envelopes.add(news.envelope)
            elif order["payment"] == news.payment:
                return
            fits = news.currency == order["currency"] and (
                news.minor == order["minor"] or "amount unchecked" in self.flaws
            )
            if not fits or order["status"] == "closed":
                order["status"] = "review"
                return
            order |= {"status": "paid", "payment": news.payment, "times": order["times"] + 1}
            order["paid"] += order["minor"]


class Receiver:
    """One receiver of one platform's messages, with a merchant's view of its orders."""

    can = frozenset({"create", "state", "close", "kill", "store"})

    def __init__(self, platform: str, values: Json, mistake: str = "", clock: Clock = time.time) -> None:
        self.platform, self.values, self.clock = platform, values, clock
        self.flaws = frozenset({mistake} if mistake else ())
        from ..platforms import PLATFORMS

        self.kept = Store(makes_orders=not PLATFORMS[platform].merchant_creates, flaws=self.flaws)
        self._nonces: set[str] = set()
        self._memory: list[News] = []  # what is lost when the process is

    def receive(self, headers: tuple[tuple[str, str], ...], body: bytes, query: str = "") -> tuple[int, str, bytes]:
        """Answer one message."""
        try:
            request = Request(headers, body, self.clock(), query, self._nonces)
            news = READERS[self.platform](self.values, request, self.flaws)
        except NotTheirs:
            return 401, "text/plain", b"not theirs FAIL"
        except NotUnderstood:
            if "stack trace leaked" in self.flaws:
                return 400, "text/plain", b"FAIL " + traceback.format_exc().encode()
            return 500 if "500 on garbage" in self.flaws else 400, "text/plain", b"not understood FAIL"
        if "200 before write" in self.flaws:
            self._memory.append(news)
            threading.Timer(0.1, self._write_later).start()
            return ACCEPTED[self.platform]
        try:
            self.kept.apply(news)
        except StoreDown:
            return 503, "text/plain", b"later FAIL"
        return ACCEPTED[self.platform]

    def _write_later(self) -> None:
        with contextlib.suppress(IndexError, StoreDown):
            self.kept.apply(self._memory.pop(0))

    def create(self, order: Order) -> Json:
        """Make an order."""
        self.kept.create(order.number, order.minor, order.currency)
        return {}

    def state(self, order: Order) -> State:
        """Say what an order is."""
        found = self.kept.orders.get(order.number)
        return (
            State("none") if found is None else State(found["status"], found["paid"], found["times"], found["payment"])
        )

    def close(self, order: Order) -> None:
        """Close an order."""
        self.kept.orders[order.number]["status"] = "closed"

    def kill(self) -> None:
        """Lose what is in memory only."""
        self._memory.clear()

    def store(self, *, up: bool) -> None:
        """Take the store away, or give it back."""
        self.kept.is_up = up


class Served(Protocol):
    """What can be served."""

    kept: Any

    def receive(self, headers: tuple[tuple[str, str], ...], body: bytes, query: str = "") -> tuple[int, str, bytes]:
        """Answer one message."""


@contextlib.contextmanager
def serving(receiver: Served, port: int = 0) -> Iterator[str]:
    """Serve a receiver on 127.0.0.1 until the end of the block; its address. Its orders are at `/orders`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.path == "/orders":
                made = json.loads(body)
                receiver.kept.create(made["order_id"], made["amount"]["minor"], made["amount"]["currency"])
                self._answer(201, "application/json", b"{}")
                return
            self._answer(*receiver.receive(tuple(self.headers.items()), body))

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path == "/notify":
                self._answer(*receiver.receive(tuple(self.headers.items()), b"", query))
                return
            found = receiver.kept.orders.get(self.path.rsplit("/", 1)[1])
            self._answer(200 if found else 404, "application/json", json.dumps(found or {}).encode())

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            if kind:
                self.send_header("content-type", kind)
            if status != 204:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64  # of twenty at once more than the usual five wait: the others would try a second later

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/notify"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

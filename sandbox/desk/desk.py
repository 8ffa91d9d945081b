"""Serves the newcomer's page: reads for a page, and carries out its buttons."""

from __future__ import annotations

import http.client
import itertools
import re
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from sandbox.desk import counters, page
from sandbox.desk.hands import ClickError, Hand, Wire
from sandbox.desk.page import Click, View
from sandbox.desk.troubles import WAITING, differences

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.desk.counters import Counter, Good
    from sandbox.desk.hands import Bought
    from sandbox.desk.troubles import Trouble

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
STATIC = Path(__file__).with_name("static")
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
SESSION = "__Host-cs"  # the console's cookie
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self' {console}; base-uri 'none'; frame-ancestors 'none'"
)
# With no referrer at all, the Origin of a form would be null, which the control port refuses.
SAFE = {
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_TIME = re.compile(r"time\.(600|86400)")


class Desk:
    """One page for one person: what was bought here, and what the last click did, is kept until the sandbox ends."""

    def __init__(self, wire: Wire, documents: dict[str, dict[str, Json]], console: str) -> None:
        self.wire = wire
        self.counters = counters.of(documents)
        self._console = console
        self._safe = {"Content-Security-Policy": POLICY.format(console=console.rstrip("/")), **SAFE}
        self._orders: dict[str, Bought] = {}
        self._click: Click | None = None
        self._numbers, self._lock = itertools.count(1), threading.Lock()

    def handle(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answer one request."""
        language = headers.get("accept-language", "")
        match method, path:
            case "GET", "/":
                text = page.document(self._view(_first(query), language))
                return 200, {"Content-Type": "text/html; charset=utf-8", **self._safe}, text.encode()
            case "POST", "/desk/do":
                return self._do(_first(body.decode("utf-8", "replace")))
            case "GET", "/desk/desk.css" | "/desk/desk.js":
                file = STATIC / path.removeprefix("/desk/")
                return 200, {"Content-Type": TYPES[file.suffix], **self._safe}, file.read_bytes()
        return 404, {"Content-Type": "application/json", **self._safe}, b'{"message": "Not Found"}'

    def buy(self, hand: Hand, counter: Counter, good: Good) -> Bought:
        """Buy something, and keep that it was bought."""
        bought = counter.buy(hand, good, f"DESK-{next(self._numbers):04}")
        with self._lock:
            self._orders[bought.key] = bought
        return bought

    def _do(self, asked: dict[str, str]) -> Answer:
        kind, _, person = asked.get("do", "").partition(".")
        if kind == "as" and person in page.PEOPLE:
            return self._sign_in(person)
        counter, bought = self._counter(asked), self._orders.get(asked.get("order", ""))
        hand = Hand(self.wire)
        try:
            if counter is not None:
                bought = self._carry_out(hand, counter, bought, asked.get("do", ""))
        except ClickError as refused:
            hand.say("said.refused", text=str(refused))
        with self._lock:
            self._click = Click(hand.said, hand.calls)
        kept = {
            "lang": asked.get("lang", ""),
            "at": counter.id if counter else "",
            "order": bought.key if bought else "",
        }
        where = "/?" + urlencode({name: value for name, value in kept.items() if value})
        return 303, {"Location": where, **self._safe}, b""

    def _sign_in(self, person: str) -> Answer:
        """Leave for the console as somebody else than before: cookies of this machine know no ports."""
        Hand(self.wire).control("/issuer/next", {"person": person})
        over = f"{SESSION}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
        return 303, {"Location": self._console, "Set-Cookie": over, **self._safe}, b""

    def _carry_out(self, hand: Hand, counter: Counter, bought: Bought | None, do: str) -> Bought | None:
        kind, _, what = do.partition(".")
        if kind == "buy" and (good := next((one for one in counters.GOODS if one.id == what), None)):
            bought = self.buy(hand, counter, good)
            hand.say("said.bought", good=bought.good, order=bought.order_id)
        elif kind == "pay" and bought is not None:
            counter.pay(hand, bought)
            bought.is_left = True
        elif _TIME.fullmatch(do):
            hand.advance(int(what))
            hand.say("said.time")
        elif kind == "trouble" and (trouble := next((one for one in counter.troubles if one.id == what), None)):
            bought = self._ready(hand, counter, bought, trouble)
            trouble.act(hand, bought)
            bought.is_left |= trouble.moves_on
        return bought

    def _ready(self, hand: Hand, counter: Counter, bought: Bought | None, trouble: Trouble) -> Bought:
        """Return an order in the state that a trouble needs: this one, else another."""
        if bought is not None:
            order = hand.order(bought)
            word, refunds = str(order.get("status", "")), order.get("refunds")
            fits = word in ("", "pending", "failed") and not bought.is_left
            if fits if trouble.needs == WAITING else word == "paid" and not refunds:
                return bought
        bought = self.buy(hand, counter, counters.GOODS[0])
        hand.said.insert(0, ("said.another", {"order": bought.order_id}))
        if trouble.needs != WAITING:
            counter.pay(hand, bought)
            bought.is_left = True
            hand.said = hand.said[:1]
            hand.until(lambda: hand.order(bought).get("status") == "paid")
        return bought

    def _view(self, asked: dict[str, str], language: str) -> View:
        chosen = "zh" if (asked.get("lang") or language).lower().startswith("zh") else "en"
        with self._lock:
            orders, click = list(reversed(self._orders.values())), self._click
        bought, hand = self._orders.get(asked.get("order", "")), Hand(self.wire)
        order: Json = {}
        explanation: Json = {}
        arrived: list[Json] = []
        if bought is not None:
            order = hand.order(bought)
            explanation = hand.read(f"{bought.path}/explanation?lang={chosen}") if order else {}
            entries = hand.quietly("GET", f"{self.wire.control_url}/inbox").get("list", [])
            arrived = page.about(entries, bought)
        console = self._console if listens(self._console) else ""
        return View(
            chosen,
            self.counters,
            self._counter(asked),
            bought,
            orders,
            click,
            hand.now(),
            order,
            explanation,
            arrived,
            differences(hand, bought) if bought is not None else [],
            console,
        )

    def _counter(self, asked: dict[str, str]) -> Counter | None:
        return self.counters.get(asked.get("at", "")) or next(iter(self.counters.values()), None)


def _first(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}


def listens(url: str) -> bool:
    """Say whether anybody serves an address of this machine."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=0.2).close()
    except OSError:
        return False
    return True


def sender(timeout: float = 60) -> Callable[[str, str, dict[str, str], bytes | None], tuple[int, bytes]]:
    """Return what carries requests over HTTP."""

    def send(method: str, url: str, headers: dict[str, str], body: bytes | None) -> tuple[int, bytes]:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
        try:
            connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        except (OSError, http.client.HTTPException) as error:
            return 599, type(error).__name__.encode()  # nobody answered: the page says so
        finally:
            connection.close()

    return send

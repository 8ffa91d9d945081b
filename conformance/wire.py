"""Requests as a platform makes them and what comes back; hosts that are not this machine want to be typed out."""

from __future__ import annotations

import base64
import concurrent.futures
import http.client
import ipaddress
import shlex
import ssl
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PACE = 0.2  # seconds between two requests to a host that is not this machine: five a second
TIMEOUT = 30.0
Headers = tuple[tuple[str, str], ...]


class Refused(Exception):
    """The kit does not do this."""


@dataclass(frozen=True)
class Message:
    """One request: headers in their order, as a name may stand twice, and the exact bytes."""

    headers: Headers
    body: bytes = b""
    query: str = ""
    method: str = "POST"
    path: str = ""  # instead of the target's last segment, where a platform calls several
    secret: tuple[str, ...] = ()  # names of headers whose values are never written down

    def get(self, name: str) -> str:
        """Return the first value of a header, or an empty text."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def with_header(self, name: str, value: str) -> Message:
        """Return the message with that header replaced or added."""
        kept = tuple((key, old) for key, old in self.headers if key.lower() != name.lower())
        return replace(self, headers=(*kept, (name, value)))

    def and_header(self, name: str, value: str, *, first: bool = False) -> Message:
        """Return the message with one more header of that name."""
        one = ((name, value),)
        return replace(self, headers=one + self.headers if first else self.headers + one)

    def without(self, *names: str) -> Message:
        """Return the message without these headers."""
        gone = {name.lower() for name in names}
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0].lower() not in gone))

    def with_body(self, body: bytes) -> Message:
        """Return the message with other bytes under the same headers."""
        return replace(self, body=body)


@dataclass(frozen=True)
class Reply:
    """What came back; status 0 where nothing did."""

    status: int
    body: bytes = b""
    seconds: float = 0.0
    headers: Headers = ()


@dataclass(frozen=True)
class Exchange:
    """A message and its answer."""

    message: Message
    reply: Reply
    url: str


def is_this_machine(host: str) -> bool:
    """Say whether a host's name can only be this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass
class Target:
    """An endpoint. One that is not on this machine is only tried if its host was typed out, five times a second."""

    url: str
    typed_host: str = ""
    timeout: float = TIMEOUT
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _next: float = field(default=0.0, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Refused("the target is an address with http:// or https://")
        if parts.username or parts.password:
            raise Refused("the target's address must not hold a password")
        self.is_remote = not is_this_machine(parts.hostname)
        if self.is_remote and self.typed_host != parts.hostname:
            raise Refused(
                f"{parts.hostname} is not this machine. This program sends forged payments: it is only for a target "
                f"that you run yourself. If you do, say so: --i-run-this-target {parts.hostname}"
            )

    def address(self, message: Message) -> str:
        """Return where a message goes."""
        base = self.url.rsplit("/", 1)[0] + "/" + message.path if message.path else self.url
        return base + (("&" if "?" in base else "?") + message.query if message.query else "")

    def send(self, message: Message) -> Exchange:
        """Send one message and wait for what is answered."""
        self._wait()
        url = self.address(message)
        parts = urlsplit(url)
        started = time.perf_counter()
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(
                parts.hostname or "", parts.port, timeout=self.timeout, context=context
            )
        else:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=self.timeout)
        try:
            connection.putrequest(
                message.method, parts.path + (f"?{parts.query}" if parts.query else ""), skip_accept_encoding=True
            )
            for name, value in message.headers:
                connection.putheader(name, value)
            if message.method != "GET":
                connection.putheader("Content-Length", str(len(message.body)))
            connection.endheaders(message.body or None)
            answer = connection.getresponse()
            body = answer.read(1_000_000)
            reply = Reply(answer.status, body, time.perf_counter() - started, tuple(answer.getheaders()))
        except (OSError, http.client.HTTPException):
            reply = Reply(0, b"", time.perf_counter() - started)
        finally:
            connection.close()
        return Exchange(message, reply, url)

    def send_together(self, messages: Sequence[Message]) -> list[Exchange]:
        """Send messages at the same moment, at most ten at a time."""
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            return list(pool.map(self.send, messages))

    def _wait(self) -> None:
        if not self.is_remote:
            return
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + PACE
        time.sleep(at - now)


def curl(exchange: Exchange) -> str:
    """Return the command that sends the same bytes again; a secret header's value comes from the environment."""
    message = exchange.message
    parts = ["curl", "-sS", "-i", "-X", message.method]
    for name, value in message.headers:
        if name.lower() in message.secret:
            variable = "CONFORMANCE_" + name.upper().replace("-", "_")
            parts.append(f'-H "{name}: ${variable}"')
        else:
            # curl leaves a header without a value out unless it ends in a semicolon.
            parts.append("-H " + shlex.quote(f"{name}: {value}" if value else f"{name};"))
    if message.method == "GET":
        return " ".join([*parts, shlex.quote(exchange.url)])
    if not any(name.lower() == "content-type" for name, _ in message.headers):
        parts.append("-H 'Content-Type:'")
    parts.append("--data-binary")
    if len(message.body) > 20_000:
        body = message.body
        if len(set(body)) == 1:
            made = f"head -c {len(body)} /dev/zero | tr '\\0' {shlex.quote(chr(body[0]))}"
            return f"{made} | " + " ".join([*parts, "@-", shlex.quote(exchange.url)])
    if _is_plain(message.body):
        return " ".join([*parts, shlex.quote(message.body.decode()), shlex.quote(exchange.url)])
    text = base64.b64encode(message.body).decode()
    return f"printf %s {text} | base64 -d | " + " ".join([*parts, "@-", shlex.quote(exchange.url)])


def _is_plain(body: bytes) -> bool:
    return body[:1] != b"@" and all(32 <= byte < 127 for byte in body)


def pairs(headers: Iterable[tuple[str, str]] | dict[str, str]) -> Headers:
    """Return headers as a message has them."""
    return tuple(headers.items()) if isinstance(headers, dict) else tuple(headers)

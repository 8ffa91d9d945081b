"""Calls to addresses that merchants choose: only to public hosts, over verified TLS, and never for long.

A merchant's address must not reach what only we can reach: the metadata service, a private network, ourselves. It is
checked when it is saved and again when it is called; then the name is resolved once, every address it has must be
public, and the connection goes to an address that was checked, whatever the name resolves to by then.
"""

import http.client
import ipaddress
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from countersign import __version__
from countersign.errors import PlatformUnavailableError, UnprocessableError

DEADLINE_SECONDS = 10.0  # from the connection to the last byte that is read
MAX_ANSWER = 64 * 1024
MAX_URL = 2048
MAX_ADDRESSES = 3  # of one name that are tried
PORT = 443
_PORTS = {"https": PORT, "http": 80}
# At least two labels, the last of which begins with a letter: so no spelling of an IPv4 address is a name.
_NAME = re.compile(
    r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])", re.ASCII
)
_TEXT = re.compile(r"[!-\[\]-~]+", re.ASCII)  # printable and without backslash, which readers of URLs disagree about
_LOCAL = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
# Prefixes whose last 32 bits, or bits 16 to 48 of 6to4, are an IPv4 address that the packet ends at.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Resolve = Callable[[str, int], list[str]]
Connect = Callable[[tuple[str, int], float], socket.socket]


class AddressRefusedError(UnprocessableError):
    """The address may not be called; the text says why and never repeats it."""


class Destination(NamedTuple):
    """Where a checked address leads."""

    secure: bool
    host: str
    port: int
    target: str
    is_trusted: bool


def check(url: str, trusted: Collection[str] = ()) -> Destination:
    """Read an address strictly, without asking anybody; raises AddressRefusedError.

    `trusted` are origins as `scheme://host:port`, letter by letter: the merchant's own, inside its own network.
    """
    if len(url) > MAX_URL or not _TEXT.fullmatch(url):
        raise AddressRefusedError("is too long or holds characters that must be encoded")
    if "#" in url:
        raise AddressRefusedError("has a fragment")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise AddressRefusedError("is not a URL") from None
    if "@" in parts.netloc:
        raise AddressRefusedError("holds a user or password")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    meant = port or _PORTS.get(parts.scheme, 0)
    if parts.scheme in _PORTS and f"{parts.scheme}://{host}:{meant}" in trusted:
        return Destination(parts.scheme == "https", host, meant, target, is_trusted=True)
    if parts.scheme != "https":
        raise AddressRefusedError("is not https")
    if port not in (None, PORT) or parts.netloc.endswith(":"):
        raise AddressRefusedError(f"names another port than {PORT}")
    name = host.removesuffix(".")
    if not _NAME.fullmatch(name):
        raise AddressRefusedError("names no public host (write a host's name, not an IP address)")
    if name.endswith(_LOCAL):
        raise AddressRefusedError("names a host of a local network")
    return Destination(True, name, PORT, target, is_trusted=False)


def is_public(text: str) -> bool:
    """Tell whether an address is reachable for everybody, looking into IPv4 addresses that IPv6 ones carry."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


class Egress:
    """Posts to merchants' addresses."""

    def __init__(
        self,
        trusted: Collection[str] = (),
        *,
        deadline: float = DEADLINE_SECONDS,
        authorities: str = "",
        resolve: Resolve | None = None,
        connect: Connect = socket.create_connection,
    ) -> None:
        self._trusted = trusted
        self._deadline = deadline
        self._authorities = authorities or certifi.where()
        self._resolve = resolve or _resolve
        self._connect = connect

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post and return the status; what the answer says beyond it is read and forgotten.

        Raises AddressRefusedError, or PlatformUnavailableError where no answer came in time.
        """
        destination = check(url, self._trusted)
        end = time.monotonic() + self._deadline
        try:
            addresses = self._resolve(destination.host, destination.port)
        except (OSError, UnicodeError):
            raise PlatformUnavailableError("the host's name does not resolve") from None
        if not addresses:
            raise PlatformUnavailableError("the host's name does not resolve")
        if not destination.is_trusted and not all(is_public(address) for address in addresses):
            raise AddressRefusedError("leads to an address that is not public")
        sent = {"user-agent": f"countersign/{__version__}", "accept-encoding": "identity", **headers}
        return self._exchange(destination, addresses[:MAX_ADDRESSES], body, sent, end)

    def _exchange(
        self, destination: Destination, addresses: list[str], body: bytes, headers: Mapping[str, str], end: float
    ) -> int:
        pinned = _Pin(addresses, self._connect, end)
        connection = self._connection(destination, pinned)
        try:
            with _cut_off(pinned, end):
                connection.request("POST", destination.target, body=body, headers=headers, preload_content=False)
                answer = connection.getresponse()
                if time.monotonic() >= end:
                    raise TimeoutError  # cut within its headers, which reads like their end
                _drain(answer)
                return answer.status
        except (OSError, http.client.HTTPException, HTTPError, ValueError) as error:
            reason = "not in time" if time.monotonic() >= end else type(error).__name__
            raise PlatformUnavailableError(f"no answer: {reason}") from None
        finally:
            connection.close()
            pinned.close()

    def _connection(self, destination: Destination, pinned: "_Pin") -> HTTPConnection:
        # Neither reads proxies from the environment, and neither follows redirects.
        if not destination.secure:
            return _Plain(destination.host, destination.port, pinned)
        return _Tls(destination.host, destination.port, pinned, self._authorities)


class _Pin:
    """The addresses that were checked, and the wire to one of them, which can be cut from another thread."""

    def __init__(self, addresses: list[str], connect: Connect, end: float) -> None:
        self._addresses = addresses
        self._connect = connect
        self._end = end
        self._wire: socket.socket | None = None

    def open(self, port: int) -> socket.socket:
        """Connect to the first address that answers."""
        failed: OSError | None = None
        for address in self._addresses:
            left = self._end - time.monotonic()
            if left <= 0:
                break
            try:
                made = self._connect((address, port), left)
            except OSError as error:
                failed = error
                continue
            made.settimeout(max(left, 0.001))
            # A second handle of the same connection: TLS takes the first one over.
            self._wire = made.dup()
            return made
        raise failed or TimeoutError("no time left")

    def cut(self) -> None:
        """End the connection under whoever waits for it."""
        if self._wire is not None:
            with suppress(OSError):  # it ended by itself
                self._wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the second handle."""
        if self._wire is not None:
            self._wire.close()


class _Plain(HTTPConnection):
    def __init__(self, host: str, port: int, pinned: _Pin) -> None:
        super().__init__(host, port)
        self._pinned = pinned

    def _new_conn(self) -> socket.socket:
        return self._pinned.open(self.port)


class _Tls(HTTPSConnection):
    """Certificate and server name are those of the host, though the connection goes to a checked address."""

    def __init__(self, host: str, port: int, pinned: _Pin, authorities: str) -> None:
        super().__init__(host, port, cert_reqs="CERT_REQUIRED", ca_certs=authorities)
        self._pinned = pinned

    def _new_conn(self) -> socket.socket:
        return self._pinned.open(self.port)


@contextmanager
def _cut_off(pinned: _Pin, end: float) -> Iterator[None]:
    """Cut the connection at the end: a socket's own time-out begins anew with every byte that drips in."""
    watchdog = threading.Timer(max(end - time.monotonic(), 0), pinned.cut)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def _drain(answer: BaseHTTPResponse) -> None:
    """Read a little of the answer, so that an honest server can finish; its status counts however the rest ends."""
    with suppress(OSError, http.client.HTTPException, HTTPError, ValueError):
        answer.read(MAX_ANSWER, decode_content=False)


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def trusted_origins() -> frozenset[str]:
    """Return the origins of TRUSTED_WEBHOOK_ORIGINS."""
    return frozenset(filter(None, os.environ.get("TRUSTED_WEBHOOK_ORIGINS", "").split(",")))


@cache
def session() -> Egress:
    """Return the container's way out."""
    return Egress(trusted_origins())

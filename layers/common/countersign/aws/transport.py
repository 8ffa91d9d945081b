"""Kept connections for botocore: what its own signer and transport do for a plain JSON call, at a fifth of the CPU.

This stands where botocore keeps its urllib3 session: it gets each request, signs it and returns the answer. Retries,
serialising, parsing and errors stay botocore's. Only what AWS's JSON services answer is understood: a status, and
a body of known length. Everything else is a broken connection, which botocore tries again on a new one.
"""

import os
import select
import socket
import ssl
import threading
import time
from typing import Any
from urllib.parse import SplitResult, urlsplit

from botocore.awsrequest import AWSResponse
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.httpsession import get_cert_path

from countersign.signing import sigv4

CONNECT_SECONDS = 0.5
READ_SECONDS = 1.0
MAX_HEADERS = 100
MAX_ANSWER = 32 * 1024 * 1024  # the largest answer of any service here is DynamoDB's 16 MB


class SignedTransport:
    """Signs one client's requests and sends them over the container's kept connections."""

    def __init__(self, connections: "KeptConnections", credentials: Any, *, region: str, service: str) -> None:
        self._connections = connections
        self._credentials = credentials  # botocore's: it refreshes them where they expire
        self._region = region
        self._service = service

    def send(self, request: Any) -> AWSResponse:
        """Sign and send; each retry comes here anew, and so gets a signature of its own moment."""
        frozen = self._credentials.get_frozen_credentials()
        body = request.body or b""
        request.body = body.encode() if isinstance(body, str) else body
        url = urlsplit(request.url)
        made = sigv4.headers(
            sigv4.Credentials(frozen.access_key, frozen.secret_key, frozen.token or ""),
            region=self._region,
            service=self._service,
            host=url.netloc,
            path=url.path or "/",
            content_type=_text(request.headers["Content-Type"]),
            target=_text(request.headers.get("X-Amz-Target", "")),
            body=request.body,
            moment=time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        )
        for name, value in made.items():
            request.headers[name] = value
        return self._connections.send(request)

    def close(self) -> None:
        """Close the connections (botocore calls it when a client is closed)."""
        self._connections.close()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


class _Body:
    """What AWSResponse reads from."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, **_options: Any) -> Any:
        yield self.content


class _Connection:
    def __init__(self, url: SplitResult, context: ssl.SSLContext | None, read_seconds: float) -> None:
        host, port = str(url.hostname), url.port or (443 if context else 80)
        made = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(made, server_hostname=host) if context else made
        self.socket.settimeout(read_seconds)
        self.answers = self.socket.makefile("rb")

    def is_dropped(self) -> bool:
        """Tell whether the other side closed, as it does while a container sleeps: nothing else comes unasked."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def exchange(self, url: SplitResult, request: Any) -> AWSResponse:
        body = request.body or b""
        if isinstance(body, str):
            body = body.encode()
        lines = [f"{request.method} {url.path or '/'} HTTP/1.1", f"Host: {url.netloc}", f"Content-Length: {len(body)}"]
        for name, value in request.headers.items():
            if name.lower() not in ("host", "content-length"):
                lines.append(f"{name}: {value.decode() if isinstance(value, bytes) else value}")
        self.socket.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        status = self._status()
        headers = self._headers()
        length = int(headers["content-length"])
        if not 0 <= length <= MAX_ANSWER:
            raise ValueError("the answer's length is out of range")
        content = self.answers.read(length)
        if len(content) != length:
            raise ValueError("the answer is cut off")
        return AWSResponse(request.url, status, headers, _Body(content))

    def _status(self) -> int:
        line = self.answers.readline(1024)
        if not line.startswith(b"HTTP/1.1 "):
            raise ValueError("no HTTP/1.1 answer")
        return int(line[9:12])

    def _headers(self) -> Any:
        headers: dict[str, str] = {}
        for _ in range(MAX_HEADERS):
            line = self.answers.readline(65536)
            if line == b"\r\n":
                return headers
            name, separator, value = line.decode("latin-1").partition(":")
            if not separator:
                raise ValueError("a header without a colon")
            headers[name.lower()] = value.strip()
        raise ValueError("too many headers")

    def close(self) -> None:
        self.answers.close()
        self.socket.close()


class KeptConnections:
    """One connection for each host and thread, kept until it breaks; one TLS context for all of them."""

    def __init__(self, read_seconds: float | None = None) -> None:
        self._read_seconds = read_seconds
        self._local = threading.local()
        self._context: ssl.SSLContext | None = None

    def send(self, request: Any) -> AWSResponse:
        """Send one request; errors are botocore's own, so that its retries and ours know them."""
        url = urlsplit(request.url)
        kept: dict[str, _Connection] = self._local.__dict__.setdefault("kept", {})
        connection = kept.pop(url.netloc, None)
        if connection is not None and connection.is_dropped():
            connection.close()
            connection = None
        try:
            if connection is None:
                connection = self._connect(url, request.url)
            response = connection.exchange(url, request)
        except TimeoutError as error:
            _close(connection)
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except (OSError, ValueError, KeyError) as error:
            _close(connection)
            raise ConnectionClosedError(endpoint_url=request.url, error=error) from error
        if response.headers.get("connection", "").lower() == "close":
            connection.close()
        else:
            kept[url.netloc] = connection
        return response

    def close(self) -> None:
        """Close this thread's connections (botocore calls it when a client is closed)."""
        for connection in self._local.__dict__.pop("kept", {}).values():
            connection.close()

    def _connect(self, url: SplitResult, endpoint: str) -> _Connection:
        try:
            return _Connection(url, self._tls() if url.scheme == "https" else None, self._read_seconds or READ_SECONDS)
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=endpoint, error=error) from error
        except ssl.SSLError as error:
            raise SSLError(endpoint_url=endpoint, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=endpoint, error=error) from error

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            # The bundle that botocore itself verifies by; loading it costs 20 ms of CPU, so it is loaded only once.
            bundle = os.environ.get("AWS_CA_BUNDLE") or str(get_cert_path(True))
            self._context = ssl.create_default_context(cafile=bundle)
        return self._context


def _close(connection: _Connection | None) -> None:
    if connection is not None:
        connection.close()

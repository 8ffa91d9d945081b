"""A small HTTP/1.1 server on asyncio that keeps the request as it was sent: raw path, header order, exact body."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    import ssl

_HEAD_LIMIT = 64 * 1024
_REASONS = {status.value: status.phrase for status in HTTPStatus}
Headers = list[tuple[str, str]]
_connections: set[asyncio.Task[None] | None] = set()  # asyncio itself holds tasks only weakly


@dataclass(frozen=True)
class Request:
    """A request; `path` and `query` are still encoded, header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    peer: str

    def header(self, name: str) -> str | None:
        """Give the first header of that name."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass
class Reply:
    """An answer; its length and connection headers are added when it is sent."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=list)


Handler = Callable[[Request], Awaitable[Reply]]


class _RefusedError(Exception):
    def __init__(self, status: int, body: bytes = b"") -> None:
        super().__init__(status)
        self.reply = Reply(status, body)


async def serve(
    handler: Handler,
    listener: socket.socket | None = None,
    body_limit: int = 16 << 20,
    *,
    tls: ssl.SSLContext | None = None,
) -> asyncio.Server:
    """Serve on a listening socket, or on a free port of 127.0.0.1."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        _connections.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
                while await _exchange(handler, reader, writer, body_limit):
                    pass
        finally:
            _connections.discard(task)
            writer.close()

    if listener is None:
        return await asyncio.start_server(connection, "127.0.0.1", 0, limit=_HEAD_LIMIT)
    return await asyncio.start_server(connection, sock=listener, limit=_HEAD_LIMIT, backlog=512, ssl=tls)


async def _exchange(
    handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body_limit: int
) -> bool:
    """Answer one request; say whether the connection stays open."""
    try:
        request = await _read(reader, writer, body_limit)
    except _RefusedError as refused:
        await _write(writer, refused.reply, keep=False)
        return False
    if request is None:
        return False
    reply = await handler(request)
    keep = "close" not in (request.header("connection") or "").lower()
    await _write(writer, reply, keep=keep, bodiless=request.method == "HEAD")
    return keep


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body_limit: int) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise _RefusedError(431) from None
    line, *fields = head[:-4].decode("latin-1").split("\r\n")
    try:
        method, target, _ = line.split(" ")
        headers = [(name.lower(), value.strip()) for name, value in (item.split(":", 1) for item in fields)]
        length = int(next((value for name, value in headers if name == "content-length"), "0"))
    except ValueError:
        raise _RefusedError(400) from None
    if length > body_limit:
        while length > 0 and (read := await reader.read(min(length, 1 << 20))):  # or the client never sees the answer
            length -= len(read)
        raise _RefusedError(413, b'{"message":"Request Entity Too Large"}')
    if any(name == "expect" and value.lower() == "100-continue" for name, value in headers):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if any(name == "transfer-encoding" and "chunked" in value.lower() for name, value in headers):
        body = await _chunks(reader, body_limit)
    else:
        body = await reader.readexactly(length)
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, body, str(writer.get_extra_info("peername")[0]))


async def _chunks(reader: asyncio.StreamReader, body_limit: int) -> bytes:
    body = bytearray()
    while size := int((await reader.readline()).split(b";")[0] or b"0", 16):
        if len(body) + size > body_limit:
            raise _RefusedError(413, b'{"message":"Request Entity Too Large"}')
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readline() not in (b"\r\n", b""):
        pass
    return bytes(body)


async def _write(writer: asyncio.StreamWriter, reply: Reply, *, keep: bool, bodiless: bool = False) -> None:
    reason = _REASONS.get(reply.status, "Unknown")
    lines = [f"HTTP/1.1 {reply.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if reply.status != HTTPStatus.NO_CONTENT:
        lines.append(f"Content-Length: {len(reply.body)}")
    lines.append("Connection: keep-alive" if keep else "Connection: close")
    head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
    writer.write(head if bodiless else head + reply.body)
    await writer.drain()

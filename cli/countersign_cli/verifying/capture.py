"""A captured request, from a file: as HTTP has it, as API Gateway's event, or as JSON with its parts."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from countersign.errors import MalformedError
from countersign.http import HttpRequest, read_request
from countersign_cli.exits import USAGE, StopError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_BYTES = 16 << 20
_REQUEST_LINE = re.compile(rb"([A-Z]{3,7}) (\S+)(?: HTTP/[0-9.]+)?\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")


class Capture(NamedTuple):
    """A request, and how many bytes its body should have; None where nothing says so."""

    request: HttpRequest
    length: int | None


def read(data: bytes) -> Capture:
    """Read a capture; StopError where it is none."""
    if found := _REQUEST_LINE.match(data):
        return _http(found, data)
    try:
        document = json.loads(data)
    except ValueError:
        raise StopError(USAGE, "bad_capture", why="neither HTTP nor JSON") from None
    if not isinstance(document, dict):
        raise StopError(USAGE, "bad_capture", why="the JSON is no object")
    try:
        return _event(document) if "requestContext" in document else _parts(document)
    except MalformedError as error:
        raise StopError(USAGE, "bad_capture", why=str(error)) from None
    except (KeyError, TypeError, AttributeError, binascii.Error):
        raise StopError(USAGE, "bad_capture", why="parts of the request are missing") from None


def _http(line: re.Match[bytes], data: bytes) -> Capture:
    rest = data[line.end() :]
    # A request without headers ends its head at once.
    end = _HEAD_END.search(rest)
    if end is None:
        raise StopError(USAGE, "bad_capture", why="no empty line ends the headers")
    lines = rest[: end.start()].decode("latin-1").splitlines()
    headers = [(name.strip(), value.strip()) for name, _, value in (one.partition(":") for one in lines if one)]
    target = line[2].decode("latin-1")
    return _made(line[1].decode(), target, headers, rest[end.end() :])


def _event(event: Mapping[str, Any]) -> Capture:
    request = read_request(event, limit=MOST_BYTES)
    length = request.headers.get("content-length", "")
    return Capture(request, int(length) if length.isdecimal() else None)


def _parts(document: Mapping[str, Any]) -> Capture:
    coded = document.get("body_base64") or document.get("body_b64")
    body = document.get("body") or ""
    if coded is None and document.get("is_base64_encoded"):
        coded = body
    raw = base64.b64decode(coded, validate=True) if coded else str(body).encode("utf-8", "surrogatepass")
    query = document.get("query_string") or ""
    target = str(document.get("path") or document.get("url") or "/")
    if query and "?" not in target:
        target = f"{target}?{query}"
    made = _made(str(document.get("method") or "POST"), target, (document.get("headers") or {}).items(), raw)
    given = document.get("query")
    if isinstance(given, dict):
        made = made._replace(
            request=_with_query(made.request, {str(name): str(value) for name, value in given.items()})
        )
    return made


def _with_query(request: HttpRequest, query: Mapping[str, str]) -> HttpRequest:
    return HttpRequest(request.method, request.path, request.headers, request.body, {}, query, request.raw_query)


def _made(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> Capture:
    joined: dict[str, str] = {}
    for name, value in headers:
        key = str(name).lower()
        joined[key] = f"{joined[key]},{value}" if key in joined else str(value)  # as the gateway joins them
    parts = urlsplit(target)
    query: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    length = joined.get("content-length", "")
    request = HttpRequest(method, unquote(parts.path), joined, body, {}, query, parts.query)
    return Capture(request, int(length) if length.isdecimal() else None)

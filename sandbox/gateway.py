"""An HTTP API as API Gateway serves it: routes, payload format 2.0, and the gateway's own refusals."""

from __future__ import annotations

import base64
import binascii
import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from sandbox.http_server import Headers, Reply, Request
from sandbox.template import ACCOUNT

if TYPE_CHECKING:
    from sandbox.deployment import Route

_TEXT_TYPES = ("application/json", "application/xml", "application/javascript")
_HOP_HEADERS = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass(frozen=True)
class Match:
    """The route that serves a request, with its decoded path parameters."""

    route: Route
    parameters: dict[str, str]

    @property
    def key(self) -> str:
        """The route key, as events carry it."""
        return self.route.path[1:] if self.route.path == "/$default" else f"{self.route.method} {self.route.path}"


def match(routes: list[Route], method: str, path: str) -> Match | None:
    """Find the most specific route; as an HTTP API does, decode the path first, so `%2F` is a slash like any other."""
    best: tuple[tuple[int, ...], Match] | None = None
    for route in routes:
        if route.method not in (method, "ANY"):
            continue
        found = _match_path(route.path, path)
        if found is None:
            continue
        parameters, rank = found
        rank = (*rank, int(route.method != "ANY"))
        if best is None or rank > best[0]:
            best = (rank, Match(route, parameters))
    return best[1] if best else None


def _match_path(pattern: str, path: str) -> tuple[dict[str, str], tuple[int, ...]] | None:
    """Match one path; the rank prefers literal segments to parameters, and those to `{proxy+}`."""
    if pattern == "/$default":
        return {}, (-1,)
    wanted, given = pattern.split("/")[1:], unquote(path).split("/")[1:]
    parameters: dict[str, str] = {}
    rank: list[int] = []
    for position, segment in enumerate(wanted):
        if segment.endswith("+}"):
            if len(given) <= position:
                return None
            parameters[segment[1:-2]] = "/".join(given[position:])
            return parameters, (*rank, 0)
        if position >= len(given):
            return None
        if segment.startswith("{"):
            if not given[position]:
                return None
            parameters[segment[1:-1]] = given[position]
            rank.append(1)
        elif segment == given[position]:
            rank.append(2)
        else:
            return None
    return (parameters, tuple(rank)) if len(wanted) == len(given) else None


def event(request: Request, found: Match, claims: dict[str, Any] | None, now: float, port: int) -> dict[str, Any]:
    """Build the event that the function gets."""
    joined: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in request.headers:
        if name == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";")]
        elif name not in _HOP_HEADERS or name == "content-length":
            joined[name] = f"{joined[name]},{value}" if name in joined else value
    trace = f"Root=1-{int(now):08x}-{uuid.uuid4().hex[:24]}"
    host = joined.get("host", f"127.0.0.1:{port}")
    joined |= {"x-amzn-trace-id": trace, "x-forwarded-proto": "http", "x-forwarded-port": str(port)}
    joined["x-forwarded-for"] = ", ".join(filter(None, (joined.get("x-forwarded-for"), request.peer)))
    path = unquote(request.path)  # an HTTP API hands the path on decoded, unlike a REST API
    context: dict[str, Any] = {
        "accountId": ACCOUNT,
        "apiId": "sandbox",
        "domainName": host,
        "domainPrefix": host.split(".")[0],
        "http": {
            "method": request.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.peer,
            "userAgent": joined.get("user-agent", ""),
        },
        "requestId": str(uuid.uuid4()),
        "routeKey": found.key,
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "timeEpoch": int(now * 1000),
    }
    if claims is not None:
        scopes = found.route.scopes or None
        context["authorizer"] = {
            "jwt": {"claims": {name: _claim(claim) for name, claim in claims.items()}, "scopes": scopes}
        }
    result: dict[str, Any] = {
        "version": "2.0",
        "routeKey": found.key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": joined,
        "requestContext": context,
        "isBase64Encoded": False,
    }
    if cookies:
        result["cookies"] = cookies
    if pairs := parse_qsl(request.query, keep_blank_values=True):
        query: dict[str, str] = {}
        result["queryStringParameters"] = query
        for name, value in pairs:
            query[name] = f"{query[name]},{value}" if name in query else value
    if found.parameters:
        result["pathParameters"] = found.parameters
    if request.body:
        result["body"], result["isBase64Encoded"] = _body(request.body, joined.get("content-type", ""))
    return result


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    media = content_type.split(";")[0].strip().lower()
    if media.startswith("text/") or media in _TEXT_TYPES or media.endswith(("+json", "+xml")):
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def _claim(value: Any) -> str:
    """Turn a claim into what the gateway passes on: always a string."""
    if isinstance(value, list):
        return f"[{' '.join(map(_claim, value))}]"
    return value if isinstance(value, str) else json.dumps(value)


def message(status: int, text: str, headers: Headers | None = None) -> Reply:
    """One of the gateway's own answers."""
    body = json.dumps({"message": text}, separators=(",", ":")).encode()
    return Reply(status, body, [("Content-Type", "application/json"), *(headers or [])])


def reply(payload: bytes) -> Reply:
    """Turn what a function returned into an answer; what no gateway understands is its Internal Server Error."""
    try:
        returned = json.loads(payload)
        if not isinstance(returned, dict) or "statusCode" not in returned:
            inferred = returned if isinstance(returned, str) else json.dumps(returned, separators=(",", ":"))
            return Reply(200, inferred.encode(), [("Content-Type", "application/json")])
        status = int(returned["statusCode"])
        body = returned.get("body") or ""
        if not isinstance(body, str) or not 100 <= status <= 599:
            return message(500, "Internal Server Error")
        raw = base64.b64decode(body, validate=True) if returned.get("isBase64Encoded") else body.encode()
        given = returned.get("headers") or {}
        headers = [(str(name), _claim(value)) for name, value in given.items() if str(name).lower() not in _HOP_HEADERS]
        headers += [("Set-Cookie", cookie) for cookie in returned.get("cookies") or []]
    except (ValueError, TypeError, AttributeError, binascii.Error):
        return message(500, "Internal Server Error")
    if not any(name.lower() == "content-type" for name, _ in headers) and raw:
        headers.append(("Content-Type", "text/plain; charset=utf-8"))
    return Reply(status, raw, headers)

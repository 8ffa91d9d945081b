"""HTTP requests and replies as plain values, read from and written to API Gateway's payload 2.0."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any

from countersign.errors import MalformedError, TooLargeError, UnsupportedEncodingError
from countersign.values import dataclass


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request: the exact bytes of its body, header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    raw_query: str = ""  # as it was sent: `query` has repeated parameters joined by commas
    source_ip: str = ""
    domain: str = ""
    claims: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str:
        """Return a header that may be sent once, or an empty string."""
        value = self.headers.get(name, "")
        if "," in value:
            # API Gateway joins repeated headers with commas: two different values must not be a choice.
            raise MalformedError(f"header {name} is repeated")
        return value


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One reply: status, body and headers."""

    status: int
    body: str = ""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()

    def to_event(self) -> dict[str, Any]:
        """Return API Gateway's response format 2.0."""
        headers = dict(self.headers)
        if self.body:
            headers["content-type"] = self.content_type
        event = {"statusCode": self.status, "headers": headers, "body": self.body, "isBase64Encoded": False}
        return {**event, "cookies": list(self.cookies)} if self.cookies else event


def read_request(event: Mapping[str, Any], *, limit: int, head: HttpRequest | None = None) -> HttpRequest:
    """Read an API Gateway 2.0 event; `limit` is the largest body accepted, in bytes; `head` is what was read already.

    Raises MalformedError, TooLargeError (413) or UnsupportedEncodingError (415).
    """
    request = head or read_head(event)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedEncodingError("the body must not be compressed")
    return replace(request, body=_body(event, limit))


def read_head(event: Mapping[str, Any]) -> HttpRequest:
    """Read an event without its body, as far as an answer to it needs; raises MalformedError for repeated headers."""
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    context = event["requestContext"]
    headers: dict[str, str] = {}
    for name, value in (event.get("headers") or {}).items():
        key = name.lower()
        if key in headers:
            raise MalformedError(f"header {key} is repeated")
        headers[key] = value
    for name, values in (event.get("multiValueHeaders") or {}).items():
        if len(values) > 1:
            raise MalformedError(f"header {name.lower()} is repeated")
    authorizer = context.get("authorizer") or {}
    return HttpRequest(
        method=context["http"]["method"],
        path=event.get("rawPath", ""),
        headers=headers,
        body=b"",
        path_parameters=event.get("pathParameters") or {},
        query=event.get("queryStringParameters") or {},
        raw_query=event.get("rawQueryString") or "",
        source_ip=context["http"].get("sourceIp", ""),
        domain=context.get("domainName", ""),
        claims=(authorizer.get("jwt") or {}).get("claims") or {},
        cookies=_cookies(event),
    )


def _cookies(event: Mapping[str, Any]) -> dict[str, str]:
    """Return what the browser sent under each name; of two of one name, which is nobody's, the first."""
    found: dict[str, str] = {}
    for cookie in event.get("cookies") or ():
        name, _, value = str(cookie).partition("=")
        found.setdefault(name.strip(), value.strip())
    return found


def _body(event: Mapping[str, Any], limit: int) -> bytes:
    text = event.get("body") or ""
    if len(text) > limit * 4 // 3 + 4:  # the base64 form of the limit: refuse before decoding
        raise TooLargeError("the body is too large")
    try:
        body = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    except (binascii.Error, ValueError):  # ValueError: a lone surrogate, which UTF-8 cannot hold
        raise MalformedError("the body cannot be decoded") from None
    if len(body) > limit:
        raise TooLargeError("the body is too large")
    return body


def json_reply(status: int, content: Any, *, headers: Mapping[str, str] | None = None) -> HttpReply:
    """Reply with JSON."""
    return HttpReply(status, json.dumps(content, ensure_ascii=False, separators=(",", ":")), headers=headers or {})


def problem(
    status: int, title: str, *, kind: str = "about:blank", headers: Mapping[str, str] | None = None, **members: Any
) -> HttpReply:
    """Reply with an RFC 9457 problem document; `kind` is its type, a URI."""
    content = {"type": kind, "title": title, "status": status, **members}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return HttpReply(status, text, "application/problem+json", headers or {})


MAX_JSON_DEPTH = 32
MAX_JSON_KEYS = 10_000
# One step takes a whole string, also one that never ends: a search that failed there would begin anew at each quote in
# it, and a body of 64 KB could hold a function until its time is over.
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+', re.DOTALL)
_AS_BRACES = bytes.maketrans(b"[]", b"{}")
_NO_BRACKETS = bytes({*range(256)} - {*b"{}[]"})


def read_json(data: bytes | str, *, most_keys: int = MAX_JSON_KEYS) -> Any:
    """Read JSON strictly: UTF-8 without BOM, no duplicate keys, no NaN, bounded depth and number of keys.

    `most_keys` is for large documents whose sender is known already. Raises MalformedError; never RecursionError (RFC
    8259, RFC 7493).
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
    except UnicodeDecodeError:
        raise MalformedError("not UTF-8") from None
    # Openers are an upper bound of the depth, and colons of the keys: counting them costs nothing, and only a document
    # with more than is allowed is looked at closely.
    if text.count("{") + text.count("[") > MAX_JSON_DEPTH and _is_deep(text.encode("utf-8", "surrogatepass")):
        raise MalformedError("JSON is nested too deeply, or its brackets do not match")
    decoder = _DECODER if text.count(":") <= most_keys else _decoder(_Keys(most_keys))
    try:
        value = decoder.decode(text)
    except (ValueError, RecursionError):  # JSONDecodeError, a 5,000-digit integer
        raise MalformedError("not JSON") from None
    # Bytes that were UTF-8 hold no surrogates; an escape, or text that was given as such, can.
    if "\\u" in text or isinstance(data, str):
        _refuse_surrogates(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise MalformedError("JSON repeats a key")
    return result


class _Keys:
    """Counts the keys of one document while it is decoded."""

    def __init__(self, most: int) -> None:
        self.left = most

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self.left -= len(pairs)
        if self.left < 0:
            raise MalformedError("JSON has too many keys")
        return _unique(pairs)


def _is_deep(data: bytes) -> bool:
    """Tell whether anything is left once the innermost pairs of brackets were taken away as often as is allowed."""
    brackets = _STRINGS.sub(b"", data).translate(_AS_BRACES, _NO_BRACKETS)
    for _ in range(MAX_JSON_DEPTH):
        brackets = brackets.replace(b"{}", b"")
    return bool(brackets)


def _refuse_constant(name: str) -> Any:
    raise MalformedError(f"JSON holds {name}")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise MalformedError("JSON holds a number out of range")
    return value


def _refuse_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise MalformedError("JSON holds a lone surrogate") from None


def _decoder(pairs_hook: Callable[[list[tuple[str, Any]]], dict[str, Any]]) -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=pairs_hook, parse_constant=_refuse_constant, parse_float=_finite)


_DECODER = _decoder(_unique)

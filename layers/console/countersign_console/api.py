"""Calls of the merchant API with a person's token: two at once where a page needs them, on kept connections."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from countersign_console.outside import Reply, Send

MOST_AT_ONCE = 2
_POOL = ThreadPoolExecutor(MOST_AT_ONCE)
Json = dict[str, Any]


class Call(NamedTuple):
    """One call: a method, a path that `path` made, and what goes with it."""

    method: str
    path: str
    query: Mapping[str, str] = {}
    body: Json | None = None
    once: str = ""


def get(path: str, **query: str) -> Call:
    """Return a call that reads; parameters without a value are left out, and `from_` is `from`."""
    return Call("GET", path, {name.rstrip("_"): value for name, value in query.items() if value})


def post(path: str, body: Json | None = None, *, once: str = "") -> Call:
    """Return a call that changes something; under the same `once` the same call again is the same thing."""
    return Call("POST", path, {}, body or {}, once)


def path(*parts: str) -> str:
    """Return a path of parts that may hold anything, slashes too."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def order_path(key: Mapping[str, str], *more: str) -> str:
    """Return the path of an order, or of something below it."""
    return path("orders", key["platform"], key["account"], key["order_id"], *more)


class Api:
    """The merchant API as one person sees it."""

    def __init__(self, base: str, token: str, language: str, send: Send) -> None:
        self._base, self._token, self._language, self._send = base, token, language, send

    def call(self, wanted: Call) -> Reply:
        """Make one call and return the answer, also a refusal; raises NoAnswerError where none came."""
        query = f"?{urlencode(wanted.query)}" if wanted.query else ""
        headers = {"authorization": f"Bearer {self._token}", "accept-language": self._language}
        body = None
        if wanted.body is not None:
            headers["content-type"] = "application/json"
            body = json.dumps(wanted.body, ensure_ascii=False).encode()
        if wanted.once:
            headers["idempotency-key"] = wanted.once
        return self._send(wanted.method, f"{self._base}{wanted.path}{query}", headers, body)

    def at_once(self, first: Call, second: Call) -> tuple[Reply, Reply]:
        """Make two calls at the same time: a page never needs more."""
        other = _POOL.submit(self.call, second)
        return self.call(first), other.result()

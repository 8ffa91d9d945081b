"""What an answer of BigCommerce's API means for the caller: done, slowed down, refused for good, or unknown; pure."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from countersign.errors import NotFoundError, PlatformUnavailableError, RateLimitedError, UnprocessableError
from countersign.wire import Response

MAX_BYTES = 16 * 1024 * 1024
# https://developer.bigcommerce.com/docs/start/best-practices#response-codes: 503 is a store in maintenance, 500 may be
# one that is called too often.
_REPEATED = frozenset({408, 429, 500, 502, 503, 504})
_MOST_SECONDS = 3600.0


class Verdict(NamedTuple):
    """What follows from an answer: whether the same call may be repeated, after how many seconds (None: back off)."""

    retry: bool
    wait: float | None = None


class CallRefusedError(UnprocessableError):
    """BigCommerce refused the call for good; `status` is its HTTP status, `fields` what it says is wrong."""

    def __init__(self, status: int, fields: tuple[str, ...] = ()) -> None:
        named = f": {', '.join(fields)}" if fields else ""
        super().__init__(f"BigCommerce refused the call: {_MEANING.get(status, f'HTTP {status}')}{named}")
        self.status = status
        self.fields = fields

    @property
    def whole_account(self) -> bool:
        """Whether every call of the store would be refused: its token or its rights."""
        return self.status in (401, 403)


class UnknownNumberError(NotFoundError):
    """The store has no order of this number."""


class TooFrequentError(RateLimitedError):
    """The store's quota, which all of its apps share, is used up; `wait` is seconds, None where it says none."""

    def __init__(self, wait: float | None) -> None:
        super().__init__("BigCommerce's quota of the store is used up")
        self.wait = wait


_MEANING = {
    401: "the access token is not one any more (401)",
    403: "the access token lacks a scope (403)",
    409: "it conflicts with what is there (409)",
    422: "what was asked for cannot be (422)",
}


def verdict(status: int, headers: Mapping[str, str]) -> Verdict:
    """Return whether a call may be repeated; names of headers have no case.

    https://developer.bigcommerce.com/docs/start/best-practices/api-rate-limits: of the time until the window is new and
    the older header the longer one counts; an answer with neither comes of an overload.
    """
    if status not in _REPEATED:
        return Verdict(False)
    by_name = {name.lower(): value for name, value in headers.items()}
    said = [
        found / scale
        for name, scale in (("x-rate-limit-time-reset-ms", 1000), ("x-retry-after", 1), ("retry-after", 1))
        if (found := _number(by_name.get(name, ""))) is not None
    ]
    return Verdict(True, min(max(said), _MOST_SECONDS) if said and status == 429 else None)


def read(response: Response) -> Any:
    """Return the answer's JSON, numbers as Decimal; None where it has no body; raises what it means.

    A list that has nothing is 204 without a body.
    """
    status = response.status_code
    if status == 429:
        raise TooFrequentError(verdict(status, response.headers).wait)
    if status in _REPEATED or (status >= 500 and status not in (501, 507)):
        raise PlatformUnavailableError(f"BigCommerce answered HTTP {status}")
    if status == 404:
        raise UnknownNumberError("the store has none of this number")
    if not 200 <= status < 300:
        raise CallRefusedError(status, refused_fields(response.content))
    content = response.content
    if status == 204 or not content:
        return None
    if len(content) > MAX_BYTES:
        raise PlatformUnavailableError("BigCommerce's answer is too large")
    try:
        return json.loads(content.decode("utf-8"), parse_float=Decimal)
    except (ValueError, RecursionError, InvalidOperation):
        raise PlatformUnavailableError("BigCommerce's answer is not JSON, or not all of it") from None


def refused_fields(content: bytes) -> tuple[str, ...]:
    """Return the names of the fields that an error of the newer API finds wrong: names, never values."""
    try:
        document = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):  # errors may be pages
        return ()
    errors = document.get("errors") if isinstance(document, dict) else None
    return tuple(sorted(str(name)[:80] for name in errors)) if isinstance(errors, dict) else ()


def rows(answer: Any) -> list[Mapping[str, Any]]:
    """Return a list of the older API; an answer without a body is an empty one."""
    if answer is None:
        return []
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise PlatformUnavailableError("BigCommerce's answer is no list")
    return answer


def row(answer: Any) -> Mapping[str, Any]:
    """Return an object of the older API."""
    if not isinstance(answer, dict):
        raise PlatformUnavailableError("BigCommerce's answer is no object")
    return answer


def data(answer: Any) -> Any:
    """Return what an answer of the newer API holds; None where it has no body."""
    if answer is None:
        return None
    if not isinstance(answer, dict) or "data" not in answer:
        raise PlatformUnavailableError("BigCommerce's answer has no data")
    return answer["data"]


def _number(text: str) -> float | None:
    return float(text) if text.isascii() and text.replace(".", "", 1).isdigit() and len(text) <= 12 else None

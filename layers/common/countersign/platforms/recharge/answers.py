"""What an answer of Recharge's API means for the caller: done, refused for good, or unknown."""

import json
from collections.abc import Mapping
from typing import Any

from countersign.errors import (
    MalformedError,
    NotFoundError,
    PlatformUnavailableError,
    RateLimitedError,
    UnprocessableError,
)
from countersign.wire import TRANSIENT, Response

MAX_BYTES = 16 * 1024 * 1024  # a page of 250 charges has about one megabyte


class CallRefusedError(UnprocessableError):
    """Recharge refused the call for good; `status` is its HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"Recharge refused the call: {_MEANING.get(status, f'HTTP {status}')}")
        self.status = status

    @property
    def whole_account(self) -> bool:
        """Whether every call of the account would be refused: its token, its rights or its version."""
        return self.status in (401, 403, 426)


class UnknownNumberError(NotFoundError):
    """Recharge knows nothing of this number."""


class TooFrequentError(RateLimitedError):
    """Recharge's bucket is full."""


class BadAnswerError(PlatformUnavailableError):
    """An answer came, and it cannot be used: it was too late for Recharge's own parts, or it broke off."""


# https://developer.rechargepayments.com/2021-11/responses
_MEANING = {
    401: "the API token is not one (401)",
    402: "the payment failed (402)",
    403: "the API token lacks a scope (403)",
    409: "another call about it is under way (409)",
    422: "what was asked for cannot be (422)",
    426: "the API version does not exist (426)",
}


def read(response: Response) -> Any:
    """Return the answer's JSON, or raise what it means; nothing that came cut off is believed."""
    status = response.status_code
    if status == 429:
        raise TooFrequentError("Recharge answered 429")
    if status in TRANSIENT or status >= 500:
        raise BadAnswerError(f"Recharge answered HTTP {status}")
    if status == 404:
        raise UnknownNumberError("Recharge knows nothing of this number")
    if not 200 <= status < 300:
        raise CallRefusedError(status)
    return _json(response)


def _json(response: Response) -> Any:
    content, length = response.content, response.headers.get("Content-Length", "")
    if len(content) > MAX_BYTES:
        raise PlatformUnavailableError("Recharge's answer is too large")
    coded = response.headers.get("Content-Encoding", "identity") != "identity"
    if not coded and length.isascii() and length.isdigit() and int(length) != len(content):
        raise BadAnswerError("Recharge's answer broke off")
    try:
        return json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BadAnswerError("Recharge's answer is not JSON, or not all of it") from None


def member(answer: Any, name: str) -> Mapping[str, Any]:
    """Return the object under a name of an answer."""
    found = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        raise PlatformUnavailableError(f"Recharge's answer has no {name}")
    return found


def members(answer: Any, name: str) -> list[Mapping[str, Any]]:
    """Return the list under a name of an answer; what is no object in it is MalformedError's."""
    found = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise PlatformUnavailableError(f"Recharge's answer has no list of {name}")
    if not all(isinstance(entry, dict) for entry in found):
        raise MalformedError(f"{name} holds something that is no object")
    return found

"""What an answer of Douyin's APIs means for the caller: done, refused for good, or unknown."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from countersign.errors import (
    CountersignError,
    MalformedError,
    NotFoundError,
    PlatformUnavailableError,
    RateLimitedError,
    UnprocessableError,
)
from countersign.fields import said
from countersign.http import read_json
from countersign.wire import Response

MAX_BYTES = 512 * 1024
# Repeat the same number after these; everything else that is not 0 is final.
_UNKNOWN = frozenset({-1, 1000, 10001, 13000, 2100004, 2190001})
_TOO_FREQUENT = frozenset({12001})
_TOKEN = frozenset({11002, 11003, 2190002, 2190008, 28001003, 28001008})
_ABSENT = frozenset({20000})


class CallRefusedError(UnprocessableError):
    """Douyin refused the call for good; `code` is its number, `hint` what it says besides, for people."""

    def __init__(self, code: int, hint: str = "") -> None:
        super().__init__(_refused(code, hint))
        self.code, self.hint = code, hint


class UnknownNumberError(NotFoundError):
    """Douyin knows no order of this number."""

    def __init__(self, code: int, hint: str = "") -> None:
        super().__init__(_refused(code, hint))
        self.code, self.hint = code, hint


class TokenRefusedError(PlatformUnavailableError):
    """Douyin does not take the access token: a fresh one may do."""


class TooFrequentError(RateLimitedError):
    """Douyin wants to be asked more slowly: two or three seconds later it answers again."""


def _refused(code: int, hint: str) -> str:
    return f"Douyin refused: {code} ({hint})" if hint else f"Douyin refused: {code}"


def refusal(code: int, hint: str = "") -> CountersignError:
    """Return the error that Douyin's number stands for; nothing but that decides, `hint` is for who reads it."""
    if code in _UNKNOWN:
        return PlatformUnavailableError(f"Douyin answered {code}: the outcome is unknown")
    if code in _TOO_FREQUENT:
        return TooFrequentError("Douyin is asked too often")
    if code in _TOKEN:
        return TokenRefusedError(f"Douyin answered {code}: the access token is not valid")
    if code in _ABSENT:
        return UnknownNumberError(code, hint)
    return CallRefusedError(code, hint)


@contextmanager
def believed() -> Iterator[None]:
    """Make an answer that lacks what it promises one that cannot be believed."""
    try:
        yield
    except MalformedError as error:
        raise PlatformUnavailableError(f"Douyin's answer cannot be believed: {error}") from error


def read(response: Response, code_name: str = "err_no") -> Mapping[str, Any]:
    """Return the object of an answer that says it is well; nothing signs it but TLS."""
    document = read_object(response)
    code = document.get(code_name)
    if type(code) is not int:
        raise PlatformUnavailableError(f"Douyin's answer has no {code_name}")
    if code != 0:
        raise refusal(code, said(document.get("err_tips") or document.get("err_msg")))
    return document


def refusal_of(body: bytes) -> CountersignError:
    """Return the error that an answer in JSON stands for, where a table was wanted."""
    try:
        document = read_json(body)
    except MalformedError:
        document = None
    fields = document if isinstance(document, dict) else {}
    code = fields.get("err_no", fields.get("error_no"))
    if type(code) is not int or code in (0, 1):  # 1: a parameter, or a day that has no bill yet
        return PlatformUnavailableError("Douyin has not made the bill")
    return refusal(code)


def read_object(response: Response) -> Mapping[str, Any]:
    """Return the object of an answer, whatever it says."""
    body = response.content
    if response.status_code != 200:
        raise PlatformUnavailableError(f"Douyin answered HTTP {response.status_code}: the outcome is unknown")
    if len(body) > MAX_BYTES:
        raise PlatformUnavailableError("Douyin's answer is too large")
    try:
        document = read_json(body)
    except MalformedError as error:
        raise PlatformUnavailableError("Douyin's answer is not JSON") from error
    if not isinstance(document, dict):
        raise PlatformUnavailableError("Douyin's answer is not an object")
    return document


def data_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the `data` of an answer."""
    data = document.get("data")
    if not isinstance(data, dict):
        raise PlatformUnavailableError("Douyin's answer has no data")
    return data

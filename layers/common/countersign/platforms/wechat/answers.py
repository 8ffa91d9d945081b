"""What an answer of WeChat's API means for the caller: done, refused for good, or unknown."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from countersign.errors import (
    ConflictError,
    CountersignError,
    KeysUnavailableError,
    MalformedError,
    NotFoundError,
    NotGenuineError,
    PlatformUnavailableError,
    UnprocessableError,
)
from countersign.fields import said
from countersign.http import read_json
from countersign.platforms.wechat import signing, xml
from countersign.platforms.wechat.settings import Settings
from countersign.wire import Response

T = TypeVar("T")

MAX_BYTES = 256 * 1024
_CODE = re.compile(r"[A-Z0-9_]{1,64}")
_FIELD = re.compile(r"[A-Za-z0-9_./\[\]-]{1,64}")
# Without `_`: spellings changed over the years.
_UNKNOWN = frozenset(
    {
        "SYSTEMERROR",
        "BIZERRNEEDRETRY",
        "FREQUENCYLIMITED",
        "INVALIDREQTOOMUCH",
        "RATELIMITED",
        "RATELIMITEXCEEDED",
        "SERVICEUNAVAILABLE",
    }
)
_STATE = frozenset({"ORDERPAID", "ORDERCLOSED", "OUTTRADENOUSED", "USERPAYING", "ORDERREVERSED"})
_ABSENT = frozenset({"ORDERNOTEXIST", "RESOURCENOTEXISTS", "REFUNDNOTEXIST"})


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What WeChat said, which key signed it, and the bytes as evidence."""

    message: T
    key_id: str
    raw: bytes
    system: str


class OrderStateError(ConflictError):
    """WeChat says that the order's state forbids the call; `code` is its word without `_`."""

    def __init__(self, code: str, hint: str = "") -> None:
        super().__init__(_refused(code, hint))
        self.code, self.hint = code, hint


class UnknownNumberError(NotFoundError):
    """WeChat knows no order or refund of this number; right after creating one that may be a lag."""

    def __init__(self, code: str, hint: str = "") -> None:
        super().__init__(_refused(code, hint))
        self.code, self.hint = code, hint


class NoBillError(NotFoundError):
    """WeChat has no bill of that day: there was no business."""


class CallRefusedError(UnprocessableError):
    """WeChat refused the call for good; `code` is its word without `_`, `hint` what it says besides, for people."""

    def __init__(self, code: str, hint: str = "") -> None:
        super().__init__(_refused(code, hint))
        self.code, self.hint = code, hint


def _refused(code: str, hint: str) -> str:
    return f"WeChat refused: {code} ({hint})" if hint else f"WeChat refused: {code}"


def refusal(code: str, hint: str = "") -> CountersignError:
    """Return the error that WeChat's code stands for; nothing but the code decides, `hint` is for who reads it."""
    word = code.replace("_", "")
    if word in _UNKNOWN:
        return PlatformUnavailableError(f"WeChat answered {word}: the outcome is unknown")
    if word in _STATE:
        return OrderStateError(word, hint)
    if word in _ABSENT:
        return UnknownNumberError(word, hint)
    return CallRefusedError(word, hint)


@contextmanager
def believed() -> Iterator[None]:
    """Make an answer that lacks what it promises one that cannot be believed."""
    try:
        yield
    except MalformedError as error:
        raise PlatformUnavailableError(f"WeChat's answer cannot be believed: {error}") from error


def read_v3(response: Response, settings: Settings, *, now: int) -> tuple[Mapping[str, object], str]:
    """Return the object that an answer of API v3 holds and the key that signed it.

    What cannot be believed, a probe included, leaves the outcome unknown: the call may well have worked.
    """
    status, body = response.status_code, _bounded(response)
    if status >= 500 or status == 429:
        raise PlatformUnavailableError(f"WeChat answered HTTP {status}{_spelled(body)}: the outcome is unknown")
    headers = {name.lower(): value for name, value in response.headers.items()}
    try:
        key_id = signing.verify_answer_v3(headers, body, settings, now=now)
        document = read_json(body) if body else {}
    except (NotGenuineError, MalformedError) as error:
        raise PlatformUnavailableError(
            f"WeChat's answer cannot be believed: HTTP {status}{_spelled(body)}, {error}"
        ) from error
    if not isinstance(document, dict):
        raise PlatformUnavailableError("WeChat's answer is not an object")
    if status in (200, 204):
        return document, key_id
    if 300 <= status < 400:
        raise PlatformUnavailableError(f"WeChat answered HTTP {status}")
    code = document.get("code")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise PlatformUnavailableError(f"WeChat answered HTTP {status} without a code")
    if status == 202 and code.replace("_", "") != "USERPAYING":
        raise PlatformUnavailableError("WeChat took the call and has not finished it")
    raise refusal(code, _field(document))


def _field(document: Mapping[str, object]) -> str:
    """Return which field of the call API v3 complains about; its value, which `detail` quotes too, is left out."""
    detail = document.get("detail")
    field = detail.get("field") if isinstance(detail, Mapping) else None
    return field if isinstance(field, str) and _FIELD.fullmatch(field) else ""


def read_v2(response: Response, settings: Settings) -> tuple[Mapping[str, str], str]:
    """Return the fields that an answer of API v2 holds and the key that signed it."""
    status, body = response.status_code, _bounded(response)
    if status != 200:
        raise PlatformUnavailableError(f"WeChat answered HTTP {status}: the outcome is unknown")
    try:
        if failure := _failure(body):
            raise PlatformUnavailableError(failure)
        fields, key_id = signing.verify_answer_v2(body, settings)
    except (NotGenuineError, MalformedError) as error:
        raise PlatformUnavailableError(f"WeChat's answer cannot be believed: {error}") from error
    if fields.get("result_code") != "SUCCESS":
        code = fields.get("err_code", "")
        if not _CODE.fullmatch(code):
            raise PlatformUnavailableError("WeChat refused without a code")
        raise refusal(code, said(fields.get("err_code_des")))
    return fields, key_id


def _failure(body: bytes) -> str:
    """Return what API v2 says where it did not get as far as a signed answer; nothing signs it, so it is a hint.

    The commonest is a wrong key, of which WeChat says only that the sign is wrong.
    """
    fields = xml.read(body)
    if fields.get("return_code", "FAIL") == "SUCCESS":
        return ""
    words = said(fields.get("return_msg"))
    look = " - see api_v2_keys and v2_sign_type" if "签名" in words or "sign" in words.lower() else ""
    return f"WeChat did not take the call (nothing signs that): {words or 'without a word'}{look}"


def read_bill_refusal(document: bytes) -> CountersignError:
    """Return what the XML means that API v2 answers instead of a bill; nothing signs it."""
    try:
        fields = xml.read(document)
    except MalformedError:
        return PlatformUnavailableError("WeChat answered XML that is no refusal, instead of a bill")
    code = fields.get("error_code", "")
    if code == "20002" or fields.get("return_msg") == "No Bill Exist":
        return NoBillError("WeChat has no bill of that day")
    shown = code if _CODE.fullmatch(code) else "without a code"
    return PlatformUnavailableError(f"WeChat gave no bill: {shown}")


def read_login(response: Response) -> Mapping[str, object]:
    """Return the object that the mini-program API answers; nothing signs it but TLS."""
    if response.status_code != 200:
        raise PlatformUnavailableError(f"WeChat answered HTTP {response.status_code}")
    try:
        document = read_json(_bounded(response))
    except MalformedError:
        raise PlatformUnavailableError("WeChat's answer is not JSON") from None
    if not isinstance(document, dict):
        raise PlatformUnavailableError("WeChat's answer is not an object")
    match document.get("errcode", 0):
        case 0:
            return document
        case 40029 | 40163 | 40226:
            raise UnprocessableError("login_code is not valid, used already or of a risky user")
        case 40013 | 40125 | 41002 | 41004:
            raise KeysUnavailableError("WeChat does not take the appid with mini_program_secret")
    raise PlatformUnavailableError("WeChat did not exchange the login code")


def _bounded(response: Response) -> bytes:
    body = response.content
    if len(body) > MAX_BYTES:
        raise PlatformUnavailableError("WeChat's answer is too large")
    return body


def _spelled(body: bytes) -> str:
    """Return ` CODE` of an error that may not be believed: for the person who reads the log, nothing branches on it."""
    try:
        document = read_json(body)
    except MalformedError:
        return ""
    code = document.get("code") if isinstance(document, dict) else None
    return f" {code}" if isinstance(code, str) and _CODE.fullmatch(code) else ""

"""What a printer's cloud offers, in our words, and what its answers have in common."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

from countersign.errors import KeysUnavailableError, MalformedError, PlatformUnavailableError, UnprocessableError
from countersign.http import read_json
from countersign.printers.paper import Line
from countersign.wire import Session

READY, OFFLINE, ABNORMAL = "ready", "offline", "abnormal"
# What became of a job whose answer was lost; REPEAT: the same job may be sent to the same printer again.
PRINTED, ABSENT, UNKNOWN, REPEAT = "printed", "absent", "unknown", "repeat"
COLUMNS = (32, 48)  # of paper that is 58 and 80 mm wide, in half-width characters
MAX_ANSWER = 64 * 1024
_NUMBER = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
Checkpoint = Mapping[str, str]
FetchToken = Callable[[], tuple[str, int]]


class PrinterRefusedError(UnprocessableError):
    """The printer's cloud refused for good: nothing was printed by this call."""


class Token(Protocol):
    """An app's access token, one for all processes."""

    def get(self, refused: str = "") -> str:
        """Return the token; one that was `refused` is replaced."""


class Reach(NamedTuple):
    """What a printer needs of the world: a session, and a token of an app that `fetch` gets where there is none."""

    session: Session
    token: Callable[[str, str, FetchToken], Token]
    now: Callable[[], int]


class Printer(Protocol):
    """One printer. Calls raise PrinterRefusedError, or PlatformUnavailableError where the outcome is unknown."""

    @property
    def name(self) -> str:
        """Return the merchant's own name for it."""

    @property
    def number(self) -> str:
        """Return what makes it one printer, whichever account names it."""

    @property
    def columns(self) -> int:
        """Return how many half-width characters a line holds."""

    def state(self, *, now: int) -> str:
        """Return READY, OFFLINE or ABNORMAL (no paper, lid open)."""

    def content(self, lines: Sequence[Line]) -> str:
        """Write a receipt in the printer's own tags, as long as it may be."""

    def checkpoint(self, *, now: int) -> Checkpoint:
        """Return what a later look can tell by whether a job sent now was printed."""

    def print(self, job: str, content: str, copies: int, *, now: int) -> str:
        """Print, and return the cloud's number of the job."""

    def outcome_since(self, checkpoint: Checkpoint, *, now: int) -> str:
        """Return PRINTED, ABSENT, UNKNOWN or REPEAT for the last job of ours, sent after `checkpoint` was taken."""

    def is_printed(self, taken: str, *, now: int) -> bool | None:
        """Tell whether a job that the cloud took is on paper; None where the cloud does not tell."""


def text(document: Mapping[str, Any], name: str) -> str:
    """Return a field that must be there."""
    value = document.get(name)
    if not isinstance(value, str) or not value.strip():
        raise KeysUnavailableError(f"printers[].{name} is missing")
    return value


def number(document: Mapping[str, Any], name: str) -> str:
    """Return a field that names a printer or an app."""
    value = text(document, name)
    if not _NUMBER.fullmatch(value):
        raise KeysUnavailableError(f"printers[].{name} holds characters that no number has")
    return value


def base(document: Mapping[str, Any], otherwise: str) -> str:
    """Return where the printer's cloud is."""
    value = document.get("api_base") or otherwise
    if not isinstance(value, str):
        raise KeysUnavailableError("printers[].api_base is not text")
    return value.rstrip("/")


def columns(document: Mapping[str, Any]) -> int:
    """Return the width of the paper."""
    value = document.get("columns", COLUMNS[0])
    if value not in COLUMNS:
        raise KeysUnavailableError("printers[].columns is not 32 or 48")
    return int(value)


def post(session: Session, url: str, fields: Mapping[str, str], whose: str) -> dict[str, Any]:
    """Post a form and return the JSON object that is the answer."""
    data = urlencode(fields).encode()
    response = session.request(
        "POST", url, data=data, headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    )
    if response.status_code != 200:
        raise PlatformUnavailableError(f"{whose} answered HTTP {response.status_code}")
    if len(response.content) > MAX_ANSWER:
        raise PlatformUnavailableError(f"{whose}'s answer is too large")
    try:
        answer = read_json(response.content)
    except MalformedError:
        raise PlatformUnavailableError(f"{whose}'s answer is not JSON") from None
    if not isinstance(answer, dict):
        raise PlatformUnavailableError(f"{whose}'s answer is not an object")
    return answer

"""Has a door judge a request, step by step, and looks past what it first stumbles over."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from countersign.errors import (
    CountersignError,
    InvalidSignatureError,
    KeysUnavailableError,
    MalformedError,
    NotFoundError,
    SignatureProbeError,
    StaleTimestampError,
    TenantMismatchError,
    UndecryptableError,
    UnknownKeyError,
)
from countersign_cli.verifying import doors
from countersign_cli.verifying.doors import CONTENT, KEY, OWNER, SEAL, SHAPE, SIGNATURE, TIME, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from countersign.http import HttpRequest
    from countersign_cli.verifying.capture import Capture
    from countersign_cli.verifying.doors import Beside, Door, Genuine

Json = dict[str, Any]
GOOD, BAD, NOT_REACHED = "good", "bad", "not_reached"
KEYS = "keys"  # the account's own document: before any door
# By what a reason says: an InvalidSignatureError may be about the form of what carries the signature.
_OF_THE_FORM = re.compile(
    r"missing|lacks|no body|has no signature|is no sign\b|two families|not ten digits|not digits|not plain text|"
    r"another form|letters and digits|nothing signs|only RSA|takes timestamped|newer family|repeated|stands twice|"
    r"cannot be read|is not encrypted|from its first to its last|type is not|two times|too many signatures|not base64|"
    r"malformed|bad_alg|bad_crit|names no shop|deliveries must be signed|takes no"
)
_OF_THE_TIME = re.compile(r"timestamp is (?:missing or )?not")
_OF_THE_OWNER = re.compile(r"wrong_(?:audience|issuer|operation|store)|bad_customer|partner source|header of the hook")
_OF_CLASS: tuple[tuple[type[CountersignError], str], ...] = (
    (UnreadableError, CONTENT),
    (StaleTimestampError, TIME),
    (UnknownKeyError, KEY),
    (SignatureProbeError, SIGNATURE),
    (UndecryptableError, SEAL),
    (TenantMismatchError, OWNER),
    (NotFoundError, OWNER),
    (KeysUnavailableError, KEYS),
    (MalformedError, SHAPE),
)
# What on the way changes bodies most often: with it undone, does the signature fit?
_UNDONE: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("hint.last_break", lambda body: body.rstrip(b"\r\n")),
    ("hint.crlf", lambda body: body.replace(b"\r\n", b"\n")),
    ("hint.lf", lambda body: body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")),
    ("hint.bom", lambda body: body.removeprefix(b"\xef\xbb\xbf")),
)


@dataclass(frozen=True)
class Step:
    """One thing that was looked at: what, how it went, and why."""

    name: str
    outcome: str
    reason: str = ""


@dataclass(frozen=True)
class Verdict:
    """What becomes of a request at a door: the error's name and HTTP status, or that it is taken."""

    platform: str
    door: str
    steps: tuple[Step, ...]
    error: str = ""
    reason: str = ""
    status: int | None = None
    key_id: str = ""
    hint: bool = False
    unreadable: str = ""
    advice: tuple[str, ...] = field(default=())

    @property
    def is_taken(self) -> bool:
        """Whether it is believed."""
        return not self.error

    def to_json(self) -> Json:
        """Return it for a program."""
        return {
            "platform": self.platform,
            "door": self.door,
            "taken": self.is_taken,
            "error": self.error or None,
            "reason": self.reason or None,
            "status": self.status,
            "key_id": self.key_id or None,
            "hint": self.hint,
            "unreadable": self.unreadable or None,
            "steps": [{"step": one.name, "outcome": one.outcome, "reason": one.reason or None} for one in self.steps],
            "advice": list(self.advice),
        }


def step_of(error: CountersignError) -> str:
    """Return which step an error is of."""
    if type(error) is InvalidSignatureError:
        text = str(error)
        if _OF_THE_TIME.search(text):
            return TIME
        if _OF_THE_OWNER.search(text):
            return OWNER
        return SHAPE if _OF_THE_FORM.search(text) else SIGNATURE
    return next((step for kind, step in _OF_CLASS if isinstance(error, kind)), SHAPE)


def judge(platform: str, door: Door, capture: Capture, document: Json, beside: Beside, *, now: int) -> Verdict:
    """Return what becomes of a captured request at a door at a time."""
    request = capture.request
    first, genuine = _ask(door, request, document, beside, now)
    failed = {} if first is None else {step_of(first): str(first)}
    later: CountersignError | None = first
    if isinstance(first, StaleTimestampError) and (signed_at := door.signed_at(request)) is not None:
        # What would be found if the clock had stood where the request says?
        later, genuine = _ask(door, request, document, beside, signed_at)
        failed |= {} if later is None else {step_of(later): str(later)}
        failed[TIME] = _distance(str(first), signed_at, now)
    advice = list(_advice(door, capture, document, beside, now, later or first))
    steps = tuple(_steps(door, failed, step_of(later) if later is not None else "", genuine))
    if first is not None:
        named = MalformedError if isinstance(first, UnreadableError) else type(first)
        kind, why = named.__name__, failed[step_of(first)]
        return Verdict(platform, door.name, steps, kind, why, first.status, advice=tuple(advice))
    found = genuine if genuine is not None else doors.Genuine("")
    return Verdict(
        platform, door.name, steps, key_id=found.key_id, hint=found.hint, unreadable=found.problem, advice=tuple(advice)
    )


def _ask(
    door: Door, request: HttpRequest, document: Json, beside: Beside, now: int
) -> tuple[CountersignError | None, Genuine | None]:
    try:
        return None, door.check(request, document, beside, now)
    except CountersignError as error:
        return error, None


def _steps(door: Door, failed: Json, last: str, genuine: Genuine | None) -> list[Step]:
    """Return every step of the door: those that failed, and, behind the last one that was reached, nothing known."""
    steps: list[Step] = []
    if KEYS in failed:
        steps.append(Step(KEYS, BAD, failed[KEYS]))
    if last and last != KEYS and last not in door.ladder:
        steps.append(Step(last, BAD, failed[last]))
    reached = last != KEYS
    for name in door.ladder:
        if name in failed:
            steps.append(Step(name, BAD, failed[name]))
        elif not reached:
            steps.append(Step(name, NOT_REACHED))
        elif name == CONTENT and genuine is not None and genuine.problem:
            steps.append(Step(name, BAD, genuine.problem))
        else:
            steps.append(Step(name, GOOD))
        reached = reached and name != last
    return steps


def _distance(reason: str, signed_at: int, now: int) -> str:
    seconds = now - signed_at
    return f"{reason}: {abs(seconds)} s {'before' if seconds > 0 else 'after'} the time of arrival"


def _advice(
    door: Door, capture: Capture, document: Json, beside: Beside, now: int, error: CountersignError | None
) -> list[str]:
    request, found = capture.request, []
    if capture.length is not None and capture.length != len(request.body):
        found.append("hint.length")
    if error is None:
        return found
    step = step_of(error)
    if step == SIGNATURE:
        at = door.signed_at(request) or now
        for code, undo in _UNDONE:
            body = undo(request.body)
            if body != request.body and _fits(door, replace(request, body=body), document, beside, at):
                found.append(code)
                break
    return [*found, f"advice.{step}"]


def _fits(door: Door, request: HttpRequest, document: Json, beside: Beside, at: int) -> bool:
    error, _ = _ask(door, request, document, beside, at)
    return error is None or step_of(error) not in (SIGNATURE, SHAPE, KEY, KEYS)

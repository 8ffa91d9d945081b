"""Yilianyun printers: a job of one number prints once, so after any doubt it is sent again."""

# https://dev.10ss.net/: `error` is a string there, and a number in answers that others saw.

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from countersign.errors import PlatformUnavailableError
from countersign.printers import port
from countersign.printers.paper import Line, fit
from countersign.printers.port import Checkpoint, PrinterRefusedError, Reach, Token
from countersign.signing import digests
from countersign.signing.credentials import Secret, secret
from countersign.wire import Session

API_HOST = "https://open-api.10ss.net"
MAX_BYTES = 5000
# [M] The page's list of codes is not confirmed: these mean that the token is not taken, or no longer.
_TOKEN_REFUSED = frozenset({"14", "18"})
# [M] `state` of /printer/getprintstatus as others read it: offline, online, out of paper.
_STATES = {"0": port.OFFLINE, "1": port.READY, "2": port.ABNORMAL}


class YilianyunSettings(NamedTuple):
    """One Yilianyun printer of an account document."""

    name: str
    machine_code: str
    client_id: str
    client_secret: Secret
    api_base: str
    columns: int


class _TokenRefusedError(PrinterRefusedError):
    """The token is not taken: nothing was done."""


def load(document: Mapping[str, Any]) -> YilianyunSettings:
    """Type a printer; KeysUnavailableError names the field and the reason, never the value."""
    return YilianyunSettings(
        name=port.text(document, "name"),
        machine_code=port.number(document, "machine_code"),
        client_id=port.number(document, "client_id"),
        client_secret=secret(document.get("client_secret"), "printers[].client_secret"),
        api_base=port.base(document, API_HOST),
        columns=port.columns(document),
    )


def sign(client_id: str, client_secret: Secret, timestamp: str) -> str:
    """Return the signature of a call at `timestamp`, in seconds."""
    return digests.md5((client_id + timestamp + client_secret.reveal()).encode())


class Yilianyun:
    """One Yilianyun printer."""

    def __init__(self, session: Session, settings: YilianyunSettings, token: Token) -> None:
        self._session = session
        self._settings = settings
        self._token = token
        self.name = settings.name
        self.number = f"yilianyun#{settings.machine_code}"
        self.columns = settings.columns

    def state(self, *, now: int) -> str:
        """Ask how the printer is."""
        body = self._call("/printer/getprintstatus", {}, now)
        return _STATES.get(str(body.get("state")), port.ABNORMAL)

    def content(self, lines: Sequence[Line]) -> str:
        """Write a receipt in Yilianyun's tags."""
        return fit(lines, _written, MAX_BYTES)

    def checkpoint(self, *, now: int) -> Checkpoint:
        """Return nothing: the job's number is witness enough."""
        return {}

    def print(self, job: str, content: str, copies: int, *, now: int) -> str:
        """Print each copy under a number of its own, made of `job`."""
        numbers: list[str] = []
        for copy in range(copies):
            origin = job if copy == 0 else f"{job[:29]}-{copy}"
            wanted = {"content": content, "origin_id": origin, "idempotence": "1"}
            try:
                numbers.append(str(self._call("/print/index", wanted, now).get("id") or ""))
            except PrinterRefusedError as error:
                if not numbers:
                    raise
                # No other printer may begin anew: the same numbers are sent here again.
                raise PlatformUnavailableError(f"only {len(numbers)} copies were taken ({error})") from None
        if not all(numbers):
            raise PlatformUnavailableError("Yilianyun's answer names no job")
        return " ".join(numbers)

    def outcome_since(self, checkpoint: Checkpoint, *, now: int) -> str:
        """Return REPEAT: the cloud itself tells a job that it has from one that it has not."""
        return port.REPEAT

    def is_printed(self, taken: str, *, now: int) -> bool | None:
        """Return None: what the cloud took, it prints."""
        return None

    def _call(self, path: str, fields: Mapping[str, str], now: int) -> dict[str, Any]:
        refused = ""
        for _ in range(2):
            token = self._token.get(refused)
            wanted = {"machine_code": self._settings.machine_code, "access_token": token, **fields}
            try:
                return _ask(self._session, self._settings, path, wanted, now)
            except _TokenRefusedError:
                refused = token
        raise PrinterRefusedError("Yilianyun takes no access token, not even a new one")


def fetch_token(session: Session, settings: YilianyunSettings, *, now: int) -> tuple[str, int]:
    """Ask for the app's token, and return it with the seconds that it lives; Yilianyun gives about twenty a day."""
    body = _ask(session, settings, "/oauth/oauth", {"grant_type": "client_credentials", "scope": "all"}, now)
    token, lifetime = body.get("access_token"), body.get("expires_in")
    if not isinstance(token, str) or not token or type(lifetime) is not int:
        raise PlatformUnavailableError("Yilianyun's answer holds no access token")
    return token, lifetime


def _ask(
    session: Session, settings: YilianyunSettings, path: str, fields: Mapping[str, str], now: int
) -> dict[str, Any]:
    timestamp = str(now)
    common = {
        "client_id": settings.client_id,
        "timestamp": timestamp,
        "sign": sign(settings.client_id, settings.client_secret, timestamp),
        "id": str(uuid.uuid4()),
    }
    answer = port.post(session, settings.api_base + path, {**common, **fields}, "Yilianyun")
    error = answer.get("error")
    if type(error) not in (str, int):
        raise PlatformUnavailableError("Yilianyun's answer has no error field")
    code = str(error)
    if code in _TOKEN_REFUSED:
        raise _TokenRefusedError("Yilianyun takes no access token")
    if code != "0":
        raise PrinterRefusedError(f"Yilianyun refused: error {code if code.isdigit() else 'unknown'}")
    body = answer.get("body")
    return body if isinstance(body, dict) else {}


def _written(lines: Sequence[Line]) -> str:
    # [M] <FS2> and <center> as others use them; plain lines need no tag.
    return "".join(
        f"<FS2><center>{line.text}</center></FS2>\n" if line.is_title else f"{line.text}\n" for line in lines
    )


def connect(document: Mapping[str, Any], reach: Reach) -> Yilianyun:
    """Return the printer of an account document."""
    settings = load(document)
    token = reach.token("yilianyun", settings.client_id, lambda: fetch_token(reach.session, settings, now=reach.now()))
    return Yilianyun(reach.session, settings, token)

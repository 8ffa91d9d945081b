"""Feie printers. Nothing makes a job print once: the day's counters of the printer tell what a lost answer meant."""

# https://help.feieyun.com/home/doc/zh

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from countersign.errors import PlatformUnavailableError
from countersign.printers import port
from countersign.printers.paper import Line, fit
from countersign.printers.port import Checkpoint, PrinterRefusedError, Reach
from countersign.signing import digests
from countersign.signing.credentials import Secret, secret
from countersign.wire import Session

API_HOST = "https://api.feieyun.cn"
PATH = "/Api/Open/"
MAX_BYTES = 5000
# A receipt that waits longer for its printer is of no use in a shop; Feie allows a day.
EXPIRES_SECONDS = 12 * 3600
_BEIJING = timedelta(hours=8)
# [M] Event by code of others, not by a page that we could read; a code that is not here is shown as a number.
_CODES = {
    -2: "a field is wrong",
    -3: "the signature is wrong: look at user and ukey",
    -4: "the user is unknown",
    1001: "the printer is not of this user",
    1002: "the printer is not registered",
    1003: "the printer is offline",
    1007: "the receipt is over 5000 bytes",
}


class FeieSettings(NamedTuple):
    """One Feie printer of an account document."""

    name: str
    sn: str
    user: str
    ukey: Secret
    api_base: str
    columns: int


def load(document: Mapping[str, Any]) -> FeieSettings:
    """Type a printer; KeysUnavailableError names the field and the reason, never the value."""
    return FeieSettings(
        name=port.text(document, "name"),
        sn=port.number(document, "sn"),
        user=port.text(document, "user"),
        ukey=secret(document.get("ukey"), "printers[].ukey"),
        api_base=port.base(document, API_HOST),
        columns=port.columns(document),
    )


def sign(user: str, ukey: Secret, stime: str) -> str:
    """Return the signature of a call at `stime`, in seconds."""
    return digests.sha1((user + ukey.reveal() + stime).encode())


class Feie:
    """One Feie printer."""

    def __init__(self, session: Session, settings: FeieSettings) -> None:
        self._session = session
        self._settings = settings
        self.name = settings.name
        self.number = f"feie#{settings.sn}"
        self.columns = settings.columns

    def state(self, *, now: int) -> str:
        """Ask how the printer is."""
        told = self._call("Open_queryPrinterStatus", {"sn": self._settings.sn}, now)
        return classify(told if isinstance(told, str) else "")

    def content(self, lines: Sequence[Line]) -> str:
        """Write a receipt in Feie's tags."""
        return fit(lines, _written, MAX_BYTES)

    def checkpoint(self, *, now: int) -> Checkpoint:
        """Remember how many jobs of today the printer has, printed or waiting."""
        day = _day(now)
        return {"day": day, "jobs": str(self._jobs(day, now))}

    def print(self, job: str, content: str, copies: int, *, now: int) -> str:
        """Print; Feie knows no number of ours, so `job` stays with us."""
        wanted = {
            "sn": self._settings.sn,
            "content": content,
            "times": str(copies),
            "expired": str(now + EXPIRES_SECONDS),
        }
        taken = self._call("Open_printMsg", wanted, now)
        if not isinstance(taken, str) or not taken:
            raise PlatformUnavailableError("Feie's answer names no job")
        return taken

    def outcome_since(self, checkpoint: Checkpoint, *, now: int) -> str:
        """Compare the counters: the same, one more, or something that a person must look at."""
        days = dict.fromkeys((checkpoint["day"], _day(now)))  # a job sent at midnight may count for either day
        more = sum(self._jobs(day, now) for day in days) - int(checkpoint["jobs"])
        return {0: port.ABSENT, 1: port.PRINTED}.get(more, port.UNKNOWN)

    def is_printed(self, taken: str, *, now: int) -> bool | None:
        """Ask whether a job is on paper."""
        return self._call("Open_queryOrderState", {"orderid": taken}, now) is True

    def _jobs(self, day: str, now: int) -> int:
        told = self._call("Open_queryOrderInfoByDate", {"sn": self._settings.sn, "date": day}, now)
        counts = [told.get(name) for name in ("print", "waiting")] if isinstance(told, dict) else []
        if not counts or not all(type(count) is int and count >= 0 for count in counts):
            raise PlatformUnavailableError("Feie's answer holds no counters")
        return sum(int(count) for count in counts if count)

    def _call(self, name: str, fields: Mapping[str, str], now: int) -> object:
        user, stime = self._settings.user, str(now)
        common = {"user": user, "stime": stime, "sig": sign(user, self._settings.ukey, stime), "apiname": name}
        answer = port.post(self._session, self._settings.api_base + PATH, {**common, **fields}, "Feie")
        code = answer.get("ret")
        if type(code) is not int:
            raise PlatformUnavailableError("Feie's answer has no ret")
        if code != 0:
            raise PrinterRefusedError(f"Feie refused (ret {code}): {_CODES.get(code, 'no more is known')}")
        return answer.get("data")


def classify(told: str) -> str:
    """Read Feie's sentence about a printer; a word that is not known means that it cannot be relied on."""
    if "离线" in told:
        return port.OFFLINE
    # 正常 is a part of 不正常, so the order matters.
    if "不正常" in told or "正常" not in told:
        return port.ABNORMAL
    return port.READY


def _written(lines: Sequence[Line]) -> str:
    # <L> and <W> are told both ways in different code, so neither is used.
    rows = [f"<CB>{line.text}</CB><BR>" if line.is_title else f"{line.text}<BR>" for line in lines]
    return "".join(rows) + "<CUT>"


def _day(now: int) -> str:
    return (datetime.fromtimestamp(now, UTC) + _BEIJING).strftime("%Y-%m-%d")


def connect(document: Mapping[str, Any], reach: Reach) -> Feie:
    """Return the printer of an account document."""
    return Feie(reach.session, load(document))

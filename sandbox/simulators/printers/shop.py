"""The printers on the merchants' counters: which there are, how each is, and what is on its paper."""

from __future__ import annotations

import re
import threading
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulating.postman import Clock

OK, OFFLINE, ABNORMAL = "ok", "offline", "abnormal"
_LINE_END = re.compile(r"<BR>|\n")
_CENTRED = re.compile(r"<CB>(.*?)</CB>|<FS2><center>(.*?)</center></FS2>")
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9_]*>")


@dataclass
class Job:
    """One receipt that a cloud took."""

    number: str
    day: str
    content: str
    copies: int
    expires_at: float | None
    is_printed: bool = False


@dataclass
class Printer:
    """One machine; `credentials` are what its cloud knows of the merchant's account there."""

    kind: str
    number: str
    name: str
    columns: int
    credentials: dict[str, str]
    state: str = OK
    jobs: list[Job] = field(default_factory=list)


class Shop:
    """All printers of all account documents."""

    def __init__(
        self, documents: dict[str, dict[str, Any]], clock: Clock, show: Callable[[dict[str, Any]], None]
    ) -> None:
        self.lock = threading.RLock()
        self._clock, self._show = clock, show
        self.printers: dict[tuple[str, str], Printer] = {}
        for accounts in documents.values():
            for document in accounts.values():
                for entry in document.get("printers") or []:
                    self._add(entry)

    def _add(self, entry: dict[str, Any]) -> None:
        kind, number = str(entry.get("kind")), str(entry.get("sn") or entry.get("machine_code") or "")
        names = ("user", "ukey", "client_id", "client_secret")
        credentials = {name: str(entry[name]) for name in names if entry.get(name)}
        columns = int(entry.get("columns") or 32)
        self.printers[kind, number] = Printer(kind, number, str(entry.get("name")), columns, credentials)

    def of_kind(self, kind: str) -> list[Printer]:
        """Return a maker's printers."""
        return [printer for printer in self.printers.values() if printer.kind == kind]

    def take(self, printer: Printer, job: Job) -> None:
        """Put a receipt into the printer's queue; it is printed at once where the printer works."""
        printer.jobs.append(job)
        self.run(printer)

    def run(self, printer: Printer) -> None:
        """Print what waits."""
        if printer.state != OK:
            return
        for job in printer.jobs:
            if job.is_printed or (job.expires_at is not None and self._clock.now() > job.expires_at):
                continue
            job.is_printed = True
            for _ in range(job.copies):
                text = on_paper(job.content, printer.columns)
                seen = {"printer": printer.name, "maker": printer.kind, "number": printer.number, "job": job.number}
                self._show({**seen, "text": text})


def on_paper(content: str, columns: int) -> str:
    """Return what a receipt looks like: tags done, titles in the middle, no line longer than the paper is wide."""
    rows = []
    for row in _LINE_END.split(content):
        title = _CENTRED.fullmatch(row)
        told = _TAG.sub("", (title[1] or title[2] or "") if title else row)
        for part in _broken(told, columns // 2 if title else columns):
            rows.append(" " * ((columns - 2 * _width(part)) // 2) + part if title else part)
    return "\n".join(rows).rstrip("\n")


def _broken(text: str, columns: int) -> list[str]:
    rows = [""]
    for character in text:
        if _width(rows[-1] + character) > columns:
            rows.append("")
        rows[-1] += character
    return rows


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WFA" else 1 for character in text)

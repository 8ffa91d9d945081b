"""Print a notice: on the first printer that can, once, and never on a second one while the first may have done it."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Self

from countersign.errors import KeysUnavailableError, PlatformUnavailableError, TemporaryError
from countersign.notices import receipt
from countersign.notices.channels.port import Delivery
from countersign.notices.content import Facts
from countersign.notices.outcome import Outcome
from countersign.notices.receipt import PrintSettings
from countersign.printers import port, registry
from countersign.printers.port import Checkpoint, FetchToken, Printer, PrinterRefusedError, Token
from countersign.signing import digests
from countersign.store import OrderStore, printer_jobs
from countersign.store.printer_jobs import PrinterJobs
from countersign.store.tokens import SharedToken
from countersign.wire import Session

JOB_LENGTH = 32
SETTLE_SECONDS = 30  # as long a call that we gave up may still be on its way, and the counters behind
DOUBT_SECONDS = 24 * 3600  # after that nobody asks any more: the notice itself was given up long ago
PAUSE_SECONDS = 0.25
_STATES = {port.OFFLINE: "offline", port.ABNORMAL: "not working (paper, lid)"}
Remember = Callable[[Mapping[str, str]], None]


class PrinterReach(NamedTuple):
    """How to reach an account's printers; `job` names the notice on every attempt (see `job_of`)."""

    store: OrderStore
    session: Session
    printers: Sequence[Mapping[str, Any]]
    job: str
    now: Callable[[], int]
    patience: float = 5.0  # seconds to wait for a printer that somebody else is using
    budget: float = 12.0  # seconds after which no other printer is tried: the function must not end in the middle

    @classmethod
    def of(cls, delivery: Delivery, store: OrderStore, session: Session, printers: Sequence[Mapping[str, Any]]) -> Self:
        """Return how to reach the printers of a notice's account."""
        anew = f"#{delivery.again}" if delivery.again else ""
        job = job_of(f"{delivery.event.id}#{delivery.notice.name}{anew}")
        return cls(store, session, printers, job, lambda: int(time.time()))


class _NotNowError(TemporaryError):
    """A printer that cannot be used now; nothing of the notice was sent to it by this attempt."""


class _InDoubtError(TemporaryError):
    """The job may be printed: it must not be sent anywhere else."""


def job_of(notice_id: str) -> str:
    """Return the number of a notice's print job, which printers take 32 characters of."""
    return digests.sha256(notice_id.encode())[:JOB_LENGTH]


def send(
    settings: PrintSettings,
    facts: Facts,
    memo: Mapping[str, str],
    remember: Remember,
    *,
    reach: PrinterReach,
    now: int,
) -> Outcome:
    """Print once; `memo` is what `remember` kept on earlier attempts: the printer that a job was sent to."""
    return _Work(settings, facts, remember, reach, now).run(memo)


class _Work:
    """One attempt."""

    def __init__(
        self, settings: PrintSettings, facts: Facts, remember: Remember, reach: PrinterReach, now: int
    ) -> None:
        self._settings = settings
        self._facts = facts
        self._remember = remember
        self._reach = reach
        self._now = now
        self._outside = port.Reach(reach.session, self._token, reach.now)

    def run(self, memo: Mapping[str, str]) -> Outcome:
        began = memo.get("printer", "")
        if began:
            outcome = self._resume(began, memo)
            if outcome is not None:
                return outcome
        return self._first_that_can()

    def _resume(self, name: str, memo: Mapping[str, str]) -> Outcome | None:
        """Find out what became of the job that may have gone out; None if it did not, so that all printers are free."""
        if memo.get("taken"):
            return self._taken(name, memo["taken"])
        try:
            return self._turn(self._connect(name), resumes=True)
        except KeysUnavailableError as error:
            return Outcome("unknown", f"{name}: {error}; it may have printed", name)
        except TemporaryError as error:
            return Outcome("again", f"{name}: {error}; it may have printed", name)

    def _first_that_can(self) -> Outcome:
        names = self._settings.printers or tuple(str(printer.get("name")) for printer in self._reach.printers)
        if not names:
            return Outcome("failed", "the account has no printer")
        reasons: list[str] = []
        is_final, began = True, time.monotonic()
        for name in names:
            if reasons and time.monotonic() - began > self._reach.budget:
                reasons.append(f"{name}: there was no time to try it")
                is_final = False
                continue
            try:
                outcome = self._turn(self._connect(name))
                if outcome is not None:
                    return outcome
            except (KeysUnavailableError, PrinterRefusedError) as error:
                reasons.append(f"{name}: {error}")
            except _InDoubtError as error:
                return Outcome("again", f"{name}: {error}", name)
            except (_NotNowError, PlatformUnavailableError) as error:
                reasons.append(f"{name}: {error}")
                is_final = False
        return Outcome("failed" if is_final else "again", "; ".join(reasons))

    def _turn(self, printer: Printer, *, resumes: bool = False) -> Outcome | None:
        """Have the printer to ourselves, and print.

        Returns None where a job that was sent before turns out not to have arrived.
        """
        book = self._take(printer)
        try:
            self._settle(printer, book)
            # It stays in the book: we may end before the notice's own row says how it ended.
            verdict = book.outcomes.get(self._reach.job, port.ABSENT)
            if verdict == port.PRINTED:
                return Outcome("sent", "the printer's counter shows it, though its answer was lost", printer.name)
            if verdict == port.UNKNOWN:
                return Outcome("unknown", "the printer's counter does not tell whether it was printed", printer.name)
            if resumes and verdict == port.ABSENT:
                return None
            return self._print(printer, book, repeats=verdict == port.REPEAT)
        finally:
            self._keep(printer, book, leave=True)

    def _settle(self, printer: Printer, book: PrinterJobs) -> None:
        """Judge the job of which nothing is known, whosever it is."""
        doubt = book.unconfirmed_job
        if not doubt:
            return
        own, age = doubt["job"] == self._reach.job, self._reach.now() - int(doubt["at"])
        verdict = port.UNKNOWN
        if age <= DOUBT_SECONDS:
            try:
                verdict = printer.outcome_since(doubt, now=self._now)
            except (PrinterRefusedError, PlatformUnavailableError) as error:
                raise _NotNowError(f"what became of its last job is not known yet ({error})") from None
        # A job that is to come is of a clock that was moved back.
        if verdict == port.ABSENT and 0 <= age < SETTLE_SECONDS:
            raise _NotNowError("what became of its last job is not known yet")
        if own or verdict != port.ABSENT:
            book.outcomes[doubt["job"]] = verdict
        book.unconfirmed_job = {}

    def _print(self, printer: Printer, book: PrinterJobs, *, repeats: bool) -> Outcome:
        content = printer.content(receipt.render(self._settings, self._facts, printer.columns))
        checkpoint = self._look(printer)
        self._remember({"printer": printer.name})
        book.unconfirmed_job = {**checkpoint, "job": self._reach.job, "at": str(self._reach.now())}
        book.outcomes.pop(self._reach.job, None)
        self._keep(printer, book)
        try:
            taken = printer.print(self._reach.job, content, self._settings.copies, now=self._now)
        except PrinterRefusedError:
            book.unconfirmed_job = {}
            if repeats:  # the first time it may have been taken
                book.outcomes[self._reach.job] = port.UNKNOWN
                return Outcome(
                    "unknown", "the printer refuses the receipt, and may have printed it before", printer.name
                )
            raise
        except PlatformUnavailableError as error:
            return self._doubtful(printer, book, str(error))
        book.unconfirmed_job = {}
        self._remember({"printer": printer.name, "taken": taken})
        return Outcome("sent", "", f"{printer.name} {taken}")

    def _look(self, printer: Printer) -> Checkpoint:
        """Make sure that the printer works, and remember how it is before the job."""
        try:
            state = printer.state(now=self._now)
            if state == port.READY:
                return printer.checkpoint(now=self._now)
        except PrinterRefusedError as error:  # what is wrong may be mended before the last attempt
            raise _NotNowError(str(error)) from None
        raise _NotNowError(f"the printer is {_STATES[state]}")

    def _doubtful(self, printer: Printer, book: PrinterJobs, reason: str) -> Outcome:
        """Look at once whether it was printed after all; that it was not shows only later."""
        try:
            if printer.outcome_since(book.unconfirmed_job, now=self._now) == port.PRINTED:
                book.unconfirmed_job, book.outcomes[self._reach.job] = {}, port.PRINTED
                return Outcome("sent", "the printer's counter shows it, though its answer was lost", printer.name)
        except (PrinterRefusedError, PlatformUnavailableError) as error:
            reason = f"{reason}; {error}"
        raise _InDoubtError(f"{reason}; it may have printed")

    def _taken(self, name: str, taken: str) -> Outcome:
        """Tell whether what the cloud took is on paper yet: it is sent in either case."""
        reason = ""
        with suppress(KeysUnavailableError, PrinterRefusedError, PlatformUnavailableError):
            if self._connect(name).is_printed(taken, now=self._now) is False:
                reason = "the printer's cloud has it, it is not on paper yet"
        return Outcome("sent", reason, f"{name} {taken}")

    def _connect(self, name: str) -> Printer:
        document = next((one for one in self._reach.printers if one.get("name") == name), None)
        if document is None:
            raise KeysUnavailableError("there is no printer of this name")
        return registry.connect(document, self._outside)

    def _take(self, printer: Printer) -> PrinterJobs:
        store = self._reach.store
        for _ in range(int(self._reach.patience / PAUSE_SECONDS) + 1):
            book = printer_jobs.take(store.client, store.table, printer.number, self._reach.job, now=self._reach.now())
            if book is not None:
                return book
            time.sleep(PAUSE_SECONDS)
        raise _NotNowError("the printer is busy with other receipts")

    def _keep(self, printer: Printer, book: PrinterJobs, *, leave: bool = False) -> None:
        store = self._reach.store
        printer_jobs.keep(store.client, store.table, printer.number, self._reach.job, book, leave=leave)

    def _token(self, platform: str, app: str, fetch: FetchToken) -> Token:
        store = self._reach.store
        return SharedToken(store.client, store.table, platform=platform, app=app, fetch=fetch, now=self._reach.now)

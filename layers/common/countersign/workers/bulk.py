"""Import a long history of a platform from files that the platform writes, a part of the time in each.

The place moves only when the file had as many lines and orders as the platform says it wrote: a reader's own counter
proves nothing. What is not whole is told, and imported anew in smaller parts; what was recorded of it stays, for told
twice it is recorded once. A run that is killed goes on in the same file where it was.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from countersign.errors import CountersignError, PlatformUnavailableError
from countersign.platforms.port import Import, Imports
from countersign.runtime.telemetry import count, logger
from countersign.store import OrderStore
from countersign.store.imports import ImportRow, ImportStore
from countersign.store.scans import ScanStore
from countersign.workers import scan
from countersign.workers.scan import ScanWork, Tally

LEAST_SPAN = 3600  # seconds of a part, however often one was not whole
POLL_SECONDS, MOST_POLLS = 10, 30  # of one run; the next one looks again


@dataclass(frozen=True, slots=True)
class ImportWork:
    """One run over accounts; `scan` records what a file tells as a list's page."""

    imports: ImportStore
    scan: ScanWork
    connect: Callable[[str], Imports]
    sleep: Callable[[float], None]

    def account(self, name: str) -> None:
        """Import one account's history as far as time allows."""
        while self.scan.enough_time():
            row = self.imports.lease(name, now=self.scan.clock())
            if row is None:
                return
            try:
                if not self._part(name, row):
                    return
            except CountersignError:
                self.imports.give_back(row)
                raise

    def _part(self, name: str, row: ImportRow) -> bool:
        """Import a part; False where it has to be gone on with later."""
        platform = self.connect(name)
        if not row.number:
            found = self._begin(platform, row)
            if found is None:
                count("ImportBusy")
                self.imports.give_back(row)
                return False
            row = found
        file = self._written(platform, row)
        if file is None:
            self.imports.give_back(row)
            return False
        return self._read(name, platform, row, file)

    def _begin(self, platform: Imports, row: ImportRow) -> ImportRow | None:
        since, until = platform.moment(row.since), platform.moment(row.until)
        part_until = platform.place(min(until, since + row.span)) if row.span else row.until
        begun_at = self.scan.clock()
        started = platform.start_import(row.since, part_until)
        if started is None or not self.imports.begun(row, started.number, part_until, begun_at):
            return None
        return replace(row, number=started.number, part_until=part_until, begun_at=begun_at, orders=0)

    def _written(self, platform: Imports, row: ImportRow) -> Import | None:
        """Return the file once the platform has written it; None where that takes longer than this run."""
        for _ in range(MOST_POLLS):
            file = platform.import_state(row.number)
            if file.state != "running":
                return file
            if not self.scan.enough_time():
                return None
            self.sleep(POLL_SECONDS)
        return None

    def _read(self, name: str, platform: Imports, row: ImportRow, file: Import) -> bool:
        lines = orders = 0
        problem = "" if file.state == "done" else f"the platform did not finish it ({file.reason})"
        try:
            if file.address:
                whole = file.state == "done"
                pages = platform.imported(file.address, begun_at=row.begun_at, skip=row.orders, whole=whole)
                for page, lines, orders in pages:  # noqa: B007 - what was counted last is the whole
                    self.scan.record(page, self.scan.clock(), Tally())
                    leased = self.imports.went_on(row, max(orders, row.orders), now=self.scan.clock())
                    if leased is None:
                        count("ImportBusy")
                        return False
                    row = replace(row, leased=leased)
                    if not self.scan.enough_time():
                        count("ImportInterrupted")
                        self.imports.give_back(row)
                        return False
        except PlatformUnavailableError as error:
            problem = problem or str(error)
        if not problem and (lines, orders) != (file.lines, file.orders):
            problem = f"it has {lines} lines and {orders} orders of {file.lines} and {file.orders}"
        if problem:
            return self._failed(name, platform, row, problem)
        all_done = platform.moment(row.part_until) >= platform.moment(row.until)
        self.imports.finish_part(row, all_done=all_done)
        count("ImportedOrders", orders)
        logger.info("a part was imported", extra={"account": name, "orders": orders, "until": row.part_until})
        if all_done:
            self.scan.scans.jump(name, row.until)
        return not all_done

    def _failed(self, name: str, platform: Imports, row: ImportRow, problem: str) -> bool:
        span = platform.moment(row.part_until) - platform.moment(row.since)
        self.imports.fail_part(row, max(LEAST_SPAN, span // 2), problem)
        count("ImportFailed")
        logger.error("a part was not imported", extra={"account": name, "from": row.since, "reason": problem})
        return False


def run(
    event: dict[str, Any],
    context: Any,
    *,
    names: Callable[[], Iterable[str]],
    store: OrderStore,
    scans: ScanStore,
    imports: ImportStore,
    connect: Callable[[str], Imports],
    enough_ms: int,
) -> None:
    """Go on with the imports of all accounts while there is time; one's fault is its own.

    With `import` (`{"from": seconds}`, or `{}` for everything) and one of `accounts`, one is begun.
    """

    def enough_time() -> bool:
        return bool(context.get_remaining_time_in_millis() >= enough_ms)

    def clock() -> int:
        return int(time.time())

    if "import" in event:
        [name] = event["accounts"]
        platform, since = connect(name), event["import"].get("from")
        begin = platform.beginning(clock()) if since is None else platform.place(int(since))
        imports.ask(name, begin, platform.place(clock()))
    with ThreadPoolExecutor(scan.WRITERS) as writers:
        work = ImportWork(imports, ScanWork(store, scans, connect, enough_time, clock, writers), connect, time.sleep)
        for name in event.get("accounts") or names():
            if not enough_time():
                break
            try:
                work.account(name)
            except CountersignError as error:
                count("ImportFailed")
                logger.error("a history was not imported", extra={"account": name, "reason": str(error)})

"""Fetch a platform's bills and compare them, each day of each account once, however often this runs."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from countersign.errors import CountersignError
from countersign.platforms.port import Bills, Connectors
from countersign.runtime.telemetry import count, logger
from countersign.store import OrderStore, credentials
from countersign.store.reconciliation import GRACE_DAYS, Day, ReconciliationStore
from countersign.workers.loop import WORK
from countersign.workers.reconcile import Comparison, Counts, Seen

LOOK_BACK_DAYS = 7
ENOUGH_TIME_MS = 120_000


@dataclass(frozen=True, slots=True)
class BillWork:
    """One run over one account."""

    platform: str
    account: str
    connector: Bills
    rows: ReconciliationStore
    store: OrderStore
    now: Callable[[], int]

    def note_certificates(self) -> None:
        """Say until when the certificates of the account's document are good: this reads each document every day."""
        for name, ends_at in self.connector.certificate_ends().items():
            names = self.platform, self.account, name
            credentials.note_end(self.store.client, self.store.table, *names, ends_at=ends_at, now=self.now())

    def wanted(self) -> list[date]:
        """Return the days that are still to be compared, oldest first.

        The latest one always; an earlier one where it was begun, or where an even earlier one was done: then a run
        was missed. Before the first run there is nothing to compare with.
        """
        latest = self.connector.latest_day(self.now())
        days = [latest - timedelta(days=back) for back in range(LOOK_BACK_DAYS, -1, -1)]
        statuses = self.rows.statuses(map(self._day, days))
        begun = next((day for day in days if self._day(day) in statuses), latest)
        return [day for day in days if day >= begun and statuses.get(self._day(day)) not in ("done", "nothing")]

    def compare(self, day: date) -> Counts | None:
        """Compare one day; None where somebody else compares it now.

        Raises PlatformUnavailableError while the platform has not made the bill: the next run asks again.
        """
        name = self._day(day)
        if not self.rows.begin(name, now=self.now()):
            return None
        try:
            with tempfile.TemporaryDirectory() as folder, self.connector.bill(day, Path(folder)) as lines:
                comparison = Comparison(
                    day=name,
                    span=self.connector.span(day),
                    connector=self.connector,
                    rows=self.rows,
                    store=self.store,
                    now=self.now(),
                )
                with Seen(Path(folder)) as seen:
                    earlier = [self._day(day - timedelta(days=back)) for back in range(1, GRACE_DAYS + 1)]
                    counts = comparison.run(lines, seen, earlier)
        except CountersignError as error:
            self.rows.end(name, "waiting", reason=str(error), now=self.now())
            raise
        self.rows.end(name, "done" if counts.by_currency else "nothing", counts=counts.to_json(), now=self.now())
        return counts

    def _day(self, day: date) -> Day:
        return Day(self.platform, self.account, day.isoformat())


def run(
    event: dict[str, Any], context: Any, *, store: OrderStore, rows: ReconciliationStore, connect: Connectors[Bills]
) -> None:
    """Compare what is not compared yet, or the one day that the API names on the bus, or a person by invocation.

    Such a person sends {"compare": {"account", "date"}}.
    """
    again = event["detail"] if event.get("source") == WORK else event.get("compare")
    for name in [again["account"]] if again else list(connect.accounts.names()):
        try:
            work = BillWork(connect.accounts.platform, name, connect(name), rows, store, lambda: int(time.time()))
            days = [date.fromisoformat(again["date"])] if again else work.wanted()
            if days:  # once a day, as a rule
                work.note_certificates()
            for day in days:
                if context.get_remaining_time_in_millis() < ENOUGH_TIME_MS:
                    return
                _compare(work, day)
        except CountersignError as error:
            count("BillFailed")
            reason = {"account": name, "error": type(error).__name__, "reason": str(error)}
            logger.warning("bill not compared", extra=reason)


def _compare(work: BillWork, day: date) -> None:
    counts = work.compare(day)
    if counts is not None:
        count("BillCompared")
        count("ReconciliationDifference", counts.differences)
        compared = {"account": work.account, "day": day.isoformat(), **counts.to_json()}
        logger.info("bill compared", extra={"bill": compared})

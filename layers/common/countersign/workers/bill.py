"""Fetch WeChat's bills and compare them, each day of each account once, however often this runs."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from countersign.errors import CountersignError, PlatformUnavailableError
from countersign.orders.changes import Change, OrderKey
from countersign.platforms.wechat import bills, connector
from countersign.platforms.wechat.client import NoBillError
from countersign.platforms.wechat.connector import Reach
from countersign.store import OrderStore
from countersign.store.reconciliation import GRACE_DAYS, Day, ReconciliationStore
from countersign.workers.reconcile import Comparison, Counts, Report, Seen

LOOK_BACK_DAYS = 7


@dataclass(frozen=True, slots=True)
class BillWork:
    """One run over one account."""

    account: str
    reach: Reach
    rows: ReconciliationStore
    store: OrderStore
    report: Report
    now: Callable[[], int]

    def wanted(self) -> list[date]:
        """Return the days that are still to be compared, oldest first.

        The latest one always; an earlier one where it was begun, or where an even earlier one was done: then a run
        was missed. Before the first run there is nothing to compare with.
        """
        latest = bills.latest_day(self.now())
        days = [latest - timedelta(days=back) for back in range(LOOK_BACK_DAYS, -1, -1)]
        statuses = self.rows.statuses(map(self._day, days))
        begun = next((day for day in days if self._day(day) in statuses), latest)
        return [day for day in days if day >= begun and statuses.get(self._day(day)) not in ("done", "nothing")]

    def compare(self, day: date) -> Counts | None:
        """Compare one day; None where WeChat has no bill of it, or somebody else compares it now.

        Raises PlatformUnavailableError while WeChat has not made the bill: the next run asks again.
        """
        name = self._day(day)
        if not self.rows.begin(name, now=self.now()):
            return None
        with tempfile.TemporaryDirectory() as folder:
            try:
                with Path(folder, "bill").open("w+b") as file:
                    self.reach.client.bill(day, file)
                    counts = self._compare(day, file, Path(folder))
            except NoBillError:
                counts = self._compare(day, None, Path(folder))
            except CountersignError as error:
                self.rows.end(name, "waiting", reason=str(error), now=self.now())
                raise
        empty = not (counts.payments or counts.refunds)
        self.rows.end(name, "nothing" if empty else "done", counts=counts.to_json(), now=self.now())
        return counts

    def _compare(self, day: date, file: bills.File | None, folder: Path) -> Counts:
        comparison = Comparison(
            day=self._day(day),
            span=bills.span(day),
            tenant=self.reach.settings.mchid,
            rows=self.rows,
            store=self.store,
            ask=self._ask,
            report=self.report,
            now=self.now(),
        )
        lines = bills.read(file, self.account) if file is not None else iter(())
        with Seen(folder) as seen:
            earlier = [self._day(day - timedelta(days=back)) for back in range(1, GRACE_DAYS + 1)]
            return comparison.run(lines, seen, earlier)

    def _ask(self, key: OrderKey, refund_id: str) -> Change | None:
        order = self.store.get(key)
        system = order.terms.system if order else self.reach.settings.api
        try:
            if refund_id:
                return connector.about_refund(self.reach, key, refund_id, system)
            return connector.about_order(self.reach, key, system, now=self.now())
        except CountersignError as error:
            raise PlatformUnavailableError(str(error)) from error

    def _day(self, day: date) -> Day:
        return Day("wechat", self.account, day.isoformat())

"""Fetch Douyin's bills and compare them, each day of each app once, however often this runs."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from pathlib import Path

from countersign.errors import CountersignError, PlatformUnavailableError
from countersign.orders.changes import Change, OrderKey
from countersign.orders.reconcile import BillLine
from countersign.platforms.douyin import bills, connector
from countersign.platforms.douyin.connector import Reach
from countersign.store import OrderStore
from countersign.store.reconciliation import GRACE_DAYS, Day, ReconciliationStore
from countersign.workers.reconcile import Comparison, Counts, Report, Seen

LOOK_BACK_DAYS = 7


@dataclass(frozen=True, slots=True)
class BillWork:
    """One run over one app."""

    reach: Reach
    rows: ReconciliationStore
    store: OrderStore
    report: Report
    now: Callable[[], int]

    def wanted(self) -> list[date]:
        """Return the days that are still to be compared, oldest first: the latest always, earlier ones once begun."""
        latest = bills.latest_day(self.now())
        days = [latest - timedelta(days=back) for back in range(LOOK_BACK_DAYS, -1, -1)]
        statuses = self.rows.statuses(map(self._day, days))
        begun = next((day for day in days if self._day(day) in statuses), latest)
        return [day for day in days if day >= begun and statuses.get(self._day(day)) not in ("done", "nothing")]

    def compare(self, day: date) -> Counts | None:
        """Compare one day; None where somebody else compares it now.

        Raises PlatformUnavailableError while Douyin has not made the bill: the next run asks again.
        """
        name = self._day(day)
        if not self.rows.begin(name, now=self.now()):
            return None
        try:
            with tempfile.TemporaryDirectory() as folder:
                counts = self._compare(day, Path(folder))
        except CountersignError as error:
            self.rows.end(name, "waiting", reason=str(error), now=self.now())
            raise
        empty = not (counts.payments or counts.refunds)
        self.rows.end(name, "nothing" if empty else "done", counts=counts.to_json(), now=self.now())
        return counts

    def _compare(self, day: date, folder: Path) -> Counts:
        for kind in (bills.PAYMENT, bills.REFUND):
            with (folder / kind).open("w+b") as file:
                self.reach.client.bill(kind, day, file)
        for _ in self._lines(folder):  # whole and well-formed, before anything in it is used
            pass
        comparison = Comparison(
            day=self._day(day),
            span=bills.span(day),
            tenant=self.reach.settings.app_id,
            rows=self.rows,
            store=self.store,
            ask=self._ask,
            report=self.report,
            now=self.now(),
        )
        with Seen(folder) as seen:
            earlier = [self._day(day - timedelta(days=back)) for back in range(1, GRACE_DAYS + 1)]
            return comparison.run(self._lines(folder), seen, earlier)

    def _lines(self, folder: Path) -> Iterator[BillLine]:
        with ExitStack() as files:
            tables = []
            for kind in (bills.PAYMENT, bills.REFUND):
                path = folder / kind
                if path.stat().st_size:
                    text = files.enter_context(path.open(encoding="utf-8", newline=""))
                    tables.append(bills.read(text, kind, self.reach.name))
            yield from chain(*tables)

    def _ask(self, key: OrderKey, refund_id: str) -> Change | None:
        order = self.store.get(key)
        system = order.terms.system if order else self.reach.settings.system
        try:
            if refund_id:
                return connector.about_refund(self.reach, key, refund_id, system)
            return connector.about_order(self.reach, key, system, now=self.now())
        except CountersignError as error:
            raise PlatformUnavailableError(str(error)) from error

    def _day(self, day: date) -> Day:
        return Day("douyin", self.reach.name, day.isoformat())

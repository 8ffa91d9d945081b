"""Read a platform's list of changes from where it was left, record what it tells that is not known, and note the place.

A run is leased, so two never read one account's list at once; it notes after each page how far it came, so one that is
killed goes on there, and only what was recorded is passed over. Each list begins a while before the last one ended: the
platform's clock, zone and index are not ours. What is told twice is recorded once.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from countersign.errors import CountersignError
from countersign.orders.changes import Change, OrderKey, OrderReported
from countersign.orders.reports import tells_more
from countersign.orders.state import Order
from countersign.platforms.port import Changes, Scanned, Scans
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, logger, seconds
from countersign.store import OrderStore, codec, dynamo, keys
from countersign.store.scans import Scan, ScanStore

WRITERS = 8
IN_FLIGHT_SECONDS = 300  # a change that is younger may be told yet
Connect = Callable[[str], Scans]


@dataclass(slots=True)
class Tally:
    """What a run found of deliveries: orders whose last change was told, and such that only the list knows of."""

    told: int = 0
    untold: int = 0
    untold_at: int = 0

    def count(self, order: Order | None, change: Change, now: int) -> None:
        """Count what the list says of one order, against what is known of it."""
        if not isinstance(change.fact, OrderReported):
            return
        at, newest = change.fact.report.version, order.newest if order is not None else None
        if newest is not None and newest.version >= at:
            self.told += newest.read_at == 0  # what was read before says nothing
        elif at + IN_FLIGHT_SECONDS <= now:
            self.untold += 1
            self.untold_at = min(self.untold_at or at, at)


@dataclass(frozen=True, slots=True)
class ScanWork:
    """One run over accounts: where orders and places are kept, and how a platform is reached."""

    store: OrderStore
    scans: ScanStore
    connect: Connect
    enough_time: Callable[[], bool]
    clock: Callable[[], int]  # epoch seconds
    writers: Executor  # a platform's page is recorded while the next one may not be asked for yet

    def account(self, name: str) -> bool:
        """Read one account's list as far as time allows; False where another run is at it, or time was up."""
        scan = self.scans.lease(name, now=self.clock())
        if scan is None:
            count("ScanBusy")
            return False
        return self._read(name, scan, self.clock())

    def _read(self, name: str, scan: Scan, now: int) -> bool:
        try:
            platform = self.connect(name)
            whole = scan.whole or not (scan.done or scan.reached)  # the first list is of everything
            before = platform.earlier(scan.done, platform.overlap) if scan.done else platform.beginning(now)
            since = scan.reached or before
            self.scans.begin(scan, whole=whole)
            latest = scan.done or since
            tally = Tally()
            for page in platform.scan(since, everything=whole, now=now):
                self.record(page, now, tally)
                latest = max(latest, page.latest or latest, key=platform.moment)
                leased = self.scans.advance(scan, page.place, now=self.clock())
                if leased is None:
                    count("ScanBusy")
                    return False
                scan = leased
                if not self.enough_time():
                    count("ScanInterrupted")
                    self.scans.give_back(scan)
                    return False
        except CountersignError:
            self.scans.give_back(scan)
            raise
        self.scans.finish(scan, latest)
        if not whole:  # what was never read before says nothing about deliveries
            self.scans.note(name, told=tally.told, untold=tally.untold, untold_at=tally.untold_at)
        return True

    def record(self, page: Scanned, now: int, tally: "Tally") -> None:
        """Record what a page tells that is not known yet; the same order's messages stay in their sequence."""
        count("ScanRead", len(page.messages))
        if page.unreadable:
            count("ScanUnreadable", page.unreadable)
            logger.error("entries of a platform's list cannot be read", extra={"entries": page.unreadable})
        by_order: dict[OrderKey, list[Changes]] = {}
        for message in page.messages:
            by_order.setdefault(message[0].key, []).append(message)
        news = list(self._news(by_order, now, tally))
        if not news:
            return
        for outcomes in self.writers.map(lambda messages: self._take(messages, now), news):
            for outcome in outcomes:
                callbacks.report(outcome)

    def _take(self, messages: Iterable[Changes], now: int) -> list[Any]:
        return [self.store.record_message(message, now=now) for message in messages]

    def _news(self, by_order: dict[OrderKey, list[Changes]], now: int, tally: "Tally") -> Iterator[list[Changes]]:
        orders = list(by_order)
        for first in range(0, len(orders), dynamo.BATCH):
            some = orders[first : first + dynamo.BATCH]
            rows = [(keys.order_pk(key), keys.ORDER) for key in some]
            found = dynamo.read_many(self.store.client, self.store.table, rows)
            for key, row in zip(some, rows, strict=True):
                order = codec.read_order(found[row]) if row in found else None
                for message in by_order[key]:
                    tally.count(order, message[0], now)
                more = [message for message in by_order[key] if tells_more(order, [one.fact for one in message])]
                if more:
                    yield more


def run(
    event: dict[str, Any],
    context: Any,
    *,
    names: Callable[[], Iterable[str]],
    store: OrderStore,
    scans: ScanStore,
    connect: Connect,
    enough_ms: int,
) -> None:
    """Read the lists of all accounts, or of those that the event names (`accounts`), while there is time.

    One account's fault is its own: the others are read.
    """

    def enough_time() -> bool:
        return bool(context.get_remaining_time_in_millis() >= enough_ms)

    chosen: Iterable[str] = event.get("accounts") or names()
    with ThreadPoolExecutor(WRITERS) as writers:
        work = ScanWork(store, scans, connect, enough_time, lambda: int(time.time()), writers)
        for name in chosen:
            if not enough_time():
                break
            began = time.monotonic()
            try:
                count("ScanDone", int(work.account(name)))
            except CountersignError as error:
                count("ScanFailed")
                logger.error("a list was not read", extra={"account": name, "reason": str(error)})
            seconds("ScanSeconds", int(time.monotonic() - began))

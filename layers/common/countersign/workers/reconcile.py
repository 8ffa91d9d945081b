"""Compare a platform's bill of a day with what is known here, and ask the platform where they differ."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Self

from countersign.errors import CountersignError
from countersign.money import Money
from countersign.orders.changes import Bill, Change, OrderKey, Queried, RefundReported, Unrecognised
from countersign.orders.decide import decide
from countersign.orders.decision import View
from countersign.orders.reconcile import (
    BillLine,
    Difference,
    ours_in_words,
    payment_difference,
    refund_difference,
)
from countersign.orders.refunds import Refund
from countersign.orders.state import Order
from countersign.platforms.port import Bills, Changes
from countersign.runtime import callbacks
from countersign.store import OrderStore, children, codec
from countersign.store.reconciliation import Day, ReconciliationStore

BATCH = 50  # lines; two rows each make DynamoDB's hundred
MAX_KEPT = 1000  # differences of a day; more are only counted
MAX_ASKED = 200  # questions to the platform in one run

# A difference, and the news that is to be taken into its order once the difference is kept: a run that dies between
# the two finds the same difference again, one that died between them the other way round would have lost it.
Found = tuple[Difference, Changes]


class Seen:
    """The numbers that a bill has, on disk: a large bill must not need large memory."""

    def __init__(self, folder: Path) -> None:
        self._database = sqlite3.connect(folder / "seen.sqlite", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE seen (number TEXT PRIMARY KEY) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def add(self, numbers: Iterable[str]) -> None:
        """Remember numbers."""
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?)", ((number,) for number in numbers))
        self._database.execute("COMMIT")

    def __contains__(self, number: object) -> bool:
        return self._database.execute("SELECT 1 FROM seen WHERE number = ?", (number,)).fetchone() is not None


@dataclass(slots=True)
class Sums:
    """What a bill held in one currency: numbers of lines, and minor units."""

    payments: int = 0
    paid: int = 0
    refunds: int = 0
    refunded: int = 0


@dataclass(slots=True)
class Counts:
    """What a bill held, currency by currency, and what was found."""

    by_currency: dict[str, Sums] = field(default_factory=dict)
    differences: int = 0
    resolved: int = 0

    def take(self, line: BillLine) -> None:
        """Count a line."""
        sums = self.by_currency.setdefault(line.amount.currency, Sums())
        if line.refund_id:
            sums.refunds, sums.refunded = sums.refunds + 1, sums.refunded + line.amount.minor
        else:
            sums.payments, sums.paid = sums.payments + 1, sums.paid + line.amount.minor

    def to_json(self) -> dict[str, object]:
        """Return the counts in the words of the contract: sums of money only where the bill has one currency."""
        each = [
            {
                "payments": sums.payments,
                "paid": Money(sums.paid, currency).to_json(),
                "refunds": sums.refunds,
                "refunded": Money(sums.refunded, currency).to_json(),
            }
            for currency, sums in sorted(self.by_currency.items())
        ]
        return {
            "payments": sum(sums.payments for sums in self.by_currency.values()),
            "paid": each[0]["paid"] if len(each) == 1 else None,
            "refunds": sum(sums.refunds for sums in self.by_currency.values()),
            "refunded": each[0]["refunded"] if len(each) == 1 else None,
            "currencies": each,
            "differences": self.differences,
            "resolved": self.resolved,
        }


@dataclass(slots=True)
class Comparison:
    """One day of one account."""

    day: Day
    span: tuple[int, int]
    connector: Bills
    rows: ReconciliationStore
    store: OrderStore
    now: int
    counts: Counts = field(default_factory=Counts)
    asked: int = 0

    def run(self, lines: Iterator[BillLine], seen: Seen, earlier: Iterable[Day] = ()) -> Counts:
        """Compare in both directions, keep what differs, and settle what this bill or an answer explains."""
        known = {(one.what, one.subject): one for one in self.rows.open_differences(self.day)}
        while batch := list(islice(lines, BATCH)):
            seen.add(line.transaction_id for line in batch if not line.refund_id)
            for difference, news in self._differences(batch):
                self._keep(difference, news)
                known.pop((difference.what, difference.subject), None)
        for difference, news in self._missing(seen):
            self._keep(difference, news)
            known.pop((difference.what, difference.subject), None)
        for difference in known.values():
            self.rows.settle(self.day, difference, "a later comparison found nothing", now=self.now)
        for day in earlier:
            self._look_again(day, seen)
        if self.counts.differences + self.counts.resolved <= MAX_KEPT:
            # What an earlier run of the day found and healed counts too.
            self.counts.differences, self.counts.resolved = self.rows.tally(self.day)
        return self.counts

    def _keep(self, difference: Difference, news: Changes) -> None:
        if difference.resolution:
            self.counts.resolved += 1
        else:
            self.counts.differences += 1
        if self.counts.differences + self.counts.resolved <= MAX_KEPT:
            self.rows.keep(self.day, difference, now=self.now)
        for change in news:
            callbacks.report(self.store.record(change, now=self.now))
            if isinstance(change.trust, Bill):
                self.rows.mark_billed(change.key, difference.subject, self.day.day)

    def _key(self, line: BillLine) -> OrderKey:
        return OrderKey(self.day.platform, self.day.account, line.order_id)

    def _differences(self, batch: list[BillLine]) -> Iterator[Found]:
        orders, refunds = self.rows.orders((self._key(line), line.refund_id) for line in batch)
        for line in batch:
            self.counts.take(line)
            key = self._key(line)
            order = orders.get(key)
            if not line.refund_id:
                if payment_difference(line, order):
                    yield self._about_payment(line, key, order)
                continue
            item = refunds.get((key, line.refund_id))
            refund = children.child_of(item) if item else None
            if item and codec.as_text(item, "billed_on") != self.day.day:
                self.rows.mark_billed(key, line.refund_id, self.day.day)
            if refund_difference(line, order, refund):
                yield self._about_refund(line, key, order, refund)

    def _about_payment(self, line: BillLine, key: OrderKey, order: Order | None) -> Found:
        """Ask the platform; its answer is taken into the order, which may settle the difference at once."""
        news, told = self._query(order, key)
        after = order
        for change in news if order is not None else ():
            after = decide(after, change).order or after
        found = Difference(
            payment_difference(line, order),
            line.order_id,
            line.subject,
            bill=f"{line.amount} at {line.at}",
            ours=ours_in_words(order, line.transaction_id),
            platform=told,
            resolution="" if payment_difference(line, after) else "the platform's answer was taken into the order",
            amount=line.amount,
        )
        return found, news if order is not None else ()

    def _about_refund(self, line: BillLine, key: OrderKey, order: Order | None, refund: Refund | None) -> Found:
        what, told, resolution = refund_difference(line, order, refund), "", ""
        news: Changes = ()
        if what == "refund_missing_here":
            # The line only says that the platform took it: the refund worker asks how it ended.
            fact = RefundReported(
                line.refund_id,
                line.amount,
                "processing",
                platform_refund_id=line.platform_refund_id,
                transaction_id=line.transaction_id,
            )
            news = (Change(key, fact, Bill(), "bill", self.connector.tenant),)
            resolution = "recorded as taken by the platform, which is asked how it ended"
        elif order is not None and refund is not None:
            news, told = self._query_refund(order, refund)
            after = refund
            for change in news:
                written = decide(order, change, view=View({("refund", after.refund_id): after})).children
                after = next((child for child in written if isinstance(child, Refund)), after)
            if not refund_difference(line, order, after):
                resolution = "the platform's answer was taken into the refund"
        found = Difference(
            what,
            line.order_id,
            line.subject,
            bill=f"{line.amount} at {line.at}",
            ours=ours_in_words(order, line.transaction_id, refund),
            platform=told,
            resolution=resolution,
            amount=line.amount,
        )
        return found, news

    def _missing(self, seen: Seen) -> Iterator[Found]:
        """Yield what is known here of that day and stands in no bill."""
        start, end = self.span
        for order in self.rows.changed_since(self.day.platform, self.day.account, start):
            for payment in () if order.terms.external else order.payments:
                if start <= payment.paid_at < end and payment.transaction_id not in seen:
                    news, told = self._query(order, order.key)
                    ours = ours_in_words(order, payment.transaction_id)
                    names = (order.key.order_id, payment.transaction_id)
                    yield Difference("payment_missing_in_bill", *names, ours=ours, platform=told), news
        for key, refund, item in self.rows.refunds_changed_since(self.day.platform, self.day.account, start):
            accepted_at = codec.as_number(item, "accepted_at") or 0
            if start <= accepted_at < end and "billed_on" not in item:
                news, told = self._query_refund(self.store.get(key), refund)
                ours = f"refund of {refund.amount}, {refund.status}"
                yield (
                    Difference("refund_missing_in_bill", key.order_id, refund.refund_id, ours=ours, platform=told),
                    news,
                )

    def _look_again(self, day: Day, seen: Seen) -> None:
        """Settle an earlier day's differences that this bill or the orders explain by now."""
        for difference in self.rows.open_differences(day):
            explained = self._explained(day, difference, seen)
            if explained:
                self.rows.settle(day, difference, explained, now=self.now)

    def _explained(self, day: Day, difference: Difference, seen: Seen) -> str:
        key, subject = OrderKey(day.platform, day.account, difference.order_id), difference.subject
        order = self.store.get(key)
        match difference.what:
            case "payment_missing_in_bill":
                return f"in the bill of {self.day.day}" if subject in seen else ""
            case "payment_missing_here" | "payment_unknown_here":
                claims = [claim.total for claim in order.claims if claim.transaction_id == subject] if order else []
                return "the payment became known since" if difference.amount in claims else ""
            case "refund_missing_in_bill":
                _, refunds = self.rows.orders([(key, subject)])
                billed = any("billed_on" in item for item in refunds.values())
                return f"in the bill of {self.day.day}" if billed else ""
            case "refund_unknown_here":
                return "the refund became known since" if self.store.refund(key, subject) else ""
        return ""

    def _query(self, order: Order | None, key: OrderKey) -> tuple[Changes, str]:
        """Return what the platform says about an order, and the same in words."""
        unknown = Change(key, Unrecognised("bill", ""), Queried(), "bill", self.connector.tenant)
        if order is None:
            return self._asked(lambda: self.connector.import_order(unknown, now=self.now))
        return self._asked(lambda: self.connector.query_order(order, now=self.now))

    def _query_refund(self, order: Order | None, refund: Refund) -> tuple[Changes, str]:
        """Return what the platform says about a refund, and the same in words."""

        def ask() -> Changes:
            answer = self.connector.query_refund(order, refund) if order is not None else None
            return (answer,) if answer is not None else ()

        return self._asked(ask)

    def _asked(self, ask: Callable[[], Changes]) -> tuple[Changes, str]:
        if self.asked >= MAX_ASKED:
            return (), "not asked: too many differences"
        self.asked += 1
        try:
            answer = ask()
        except CountersignError as error:
            return (), f"no answer: {error}"
        return answer, "; ".join(map(in_words, answer)) or "knows no such number"


def in_words(news: Change) -> str:
    """Say what the platform's answer says."""
    fact = news.fact
    amount = getattr(fact, "total", None) if fact.kind == "paid" else getattr(fact, "amount", None)
    word = getattr(fact, "status", None) or getattr(fact, "word", None)
    return " ".join(str(part) for part in (fact.kind, amount, word) if part)

"""Send notices: an event of the bus becomes a row for each notice of it, and a row is worked on until it has ended."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from countersign.errors import CountersignError, NotFoundError, TemporaryError
from countersign.notices.channels.port import Channel, Delivery
from countersign.notices.content import Facts
from countersign.notices.outcome import Outcome
from countersign.notices.settings import Notice, Notices
from countersign.orders.changes import OrderKey
from countersign.orders.sentences import said
from countersign.runtime.telemetry import count, logger, seconds
from countersign.store import codec, keys
from countersign.store.codec import Item
from countersign.store.due import LEASE_SECONDS, DueList
from countersign.store.lists import History, OrderLists
from countersign.store.notices import Event, NoticeStore, PendingNotice
from countersign.workers import loop

MINUTE, HOUR = 60, 3600
# Seconds from an attempt to the next one; after the last a notice has failed. The due list is read once a minute.
RETRY_DELAYS = (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR)
# The schedule that https://www.standardwebhooks.com gives.
CHANNEL_RETRY_DELAYS = {
    "webhook": (5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR),
}
ONCE_ONLY = frozenset({"print"})  # what must not be repeated where nobody knows
MOST_FAILED_ATTEMPTS = 3  # of one notice of an account in one run: others must not wait behind an address that hangs


# Events of which the stored reason says more than the order, refund or shipment itself.
REASONED = frozenset({"order.failed", "reconciliation.difference"})


@dataclass(frozen=True, slots=True)
class NoticeWork:
    """One run: the rows, the orders, how accounts' notices are found and sent, and what failed so far."""

    store: NoticeStore
    lists: OrderLists
    notices_of: Callable[[OrderKey], Notices]
    send: Channel
    failed_calls: dict[tuple[str, str], int]
    now: int

    def enqueue(self, detail_type: str, detail: Mapping[str, Any]) -> OrderKey | None:
        """Put every notice that the account wants of an event on the list; None where it wants none."""
        key = OrderKey(detail["platform"], detail["account"], detail["order_id"])
        try:
            wanted = self.notices_of(key).wanted(detail_type)
        except NotFoundError:  # an account that was taken away: nobody is left to tell
            return None
        recorded = datetime.fromisoformat(detail["recorded_at"]) if detail.get("recorded_at") else None
        at = int(recorded.timestamp()) if recorded else self.now
        event = Event(key, detail["id"], detail_type, detail["event_id"], at, detail.get("version") or 0)
        for notice in wanted:
            self.store.enqueue(event, name=notice.name, channel=notice.channel, now=self.now)
        return key if wanted else None

    def process(self, item: Item) -> Outcome | None:
        """Lease a due notice and try to send it; None where that must wait, or has ended, or somebody else does it."""
        if self.store.unlist(item):
            return None
        place = (item["pk"]["S"].rpartition("#")[0], codec.as_text(item, "name"))
        if self.failed_calls.get(place, 0) >= MOST_FAILED_ATTEMPTS:
            return None
        pending = self.store.lease(item, now=self.now, seconds=LEASE_SECONDS)
        if pending is None:
            return None
        delays = CHANNEL_RETRY_DELAYS.get(codec.as_text(item, "channel"), RETRY_DELAYS)
        if pending.attempts > len(delays) + 1:  # a run that dies of it each time must not do so for ever
            reason = f"given up: {pending.attempts - 1} attempts ended without a word, so it may have been sent"
            return self._end(pending, None, Outcome("unknown", reason))
        notice, outcome = self._try(pending)
        if outcome.state == "again":
            self.failed_calls[place] = self.failed_calls.get(place, 0) + 1
            if pending.attempts <= len(delays):
                at = self.now + delays[pending.attempts - 1]
                self.store.later(pending, reason=outcome.reason, via=outcome.via, at=at, now=self.now)
                return outcome
            reason = f"given up after {pending.attempts} attempts: {outcome.reason}"
            # A printer that is named may have the receipt: nothing else may print it then, not even a fallback.
            doubtful = bool(outcome.via) and notice is not None and notice.channel in ONCE_ONLY
            outcome = outcome._replace(state="unknown" if doubtful else "failed", reason=reason)
        return self._end(pending, notice, outcome)

    def _try(self, pending: PendingNotice) -> tuple[Notice | None, Outcome]:
        """Send, with every error as an outcome: the reasons name what is wrong, never what was sent."""
        notice = None
        try:
            notices = self.notices_of(pending.event.key)
            notice = notices.by_name.get(pending.name)
            if notice is None:
                return None, Outcome("skipped", "it is switched off, or no longer in the account document")
            history = self.lists.history(pending.event.key)
            facts = self._facts(pending.event, history)._replace(zone=notices.zone)
            job = Delivery(
                notice, facts, history, pending.event, pending.memo, self._remembering(pending), self.now, pending.again
            )
            return notice, self.send(job)
        except NotFoundError:
            return notice, Outcome("skipped", "there is no such account any more")
        except TemporaryError as error:
            return notice, Outcome("again", str(error))
        except CountersignError as error:
            return notice, Outcome("failed", str(error))

    def _remembering(self, pending: PendingNotice) -> Callable[[Mapping[str, str]], None]:
        return lambda memo: self.store.remember(pending, memo)

    def _end(self, pending: PendingNotice, notice: Notice | None, outcome: Outcome) -> Outcome:
        """Write how it ended; where another notice takes over, that one is put on the list first."""
        if outcome.state == "failed" and notice is not None and (other := self._fallback(pending, notice)):
            self.store.enqueue(pending.event, name=other.name, channel=other.channel, now=self.now)
            outcome = outcome._replace(state="replaced", reason=f"{outcome.reason}; {other.name} takes over")
        status = "failed" if outcome.state == "replaced" else outcome.state
        if outcome.state == "sent" and notice is not None:
            outcome = outcome._replace(via=outcome.via or notice.channel)
        listed = outcome.state in ("failed", "unknown")
        self.store.ended(pending, status, reason=outcome.reason, via=outcome.via, listed=listed, now=self.now)
        return outcome

    def _fallback(self, pending: PendingNotice, notice: Notice) -> Notice | None:
        return self.notices_of(pending.event.key).by_name.get(notice.fallback)

    def _facts(self, event: Event, history: History | None) -> Facts:
        """Return what there is to tell: the order as it is now, and the refund or shipment that the event is about."""
        if history is None:
            row = self.store.event(event.key, event.event_id)
            return Facts(event.key, event.detail_type, event.at, reason=said(codec.as_reasons(row or {})))
        row = next((item for item in history.events if codec.event_id(item) == event.event_id), None)
        fact = codec.read_change(row, event.key).fact if row else None
        refund_id = getattr(fact, "refund_id", "")
        if not refund_id and event.detail_type.startswith("refund."):
            refund_id = history.order.late_refund_id  # money that came late brought it: it is no fact of its own
        shipment_id = getattr(fact, "shipment_id", "")
        return Facts(
            event.key,
            event.detail_type,
            event.at,
            history.order,
            next((one for one in history.refunds if one.refund_id == refund_id), None),
            next((one for one in history.shipments if one.shipment_id == shipment_id), None),
            said(codec.as_reasons(row or {})) if event.detail_type in REASONED else "",
        )


def run(
    event: dict[str, Any],
    context: Any,
    *,
    store: NoticeStore,
    lists: OrderLists,
    due: DueList,
    notices_of: Callable[[OrderKey], Notices],
    send: Channel,
    enough_ms: int,
) -> None:
    """Put on the list what an event of the bus asks for, then send what is due until little time is left.

    What remains stays on the list.
    """
    now, failed_calls, states = int(time.time()), dict[tuple[str, str], int](), set[str]()

    def work(now: int) -> NoticeWork:
        return NoticeWork(store, lists, notices_of, send, failed_calls, now)

    def process(item: Item, now: int) -> bool:
        outcome = work(now).process(item)
        if outcome is not None:
            states.add(outcome.state)
            _report(item, outcome)
        return outcome is not None

    def pass_over(now: int) -> int:
        items = loop.waiting(event, due, now, kind=keys.NOTICE)
        return loop.work(items, context, process, enough_ms=enough_ms, worked="NoticeTried", failed="NoticeNotSettled")

    if event["source"] == "countersign" and not work(now).enqueue(event["detail-type"], event["detail"]):
        return
    seconds("NoticeOverdueSeconds", pass_over(now))
    if "replaced" in states:  # what takes over need not wait for the next minute
        pass_over(int(time.time()))


def _report(item: Item, outcome: Outcome) -> None:
    if outcome.state not in ("failed", "unknown"):
        count(f"Notice{outcome.state.capitalize()}")
        return
    count("NoticeFailed")
    logger.error("notice not sent", extra={"notice": codec.as_text(item, "name"), "reason": outcome.reason})

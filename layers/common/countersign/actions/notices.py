"""Owe and send notices: what the bus tells becomes a row for each notice, and a row is worked on until it has ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from countersign.errors import CountersignError, NotFoundError, TemporaryError
from countersign.notices.content import Facts
from countersign.notices.outcome import Outcome
from countersign.notices.settings import Notice, Notices
from countersign.orders.changes import OrderKey
from countersign.orders.state import Order
from countersign.store import codec
from countersign.store.codec import Item
from countersign.store.due import LEASE_SECONDS
from countersign.store.lists import OrderLists
from countersign.store.notices import NoticeStore, Owed

MINUTE, HOUR = 60, 3600
# Seconds from an attempt to the next one; after the last a notice has failed. The due list is read once a minute.
LADDER = (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR)
# The schedule that https://www.standardwebhooks.com gives.
LADDERS = {
    "webhook": (5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR),
}
VAIN_ATTEMPTS = 3  # of one notice of an account in one run: others must not wait behind an address that hangs


class Job(NamedTuple):
    """What a channel is given: the notice, what there is to tell, and what it remembered of earlier attempts."""

    notice: Notice
    facts: Facts
    event: str  # the bus event's id: the same at each attempt
    memo: Mapping[str, str]
    remember: Callable[[Mapping[str, str]], None]  # durable before it returns
    now: int


Channel = Callable[[Job], Outcome]


@dataclass(frozen=True, slots=True)
class NoticeWork:
    """One run: the rows, the orders, how accounts' notices are found, the channels, and what was tried in vain."""

    store: NoticeStore
    lists: OrderLists
    notices_of: Callable[[OrderKey], Notices]
    channels: Mapping[str, Channel]
    vain: dict[tuple[str, str], int]
    now: int

    def owe(self, detail_type: str, detail: Mapping[str, Any]) -> OrderKey | None:
        """Owe every notice that the account wants of an event; None where it wants none."""
        key = OrderKey(detail["platform"], detail["account"], detail["order_id"])
        try:
            wanted = self.notices_of(key).wanted(detail_type)
        except NotFoundError:  # an account that was taken away: nobody is left to tell
            return None
        recorded = datetime.fromisoformat(detail["recorded_at"]) if detail.get("recorded_at") else None
        at = int(recorded.timestamp()) if recorded else self.now
        for notice in wanted:
            self.store.claim(
                key,
                event=detail["id"],
                detail_type=detail_type,
                event_id=detail["event_id"],
                at=at,
                name=notice.name,
                channel=notice.channel,
                now=self.now,
            )
        return key if wanted else None

    def look(self, item: Item) -> Outcome | None:
        """Take a due notice and try to send it; None where that must wait or somebody else does it."""
        place = (item["pk"]["S"].rpartition("#")[0], codec.as_text(item, "name"))
        if self.vain.get(place, 0) >= VAIN_ATTEMPTS:
            return None
        owed = self.store.take(item, now=self.now, lease=LEASE_SECONDS)
        if owed is None:
            return None
        notice, outcome = self._try(owed)
        if outcome.state == "again":
            self.vain[place] = self.vain.get(place, 0) + 1
            ladder = LADDERS.get(notice.channel, LADDER) if notice else LADDER
            if owed.attempts <= len(ladder):
                at = self.now + ladder[owed.attempts - 1]
                self.store.later(owed, reason=outcome.reason, via=outcome.via, at=at, now=self.now)
                return outcome
            reason = f"given up after {owed.attempts} attempts: {outcome.reason}"
            outcome = outcome._replace(state="failed", reason=reason)
        return self._end(owed, notice, outcome)

    def _try(self, owed: Owed) -> tuple[Notice | None, Outcome]:
        """Send, with every error as an outcome: the reasons name what is wrong, never what was sent."""
        notice = None
        try:
            notice = self.notices_of(owed.key).by_name.get(owed.name)
            if notice is None:
                return None, Outcome("skipped", "it is switched off, or no longer in the account document")
            if notice.content is None:
                return notice, Outcome("failed", f"the account document: {notice.problem}")
            job = Job(notice, self._facts(owed), owed.event, owed.memo, self._remembering(owed), self.now)
            return notice, self.channels[notice.channel](job)
        except NotFoundError:
            return notice, Outcome("skipped", "there is no such account any more")
        except TemporaryError as error:
            return notice, Outcome("again", str(error))
        except CountersignError as error:
            return notice, Outcome("failed", str(error))

    def _remembering(self, owed: Owed) -> Callable[[Mapping[str, str]], None]:
        return lambda memo: self.store.remember(owed, memo)

    def _end(self, owed: Owed, notice: Notice | None, outcome: Outcome) -> Outcome:
        """Write how it ended; where another notice takes over, that one is owed first."""
        if outcome.state == "failed" and notice is not None and (other := self._fallback(owed, notice)):
            self.store.claim(
                owed.key,
                event=owed.event,
                detail_type=owed.detail_type,
                event_id=owed.event_id,
                at=owed.at,
                name=other.name,
                channel=other.channel,
                now=self.now,
            )
            outcome = outcome._replace(state="replaced", reason=f"{outcome.reason}; {other.name} takes over")
        status = "failed" if outcome.state == "replaced" else outcome.state
        listed = outcome.state in ("failed", "unknown")
        self.store.ended(owed, status, reason=outcome.reason, via=outcome.via, listed=listed, now=self.now)
        return outcome

    def _fallback(self, owed: Owed, notice: Notice) -> Notice | None:
        return self.notices_of(owed.key).by_name.get(notice.fallback)

    def _facts(self, owed: Owed) -> Facts:
        """Read what there is to tell: the order as it is now, and the refund or shipment that the event is about."""
        history = self.lists.history(owed.key)
        if history is None:
            event = self.store.event(owed.key, owed.event_id)
            reason = codec.as_text(event, "reason") if event else ""
            return Facts(owed.key, owed.detail_type, owed.at, reason=reason)
        event = next((item for item in history.events if codec.as_text(item, "event_id") == owed.event_id), None)
        fact = codec.load_change(owed.key, codec.as_text(event, "change")).fact if event else None
        refund_id = getattr(fact, "refund_id", "") or _late_refund(history.order, owed.detail_type)
        shipment_id = getattr(fact, "shipment_id", "")
        return Facts(
            owed.key,
            owed.detail_type,
            owed.at,
            history.order,
            next((one for one in history.refunds if one.refund_id == refund_id), None),
            next((one for one in history.shipments if one.shipment_id == shipment_id), None),
            codec.as_text(event, "reason") if event else "",
        )


def _late_refund(order: Order, detail_type: str) -> str:
    """Return the refund of money that came late: the payment itself brought it, no fact of its own."""
    return order.late_refund_id if detail_type.startswith("refund.") else ""

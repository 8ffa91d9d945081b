"""What an operator has done again, by hand: quarantined news after a fix, and stored events.

Bytes in quarantine were verified when they came. The headers that some signatures cover are not kept and not needed:
the row's digest must be that of its bytes, and the platform's `reverify` does all else anew (seal, tenant, strict
reading). What can be read now is recorded as the callback would have recorded it, under the same event id: redriving
twice, or after the platform sent it again, changes nothing.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Self

from countersign.errors import CountersignError, MalformedError, NotFoundError, UnprocessableError
from countersign.orders.changes import AccountNews, Change, OrderKey
from countersign.orders.sentences import sentence
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, logger
from countersign.signing import digests
from countersign.store import OrderStore, Outcome, orphans
from countersign.store.codec import Item
from countersign.store.quarantine import Quarantine, QuarantinedMessage, digest

ENOUGH_TIME_MS = 10_000  # one row at its longest
MAX_ROWS = 1000  # in one run: its answer lists each that is still refused
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_AFTER = re.compile(r"[a-z]+#[a-z0-9.-]+#[0-9a-f]{64}")
_WORDS = frozenset({"day", "from", "to", "account", "digest", "dry_run", "after"})
_REPLAY_WORDS = frozenset({"account", "order_id", "event_id"})

Json = dict[str, Any]
Reader = Callable[[QuarantinedMessage], Change | Sequence[Change] | AccountNews]
Report = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows to redrive: those of the days from `first` to `last`, on the first day those beyond `after` only."""

    first: date
    last: date
    account: str = ""
    digest: str = ""
    dry_run: bool = False
    after: str = ""

    @classmethod
    def read(cls, event: Mapping[str, Any]) -> Self:
        """Read an operator's event; MalformedError for anything unknown: a misspelt `dry_run` must not write."""
        if unknown := event.keys() - _WORDS:
            raise MalformedError(f"unknown: {', '.join(sorted(map(str, unknown)))}")
        if ("day" in event) == ("from" in event or "to" in event) or ("from" in event) != ("to" in event):
            raise MalformedError("either day, or from and to, is needed")
        wanted = cls(
            first=_day(event, "day" if "day" in event else "from"),
            last=_day(event, "day" if "day" in event else "to"),
            account=_text(event, "account", _ACCOUNT),
            digest=_text(event, "digest", _DIGEST),
            dry_run=event.get("dry_run", False),
            after=_text(event, "after", _AFTER),
        )
        if wanted.first > wanted.last:
            raise MalformedError("from is later than to")
        if type(wanted.dry_run) is not bool:
            raise MalformedError("dry_run is true or false")
        return wanted

    def to_event(self) -> Json:
        """Return the event that asks for these rows."""
        event: Json = {"from": self.first.isoformat(), "to": self.last.isoformat()}
        said = {"account": self.account, "digest": self.digest, "dry_run": self.dry_run, "after": self.after}
        return event | {name: value for name, value in said.items() if value}

    def days(self) -> Iterator[Self]:
        """Yield what is wanted from each day on, beginning with all of it."""
        yield self
        for later in range(1, (self.last - self.first).days + 1):
            yield replace(self, first=self.first + timedelta(days=later), after="")


@dataclass(frozen=True, slots=True)
class Redrive:
    """One run for one platform; `readers` make a change of kept bytes, each for one `source`."""

    platform: str
    store: OrderStore
    readers: Mapping[str, Reader]
    report: Report
    enough_time: Callable[[], bool]
    now: int

    def run(self, event: Mapping[str, Any]) -> Json:
        """Do what an operator's event asks for, and say what became of it, without payloads."""
        if "replay" in event:
            return self._replay(event)
        return self._redrive(Wanted.read(event))

    def _redrive(self, wanted: Wanted) -> Json:
        quarantine = Quarantine(self.store.client, self.store.table, self.platform)
        looked_at, refused, rest = 0, [], None
        for place, row in self._rows(quarantine, wanted):
            if looked_at == MAX_ROWS or not self.enough_time():
                rest = place.to_event()
                break
            if row is None:
                continue
            looked_at += 1
            reason = self._refusal(quarantine, row, dry_run=wanted.dry_run)
            if reason:
                refused.append({"digest": digest(row), "reason": reason})
        answer: Json = {"looked_at": looked_at, "redriven": looked_at - len(refused), "still_refused": refused}
        if not wanted.dry_run:
            count("Redriven", looked_at - len(refused))
            logger.info("redriven", extra={"looked_at": looked_at, "still_refused": len(refused)})
        return answer | ({"dry_run": True} if wanted.dry_run else {}) | ({"continue": rest} if rest else {})

    def _rows(self, quarantine: Quarantine, wanted: Wanted) -> Iterator[tuple[Wanted, Item | None]]:
        """Yield each row with where to go on if it is not looked at any more; None before the first of a day."""
        for place in wanted.days():
            yield place, None
            for row in quarantine.rows(place.first, account=place.account, after=place.after):
                if not place.digest or digests.equal(digest(row), place.digest):
                    yield place, row
                    place = replace(place, after=row["sk"]["S"])

    def _refusal(self, quarantine: Quarantine, row: Item, *, dry_run: bool) -> str:
        """Redrive one row; return why that is not possible, or nothing."""
        try:
            kept = quarantine.read(row)
            change = self._reader(kept.source)(kept)
            if dry_run:
                return ""
            if isinstance(change, AccountNews):  # the row itself is the evidence, and nobody has to act
                quarantine.redriven(row, outcome="no_order", event_id="", now=self.now)
                return ""
            changes = (change,) if isinstance(change, Change) else change
            outcome = self.store.record_message(changes, now=self.now, raw=kept.raw, received_at=kept.received_at)
            quarantine.redriven(row, outcome=outcome.outcome, event_id=outcome.event_id, now=self.now)
        except CountersignError as error:
            return str(error)
        except Exception as error:  # whatever a row does to a reader, the others have their turn
            # The text of an error that is not ours could hold what the row holds.
            logger.error("redriving failed", extra={"digest": digest(row), "error": type(error).__name__})
            return f"reading failed: {type(error).__name__}"
        self.report(outcome)
        return ""

    def _reader(self, source: str) -> Reader:
        if source not in self.readers:
            raise UnprocessableError("nothing here reads what came by that door")
        return self.readers[source]

    def _replay(self, event: Mapping[str, Any]) -> Json:
        wanted = event["replay"]
        if event.keys() != {"replay"} or not isinstance(wanted, dict) or wanted.keys() != _REPLAY_WORDS:
            raise MalformedError("replay names account, order_id and event_id, and nothing goes with it")
        if not all(isinstance(value, str) and value for value in wanted.values()):
            raise MalformedError("account, order_id and event_id are text")
        key = OrderKey(self.platform, wanted["account"], wanted["order_id"])
        outcome = orphans.replay(self.store, key, wanted["event_id"], now=self.now)
        if outcome is None:
            raise NotFoundError("no such event")
        self.report(outcome)
        logger.info("replayed", extra={"event_id": outcome.event_id, "outcome": outcome.outcome})
        return {
            "event_id": outcome.event_id,
            "outcome": outcome.outcome,
            "reason": sentence(outcome.reason),
            "status": outcome.order.status if outcome.order else None,
        }


def run(
    event: Mapping[str, Any], context: Any, *, platform: str, store: OrderStore, readers: Mapping[str, Reader]
) -> Json:
    """Do what an operator's event asks for while the function has time; `context` is Lambda's."""

    def enough_time() -> bool:
        return bool(context.get_remaining_time_in_millis() >= ENOUGH_TIME_MS)

    return Redrive(platform, store, readers, callbacks.report, enough_time, int(time.time())).run(event)


def _day(event: Mapping[str, Any], name: str) -> date:
    text = _text(event, name, _DAY)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise MalformedError(f"{name} is not a day") from None


def _text(event: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = event.get(name, "")
    if not isinstance(value, str) or (name in event and not form.fullmatch(value)):
        raise MalformedError(f"{name} has another form than promised")
    return value

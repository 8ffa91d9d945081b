"""See that an account's deliveries come: make missing subscriptions anew, hear a silence, and prove each gap read.

A platform that was answered badly for long enough deletes a subscription and tells nobody's program. What it would have
delivered since, and what it had tried to deliver before, is in its list of changes: that is read anew, all of it. Where
subscriptions are none that a call could list or make, only silence tells: the list has changes that nobody told of.

A gap ends where the platform's own list of numbers says so; a reader's own counter never does.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from countersign.errors import CountersignError
from countersign.orders.changes import OrderKey
from countersign.orders.reasons import Reason, because
from countersign.platforms.port import Proves, Scans, Subscribes
from countersign.runtime.telemetry import count, logger
from countersign.store import codec, dynamo, findings, keys
from countersign.store.scans import ScanStore
from countersign.store.subscriptions import ASKED, Gap, SubscriptionStore

GAP_SECONDS = (
    3 * 86400
)  # before the last look that found all: as long as platforms try, and a day of doubt about clocks
SILENT = "silent"  # the cause of a gap in which subscriptions said nothing
STRANGERS = "subscriptions_of_others"
SETTLED_SECONDS = 60  # what changed later may be on its way still


class Guarded(Subscribes, Scans, Protocol):
    """A platform whose deliveries and list of changes say the same."""


@dataclass(frozen=True, slots=True)
class GuardWork:
    """One run over accounts; `address_of` gives the address that an account's deliveries are to come to."""

    subscriptions: SubscriptionStore
    scans: ScanStore
    connect: Callable[[str], Guarded]
    address_of: Callable[[str], str]
    now: int

    def account(self, name: str) -> tuple[str, ...]:
        """Look after one account; returns the topics that had to be subscribed to."""
        platform, address = self.connect(name), self.address_of(name)
        there = platform.subscribed()
        self._strangers(name, address, there, platform.topics)
        missing = tuple(topic for topic in platform.topics if (topic, address) not in there)
        if isinstance(platform, Proves):
            self._prove(name, platform, platform)
        if not missing:
            self._listen(name, platform)
            self._fulfil(name)
            self.subscriptions.seen(name, now=self.now)
            return ()
        seen_at = self.subscriptions.seen_at(name)
        if seen_at is not None:  # else they are made for the first time: nothing was lost
            count("SubscriptionMissing", len(missing))
            logger.warning("subscriptions were gone", extra={"account": name, "topics": ", ".join(missing)})
            self.subscriptions.tell(name, "subscription.missing", missing, now=self.now)
        for topic in missing:
            platform.subscribe(topic, address)
        if seen_at is not None:
            since = seen_at - GAP_SECONDS
            self.scans.ask_for_everything(name, platform.place(since))
            if isinstance(platform, Proves):
                self.subscriptions.open_gap(name, Gap(since, self.now, ",".join(sorted(missing))))
            else:
                self.subscriptions.tell(name, "subscription.restored", missing, now=self.now)
        self.subscriptions.seen(name, now=self.now)
        return missing

    def try_account(self, name: str) -> bool:
        """Look after one account for whom somebody waits; False where that has to wait for the next run."""
        try:
            self.account(name)
        except CountersignError as error:
            logger.warning("deliveries are not set up yet", extra={"account": name, "reason": str(error)})
            return False
        return True

    def restore(self, name: str, since: int, until: int) -> None:
        """Have everything read that changed in an interval, and proved read, as a person wants it."""
        platform = self.connect(name)
        self.scans.ask_for_everything(name, platform.place(since))
        if isinstance(platform, Proves):
            self.subscriptions.open_gap(name, Gap(since, until, ASKED))

    def _fulfil(self, name: str) -> None:
        """Do what a person wished through the API, unless a gap is open: that one is closed before."""
        wish = self.subscriptions.wished(name)
        if wish is None or self.subscriptions.gap(name) is not None:
            return
        self.restore(name, wish.since, wish.until)
        self.subscriptions.fulfil(name, wish)

    def _listen(self, name: str, platform: Guarded) -> None:
        """Tell, once, that changes come which nobody told of, and have the time read since when that is so."""
        state = self.scans.state(name)
        if not state.untold or state.untold_at is None or not isinstance(platform, Proves):
            return
        if self.subscriptions.gap(name) is not None:  # found already: what nobody told of has its cause
            return
        if self.subscriptions.open_gap(name, Gap(state.untold_at, self.now, SILENT)):
            count("SubscriptionMissing")
            logger.warning("deliveries stopped", extra={"account": name, "untold": state.untold})
            self.subscriptions.tell(name, "subscription.missing", (SILENT,), now=self.now)
            self.scans.ask_for_everything(name, platform.place(state.untold_at - SETTLED_SECONDS))

    def _prove(self, name: str, platform: Guarded, list_: Proves) -> None:
        """Compare what changed in an open gap with what is known here; close it once nothing is missing.

        A silence ends once something is told again: until then the gap grows, and the list is read as it is.
        """
        gap, state = self.subscriptions.gap(name), self.scans.state(name)
        if gap is None or not state.ended or (gap.cause == SILENT and state.untold):
            return
        until = max(gap.until, self.now - SETTLED_SECONDS) if gap.cause == SILENT else gap.until
        changed = dict(list_.changed(platform.place(gap.since), platform.place(until)))
        missing = self._missing(name, changed)
        if missing:
            count("GapEventsMissing", missing)
            logger.error("a gap is not closed", extra={"account": name, "missing": missing})
            self.scans.ask_for_everything(name, platform.place(gap.since))
            return
        if self.subscriptions.close_gap(name, gap):
            self.scans.forget_untold(name)
            proof = {"from": gap.since, "to": until, "compared": len(changed), "missing": 0}
            logger.info("0 events missing", extra={"account": name, **proof})
            topics = gap.cause.split(",")
            self.subscriptions.tell(name, "subscription.restored", topics, now=self.now, proof=proof)

    def _missing(self, name: str, changed: dict[str, int]) -> int:
        """Return of how many orders the last change is not known here."""
        client, table, missing = self.scans.client, self.scans.table, 0
        numbers = list(changed)
        for first in range(0, len(numbers), dynamo.BATCH):
            some = numbers[first : first + dynamo.BATCH]
            rows = [(keys.order_pk(OrderKey(self.scans.platform, name, number)), keys.ORDER) for number in some]
            found = dynamo.read_many(client, table, rows)
            for number, row in zip(some, rows, strict=True):
                newest = codec.read_order(found[row]).newest if row in found else None
                missing += newest is None or newest.version < changed[number]
        return missing

    def _strangers(self, name: str, address: str, there: Iterable[tuple[str, str]], topics: tuple[str, ...]) -> None:
        """Say where somebody else's address is subscribed as well; it is left alone, whoever's it is.

        Where nothing is to be subscribed to here, our own address in the list says that everything is told twice.
        """
        ours = {topic for topic, to in there if to == address and topic not in topics}
        if ours and not topics:
            count("SubscriptionsDoubled", len(ours))
            logger.warning("everything is told twice", extra={"account": name, "topics": ", ".join(sorted(ours))})
        others = {to for topic, to in there if topic in topics and to != address}
        if others:
            count("SubscriptionsOfOthers", len(others))
            logger.warning("other addresses are subscribed too", extra={"account": name, "addresses": len(others)})
            self._find(name, because("subscriptions_of_others", addresses=len(others)), " ".join(sorted(others)))
        self._end(name, but=" ".join(sorted(others)))

    def _find(self, name: str, reason: Reason, subject: str) -> None:
        store = self.subscriptions
        findings.add(store.client, store.table, store.platform, name, reason, subject=subject, now=self.now)

    def _end(self, name: str, *, but: str) -> None:
        store = self.subscriptions
        findings.end(store.client, store.table, store.platform, name, STRANGERS, but=but)


def run(
    event: dict[str, Any],
    context: Any,
    *,
    names: Callable[[], Iterable[str]],
    work: GuardWork,
    enough_ms: int,
) -> None:
    """Look after all accounts, or those of `accounts` in the event, while there is time; one's fault is its own.

    With `restore` (`{"from": seconds, "to": seconds}`) and one of `accounts`, that interval is read and proved instead.
    """
    if "restore" in event:
        [name] = event["accounts"]
        work.restore(name, int(event["restore"]["from"]), int(event["restore"]["to"]))
        return
    for name in event.get("accounts") or names():
        if context.get_remaining_time_in_millis() < enough_ms:
            break
        try:
            count("SubscriptionRestored", len(work.account(name)))
        except CountersignError as error:
            count("GuardFailed")
            logger.error("subscriptions were not looked after", extra={"account": name, "reason": str(error)})

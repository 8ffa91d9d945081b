"""See that an account's subscriptions to webhooks are there; make what is missing, and have the gap read.

A platform that was answered badly for long enough deletes a subscription and tells nobody's program. What it would have
delivered since, and what it had tried to deliver before, is in its list of changes: that is read anew, all of it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from countersign.errors import CountersignError
from countersign.platforms.port import Scans, Subscribes
from countersign.runtime.telemetry import count, logger
from countersign.store.scans import ScanStore
from countersign.store.subscriptions import SubscriptionStore

GAP_SECONDS = (
    3 * 86400
)  # before the last look that found all: as long as platforms try, and a day of doubt about clocks


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
        if not missing:
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
            self.scans.ask_for_everything(name, platform.place(seen_at - GAP_SECONDS))
            self.subscriptions.tell(name, "subscription.restored", missing, now=self.now)
        self.subscriptions.seen(name, now=self.now)
        return missing

    @staticmethod
    def _strangers(name: str, address: str, there: Iterable[tuple[str, str]], topics: tuple[str, ...]) -> None:
        """Say where somebody else's address is subscribed as well; it is left alone, whoever's it is."""
        others = {to for topic, to in there if topic in topics and to != address}
        if others:
            count("SubscriptionsOfOthers", len(others))
            logger.warning("other addresses are subscribed too", extra={"account": name, "addresses": len(others)})


def run(
    event: dict[str, Any],
    context: Any,
    *,
    names: Callable[[], Iterable[str]],
    work: GuardWork,
    enough_ms: int,
) -> None:
    """Look after all accounts, or those of `accounts` in the event, while there is time; one's fault is its own."""
    for name in event.get("accounts") or names():
        if context.get_remaining_time_in_millis() < enough_ms:
            break
        try:
            count("SubscriptionRestored", len(work.account(name)))
        except CountersignError as error:
            count("GuardFailed")
            logger.error("subscriptions were not looked after", extra={"account": name, "reason": str(error)})

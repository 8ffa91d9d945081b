"""Look after every shop regularly: whether it lets the app in still, and what Shopify asks to have erased of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from countersign.errors import CountersignError
from countersign.platforms.shopify import installation
from countersign.platforms.shopify.connector import Connector
from countersign.platforms.shopify.installation import PLATFORM
from countersign.runtime.telemetry import count, logger
from countersign.store import OrderStore
from countersign.store.authorizations import AuthorizationStore
from countersign.store.erasures import ErasureStore
from countersign.store.lists import OrderLists
from countersign.workers import erase

ENOUGH_MS = 20_000  # to erase the next page, or the next order, of a shop


@dataclass(frozen=True, slots=True)
class Upkeep:
    """One run over shops; one's fault is its own. `clock` gives epoch seconds."""

    store: OrderStore
    connect: Callable[[str], Connector]
    clock: Callable[[], int]

    def renew(self, names: Iterable[str]) -> None:
        """Have shops that let us in no more asked once more, whatever was noted of them."""
        authorizations = AuthorizationStore(self.store.client, self.store.table, PLATFORM)
        for name in names:
            authorizations.renew(name, now=self.clock())

    def settle(self, names: Iterable[str]) -> None:
        """Ask shops that may have let the app go; what has no answer is asked the next time."""
        for name in names:
            try:
                made = self.connect(name)
                installation.settle(name, made.installation, made.client, self.store, now=self.clock())
            except CountersignError as error:
                count("GuardFailed")
                told = {"account": name, "reason": str(error)}
                logger.error("a shop was not asked whether the app is there", extra=told)

    def erase(self, names: Iterable[str], context: Any) -> None:
        """Erase what waits for it, while there is time; raises, at the end, what went wrong last, for an alarm."""
        erasures = ErasureStore(self.store.client, self.store.table, PLATFORM)
        lists = OrderLists(self.store.client, self.store.table)

        def enough_time() -> bool:
            return bool(context.get_remaining_time_in_millis() >= ENOUGH_MS)

        failed: CountersignError | None = None
        for name in names:
            try:
                erase.erase_all(name, erasures, lists, now=self.clock(), enough_time=enough_time)
            except CountersignError as error:  # the other shops' wishes first
                logger.error("not erased", extra={"account": name, "reason": str(error)})
                failed = error
        if failed is not None:
            raise failed

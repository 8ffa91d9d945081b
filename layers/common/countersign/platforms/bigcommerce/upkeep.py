"""Look after every store regularly: whether it still lets the app in, and whether the script stands where it should.

When a token counts as gone is `panel`'s rule. Then the app must be authorised again by somebody: the page, the list of
accounts and an alarm say so, and what is paid meanwhile waits for it.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from countersign.accounts import AccountDocuments
from countersign.errors import CountersignError
from countersign.platforms.bigcommerce import panel, settings
from countersign.platforms.bigcommerce.apps import Apps, Installation
from countersign.platforms.bigcommerce.translate import PLATFORM
from countersign.runtime.telemetry import count, logger
from countersign.store import OrderStore, keys
from countersign.store.due import DueList
from countersign.store.installs import InstallStore
from countersign.store.origins import Origins
from countersign.wire import Session

LOOK_AHEAD = 30 * 86400  # what is to be tried again later waits as well


@dataclass(frozen=True, slots=True)
class Upkeep:
    """One run over stores; `base` is where our own addresses begin, `now` in epoch seconds."""

    apps: Apps
    store: OrderStore
    session: Session
    base: str
    now: int
    refused: dict[str, int] = field(default_factory=dict)  # stores that do not accept their tokens, since when
    accepted: set[str] = field(default_factory=set)

    def run(self, names: Iterable[str], enough_time: Callable[[], bool]) -> None:
        """Look at stores while there is time; one's fault is its own."""
        for name in names:
            if not enough_time():
                break
            try:
                self._account(name)
            except CountersignError as error:
                count("StoreCheckFailed")
                logger.error("a store was not looked at", extra={"account": name, "reason": str(error)})
        if self.refused:
            rules = self.apps.load(self._app_of(next(iter(self.refused)))).rules
            well = bool(self.accepted) or panel.is_well(self.session, rules)
            for name in panel.gone(self.refused, well=well, now=self.now):
                self._lose(name)

    def _account(self, name: str) -> None:
        """Look at one store by its document as it is now, unless the app is not installed there."""
        app_name = self._app_of(name)
        app, document = self.apps.load(app_name), AccountDocuments(f"{PLATFORM}/{app_name}").read(name)
        installed = settings.load_installation(document)
        if installed.uninstalled or installed.access_token is None:
            return
        found = panel.look_after(
            self.session,
            Installation(app_name, app, installed),
            self.base,
            installs=self._installs,
            origins=Origins(self.store.client, self.store.table),
            sleep=time.sleep,
            now=self.now,
        )
        if found.repaired:
            count("ScriptRepaired", found.repaired)
            logger.warning("the script was made right", extra={"account": name, "scripts": found.repaired})
        if found.finding:
            count("StoreCheckFailed")
            logger.warning("something is wrong in a store", extra={"account": name, "finding": found.finding})
        if found.refused:
            self.refused[name] = self._installs.refused(name, now=self.now)
        elif found.finding != panel.UNANSWERED:
            if installed.needs_reauthorization:
                self._write(app_name, name, needed=False)
            self.accepted.add(name)

    def _lose(self, name: str) -> None:
        """Have the app authorised again: the page, the list of accounts and an alarm say so."""
        waiting = self._waiting(name)
        if self._installs.lost(name, waiting, now=self.now):
            self._write(self._app_of(name), name, needed=True)
            logger.error("a store does not accept the app any more", extra={"account": name, "waiting": len(waiting)})
        count("NeedsReauthorization")

    def _waiting(self, name: str) -> list[str]:
        """Return the numbers of the store's orders that are paid and could not be written back yet."""
        due = DueList(self.store.client, self.store.table, f"{PLATFORM}_sync")
        found = (keys.order_key(item["pk"]["S"]) for item in due.due(self.now + LOOK_AHEAD))
        return sorted({key.order_id for key in found if key.account == name})

    def _write(self, app_name: str, name: str, *, needed: bool) -> None:
        """Note in a store's document whether the app has to be authorised again; what is installed meanwhile stays."""
        installs = self._installs
        if not installs.begin(name, now=int(time.time())):  # the clock's own: a run may last longer than the lease
            return
        try:
            documents = AccountDocuments(f"{PLATFORM}/{app_name}")
            known = documents.read(name)
            if known.get("access_token") and (installs.state(name).lost_at > 0) is needed:
                documents.write(name, panel.reauthorization_document(known, needed=needed))
        finally:
            installs.give_up(name)

    def _app_of(self, name: str) -> str:
        return self.apps.installation(name).name

    @property
    def _installs(self) -> InstallStore:
        return InstallStore(self.store.client, self.store.table, PLATFORM)

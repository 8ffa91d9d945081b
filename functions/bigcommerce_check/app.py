"""Every ten minutes: see whether each store still accepts the app, and make its script stand where it should."""

import os
import time
from typing import Any

from countersign.accounts import AccountDocuments
from countersign.errors import CountersignError
from countersign.platforms.bigcommerce import panel, settings
from countersign.platforms.bigcommerce.apps import Apps, Installation, Stores
from countersign.runtime import platform_http
from countersign.runtime.telemetry import count, invocation, logger
from countersign.store import OrderStore, keys
from countersign.store.due import DueList
from countersign.store.installs import InstallStore
from countersign.store.origins import Origins

ENOUGH_MS = 30_000  # for one store's calls
LOOK_AHEAD = 30 * 86400  # what is to be tried again later waits as well
apps = Apps()
stores = Stores(apps)
store = OrderStore.from_environment()
installs = InstallStore(store.client, store.table, "bigcommerce")
origins = Origins(store.client, store.table)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Look at all stores, or those of `accounts` in the event, while there is time; one's fault is its own."""
    now, accepted, refused = int(time.time()), 0, dict[str, int]()
    for name in event.get("accounts") or stores.names():
        if context.get_remaining_time_in_millis() < ENOUGH_MS:
            break
        try:
            found = _look(name, now)
        except CountersignError as error:
            count("StoreCheckFailed")
            logger.error("a store was not looked at", extra={"account": name, "reason": str(error)})
            continue
        if found is not None and found.refused:
            refused[name] = installs.refused(name, now=now)
        elif found is not None and found.finding != panel.UNANSWERED:
            accepted += 1
    if refused:
        well = bool(accepted) or panel.is_well(platform_http.session(), apps.load(_app_of(next(iter(refused)))).rules)
        for name in panel.gone(refused, well=well, now=now):
            _lose(name, now)


def _look(name: str, now: int) -> panel.Look | None:
    """Look at one store by its document as it is now; None where the app is not installed."""
    app_name = _app_of(name)
    app, document = apps.load(app_name), AccountDocuments(f"bigcommerce/{app_name}").read(name)
    installed = settings.load_installation(document)
    if installed.uninstalled or installed.access_token is None:
        return None
    found = panel.look_after(
        platform_http.session(),
        Installation(app_name, app, installed),
        os.environ["PUBLIC_BASE_URL"],
        installs=installs,
        origins=origins,
        sleep=time.sleep,
        now=now,
    )
    if found.repaired:
        count("ScriptRepaired", found.repaired)
        logger.warning("the script was made right", extra={"account": name, "scripts": found.repaired})
    if found.finding:
        count("StoreCheckFailed")
        logger.warning("something is wrong in a store", extra={"account": name, "finding": found.finding})
    if not found.refused and found.finding != panel.UNANSWERED and installed.needs_reauthorization:
        _write(app_name, name, needed=False)
    return found


def _lose(name: str, now: int) -> None:
    """Have the app authorised again: the page, the list of accounts and an alarm say so."""
    waiting = _waiting(name, now)
    if installs.lost(name, waiting, now=now):
        _write(_app_of(name), name, needed=True)
        logger.error("a store does not accept the app any more", extra={"account": name, "waiting": len(waiting)})
    count("NeedsReauthorization")


def _waiting(name: str, now: int) -> list[str]:
    """Return the numbers of the store's orders that are paid and could not be written back yet."""
    due = DueList(store.client, store.table, "bigcommerce_sync")
    found = (keys.order_key(item["pk"]["S"]) for item in due.due(now + LOOK_AHEAD))
    return sorted({key.order_id for key in found if key.account == name})


def _write(app_name: str, name: str, *, needed: bool) -> None:
    """Note in a store's document whether the app has to be authorised again; what is installed meanwhile stays."""
    if not installs.begin(name, now=int(time.time())):
        return
    try:
        documents = AccountDocuments(f"bigcommerce/{app_name}")
        known = documents.read(name)
        if known.get("access_token") and (installs.state(name).lost_at > 0) is needed:
            documents.write(name, panel.reauthorization_document(known, needed=needed))
    finally:
        installs.give_up(name)


def _app_of(name: str) -> str:
    return apps.installation(name).name

"""What the app does in a store's control panel: sees whether its token works, and keeps its script in each channel.

https://developer.bigcommerce.com/docs/rest-management/scripts. A merchant can delete a script or change its category,
and an app sees only its own: so it is looked at regularly, and made right.

BigCommerce may never tell that the app was taken away, and one refusal may be an accident of the hour. So a token
counts as gone when it was refused twice, minutes apart, while BigCommerce itself did its work: another store's token
was accepted, or where there is none, the page where one logs in answered.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from countersign.errors import CountersignError, PlatformUnavailableError
from countersign.platforms.bigcommerce import answers, script
from countersign.platforms.bigcommerce.answers import CallRefusedError
from countersign.platforms.bigcommerce.apps import Installation
from countersign.platforms.bigcommerce.client import PAGE, Client
from countersign.platforms.bigcommerce.settings import App, Rules, Store, is_origin
from countersign.store.installs import InstallStore
from countersign.store.origins import Origins
from countersign.wire import Session

OPTIMIZED = "optimized"  # the only checkout in which scripts run
SCRIPTS = "/v3/content/scripts"
MINUTES_APART = 180  # seconds between two refusals, at least
TIMEOUT = (3.0, 6.0)  # connect, read
UNAUTHORISED = 401
UNANSWERED = "store"  # the finding that a store did not say what it is


class Look(NamedTuple):
    """What was found of a store: `refused`, else a code for what is wrong, empty where nothing is."""

    refused: bool
    finding: str
    repaired: int = 0
    origins: tuple[str, ...] = ()  # from which the store's pages call


class Panel(Client):
    """One store's scripts, by its API."""

    def keep_script(self, text: str, channels: Iterable[int]) -> int:
        """Make the script stand in each channel as `text`, once; returns how many scripts had to be made right."""
        there: dict[int, list[Mapping[str, Any]]] = {}
        for one in answers.rows(answers.data(self._repeat("GET", f"{SCRIPTS}?limit={PAGE}"))):
            # An app sees only its own; what has another name was made by somebody with the app's key, and stays.
            if one.get("name") == script.NAME:
                channel = one.get("channel_id")
                there.setdefault(channel if type(channel) is int else 1, []).append(one)
        changed = 0
        for channel in channels:
            ours, wanted = there.pop(channel, []), script.wanted(text, channel)
            if not ours:
                self._call("POST", SCRIPTS, wanted)  # once: a second one would be a second script
                changed += 1
            elif script.differs(ours[0], text, channel):
                self._repeat("PUT", f"{SCRIPTS}/{_uuid(ours[0])}", wanted)
                changed += 1
            there[channel] = ours[1:]
        for one in (one for scripts in there.values() for one in scripts):
            self._repeat("DELETE", f"{SCRIPTS}/{_uuid(one)}")
            changed += 1
        return changed


def open_panel(
    session: Session, store: Store, rules: Rules, *, sleep: Callable[[float], None], tries: int = 2
) -> Panel:
    """Return a store's control panel; raises CallRefusedError where there is no token."""
    if store.access_token is None:
        raise CallRefusedError(UNAUTHORISED)
    return Panel(
        session,
        base=rules.base,
        store_hash=store.store_hash,
        token=store.access_token,
        sleep=sleep,
        tries=tries,
        timeout=TIMEOUT,
    )


def look_after(
    session: Session,
    installation: Installation,
    base_url: str,
    *,
    installs: InstallStore,
    origins: Origins,
    sleep: Callable[[float], None],
    now: int,
    tries: int = 2,
) -> Look:
    """Look at a store, make its script right, and note what was found; a refusal is for the caller to count.

    `base_url` is where our own addresses begin. Without an answer nothing is known of the token, so nothing that was
    noted of it changes.
    """
    name, app, store = installation
    to = open_panel(session, store, installation.rules, sleep=sleep, tries=tries)
    found = look(to, app, store, installation.rules, script_address(base_url, name))
    for origin in found.origins:
        origins.remember(name, origin, store.store_hash)
    if found.finding == UNANSWERED and not found.refused:
        installs.unanswered(store.store_hash, found.finding, now=now)
    elif not found.refused:
        installs.accepted(store.store_hash, name, found.finding, now=now)
    return found


def script_address(base_url: str, app: str) -> str:
    """Return where the script of an app is."""
    return f"{base_url}/bigcommerce/{app}/script.js"


def look(to: Panel, app: App, store: Store, rules: Rules, address: str) -> Look:
    """Look at one store, and make its script right; `address` is where the script is."""
    try:
        about = to.store()
        finding = finding_of(about)
    except CountersignError as error:
        return Look(is_refusal(error), UNANSWERED)
    methods, origins = rules.payment_method_names, origins_of(about)
    if not methods:  # without a name the script would show itself beside every method, or none
        return Look(False, finding, origins=origins)
    text = script.tag(address, store_hash=store.store_hash, client_id=app.client_id, methods=methods)
    try:
        return Look(False, finding, to.keep_script(text, channels_of(rules, about)), origins)
    except CountersignError as error:
        return Look(is_refusal(error), "script", origins=origins)


def is_refusal(error: CountersignError) -> bool:
    """Tell whether BigCommerce does not accept the token."""
    return isinstance(error, CallRefusedError) and error.status == UNAUTHORISED


def is_well(session: Session, rules: Rules) -> bool:
    """Tell whether BigCommerce does its work for those who have no token at all."""
    try:
        answer = session.request("GET", f"{rules.login}/", timeout=TIMEOUT)
    except PlatformUnavailableError:
        return False
    return answer.status_code < 500 and answer.status_code != 429


def gone(refused_since: Mapping[str, int], *, well: bool, now: int) -> Iterator[str]:
    """Yield the stores whose tokens count as gone, of those refused since when; `well` is whether BigCommerce is."""
    if well:
        yield from (name for name, since in refused_since.items() if now - since >= MINUTES_APART)


def reauthorization_document(known: Mapping[str, Any], *, needed: bool) -> dict[str, Any]:
    """Return a store's document with what is known of its token."""
    return {**known, "needs_reauthorization": needed}


def channels_of(rules: Rules, about: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the channels that have the script: those the merchant allows, else the store's own default."""
    if rules.allowed_channel_ids is not None:
        return tuple(sorted(rules.allowed_channel_ids))
    default = about.get("default_channel_id")
    return (default if type(default) is int and default > 0 else 1,)


def origins_of(about: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the origins of the store's own pages, as it says of itself: of its domain, and where it is secure."""
    said = [about.get("secure_url"), *(f"https://{name}" for name in [about.get("domain")] if isinstance(name, str))]
    found = (one.rstrip("/").lower() for one in said if isinstance(one, str))
    return tuple(dict.fromkeys(origin for origin in found if is_origin(origin)))


def finding_of(about: Mapping[str, Any]) -> str:
    """Return what of a store stands in the script's way; empty where nothing does."""
    features = about.get("features")
    checkout = features.get("checkout_type") if isinstance(features, Mapping) else None
    return "" if checkout in (None, OPTIMIZED) else "checkout"


def _uuid(one: Mapping[str, Any]) -> str:
    uuid = one.get("uuid")
    if not isinstance(uuid, str) or not uuid.isascii() or not uuid.replace("-", "").isalnum():
        raise PlatformUnavailableError("a script has no number")
    return uuid

"""Find the shop that a call or an order is of: apps by their documents, and the shops where each is installed.

A shop is named in its app's document (`shops`), or it has a row of the table since somebody installed the app there, or
a document of its own, `{app}/{shop}`.
"""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from countersign.accounts import FRESH_SECONDS, Accounts
from countersign.errors import KeysUnavailableError, NotFoundError
from countersign.platforms.shopify import settings
from countersign.platforms.shopify.settings import App, Shop
from countersign.runtime.telemetry import logger
from countersign.signing import digests
from countersign.store import OrderStore, account_names
from countersign.store.authorizations import AuthorizationStore
from countersign.store.installed import Installed, installed, installed_everywhere, numbered


class Installation(NamedTuple):
    """An app in a shop."""

    name: str  # the merchant's own name of the app
    app: App
    shop: Shop


OAUTH = "oauth"


def credential_of(installation: Installation) -> str:
    """Return a name of what lets an app into a shop, which says nothing of it: another credential has another name."""
    app, shop = installation.app, installation.shop
    if shop.grant:
        return shop.grant
    secret = shop.refresh_token or shop.access_token
    if app.install == "client_credentials":
        secret = app.client_secrets[0] if app.client_secrets else None
    return digests.sha256(f"{app.client_id} {shop.shop} {secret.reveal() if secret else ''}".encode())


class Apps:
    """Every app of the stack, and its shops; documents are read as `Accounts` reads them."""

    def __init__(self) -> None:
        self._apps = Accounts("shopify", settings.load)
        self._installed: dict[str, Accounts] = {}
        self._apps_of: dict[str, str] = {}  # the app of each shop, as they were listed last
        self._shops_known: set[str] = set()
        self._listed_at = 0.0
        self._marked: set[str] = set()
        self._granted: dict[tuple[str, str], tuple[Installed, float]] = {}

    def load(self, name: str) -> App:
        """Return an app; raises what `Accounts.load` raises."""
        app: App = self._apps.load(name)
        return app

    def shop(self, name: str, app: App, host: str) -> Shop | None:
        """Return a shop where the app of that name is installed; None where it is not.

        `host` is a myshopify name in lower case. Raises KeysUnavailableError where its document cannot be read.
        """
        listed = app.shops.get(host)
        if listed is not None:
            self._seen(host)
            return listed
        granted = self._grant(name, host) if app.install == OAUTH else None
        if granted is not None and granted.open and not granted.seeded:
            return _shop(granted)
        try:
            shop: Shop = self._shops(name).load(host)
        except NotFoundError:
            return _shop(granted) if granted is not None and not granted.seeded else None
        if shop.shop != host:
            return None
        self._seen(host)
        return shop

    def renamed(self, name: str, app: App, shop_id: str) -> Shop | None:
        """Return the shop of an app whose signed bytes came under a name that is not known.

        A myshopify name may change, and the shop's number does not: its orders stay under the name that they were kept
        under. Who reads a shop that no list of its app's has notes its number.
        """
        if not shop_id:
            return None
        listed = next((shop for shop in app.shops.values() if shop.shop_id == shop_id), None)
        if listed is not None:
            return listed
        host = numbered(*_table(), "shopify", name, shop_id)
        found = self.shop(name, app, host) if host else None
        return found if found is not None and found.shop_id == shop_id else None

    def apps(self) -> Iterator[str]:
        """Yield the names of all apps."""
        return self._apps.names()

    def names(self) -> Iterator[str]:
        """Yield the name of every shop that an app has a token of, each once; none whose token was refused for good."""
        self._list()
        states = AuthorizationStore(*_table(), "shopify").states(self._apps_of)
        for host in sorted(self._apps_of):
            if states[host].ended_at is None or not states[host].is_over(credential_of(self.installation(host))):
                yield host

    def every_shop(self) -> Iterator[str]:
        """Yield the name of every shop that is known, those too of which there is no token."""
        self._list()
        yield from sorted(self._shops_known)

    def paying(self) -> Iterator[Installation]:
        """Yield each shop of each app that serves payments."""
        for name in sorted(self._apps.names()):
            try:
                app = self.load(name)
                if app.payments is None:
                    continue
                granted = list(installed_everywhere(*_table(), "shopify", name)) if app.install == OAUTH else []
                let_in = [one.account for one in granted if one.open and not one.seeded]
                hosts = dict.fromkeys([*app.shops, *let_in, *self._shops(name).names()])
                shops = [self.shop(name, app, host) for host in hosts]
            except KeysUnavailableError as error:  # a document that cannot be read stops no other app
                logger.error("an app's documents cannot be read", extra={"app": name, "reason": str(error)})
                continue
            yield from (Installation(name, app, shop) for shop in shops if shop is not None)

    def installation(self, host: str) -> Installation:
        """Return a shop with the app that reads it; NotFoundError where none is installed there."""
        if host not in self._apps_of or time.monotonic() - self._listed_at > FRESH_SECONDS:
            self._list()
        name = self._apps_of.get(host)
        app = self.load(name) if name is not None else None
        shop = self.shop(name, app, host) if name is not None and app is not None else None
        if name is None or app is None or shop is None:
            raise NotFoundError("no such account")
        return Installation(name, app, shop)

    def _list(self) -> None:
        found: dict[str, str] = {}
        known: set[str] = set()
        for name in sorted(self._apps.names()):
            app = self.load(name)
            if app.payments is not None:  # one that serves payments may read nothing of a shop
                continue
            fetched = app.install == "client_credentials"
            readable = [shop.shop for shop in app.shops.values() if fetched or shop.access_token is not None]
            granted = list(installed_everywhere(*_table(), "shopify", name)) if app.install == OAUTH else []
            self._granted |= {(name, one.account): (one, time.monotonic()) for one in granted}
            let_in = (one.account for one in granted if one.open and not one.seeded)
            for host in (*readable, *let_in, *self._shops(name).names()):
                found.setdefault(host, name)
            known |= {one.account for one in granted}
            known |= {*app.shops, *found}
        self._apps_of, self._shops_known, self._listed_at = found, known, time.monotonic()

    def _seen(self, host: str) -> None:
        """Have a shop listed as an account once something is recorded for it, whichever document names it."""
        if host not in self._marked:
            self._marked.add(host)
            account_names.unmarked.add(("shopify", host))

    def _grant(self, name: str, host: str) -> Installed | None:
        """Return an app in a shop as the table has it, read anew every five minutes."""
        kept = self._granted.get((name, host))
        if kept is not None and time.monotonic() - kept[1] < FRESH_SECONDS:
            return kept[0]
        found = installed(*_table(), "shopify", name, host)
        if found is None:
            return None
        self._granted[name, host] = found, time.monotonic()
        return found

    def _shops(self, app: str) -> Accounts:
        if app not in self._installed:
            self._installed[app] = Accounts(f"shopify/{app}", settings.load_installation)
        return self._installed[app]


class Shops(Accounts):
    """The shops of all apps, as accounts by their names: what a worker finds by an order's key."""

    def __init__(self, apps: Apps) -> None:
        super().__init__("shopify", settings.load)
        self._of = apps

    def load(self, name: str) -> Installation:
        """Return a shop with its app; NotFoundError where no app is installed there."""
        return self._of.installation(name)

    def names(self) -> Iterator[str]:
        """Yield the name of every shop where an app is installed."""
        return self._of.names()


def _table() -> tuple[Any, str]:
    store = OrderStore.from_environment()
    return store.client, store.table


def _shop(one: Installed) -> Shop:
    return Shop(shop=one.account, shop_id=one.number, scopes=one.scopes, grant=one.id)

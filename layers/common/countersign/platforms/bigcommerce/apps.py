"""Find the store that a call or an order is of: apps by their documents, stores by theirs, `{app}/{store_hash}`."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from countersign.accounts import FRESH_SECONDS, Accounts
from countersign.errors import NotFoundError
from countersign.platforms.bigcommerce import settings
from countersign.platforms.bigcommerce.settings import App, Rules, Store


class Installation(NamedTuple):
    """An app in a store, with the rules that hold there."""

    name: str  # the merchant's own name of the app
    app: App
    store: Store

    @property
    def rules(self) -> Rules:
        """Return the store's own rules over the app's."""
        return self.store.rules(self.app)


class Apps:
    """Every app of the stack, and its stores; documents are read as `Accounts` reads them."""

    def __init__(self) -> None:
        self._apps = Accounts("bigcommerce", settings.load)
        self._installed: dict[str, Accounts] = {}
        self._app_of: dict[str, str] = {}
        self._listed_at = 0.0

    def load(self, name: str) -> App:
        """Return an app; raises what `Accounts.load` raises."""
        app: App = self._apps.load(name)
        return app

    def store(self, name: str, store_hash: str) -> Store | None:
        """Return a store where the app of that name is installed; None where it is not."""
        if not settings.is_store(store_hash):
            return None
        try:
            store: Store = self._stores(name).load(store_hash)
        except NotFoundError:
            return None
        return store if store.store_hash == store_hash else None

    def names(self) -> Iterator[str]:
        """Yield the hash of every store, each once."""
        self._list()
        yield from sorted(self._app_of)

    def installation(self, store_hash: str) -> Installation:
        """Return a store with the app that is installed there; NotFoundError where none is."""
        if store_hash not in self._app_of or time.monotonic() - self._listed_at > FRESH_SECONDS:
            self._list()
        name = self._app_of.get(store_hash)
        store = self.store(name, store_hash) if name is not None else None
        if name is None or store is None:
            raise NotFoundError("no such account")
        return Installation(name, self.load(name), store)

    def _list(self) -> None:
        """List which app each store has; a store that two apps are in belongs to the one where its token works."""
        found: dict[str, str] = {}
        for name in sorted(self._apps.names()):
            for store_hash in self._stores(name).names():
                before = found.setdefault(store_hash, name)
                if before != name and not self._is_active(before, store_hash) and self._is_active(name, store_hash):
                    found[store_hash] = name
        self._app_of, self._listed_at = found, time.monotonic()

    def _is_active(self, name: str, store_hash: str) -> bool:
        store = self.store(name, store_hash)
        return store is not None and store.is_active

    def _stores(self, app: str) -> Accounts:
        if app not in self._installed:
            self._installed[app] = Accounts(
                f"bigcommerce/{app}", settings.load_installation, orders_of=lambda name: ("bigcommerce", name)
            )
        return self._installed[app]


class Stores(Accounts):
    """The stores of all apps, as accounts by their hashes: what a worker finds by an order's key."""

    def __init__(self, apps: Apps) -> None:
        super().__init__("bigcommerce", settings.load)
        self._of = apps

    def load(self, name: str) -> Installation:
        """Return a store with its app; NotFoundError where no app is installed there."""
        return self._of.installation(name)

    def names(self) -> Iterator[str]:
        """Yield the hash of every store where an app is installed."""
        return self._of.names()

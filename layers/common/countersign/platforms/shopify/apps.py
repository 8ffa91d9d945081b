"""Find the shop that a call or an order is of: apps by their documents, and the shops where each is installed.

A shop is named in its app's document (`shops`), or has a document of its own, `{app}/{shop}`.
"""

from collections.abc import Iterator

from countersign.accounts import Accounts
from countersign.errors import NotFoundError
from countersign.platforms.shopify import settings
from countersign.platforms.shopify.settings import App, Shop


class Apps:
    """Every app of the stack, and its shops; documents are read as `Accounts` reads them."""

    def __init__(self) -> None:
        self._apps = Accounts("shopify", settings.load)
        self._installed: dict[str, Accounts] = {}

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
            return listed
        try:
            shop: Shop = self._shops(name).load(host)
        except NotFoundError:
            return None
        return shop if shop.shop == host else None

    def names(self) -> Iterator[str]:
        """Yield the names of all apps."""
        return self._apps.names()

    def _shops(self, app: str) -> Accounts:
        if app not in self._installed:
            self._installed[app] = Accounts(f"shopify/{app}", settings.load_shop)
        return self._installed[app]

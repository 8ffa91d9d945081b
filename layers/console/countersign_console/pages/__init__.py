"""One file a page: what it asks of the API, and what its template shows. `ROUTES` of each says where it is."""

from types import ModuleType

from countersign_console.pages import home, news, order, orders, refunds, ship

PAGES: tuple[ModuleType, ...] = (home, news, order, orders, refunds, ship)

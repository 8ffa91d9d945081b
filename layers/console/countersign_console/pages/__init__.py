"""One file a page: what it asks of the API, and what its template shows. `ROUTES` of each says where it is."""

from types import ModuleType

from countersign_console.pages import (
    accounts,
    activity,
    bills,
    charges,
    home,
    inbox,
    news,
    order,
    orders,
    refunds,
    ship,
)

PAGES: tuple[ModuleType, ...] = (
    accounts,
    activity,
    bills,
    charges,
    home,
    inbox,
    news,
    order,
    orders,
    refunds,
    ship,
)

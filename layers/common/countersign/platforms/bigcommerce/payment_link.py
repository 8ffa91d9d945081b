"""What somebody's browser is answered that has a payment link: the page behind it, and the way to the cashier."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from countersign.errors import ConflictError, CountersignError, NotFoundError, TemporaryError, UnprocessableError
from countersign.http import HttpReply, HttpRequest
from countersign.money import Money
from countersign.orders.state import Order
from countersign.platforms.bigcommerce import link_page
from countersign.platforms.bigcommerce.apps import Apps
from countersign.signing import nonces
from countersign.store import OrderStore
from countersign.store.payment_links import Link, PaymentLinks

# (request, store, number of the order, now) -> what follows: a status, and where the shopper goes
Take = Callable[[HttpRequest, str, str, int], dict[str, Any]]


def refused(request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Refuse: what does not exist and what is over look alike."""
    return link_page.refused(error.status, accepted=_accepted(request), nonce=nonces.nonce())


@dataclass(frozen=True, slots=True)
class PaymentLink:
    """The links of all apps' orders; a token that is none is a NotFoundError, of too many a RateLimitedError."""

    apps: Apps
    store: OrderStore
    links: PaymentLinks

    def show(self, request: HttpRequest, now: int) -> HttpReply:
        """Show what is recorded of the link's order; nobody is asked, and nothing but the visit is noted."""
        name = request.path_parameters["app"]
        link, order = self._find(request, now)
        installed = self.apps.store(name, link.key.account)
        if installed is None:
            raise NotFoundError("no such link")
        self.links.opened(link, now=now)
        origins = installed.rules(self.apps.load(name)).allowed_origins
        shop = urlsplit(min(origins, default="")).hostname or installed.store_hash
        return _page(link_page.state_of(order), shop, link, order, request)

    def pay(self, request: HttpRequest, take: Take, now: int) -> HttpReply:
        """Create or find the attempt of the link's order, and send the browser to the cashier."""
        link, order = self._find(request, now)
        self.links.used(link, now=now)
        try:
            taken = take(request, link.key.account, link.key.order_id, now)
            state = link_page.PAID if taken["status"] == "PAID" else link_page.OVER
            address = str(taken.get("cashier_url", ""))
        except (ConflictError, NotFoundError, UnprocessableError):
            state, address = link_page.OVER, ""
        except TemporaryError:
            state, address = link_page.LATER, ""
        if address:
            return link_page.redirect(address)
        return _page(state, link.key.account, link, order, request)

    def _find(self, request: HttpRequest, now: int) -> tuple[Link, Order]:
        link = self.links.find_for(request.source_ip, request.path_parameters["token"], now=now)
        order = self.store.get(link.key) if link is not None and link.app == request.path_parameters["app"] else None
        if link is None or order is None:
            raise NotFoundError("no such link")
        return link, order


def _page(state: str, shop: str, link: Link, order: Order, request: HttpRequest) -> HttpReply:
    return link_page.render(
        state,
        shop=shop,
        number=link.key.order_id,
        due=Money(order.balance_due, order.terms.amount.currency),
        accepted=_accepted(request),
        nonce=nonces.nonce(),
    )


def _accepted(request: HttpRequest | None) -> str:
    return request.headers.get("accept-language", "") if request else ""

"""GET /bigcommerce/{app}/pay/{token}: the page behind a payment link, which creates nothing."""

import os
from urllib.parse import urlsplit

from countersign.errors import CountersignError, NotFoundError
from countersign.http import HttpReply, HttpRequest
from countersign.money import Money
from countersign.platforms.bigcommerce import link_page
from countersign.platforms.bigcommerce.apps import Apps
from countersign.runtime.entrypoint import entrypoint
from countersign.signing import nonces
from countersign.store import OrderStore
from countersign.store.payment_links import PaymentLinks

apps = Apps()
store = OrderStore.from_environment()
links = PaymentLinks(store.client, store.table, os.environ["IDEMPOTENCY_TABLE_NAME"])


def refused(request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Refuse: what does not exist and what is over look alike."""
    accepted = request.headers.get("accept-language", "") if request else ""
    return link_page.refused(error.status, accepted=accepted, nonce=nonces.nonce())


@entrypoint(refused=refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Show what is recorded of the link's order; nobody is asked, and nothing but the visit is noted."""
    name = request.path_parameters["app"]
    link = links.find_for(request.source_ip, request.path_parameters["token"], now=now)
    order = store.get(link.key) if link is not None and link.app == name else None
    installed = apps.store(name, link.key.account) if link is not None and order is not None else None
    if link is None or order is None or installed is None:
        raise NotFoundError("no such link")
    links.opened(link, now=now)
    origins = installed.rules(apps.load(name)).allowed_origins
    return link_page.render(
        link_page.state_of(order),
        shop=urlsplit(min(origins, default="")).hostname or installed.store_hash,
        number=link.key.order_id,
        due=Money(order.balance_due, order.terms.amount.currency),
        accepted=request.headers.get("accept-language", ""),
        nonce=nonces.nonce(),
    )

"""GET /bigcommerce/{app}/pay/{token}: the page behind a payment link, which creates nothing."""

import os

from countersign.http import HttpReply, HttpRequest
from countersign.platforms.bigcommerce.apps import Apps
from countersign.platforms.bigcommerce.payment_link import PaymentLink, refused
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore
from countersign.store.payment_links import PaymentLinks

store = OrderStore.from_environment()
links = PaymentLinks(store.client, store.table, os.environ["IDEMPOTENCY_TABLE_NAME"])
link = PaymentLink(Apps(), store, links)


@entrypoint(refused=refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Show what is recorded of the link's order."""
    return link.show(request, now)

"""POST /shopify/{app}/webhook: take what Shopify delivers about a shop's orders into the order record."""

from countersign.http import HttpReply, HttpRequest
from countersign.platforms.shopify import replies, signing
from countersign.platforms.shopify.apps import Apps
from countersign.platforms.shopify.deliveries import Deliveries
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore

LIMIT = 2 * 1024 * 1024  # an order of some thousand lines has one megabyte

apps = Apps()
store = OrderStore.from_environment()
deliveries = Deliveries(apps, store)


@entrypoint(refused=replies.refused, limit=LIMIT)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Verify, see which shop the signed bytes name, translate, record, acknowledge.

    What Shopify made is acknowledged whatever it is about: eight failures would end the subscription.
    """
    name = request.path_parameters["app"]
    app = apps.load(name)
    deliveries.take(name, app, signing.verify(request, app), now=now)
    return replies.accepted()

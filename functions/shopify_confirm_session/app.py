"""POST /shopify/{app}/confirm-session: take Shopify's word whether a held payment may be taken, by mutual TLS."""

from countersign.http import HttpReply, HttpRequest
from countersign.platforms.shopify import asking
from countersign.platforms.shopify.apps import Apps
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore

desk = asking.Confirmations(Apps(), OrderStore.from_environment())


@entrypoint(refused=asking.refused, limit=asking.LIMIT)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Read strictly, record the first word, answer the same each time; the worker takes the money or lets it go."""
    return desk.take(request, now)

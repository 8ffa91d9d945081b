"""POST /shopify/{app}/refund-session: take a refund session of a shop's checkout, by mutual TLS."""

import os

from countersign.http import HttpReply, HttpRequest
from countersign.orders.sessions import REFUND
from countersign.platforms.shopify import asking
from countersign.platforms.shopify.apps import Apps
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore

desk = asking.Desk(REFUND, Apps(), OrderStore.from_environment(), os.environ["SHOPPER_BASE_URL"])


@entrypoint(refused=asking.refused, limit=asking.LIMIT)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Read strictly, see that the app is installed there, record once, answer the same each time."""
    return desk.take(request, now)

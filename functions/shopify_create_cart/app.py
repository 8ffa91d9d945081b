"""POST /shopify/{shop}/carts: make a cart whose checkout the front end opens, with the merchant's reference in it."""

from countersign.api import carts, problems
from countersign.http import HttpReply, HttpRequest
from countersign.platforms.shopify import create_cart
from countersign.platforms.shopify.apps import Apps, Shops
from countersign.runtime.entrypoint import entrypoint

shops = Shops(Apps())


@entrypoint(refused=problems.refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Check the caller, read the body, make one cart for each Idempotency-Key."""
    return carts.handle(request, shops=shops, read=create_cart.read)

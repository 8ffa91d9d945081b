"""GET /shopify/{app}/install: where Shopify sends a merchant who wants the app; on to the shop's page that asks."""

import os

from countersign.http import HttpReply, HttpRequest
from countersign.platforms.shopify import installation
from countersign.platforms.shopify.apps import Apps
from countersign.runtime.entrypoint import entrypoint

apps = Apps()


@entrypoint(refused=installation.refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Check that Shopify signed the visit, and that the shop may install the app; then lead there."""
    name = request.path_parameters["app"]
    base = os.environ.get("SHOPPER_BASE_URL") or f"https://{request.domain}"
    return installation.begin(request, name, apps.load(name), base=base, now=now)

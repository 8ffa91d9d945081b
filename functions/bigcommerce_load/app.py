"""GET /bigcommerce/{app}/load and POST …/page: the app's page in a store's control panel."""

import os

from countersign.http import HttpReply, HttpRequest
from countersign.platforms.bigcommerce.apps import Apps
from countersign.platforms.bigcommerce.visits import Visits, refused
from countersign.runtime import platform_http
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore

LIMIT = 4096
apps = Apps()
visits = Visits(apps, OrderStore.from_environment(), os.environ["IDEMPOTENCY_TABLE_NAME"])


@entrypoint(refused=refused, limit=LIMIT)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Show how the store does; the page's own button has it looked at anew."""
    name = request.path_parameters["app"]
    app, base = apps.load(name), os.environ["PUBLIC_BASE_URL"] or f"https://{request.domain}"
    if request.method == "POST":
        return visits.check(name, app, request, session=platform_http.session(), base=base, now=now)
    return visits.open(name, app, request, base=base, now=now)

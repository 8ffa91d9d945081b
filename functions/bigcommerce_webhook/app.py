"""POST /bigcommerce/{app}/webhook: take what BigCommerce delivers about a store's orders as a reason to read them."""

from countersign.http import HttpReply, HttpRequest
from countersign.platforms.bigcommerce import replies
from countersign.platforms.bigcommerce.apps import Apps
from countersign.platforms.bigcommerce.deliveries import Deliveries
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore

apps = Apps()
store = OrderStore.from_environment()
deliveries = Deliveries(apps, store)


@entrypoint(refused=replies.refused, counted="BigcommerceRefused")
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Verify, see whose it is, record, acknowledge; what no retry could mend is acknowledged too."""
    name = request.path_parameters["app"]
    deliveries.take(name, apps.load(name), request, now=now)
    return replies.accepted()

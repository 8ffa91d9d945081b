"""GET /cashier/{name}/{account}/pay/{token} and …/status: the page that shows a QR code, and what became of it."""

import os

from countersign.cashiers.wechat_native.shopper import Shopper, refused
from countersign.errors import NotFoundError
from countersign.http import HttpReply, HttpRequest
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore
from countersign.store.pages import Pages

KIND = "wechat_native"
store = OrderStore.from_environment()
shopper = Shopper(store, Pages(store.client, os.environ["IDEMPOTENCY_TABLE_NAME"]))


@entrypoint(refused=refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Show the page, or its status."""
    token = request.path_parameters.get("token", "")
    if request.path_parameters.get("name") != KIND:
        raise NotFoundError("no such page")
    if request.path.endswith("/status"):
        return shopper.status(token, now)
    return shopper.show(token, request.headers.get("accept-language", ""), now)

"""GET /bigcommerce/{app}/payments/status: what became of the order that a page has the token of."""

import os

from countersign.cashiers.accounts import CashierAccounts
from countersign.cashiers.registry import LOADS
from countersign.http import HttpReply, HttpRequest, json_reply
from countersign.platforms.bigcommerce.apps import Apps
from countersign.platforms.bigcommerce.shopper import Door, Status
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore

apps, store = Apps(), OrderStore.from_environment()
door = Door(apps, store)
status = Status(apps, store, CashierAccounts(LOADS), os.environ["IDEMPOTENCY_TABLE_NAME"])


@entrypoint(refused=door.refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Answer for the token's order only; ask the cashier where what is known is some seconds old."""
    if request.method == "OPTIONS":
        return door.preflight(request)
    return json_reply(200, status.answer(request, now), headers=door.headers(request))

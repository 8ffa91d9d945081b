"""POST /bigcommerce/{app}/payments: a shopper's page asks for the payment of one order; OPTIONS is its preflight.

POST /bigcommerce/{app}/pay/{token}: somebody pressed the button of the page behind a payment link.
"""

import os
from functools import partial

from countersign import aws
from countersign.api import payments
from countersign.cashiers.accounts import CashierAccounts
from countersign.cashiers.registry import LOADS
from countersign.http import HttpReply, HttpRequest, json_reply
from countersign.platforms.bigcommerce.apps import Apps
from countersign.platforms.bigcommerce.create_payment import Desk
from countersign.platforms.bigcommerce.payment_link import PaymentLink
from countersign.platforms.bigcommerce.shopper import Door
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore
from countersign.store.payment_links import PaymentLinks

apps, store = Apps(), OrderStore.from_environment()
door = Door(apps, store)
queues = {"cashier": os.environ["POLL_QUEUE_URL"], "wechat": os.environ["WECHAT_POLL_QUEUE_URL"]}
create = partial(payments.create, store=store, wake=payments.waking_each(aws.client("sqs"), queues))
table, base_url = os.environ["IDEMPOTENCY_TABLE_NAME"], os.environ["PUBLIC_BASE_URL"]
desk = Desk(apps, store, CashierAccounts(LOADS), table, create, base_url, os.environ["SHOPPER_BASE_URL"])
link = PaymentLink(apps, store, PaymentLinks(store.client, store.table, table))


@entrypoint(refused=door.refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Prove, read the order, create or find its attempt."""
    if "token" in request.path_parameters:
        return link.pay(request, desk.take_by_link, now)
    if request.method == "OPTIONS":
        return door.preflight(request)
    return json_reply(200, desk.take(request, now), headers=door.headers(request))

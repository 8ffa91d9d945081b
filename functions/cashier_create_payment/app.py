"""POST /cashier/{name}/{account}/payments: have a hosted cashier take a payment and return where the shopper goes."""

import os
from dataclasses import replace

from countersign import aws
from countersign.accounts import Accounts
from countersign.api import payments, problems
from countersign.cashiers import create_payment
from countersign.cashiers.accounts import CashierAccounts
from countersign.cashiers.registry import LOADS
from countersign.cashiers.wechat_native.create_payment import KIND, Cashier
from countersign.http import HttpReply, HttpRequest
from countersign.platforms.wechat import settings as wechat_settings
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore
from countersign.store.pages import Pages

accounts, wechat = CashierAccounts(LOADS), Accounts("wechat", wechat_settings.load)
store = OrderStore.from_environment()
queue = aws.client("sqs")
pages = Pages(store.client, os.environ["IDEMPOTENCY_TABLE_NAME"])


@entrypoint(refused=problems.refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Check the caller, read the body, create once for each Idempotency-Key; by code it is an order of WeChat's."""
    cashier, name = request.path_parameters["name"], request.path_parameters["account"]
    account = accounts.named(cashier, name)
    if cashier == KIND:
        base = os.environ.get("SHOPPER_BASE_URL") or f"https://{request.domain}"
        native = Cashier(name, accounts.known(account), pages, base)
        request, queued = native.at_wechat(request), "WECHAT_POLL_QUEUE_URL"
        return payments.handle(request, now, accounts=wechat, store=store, queue=queue, read=native.read, polled=queued)
    request = replace(request, path_parameters={**request.path_parameters, "account": account})
    return payments.handle(request, now, accounts=accounts, store=store, queue=queue, read=create_payment.read)

"""POST /cashier/{name}/{account}/payments: have a hosted cashier take a payment and return where the shopper goes."""

import os
from dataclasses import replace
from functools import partial

from countersign import aws
from countersign.accounts import Accounts
from countersign.api import payments, problems
from countersign.cashiers import create_payment
from countersign.cashiers.accounts import CashierAccounts
from countersign.cashiers.notices import account_of
from countersign.cashiers.registry import LOADS
from countersign.cashiers.wechat_native import create_payment as native
from countersign.errors import NotFoundError
from countersign.http import HttpReply, HttpRequest
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.platforms.wechat import settings as wechat_settings
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore
from countersign.store.pages import Pages

accounts, wechat = CashierAccounts(LOADS), Accounts("wechat", wechat_settings.load)
store = OrderStore.from_environment()
queue = aws.client("sqs")


@entrypoint(refused=problems.refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Check the caller, read the body, create once for each Idempotency-Key."""
    named = request.path_parameters
    if named["name"] not in LOADS:  # also `hc1.x`, which would be another way to write an account `x.…` of HC1's
        raise refusal(NotFoundError, because("no_such_account"))
    account = account_of(named["name"], named["account"])
    if named["name"] == native.KIND:
        return _by_code(request, named["account"], account, now)
    request = replace(request, path_parameters={**named, "account": account})
    return payments.handle(request, now, accounts=accounts, store=store, queue=queue, read=create_payment.read)


def _by_code(request: HttpRequest, name: str, account: str, now: int) -> HttpReply:
    """Create an order of the WeChat account that the page stands over; the caller must be allowed that account."""
    try:
        settings = accounts.load(account)
    except NotFoundError:  # in the words for an account that the caller may not see
        raise refusal(NotFoundError, because("no_such_account")) from None
    read = partial(
        native.read,
        native=settings,
        account=name,
        pages=Pages(store.client, os.environ["IDEMPOTENCY_TABLE_NAME"]),
        base_url=os.environ.get("SHOPPER_BASE_URL") or f"https://{request.domain}",
    )
    request = replace(request, path_parameters={**request.path_parameters, "account": settings.wechat})
    return payments.handle(
        request, now, accounts=wechat, store=store, queue=queue, read=read, polled="WECHAT_POLL_QUEUE_URL"
    )

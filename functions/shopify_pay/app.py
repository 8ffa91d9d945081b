"""GET /shopify/{app}/pay/{shop}/{session}/{token}: a buyer's way from a checkout to the cashier, and back."""

import os
from functools import partial

from countersign import aws
from countersign.api import payments
from countersign.cashiers import registry
from countersign.cashiers.accounts import CashierAccounts
from countersign.cashiers.opening import Cashiers
from countersign.errors import CountersignError
from countersign.http import HttpReply, HttpRequest
from countersign.platforms.shopify import create_payment, resolver, session_page
from countersign.platforms.shopify.apps import Apps
from countersign.runtime.entrypoint import entrypoint
from countersign.signing import nonces
from countersign.store import OrderStore

apps, store, accounts = Apps(), OrderStore.from_environment(), CashierAccounts(registry.LOADS)
queues = {"cashier": os.environ["POLL_QUEUE_URL"], "wechat": os.environ["WECHAT_POLL_QUEUE_URL"]}
create = partial(payments.create, store=store, wake=payments.waking_each(aws.client("sqs"), queues))
base_url, table = os.environ["PUBLIC_BASE_URL"], os.environ["IDEMPOTENCY_TABLE_NAME"]
desk = create_payment.Desk(apps, store, accounts, create, base_url, table)


def refused(request: HttpRequest | None, _error: CountersignError) -> HttpReply:
    """Show nothing: a page that never was, one of another app and one of another token look alike."""
    lang = session_page.language("", request.headers.get("accept-language", "") if request is not None else "")
    return session_page.render("unknown", lang=lang, nonce=nonces.nonce())


@entrypoint(refused=refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Send the buyer to the cashier, or on to what Shopify wants next; leaving it changes nothing."""
    found = desk.find(request)
    base = os.environ["SHOPPER_BASE_URL"] or f"https://{request.domain}"
    look = partial(resolver.look_now, store, resolver.ResolveJob(apps, store, Cashiers(accounts, store), now))
    step = desk.step(found, request, create_payment.page_of(base, request), look, now)
    return session_page.of(step, found.session, shop=found.key.account, nonce=nonces.nonce())

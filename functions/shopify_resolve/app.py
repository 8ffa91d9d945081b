"""When something becomes of a payment at a cashier, and every minute: decide sessions and answer Shopify."""

import os
import time
from functools import partial
from typing import Any

from countersign import aws
from countersign.api import payments
from countersign.cashiers import registry
from countersign.cashiers.accounts import CashierAccounts
from countersign.cashiers.opening import Cashiers
from countersign.platforms.shopify import create_payment, resolver
from countersign.platforms.shopify.apps import Apps
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList

ENOUGH_TIME_MS = 30_000  # a cashier's and Shopify's calls at their longest, and what is written about them

store, due = OrderStore.from_environment(), DueList.from_environment(resolver.OWNER)
apps, accounts = Apps(), CashierAccounts(registry.LOADS)
# What Shopify's own window shows is made here, for no buyer opens a page; a payment by QR code is WeChat's.
create = partial(payments.create, store=store, wake=payments.waking(aws.client("sqs"), os.environ["POLL_QUEUE_URL"]))
desk = create_payment.Desk(apps, store, accounts, create, os.environ["PUBLIC_BASE_URL"])
job = partial(resolver.ResolveJob, apps, store, Cashiers(accounts, store), show=desk.show)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Look at the sessions of the event's checkout, or at each that is due, while there is time.

    Every ten minutes apps are told to be ready in the shops where they are, and were not told so yet.
    """
    now = int(time.time())
    about = resolver.order_of(event, store, now=now)
    if about is not None:
        resolver.work(about, context, due, job, enough_ms=ENOUGH_TIME_MS)
    if resolver.is_tenth_minute(event, now):
        resolver.configure_all(apps, store, context, now=now, enough_ms=ENOUGH_TIME_MS)

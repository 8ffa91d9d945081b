"""POST /bigcommerce/{app}/payments: a shopper's page asks for the payment of one order; OPTIONS is its preflight.

POST /bigcommerce/{app}/pay/{token}: somebody pressed the button of the page behind a payment link.
"""

import os
from functools import partial

from countersign import aws
from countersign.api import payments
from countersign.cashiers.accounts import CashierAccounts
from countersign.cashiers.registry import LOADS
from countersign.errors import ConflictError, CountersignError, NotFoundError, TemporaryError, UnprocessableError
from countersign.http import HttpReply, HttpRequest, json_reply
from countersign.money import Money
from countersign.platforms.bigcommerce import link_page
from countersign.platforms.bigcommerce.apps import Apps
from countersign.platforms.bigcommerce.create_payment import Desk
from countersign.platforms.bigcommerce.shopper import Door
from countersign.runtime.entrypoint import entrypoint
from countersign.signing import nonces
from countersign.store import OrderStore
from countersign.store.payment_links import PaymentLinks

apps, store = Apps(), OrderStore.from_environment()
door = Door(apps, store)
queues = {"cashier": os.environ["POLL_QUEUE_URL"], "wechat": os.environ["WECHAT_POLL_QUEUE_URL"]}
create = partial(payments.create, store=store, wake=payments.waking_each(aws.client("sqs"), queues))
table, base_url = os.environ["IDEMPOTENCY_TABLE_NAME"], os.environ["PUBLIC_BASE_URL"]
links = PaymentLinks(store.client, store.table, table)
desk = Desk(apps, store, CashierAccounts(LOADS), table, create, base_url, os.environ["SHOPPER_BASE_URL"])


def refused(request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Refuse in the words of whoever asks: a script, or somebody who has a link before them."""
    if request is None or "token" not in request.path_parameters:
        return door.refused(request, error)
    return link_page.refused(error.status, accepted=request.headers.get("accept-language", ""), nonce=nonces.nonce())


@entrypoint(refused=refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Prove, read the order, create or find its attempt."""
    if "token" in request.path_parameters:
        return _pay_by_link(request, now)
    if request.method == "OPTIONS":
        return door.preflight(request)
    return json_reply(200, desk.take(request, now), headers=door.headers(request))


def _pay_by_link(request: HttpRequest, now: int) -> HttpReply:
    """Create or find the attempt of the link's order, and send the browser to the cashier."""
    link = links.find_for(request.source_ip, request.path_parameters["token"], now=now)
    order = store.get(link.key) if link is not None and link.app == request.path_parameters["app"] else None
    if link is None or order is None:
        raise NotFoundError("no such link")
    links.used(link, now=now)
    try:
        taken = desk.take_by_link(request, link.key.account, link.key.order_id, now)
        state = link_page.PAID if taken["status"] == "PAID" else link_page.OVER
        address = str(taken.get("cashier_url", ""))
    except (ConflictError, NotFoundError, UnprocessableError):
        state, address = link_page.OVER, ""
    except TemporaryError:
        state, address = link_page.LATER, ""
    if address:
        return link_page.redirect(address)
    return link_page.render(
        state,
        shop=link.key.account,
        number=link.key.order_id,
        due=Money(order.balance_due, order.terms.amount.currency),
        accepted=request.headers.get("accept-language", ""),
        nonce=nonces.nonce(),
    )

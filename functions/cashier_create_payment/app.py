"""POST /cashier/{name}/{account}/payments: have a hosted cashier take a payment and return where the shopper goes."""

from dataclasses import replace

from countersign import aws
from countersign.api import payments
from countersign.cashiers import create_payment
from countersign.cashiers.accounts import CashierAccounts
from countersign.cashiers.notices import account_of
from countersign.cashiers.registry import LOADS
from countersign.http import HttpReply, HttpRequest
from countersign.runtime.entrypoint import entrypoint, refused_as_problem
from countersign.store import OrderStore

accounts = CashierAccounts(LOADS)
store = OrderStore.from_environment()
queue = aws.client("sqs")


@entrypoint(refused=refused_as_problem)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Check the caller, read the body, create once for each Idempotency-Key."""
    named = request.path_parameters
    request = replace(request, path_parameters={**named, "account": account_of(named["name"], named["account"])})
    return payments.handle(request, now, accounts=accounts, store=store, queue=queue, read=create_payment.read)

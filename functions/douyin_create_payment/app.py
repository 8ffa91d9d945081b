"""POST /douyin/{account}/payments: create a payment and return what the front end passes on."""

from countersign import aws
from countersign.accounts import Accounts
from countersign.api import payments, problems
from countersign.http import HttpReply, HttpRequest
from countersign.platforms.douyin import create_payment, settings
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore

accounts = Accounts("douyin", settings.load)
store = OrderStore.from_environment()
queue = aws.client("sqs")


@entrypoint(refused=problems.refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Check the caller, read the body, create once for each Idempotency-Key."""
    return payments.handle(request, now, accounts=accounts, store=store, queue=queue, read=create_payment.read)

"""POST /douyin/{account}/payments: create a payment and return what the front end passes on."""

import os

from countersign import aws
from countersign.accounts import Accounts
from countersign.http import HttpReply, HttpRequest, json_reply
from countersign.platforms.douyin import connector, settings
from countersign.platforms.douyin import create_payment as action
from countersign.runtime import caller
from countersign.runtime.entrypoint import entrypoint, refused_as_problem
from countersign.runtime.idempotency import once
from countersign.store import OrderStore

LIFETIME = 240  # an order that can be paid for five minutes must not be answered for longer

accounts = Accounts("douyin", settings.load)
store = OrderStore.from_environment()
queue = aws.client("sqs")


@entrypoint(refused=refused_as_problem)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Check the caller, read the body, create once for each Idempotency-Key."""
    name = request.path_parameters["account"]
    bearer = caller.from_claims(request.claims)
    bearer.require_account("douyin", name)
    account = accounts.load(name)
    body = action.read_body(request.body)
    creation = action.Creation(
        reach=connector.connect(name, account, store=store),
        subject=bearer.subject,
        base_url=os.environ.get("PUBLIC_BASE_URL") or f"https://{request.domain}",
        now=now,
    )
    queue_url = os.environ["DOUYIN_POLL_QUEUE_URL"]

    def create() -> tuple[int, dict[str, object]]:
        return action.create(creation, body, store=store, queue=queue, queue_url=queue_url)

    status, content = once(create, request, account=name, subject=bearer.subject, lifetime=LIFETIME)
    return json_reply(status, content)

"""POST /wechat/{account}/payments: create a payment and return what the front end passes on."""

import os

from countersign import aws
from countersign.accounts import Accounts
from countersign.http import HttpReply, HttpRequest, json_reply
from countersign.platforms.wechat import connector, settings
from countersign.platforms.wechat import create_payment as action
from countersign.runtime import caller
from countersign.runtime.entrypoint import entrypoint, refused_as_problem
from countersign.runtime.idempotency import once
from countersign.runtime.telemetry import count
from countersign.store import OrderStore

accounts = Accounts("wechat", settings.load)
store = OrderStore.from_environment()
queue = aws.client("sqs")


@entrypoint(refused=refused_as_problem)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Check the caller, read the body, create once for each Idempotency-Key."""
    name = request.path_parameters["account"]
    bearer = caller.from_claims(request.claims)
    bearer.require_account("wechat", name)
    account = accounts.load(name)
    body = action.read_body(request.body)
    creation = action.Creation(
        account=name,
        reach=connector.connect(name, account, store=store),
        subject=bearer.subject,
        base_url=os.environ.get("PUBLIC_BASE_URL") or f"https://{request.domain}",
        source_ip=request.source_ip,
        now=now,
    )
    queue_url = os.environ["WECHAT_POLL_QUEUE_URL"]

    def create() -> tuple[int, dict[str, object]]:
        return action.create(creation, body, store=store, queue=queue, queue_url=queue_url)

    lifetime = 240 if body.method == "h5" else 3600  # an h5 URL lives 5 minutes, a prepay id 2 hours
    status, content = once(create, request, account=name, subject=bearer.subject, lifetime=lifetime)
    count("PaymentPrepared")
    return json_reply(status, content)

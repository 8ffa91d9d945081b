"""POST /recharge/{account}/webhook: take what Recharge delivers about charges into the order record."""

from countersign.accounts import Accounts
from countersign.http import HttpReply, HttpRequest
from countersign.platforms.recharge import replies, settings, signing, translate
from countersign.runtime import callbacks
from countersign.runtime.entrypoint import entrypoint
from countersign.runtime.telemetry import count
from countersign.store import OrderStore

LIMIT = 6 * 1024 * 1024  # what Lambda takes at all: an answer outside 2xx counts towards the end of the subscription

accounts = Accounts("recharge", settings.load)
store = OrderStore.from_environment()


@entrypoint(refused=replies.refused, limit=LIMIT)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Verify, read, translate, record, acknowledge; a repeated delivery changes nothing."""
    name = request.path_parameters["account"]
    account = accounts.load(name)
    genuine = signing.verify(request, account, now=now)
    if translate.version_of(genuine) not in ("", account.api_version):
        count("ApiVersionDiffers")
    callbacks.record(
        store,
        lambda: translate.to_changes(genuine, account, name),
        genuine,
        platform="recharge",
        account=name,
        raw=request.body,
        now=now,
        order_id=lambda: translate.order_of(genuine),
        source="webhook",
        said=translate.said_of(genuine, account),
    )
    return replies.accepted()

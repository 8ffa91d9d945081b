"""POST /douyin/{account}/callback: take what both Douyin systems report into the order record."""

from countersign.accounts import Accounts
from countersign.http import HttpReply, HttpRequest
from countersign.platforms.douyin import replies, settings, signing, translate
from countersign.runtime import callbacks
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore

accounts = Accounts("douyin", settings.load)
store = OrderStore.from_environment()


@entrypoint(refused=replies.refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Verify, read, translate, record, acknowledge; a repeated delivery changes nothing."""
    name = request.path_parameters["account"]
    account = accounts.load(name)
    genuine = signing.verify(request, account, now=now)
    callbacks.record(
        store,
        lambda: translate.to_change(genuine, account, name),
        genuine,
        platform="douyin",
        account=name,
        raw=request.body,
        now=now,
        order_id=lambda: translate.order_of(genuine),
        source="callback",
        unsigned=genuine.stale,
    )
    return replies.accepted(translate.wanted(genuine, account))

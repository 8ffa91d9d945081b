"""POST /wechat/{account}/notify: take WeChat's payment and refund results, v2 and v3, into the order record."""

from countersign.accounts import Accounts
from countersign.errors import CountersignError
from countersign.http import HttpReply, HttpRequest
from countersign.platforms.wechat import replies, settings, signing, translate
from countersign.runtime import callbacks
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore

accounts = Accounts("wechat", settings.load)
store = OrderStore.from_environment()


def refused(request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Answer in the words of the API version that the request came by."""
    return replies.refused(signing.system_of(request) if request else "v3", error)


@entrypoint(refused=refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Verify, read, translate, record, acknowledge; a repeated delivery changes nothing."""
    name = request.path_parameters["account"]
    account = accounts.load(name)
    genuine = signing.verify(request, account, now=now)
    callbacks.record(
        store,
        lambda: translate.to_change(genuine, account, name),
        genuine,
        platform="wechat",
        account=name,
        raw=request.body,
        now=now,
        order_id=lambda: translate.order_of(genuine),
        unsigned=not genuine.signed,
    )
    return replies.accepted(genuine.system)

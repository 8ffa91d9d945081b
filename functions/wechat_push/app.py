"""/wechat/{account}/push: take what a mini program or mini store pushes (POST), and answer the URL's check (GET)."""

from countersign.accounts import Accounts
from countersign.http import HttpReply, HttpRequest
from countersign.platforms.wechat import push, push_events, replies, settings
from countersign.runtime import callbacks
from countersign.runtime.entrypoint import entrypoint
from countersign.runtime.telemetry import count
from countersign.store import OrderStore

accounts = Accounts("wechat", settings.load)
store = OrderStore.from_environment()


@entrypoint(refused=lambda _, error: replies.push_refused(error))  # anything but `success`: it is pushed again
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Verify, read, translate, record, acknowledge; a repeated message changes nothing."""
    name = request.path_parameters["account"]
    account = accounts.load(name)
    known = push.recipients(account)
    if request.method == "GET":
        return replies.url_checked(push.check_url(request, known, now=now))
    pushed = push.verify(request, known, now=now)
    if not push_events.is_news(pushed):
        count("PushIgnored")
        return replies.push_accepted()
    callbacks.record(
        store,
        lambda: push_events.to_change(pushed, account, name),
        pushed,
        platform="wechat",
        account=name,
        raw=pushed.evidence,
        now=now,
        order_id=lambda: push_events.order_of(pushed),
        source="push",
        unsigned=not pushed.signed,
        kept=pushed.signed,
    )
    return replies.push_accepted()

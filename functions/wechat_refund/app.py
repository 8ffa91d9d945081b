"""When a refund is approved, and every minute: make refunds at WeChat and ask what became of them."""

import time
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.wechat import settings
from countersign.platforms.wechat.client import Client
from countersign.platforms.wechat.connector import Reach
from countersign.runtime import callbacks, platform_http
from countersign.runtime.telemetry import invocation, seconds
from countersign.signing import nonces
from countersign.store import OrderStore, keys
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.workers import loop
from countersign.workers.refund import RefundWork

ENOUGH_TIME_MS = 20_000  # a query and a call at their longest, and what is written about them

accounts = Accounts("wechat", settings.load)
store = OrderStore.from_environment()
due = DueList.from_environment("wechat_refund")


def _reach(name: str) -> Reach:
    account = accounts.load(name)
    private_key = account.merchant_private_key_pem

    def certified() -> Any:
        return platform_http.certified_session(account.merchant_cert_pem, private_key.reveal() if private_key else "")

    client = Client(
        platform_http.session(), account, now=lambda: int(time.time()), nonce=nonces.nonce, certified=certified
    )
    return Reach(account, client)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Work on each due refund while there is time."""
    failed_calls: dict[str, int] = {}

    def look(item: Item, now: int) -> bool:
        return RefundWork(store, due, _reach, callbacks.report, failed_calls, now).look(item)

    pending = loop.work(
        loop.waiting(event, due, int(time.time()), kind=keys.REFUND),
        context,
        look,
        enough_ms=ENOUGH_TIME_MS,
        worked="RefundWorked",
        failed="RefundCallFailed",
        age=loop.refund_age,
    )
    seconds("RefundPendingSeconds", pending)

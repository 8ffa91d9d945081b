"""When a refund is approved, and every minute: make refunds at WeChat and ask what became of them."""

import time
from typing import Any

from countersign.accounts import Accounts
from countersign.actions.wechat_ask import Reach
from countersign.actions.wechat_refund import RefundWork
from countersign.platforms.wechat import settings
from countersign.platforms.wechat.client import Client
from countersign.runtime import callbacks, outbound, worker
from countersign.runtime.telemetry import invocation, seconds
from countersign.signing import nonces
from countersign.store import OrderStore, keys
from countersign.store.codec import Item
from countersign.store.due import DueList

ENOUGH_TIME_MS = 20_000  # a query and a call at their longest, and what is written about them

accounts = Accounts("wechat", settings.load)
store = OrderStore.from_environment()
due = DueList.from_environment("wechat_refund")


def _reach(name: str) -> Reach:
    account = accounts.load(name)
    private_key = account.merchant_private_key_pem

    def certified() -> Any:
        return outbound.certified_session(account.merchant_cert_pem, private_key.reveal() if private_key else "")

    client = Client(outbound.session(), account, now=lambda: int(time.time()), nonce=nonces.nonce, certified=certified)
    return Reach(account, client)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Work on each due refund while there is time."""
    vain: dict[str, int] = {}

    def look(item: Item, now: int) -> bool:
        return RefundWork(store, due, _reach, callbacks.report, vain, now).look(item)

    pending = worker.work(
        worker.waiting(event, due, int(time.time()), kind=keys.REFUND),
        context,
        look,
        enough_ms=ENOUGH_TIME_MS,
        worked="RefundWorked",
        failed="RefundCallFailed",
        age=worker.refund_age,
    )
    seconds("RefundPendingSeconds", pending)

"""When a refund is approved, and every minute: make refunds at WeChat and ask what became of them."""

import time
from collections.abc import Iterable
from typing import Any

from countersign.accounts import Accounts
from countersign.actions.wechat_ask import Reach
from countersign.actions.wechat_refund import RefundWork
from countersign.errors import CountersignError
from countersign.orders.changes import OrderKey
from countersign.platforms.wechat import settings
from countersign.platforms.wechat.client import Client
from countersign.runtime import callbacks, outbound
from countersign.runtime.telemetry import count, invocation, logger, seconds
from countersign.signing import nonces
from countersign.store import OrderStore, codec, keys
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


def _waiting(event: dict[str, Any], now: int) -> Iterable[Item]:
    """Return what is due: of the order that the bus names, or of all orders."""
    if event["source"] == "countersign":
        named = event["detail"]
        return due.due_of(OrderKey(named["platform"], named["account"], named["order_id"]), keys.REFUND, now)
    return due.due(now)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Work on each due refund until little time is left; the due list owns what remains and what failed."""
    started = int(time.time())
    pending = 0
    vain: dict[str, int] = {}
    for item in _waiting(event, started):
        if context.get_remaining_time_in_millis() < ENOUGH_TIME_MS:
            break
        now = int(time.time())
        if codec.as_text(item, "status") in ("approved", "processing"):
            pending = max(pending, now - (codec.as_number(item, "since") or now))
        try:
            count("RefundWorked", int(RefundWork(store, due, _reach, callbacks.report, vain, now).look(item)))
        except CountersignError as error:
            count("RefundCallFailed")
            logger.warning("refund not settled", extra={"error": type(error).__name__, "reason": str(error)})
    seconds("RefundPendingSeconds", pending)

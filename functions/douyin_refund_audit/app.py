"""When the desk has decided, and every minute: tell Douyin about refunds that users asked it for."""

import time
from collections.abc import Iterable
from typing import Any

from countersign.accounts import Accounts
from countersign.actions import douyin_ask
from countersign.actions.douyin_ask import Reach
from countersign.actions.douyin_refund import RefundWork
from countersign.errors import CountersignError
from countersign.orders.changes import OrderKey
from countersign.platforms.douyin import settings
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, invocation, logger, seconds
from countersign.store import OrderStore, codec, keys
from countersign.store.codec import Item
from countersign.store.due import DueList

ENOUGH_TIME_MS = 20_000  # a query and a call at their longest, and what is written about them

accounts = Accounts("douyin", settings.load)
store = OrderStore.from_environment()
due = DueList.from_environment("douyin_refund_audit")
reaches: dict[str, Reach] = {}


def _now() -> int:
    return int(time.time())


def _reach(name: str) -> Reach:
    account = accounts.load(name)
    if name not in reaches or reaches[name].settings is not account:
        reaches[name] = douyin_ask.reach(name, account, store, now=_now)
    return reaches[name]


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
    for item in _waiting(event, started):
        if context.get_remaining_time_in_millis() < ENOUGH_TIME_MS:
            break
        now = int(time.time())
        if codec.as_text(item, "status") in ("approved", "processing"):
            pending = max(pending, now - (codec.as_number(item, "since") or now))
        try:
            count("RefundWorked", int(RefundWork(store, due, _reach, callbacks.report, now).look(item)))
        except CountersignError as error:
            count("RefundCallFailed")
            logger.warning("refund not settled", extra={"error": type(error).__name__, "reason": str(error)})
    seconds("RefundPendingSeconds", pending)

"""When a refund is approved, and every minute: make refunds at Douyin and ask what became of them."""

import time
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.douyin import settings
from countersign.platforms.douyin.connector import Reaches
from countersign.runtime import callbacks
from countersign.runtime.telemetry import invocation, seconds
from countersign.store import OrderStore, keys
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.workers import loop
from countersign.workers.douyin_refund import RefundWork

ENOUGH_TIME_MS = 20_000  # a query and a call at their longest, and what is written about them

accounts = Accounts("douyin", settings.load)
store = OrderStore.from_environment()
due = DueList.from_environment("douyin_refund")
reach = Reaches(accounts, store)


def _look(item: Item, now: int) -> bool:
    return RefundWork(store, due, reach, callbacks.report, now).look(item)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Work on each due refund while there is time."""
    pending = loop.work(
        loop.waiting(event, due, int(time.time()), kind=keys.REFUND),
        context,
        _look,
        enough_ms=ENOUGH_TIME_MS,
        worked="RefundWorked",
        failed="RefundCallFailed",
        age=loop.refund_age,
    )
    seconds("RefundPendingSeconds", pending)

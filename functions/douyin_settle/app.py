"""Every minute: settle orders whose period is over, and ask what became of settlements."""

import time
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.douyin import settings
from countersign.platforms.douyin.connector import Reaches
from countersign.runtime import callbacks
from countersign.runtime.telemetry import invocation, seconds
from countersign.store import OrderStore
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.workers import loop
from countersign.workers.settle import SettleWork

ENOUGH_TIME_MS = 20_000  # a query and a call at their longest, and what is written about them

accounts = Accounts("douyin", settings.load)
store = OrderStore.from_environment()
due = DueList.from_environment("douyin_settle")
reach = Reaches(accounts, store)


def _look(item: Item, now: int) -> bool:
    return SettleWork(store, due, reach, callbacks.report, now).look(item)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Work on each due settlement while there is time."""
    items = loop.waiting(event, due, int(time.time()))
    enough, failed = ENOUGH_TIME_MS, "SettlementCallFailed"
    late = loop.work(items, context, _look, enough_ms=enough, worked="SettlementWorked", failed=failed)
    seconds("DueOverdueSeconds", late)

"""Every minute: settle orders whose period is over, and ask what became of settlements."""

import time
from typing import Any

from countersign.accounts import Accounts
from countersign.actions import douyin_ask
from countersign.actions.douyin_ask import Reach
from countersign.actions.douyin_settle import SettleWork
from countersign.errors import CountersignError
from countersign.platforms.douyin import settings
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, invocation, logger, seconds
from countersign.store import OrderStore, codec
from countersign.store.due import DueList

ENOUGH_TIME_MS = 20_000  # a query and a call at their longest, and what is written about them

accounts = Accounts("douyin", settings.load)
store = OrderStore.from_environment()
due = DueList.from_environment("douyin_settle")
reaches: dict[str, Reach] = {}


def _now() -> int:
    return int(time.time())


def _reach(name: str) -> Reach:
    account = accounts.load(name)
    if name not in reaches or reaches[name].settings is not account:
        reaches[name] = douyin_ask.reach(name, account, store, now=_now)
    return reaches[name]


@invocation
def lambda_handler(_event: dict[str, Any], context: Any) -> None:
    """Work on each due settlement until little time is left; the due list owns what remains and what failed."""
    started = int(time.time())
    overdue = 0
    for item in due.due(started):
        if context.get_remaining_time_in_millis() < ENOUGH_TIME_MS:
            break
        now = int(time.time())
        overdue = max(overdue, now - (codec.as_number(item, "due_at") or now))
        try:
            count("SettlementWorked", int(SettleWork(store, due, _reach, callbacks.report, now).look(item)))
        except CountersignError as error:
            count("SettlementCallFailed")
            logger.warning("not settled", extra={"error": type(error).__name__, "reason": str(error)})
    seconds("DueOverdueSeconds", overdue)

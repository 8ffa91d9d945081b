"""Every half hour from ten in Beijing: compare yesterday's bills of all apps, until each is done."""

import time
from datetime import date
from typing import Any

from countersign.accounts import Accounts
from countersign.errors import CountersignError
from countersign.platforms.douyin import connector, settings
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, invocation, logger
from countersign.store import OrderStore
from countersign.store.reconciliation import ReconciliationStore
from countersign.workers.douyin_bill import BillWork

ENOUGH_TIME_MS = 120_000

accounts = Accounts("douyin", settings.load)
store = OrderStore.from_environment()
rows = ReconciliationStore.from_environment()


def _now() -> int:
    return int(time.time())


def _compare(work: BillWork, day: date) -> None:
    counts = work.compare(day)
    if counts is None:
        return
    count("BillCompared")
    count("ReconciliationDifference", counts.differences)
    told = {"account": work.reach.name, "day": day.isoformat(), **counts.to_json()}
    logger.info("bill compared", extra={"bill": told})


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Compare what is not compared yet; a person may send {"compare": {"account", "date"}} to compare a day again."""
    again = event.get("compare")
    for name in [again["account"]] if again else list(accounts.names()):
        try:
            reach = connector.reach(name, accounts.load(name), store, now=_now)
            work = BillWork(reach, rows, store, callbacks.report, _now)
            for day in [date.fromisoformat(again["date"])] if again else work.wanted():
                if context.get_remaining_time_in_millis() < ENOUGH_TIME_MS:
                    return
                _compare(work, day)
        except CountersignError as error:
            count("BillFailed")
            reason = {"account": name, "error": type(error).__name__, "reason": str(error)}
            logger.warning("bill not compared", extra=reason)

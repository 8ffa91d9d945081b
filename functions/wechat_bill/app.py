"""Every half hour from ten in Beijing: compare yesterday's bills of all accounts, until each is done."""

import time
from datetime import date
from typing import Any

from countersign.accounts import Accounts
from countersign.errors import CountersignError
from countersign.platforms.wechat import settings
from countersign.platforms.wechat.client import Client
from countersign.platforms.wechat.connector import Reach
from countersign.runtime import callbacks, platform_http
from countersign.runtime.telemetry import count, invocation, logger
from countersign.signing import nonces
from countersign.store import OrderStore
from countersign.store.reconciliation import ReconciliationStore
from countersign.workers.bill import BillWork

ENOUGH_TIME_MS = 120_000

accounts = Accounts("wechat", settings.load)
store = OrderStore.from_environment()
rows = ReconciliationStore.from_environment()


def _now() -> int:
    return int(time.time())


def _work(name: str) -> BillWork:
    account = accounts.load(name)
    client = Client(platform_http.session(), account, now=_now, nonce=nonces.nonce)
    return BillWork(name, Reach(account, client), rows, store, callbacks.report, _now)


def _compare(work: BillWork, day: date) -> None:
    counts = work.compare(day)
    if counts is None:
        return
    count("BillCompared")
    count("ReconciliationDifference", counts.differences)
    told = {"account": work.account, "day": day.isoformat(), **counts.to_json()}
    logger.info("bill compared", extra={"bill": told})


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Compare what is not compared yet; a person may send {"compare": {"account", "date"}} to compare a day again."""
    again = event.get("compare")
    names = [again["account"]] if again else list(accounts.names())
    for name in names:
        try:
            work = _work(name)
            for day in [date.fromisoformat(again["date"])] if again else work.wanted():
                if context.get_remaining_time_in_millis() < ENOUGH_TIME_MS:
                    return
                _compare(work, day)
        except CountersignError as error:
            count("BillFailed")
            reason = {"account": name, "error": type(error).__name__, "reason": str(error)}
            logger.warning("bill not compared", extra=reason)

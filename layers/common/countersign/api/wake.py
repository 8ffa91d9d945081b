"""Wake a platform's worker: an entry on the bus, for which the platform's own rule waits."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from countersign.orders.changes import OrderKey
from countersign.runtime.telemetry import count
from countersign.store.reconciliation import Day
from countersign.workers.loop import WORK


def wake(events: Any, bus: str, key: OrderKey) -> None:
    """Have the platform's poll look at an order now; the entry is between our own functions and no contract.

    The order stands on the due list already, so an entry that is lost costs the minute until the next scheduled run.
    """
    _tell(events, bus, "order.due", {"platform": key.platform, "account": key.account, "order_id": key.order_id})


def wake_bill(events: Any, bus: str, day: Day) -> None:
    """Have the platform's bill function compare a day now.

    The day is marked as waiting, so where the entry is lost the next scheduled run compares it, if it is of this week.
    """
    _tell(events, bus, "bill.due", {"platform": day.platform, "account": day.account, "date": day.day})


def _tell(events: Any, bus: str, what: str, detail: dict[str, str]) -> None:
    entry = {"Source": WORK, "DetailType": what, "EventBusName": bus, "Detail": json.dumps(detail)}
    try:
        answer = events.put_events(Entries=[entry])
    except (BotoCoreError, ClientError):
        count("WakeFailed")
        return
    count("WakeFailed", answer["FailedEntryCount"])

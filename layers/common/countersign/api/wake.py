"""Wake a platform's worker: an entry on the bus, for which the platform's own rule waits."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from countersign.orders.changes import OrderKey
from countersign.runtime.telemetry import count
from countersign.workers.loop import WORK


def wake(events: Any, bus: str, key: OrderKey) -> None:
    """Have the platform's poll look at an order now; the entry is between our own functions and no contract.

    The order stands on the due list already, so an entry that is lost costs the minute until the next scheduled run.
    """
    detail = json.dumps({"platform": key.platform, "account": key.account, "order_id": key.order_id})
    entry = {"Source": WORK, "DetailType": "order.due", "EventBusName": bus, "Detail": detail}
    try:
        answer = events.put_events(Entries=[entry])
    except (BotoCoreError, ClientError):
        count("WakeFailed")
        return
    count("WakeFailed", answer["FailedEntryCount"])

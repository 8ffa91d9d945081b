"""When a shipment is recorded, and every minute: tell Douyin of shipments and of the state that orders are in."""

import time
from functools import partial
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.douyin import connector, settings
from countersign.platforms.douyin.fulfilment import ShipWork
from countersign.platforms.port import Connectors
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, invocation, seconds
from countersign.store import OrderStore, keys
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.workers import loop

ENOUGH_TIME_MS = 28_000  # a token, a query and a call at their longest, and what is written about them

accounts = Accounts("douyin", settings.load)
store = OrderStore.from_environment()
due = DueList.from_environment("douyin_ship")
connect = Connectors(accounts, partial(connector.connect, store=store))


def _look(item: Item, now: int) -> bool:
    return ShipWork(store, due, connect, callbacks.report, count, now).look(item)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Tell Douyin of what is due while there is time."""
    items = loop.waiting(event, due, int(time.time()), kind=keys.SHIPMENT)
    late = loop.work(items, context, _look, enough_ms=ENOUGH_TIME_MS, worked="ShipWorked", failed="ShipCallFailed")
    seconds("DueOverdueSeconds", late)

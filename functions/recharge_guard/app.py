"""Every hour: see that Recharge still delivers; subscribe anew where it does not, and have the gap read."""

import os
import time
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.port import Connectors
from countersign.platforms.recharge import connector, settings
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.scans import ScanStore
from countersign.store.subscriptions import SubscriptionStore
from countersign.workers import guard

accounts = Accounts("recharge", settings.load)
store = OrderStore.from_environment()
subscriptions = SubscriptionStore(store.client, store.table, "recharge")
scans = ScanStore(store.client, store.table, "recharge")
connect = Connectors(accounts, connector.connect)


def _address(name: str) -> str:
    return f"{os.environ['PUBLIC_BASE_URL']}/recharge/{name}/webhook"


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Look after each account's subscriptions, or those of `accounts` in the event, while there is time."""
    work = guard.GuardWork(subscriptions, scans, connect, _address, int(time.time()))
    guard.run(event, context, names=accounts.names, work=work, enough_ms=60_000)

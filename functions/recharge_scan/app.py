"""Every ten minutes: read the list of charges that failed from where it was left."""

from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.port import Connectors
from countersign.platforms.recharge import connector, settings
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.scans import ScanStore
from countersign.workers import scan

accounts = Accounts("recharge", settings.load)
store = OrderStore.from_environment()
scans = ScanStore(store.client, store.table, "recharge")
connect = Connectors(accounts, connector.connect)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Read each account's list, or those of `accounts` in the event, while there is time."""
    scan.run(event, context, names=accounts.names, store=store, scans=scans, connect=connect, enough_ms=60_000)

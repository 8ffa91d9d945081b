"""Every half hour from ten in Beijing: compare yesterday's bills of all accounts, until each is done."""

from functools import partial
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.port import Bills, Connectors
from countersign.platforms.wechat import connector, settings
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.reconciliation import ReconciliationStore
from countersign.workers import bill

store, rows = OrderStore.from_environment(), ReconciliationStore.from_environment()
accounts = Accounts("wechat", settings.load)
connect: Connectors[Bills] = Connectors(accounts, partial(connector.connect, store=store))


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Compare what is not compared yet."""
    bill.run(event, context, store=store, rows=rows, connect=connect)

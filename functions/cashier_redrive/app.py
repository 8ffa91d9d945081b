"""By hand only: cashiers' quarantined notifications after a fix, and stored events, once more (docs/operations.md)."""

from typing import Any

from countersign.cashiers.accounts import CashierAccounts
from countersign.cashiers.doors import DOORS
from countersign.cashiers.notices import PLATFORM, Told
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.quarantine import QuarantinedMessage
from countersign.workers import redrive

accounts = CashierAccounts({name: door.load for name, door in DOORS.items()})
store = OrderStore.from_environment()


def _notification(kept: QuarantinedMessage) -> Told:
    door = DOORS[kept.account.partition(".")[0]]
    return door.reparse(kept.raw, accounts.load(kept.account), kept.key_id).changes(kept.account)


READERS = {"notify": _notification}


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Redrive the days that the event names, or replay the one event; see `workers.redrive`."""
    return redrive.run(event, context, platform=PLATFORM, store=store, readers=READERS)

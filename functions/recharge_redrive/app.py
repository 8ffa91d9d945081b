"""By hand only: Recharge's quarantined deliveries after a fix, and stored events, once more (docs/operations.md)."""

import time
from collections.abc import Sequence
from typing import Any

from countersign.accounts import Accounts
from countersign.orders.changes import AccountNews, Change
from countersign.platforms.recharge import settings, signing, translate
from countersign.runtime import callbacks
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.quarantine import QuarantinedMessage
from countersign.workers.redrive import Redrive

ENOUGH_TIME_MS = 10_000

accounts = Accounts("recharge", settings.load)
store = OrderStore.from_environment()


def _webhook(kept: QuarantinedMessage) -> Sequence[Change] | AccountNews:
    account = accounts.load(kept.account)
    return translate.to_changes(signing.reverify(kept.raw, key_id=kept.key_id), account, kept.account)


READERS = {"webhook": _webhook}


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Redrive the days that the event names, or replay the one event; see `workers.redrive`."""

    def enough_time() -> bool:
        return bool(context.get_remaining_time_in_millis() >= ENOUGH_TIME_MS)

    return Redrive("recharge", store, READERS, callbacks.report, enough_time, int(time.time())).run(event)

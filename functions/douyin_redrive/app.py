"""By hand only: Douyin's quarantined news after a fix, and stored events, once more (docs/operations.md)."""

from typing import Any

from countersign.accounts import Accounts
from countersign.orders.changes import AccountNews, Change
from countersign.platforms.douyin import settings, signing, translate
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.quarantine import QuarantinedMessage
from countersign.workers import redrive

accounts = Accounts("douyin", settings.load)
store = OrderStore.from_environment()


def _callback(kept: QuarantinedMessage) -> Change | AccountNews:
    account = accounts.load(kept.account)
    genuine = signing.reverify(kept.raw, account, key_id=kept.key_id, received_at=kept.received_at, stale=kept.hint)
    return translate.to_change(genuine, account, kept.account)


READERS = {"callback": _callback, "notify": _callback}  # rows of before say notify


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Redrive the days that the event names, or replay the one event; see `workers.redrive`."""
    return redrive.run(event, context, platform="douyin", store=store, readers=READERS)

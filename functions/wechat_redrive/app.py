"""By hand only: WeChat's quarantined news after a fix, and stored events, once more (docs/operations.md)."""

from typing import Any

from countersign.accounts import Accounts
from countersign.orders.changes import AccountNews, Change
from countersign.platforms.wechat import push, push_events, settings, signing, translate
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.quarantine import QuarantinedMessage
from countersign.workers import redrive

accounts = Accounts("wechat", settings.load)
store = OrderStore.from_environment()


def _notice(kept: QuarantinedMessage) -> Change | AccountNews:
    account = accounts.load(kept.account)
    genuine = signing.reverify(kept.raw, account, key_id=kept.key_id)
    return translate.to_change(genuine, account, kept.account)


def _push(kept: QuarantinedMessage) -> Change | AccountNews:
    account = accounts.load(kept.account)
    return push_events.to_change(push.reverify(kept.raw, push.recipients(account)), account, kept.account)


READERS = {"notify": _notice, "push": _push}


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Redrive the days that the event names, or replay the one event; see `workers.redrive`."""
    return redrive.run(event, context, platform="wechat", store=store, readers=READERS)

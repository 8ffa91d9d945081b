"""Every minute, and at short rungs by queue: ask WeChat about what is due."""

import json
import time
from typing import Any

from countersign.accounts import Accounts
from countersign.actions import wechat_apps
from countersign.actions.wechat_ask import Reach
from countersign.actions.wechat_poll import Poll
from countersign.errors import CountersignError
from countersign.orders.changes import OrderKey
from countersign.platforms.wechat import settings
from countersign.platforms.wechat.client import Client
from countersign.runtime import callbacks, outbound
from countersign.runtime.telemetry import count, invocation, logger, seconds
from countersign.signing import nonces
from countersign.store import OrderStore, codec
from countersign.store.codec import Item
from countersign.store.due import DueList

ENOUGH_TIME_MS = 20_000  # three calls to WeChat at their longest

accounts = Accounts("wechat", settings.load)
store = OrderStore.from_environment()
due = DueList.from_environment("wechat_poll")


def _now() -> int:
    return int(time.time())


def _reach(name: str) -> Reach:
    account = accounts.load(name)
    client = Client(outbound.session(), account, now=_now, nonce=nonces.nonce)
    return Reach(account, client, lambda: wechat_apps.mini_store(account, store, now=_now))


def _woken(event: dict[str, Any], now: int) -> list[Item]:
    """Return the orders that queue messages name, as far as they are due."""
    messages = [json.loads(record["body"]) for record in event["Records"]]
    items = [due.read(OrderKey(**message)) for message in messages]
    return [item for item in items if item and (codec.as_number(item, "due_at") or now + 1) <= now]


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Look at each due item until little time is left; the due list owns what remains and what failed."""
    started = int(time.time())
    overdue = 0
    for item in _woken(event, started) if "Records" in event else due.due(started):
        if context.get_remaining_time_in_millis() < ENOUGH_TIME_MS:
            break
        now = int(time.time())
        overdue = max(overdue, now - (codec.as_number(item, "due_at") or now))
        try:
            count("PollQueried", int(Poll(store, due, _reach, callbacks.report, count, now).look(item)))
        except CountersignError as error:
            count("PollFailed")
            logger.warning("asked in vain", extra={"error": type(error).__name__, "reason": str(error)})
    seconds("DueOverdueSeconds", overdue)

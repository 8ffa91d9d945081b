"""Every minute, and at short rungs by queue: ask WeChat about what is due."""

import time
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.wechat import apps, settings
from countersign.platforms.wechat.client import Client
from countersign.platforms.wechat.connector import Reach
from countersign.runtime import callbacks, platform_http
from countersign.runtime.telemetry import count, invocation, seconds
from countersign.signing import nonces
from countersign.store import OrderStore
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.workers import loop
from countersign.workers.poll import Poll

ENOUGH_TIME_MS = 20_000  # three calls to WeChat at their longest

accounts = Accounts("wechat", settings.load)
store = OrderStore.from_environment()
due = DueList.from_environment("wechat_poll")


def _now() -> int:
    return int(time.time())


def _reach(name: str) -> Reach:
    account = accounts.load(name)
    client = Client(platform_http.session(), account, now=_now, nonce=nonces.nonce)
    return Reach(account, client, lambda: apps.mini_store(account, store, now=_now))


def _look(item: Item, now: int) -> bool:
    return Poll(store, due, _reach, callbacks.report, count, now).look(item)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Look at each due order, orphan and hint while there is time."""
    items = loop.waiting(event, due, int(time.time()))
    late = loop.work(items, context, _look, enough_ms=ENOUGH_TIME_MS, worked="PollQueried", failed="PollFailed")
    seconds("DueOverdueSeconds", late)

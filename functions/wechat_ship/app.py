"""When a shipment is recorded, and every minute: tell WeChat of it."""

import time
from collections.abc import Iterable
from typing import Any

from countersign.accounts import Accounts
from countersign.actions import wechat_apps
from countersign.actions.wechat_ask import Reach
from countersign.actions.wechat_ship import ShipWork
from countersign.errors import CountersignError
from countersign.orders.changes import OrderKey
from countersign.platforms.wechat import settings
from countersign.platforms.wechat.client import Client
from countersign.platforms.wechat.miniprogram import MiniProgram
from countersign.platforms.wechat.settings import Settings
from countersign.runtime import callbacks, outbound
from countersign.runtime.telemetry import count, invocation, logger, seconds
from countersign.signing import nonces
from countersign.store import OrderStore, codec, keys
from countersign.store.codec import Item
from countersign.store.due import DueList

ENOUGH_TIME_MS = 35_000  # a token, a query and two calls at their longest, and what is written about them

accounts = Accounts("wechat", settings.load)
store = OrderStore.from_environment()
due = DueList.from_environment("wechat_ship")


def _now() -> int:
    return int(time.time())


def _reach(name: str) -> Reach:
    account = accounts.load(name)
    return Reach(account, Client(outbound.session(), account, now=_now, nonce=nonces.nonce))


def _mini_program(account: Settings) -> MiniProgram:
    return wechat_apps.mini_program(account, store, now=_now)


def _mini_store(account: Settings) -> MiniProgram:
    return wechat_apps.mini_store(account, store, now=_now)


def _waiting(event: dict[str, Any], now: int) -> Iterable[Item]:
    """Return what is due: of the order that the bus names, or of all orders."""
    if event["source"] == "countersign":
        named = event["detail"]
        return due.due_of(OrderKey(named["platform"], named["account"], named["order_id"]), keys.SHIPMENT, now)
    return due.due(now)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Work on each due shipment until little time is left; the due list owns what remains and what failed."""
    pending = 0
    for item in _waiting(event, _now()):
        if context.get_remaining_time_in_millis() < ENOUGH_TIME_MS:
            break
        now = _now()
        pending = max(pending, now - codec.read_shipment(item).requested_at)
        work = ShipWork(store, due, _reach, _mini_program, _mini_store, callbacks.report, now)
        try:
            count("ShipWorked", int(work.look(item)))
        except CountersignError as error:
            count("ShipCallFailed")
            logger.warning("shipment not told", extra={"error": type(error).__name__, "reason": str(error)})
    seconds("ShipPendingSeconds", pending)

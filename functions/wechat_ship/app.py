"""When a shipment is recorded, and every minute: tell WeChat of it."""

import time
from typing import Any

from countersign.accounts import Accounts
from countersign.platforms.wechat import apps, settings
from countersign.platforms.wechat.client import Client
from countersign.platforms.wechat.connector import Reach
from countersign.platforms.wechat.fulfilment import ShipWork
from countersign.platforms.wechat.miniprogram import MiniProgram
from countersign.platforms.wechat.settings import Settings
from countersign.runtime import callbacks, platform_http
from countersign.runtime.telemetry import invocation, seconds
from countersign.signing import nonces
from countersign.store import OrderStore, keys
from countersign.store.children import child_of
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.workers import loop

ENOUGH_TIME_MS = 35_000  # a token, a query and two calls at their longest, and what is written about them

accounts = Accounts("wechat", settings.load)
store = OrderStore.from_environment()
due = DueList.from_environment("wechat_ship")


def _now() -> int:
    return int(time.time())


def _reach(name: str) -> Reach:
    account = accounts.load(name)
    return Reach(account, Client(platform_http.session(), account, now=_now, nonce=nonces.nonce))


def _mini_program(account: Settings) -> MiniProgram:
    return apps.mini_program(account, store, now=_now)


def _mini_store(account: Settings) -> MiniProgram:
    return apps.mini_store(account, store, now=_now)


def _look(item: Item, now: int) -> bool:
    return ShipWork(store, due, _reach, _mini_program, _mini_store, callbacks.report, now).look(item)


def _age(item: Item, now: int) -> int:
    """Return since when WeChat was to be told: being put back for later does not make a shipment younger."""
    shipment = child_of(item)
    return now - shipment.requested_at if shipment.status == "recorded" else 0


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Work on each due shipment while there is time."""
    pending = loop.work(
        loop.waiting(event, due, _now(), kind=keys.SHIPMENT),
        context,
        _look,
        enough_ms=ENOUGH_TIME_MS,
        worked="ShipWorked",
        failed="ShipCallFailed",
        age=_age,
    )
    seconds("ShipPendingSeconds", pending)

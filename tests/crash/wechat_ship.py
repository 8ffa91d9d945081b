"""The shipping worker, killed at each of its external calls, and what the schedule does afterwards.

The world's state holds WeChat's own record: how many uploads changed anything, and whether the one chance to correct
them was used up.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Operator,
    OrderCreated,
    OrderKey,
    Paid,
    Parcel,
    Queried,
    ShipmentRequested,
    Terms,
)
from countersign.workers.ship import LEASE_SECONDS
from sandbox.events import shapes
from tests.crash.scenarios import OUTBOX_SECONDS, QUERY, RECORD, Scenario

if TYPE_CHECKING:
    from sandbox.testing import Run
    from tests.crash.world import World

STORE_ORDER = 3_705_115_058_471_208_929
Crash = dict[str, Any] | None


def _shipped(stage: World, key: OrderKey) -> OrderKey:
    parcels = (Parcel("YTO", "YT1000000000001", "Milk tea"),)
    asked = ShipmentRequested("shcrash", "express", parcels, True, stage.now)
    stage.recorded(Change(key, asked, Operator("ben"), "operator"))
    return key


def _parcel_recorded(stage: World) -> OrderKey:
    stage.paid()
    return _shipped(stage, OrderKey("wechat", "shop", "crash-0001"))


def _answer_lost(stage: World) -> OrderKey:
    """Let the first run upload and hear nothing; what is killed is the run that asks first."""
    key = _parcel_recorded(stage)
    stage.wechat.faults({"error500": {"match": "upload_shipping_info", "count": 1, "after": True}})
    assert work(stage, key, None).status == 0
    stage.advance(61)
    return key


def _store_parcel_recorded(stage: World) -> OrderKey:
    stage.wechat._store_orders._numbers = itertools.count(STORE_ORDER)
    for what in ("store_order", "store_pay"):
        wanted = {"account": "shop", "order_id": str(STORE_ORDER)}
        assert stage.wechat.control(what, wanted)[0] == 200
    key, price = OrderKey("wechat", "shop", str(STORE_ORDER)), Money(3800, "CNY")
    terms = Terms(price, "store", "store", "terms", stage.now, stage.now + 7200)
    paid = Paid(f"4200{7:024d}", price, stage.now)
    for fact in (OrderCreated(terms), paid):
        stage.recorded(Change(key, fact, Queried(), "query", "", "store"))
    return _shipped(stage, key)


def work(stage: World, key: OrderKey, crash: Crash) -> Run:
    """Let the worker run because the bus told it of an order."""
    detail = {"platform": key.platform, "account": key.account, "order_id": key.order_id}
    news = {"source": "countersign", "detail-type": "shipment.created", "detail": detail}
    return stage.stack.run("WechatShip", news, crash=crash)


def _ship_again(stage: World, _: OrderKey) -> list[Run]:
    """Let the schedule come three times; whatever is not on the bus yet gets there."""
    later = []
    for _minute in range(3):
        stage.advance(LEASE_SECONDS + 1)
        later.append(stage.stack.run("WechatShip", shapes.schedule("WechatShip", stage.now)))
    stage.advance(OUTBOX_SECONDS)
    return [*later, stage.sweep()]


CLAIMED = (
    "dynamodb.Query",  # what is due of the order
    "dynamodb.UpdateItem",  # claim
    "dynamodb.BatchGetItem",
    "dynamodb.Query",  # its shipments
    "secretsmanager.GetSecretValue",
)
TOKEN = (
    "dynamodb.BatchGetItem",  # the app's token
    "dynamodb.UpdateItem",  # who fetches it
    "http.POST /wechat/cgi-bin/stable_token",
    "dynamodb.PutItem",
)
TOLD = (*RECORD, "dynamodb.UpdateItem")  # off the list, if nothing else has put it elsewhere

SCENARIOS = {
    "ship": Scenario(
        (
            *CLAIMED,
            f"http.GET {QUERY}",
            "dynamodb.UpdateItem",  # the order's turn
            *TOKEN,
            "http.POST /wechat/wxa/sec/order/upload_shipping_info",
            *TOLD,
        ),
        _parcel_recorded,
        work,
        _ship_again,
    ),
    "ship, after a doubt": Scenario(
        (
            *CLAIMED,
            f"http.GET {QUERY}",
            "dynamodb.BatchGetItem",
            "http.POST /wechat/wxa/sec/order/get_order",
            *TOLD,
        ),
        _answer_lost,
        work,
        _ship_again,
    ),
    "ship, store": Scenario(
        (
            *CLAIMED,
            *TOKEN,
            "http.POST /wechat/channels/ec/order/get",
            "dynamodb.UpdateItem",
            "dynamodb.BatchGetItem",
            "http.POST /wechat/channels/ec/order/delivery/send",
            *TOLD,
        ),
        _store_parcel_recorded,
        work,
        _ship_again,
    ),
}

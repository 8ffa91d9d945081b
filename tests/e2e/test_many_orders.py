"""A shop with 20,000 orders: its lists read what they show, and no more, over a real data plane."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.client import BaseClient
from botocore.config import Config

from countersign.api.orders import OrderService, OrdersWanted
from countersign.money import Money
from countersign.orders.changes import OrderKey, Terms
from countersign.orders.state import Order, ReportedPayment
from countersign.runtime.caller import Caller
from countersign.store import OrderStore, codec
from countersign.store.lists import OrderLists
from tests.e2e.conftest import NOON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Shop

ORDERS, BATCH, TO_DECIDE = 20_000, 25, 3
TABLE = "sandbox-OrdersTable"
ACCOUNT = "wechat/seeded"
Json = dict[str, Any]


def order(number: int) -> Order:
    """Return an order: every second one paid, three with a payment that does not fit."""
    key, at = OrderKey("wechat", "seeded", f"SEED-{number:05}"), NOON - ORDERS + number
    odd = number % (ORDERS // TO_DECIDE) == 7
    claim = ReportedPayment(f"42{number:010}", Money(1 if odd else 8800, "CNY"), "v3", "", at)
    terms = Terms(Money(8800, "CNY"), "v3", "jsapi", "d" * 64, at, at + 7200, description="tea")
    return Order(key, terms, prepared=True, claims=(claim,) if odd or number % 2 else (), version=2, updated_at=at)


@pytest.fixture(scope="module")
def seeded(sandbox: Any) -> Iterator[Any]:
    """Seed the orders by batch writes into the data plane, as a restore would."""
    plane = sandbox.data_plane()
    items = [codec.order_item(order(number), owner="wechat_poll", due_at=None) for number in range(ORDERS)]

    def put(start: int) -> None:
        requests = [{"PutRequest": {"Item": item}} for item in items[start : start + BATCH]]
        assert not plane.call("dynamodb", "BatchWriteItem", RequestItems={TABLE: requests})["UnprocessedItems"]

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(put, range(0, ORDERS, BATCH)))
    yield sandbox
    rows = [{"pk": item["pk"], "sk": item["sk"]} for item in items]

    def drop(start: int) -> None:
        requests = [{"DeleteRequest": {"Key": key}} for key in rows[start : start + BATCH]]
        plane.call("dynamodb", "BatchWriteItem", RequestItems={TABLE: requests})

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(drop, range(0, ORDERS, BATCH)))


@pytest.fixture
def desk(seeded: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[OrderService, list[str]]:
    """Return the desk over the data plane, and the calls that it makes."""
    calls: list[str] = []
    made = BaseClient._make_api_call

    def counted(self: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return made(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    client = botocore.session.get_session().create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=seeded.data_plane().endpoint,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 2}),
    )
    who = Caller("anna", frozenset({"*"}), is_person=True)
    return OrderService(OrderStore(client, TABLE), OrderLists(client, TABLE), who, NOON), calls


def test_M2_three_orders_to_decide_among_twenty_thousand_take_at_most_eight_reads(
    desk: tuple[OrderService, list[str]], shop: Shop
) -> None:
    service, calls = desk

    page = service.page(ACCOUNT, OrdersWanted(work=("decide",)))

    assert [row["work"] for row in page["orders"]] == ["decide"] * TO_DECIDE
    assert len(calls) <= 8, calls
    path = f"/orders?account={ACCOUNT}&work=decide"
    shop.sandbox.api("GET", path, token=shop.token)
    began = time.monotonic()
    answer = shop.sandbox.api("GET", path, token=shop.token)
    print(f"warm, over HTTP: {(time.monotonic() - began) * 1000:.0f} ms")
    assert [row["order_id"] for row in answer.json()["orders"]] == [row["order_id"] for row in page["orders"]]


def test_M2_the_newest_of_twenty_thousand_come_first_and_cost_one_page_of_each_shard(
    desk: tuple[OrderService, list[str]],
) -> None:
    service, calls = desk

    page = service.page(ACCOUNT, OrdersWanted(sort="-updated", limit=20))

    assert [row["order_id"] for row in page["orders"]] == [f"SEED-{ORDERS - 1 - number:05}" for number in range(20)]
    assert len(calls) <= 25, calls


def test_M2_what_there_is_not_is_named(seeded: Any, shop: Shop) -> None:
    for query, named in (("status=paied", "status"), ("q=x", "q")):
        answer = shop.sandbox.api("GET", f"/orders?account={ACCOUNT}&{query}", token=shop.token)
        assert answer.status == 422
        assert named in json.dumps(answer.json()["args"])


def test_counts_of_twenty_thousand_stop_at_a_thousand(seeded: Any, shop: Shop) -> None:
    answer = shop.sandbox.api("GET", f"/counts?account={ACCOUNT}", token=shop.token).json()

    assert answer["work"]["decide"] == {"count": TO_DECIDE, "more": False}
    assert answer["work"]["to_ship"] == {"count": 999, "more": True}

"""Refunds and bills over HTTP, through the bus and the schedules."""

from __future__ import annotations

import contextlib
import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import NOON

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.testing import Answer
    from tests.e2e.conftest import Shop

BEIJING = datetime.timezone(datetime.timedelta(hours=8))


class Desk:
    """Ben asks, Anna decides."""

    def __init__(self, shop: Shop, order_id: str, account: str) -> None:
        self.shop, self.account, self.order_id = shop, account, order_id

    def call(self, who: str, path: str, body: Any = None) -> Answer:
        token = self.shop.sandbox.token("refunds:request", "refunds:approve", "orders:read", subject=who)
        return self.shop.sandbox.api("POST", f"/orders/wechat/{self.account}/{self.order_id}/{path}", body, token=token)

    def status(self) -> list[str]:
        return [refund["status"] for refund in self.shop.order(self.order_id, self.account)["refunds"]]


@pytest.mark.parametrize("account", ["shop", "classic"])
def test_a_refund_goes_from_desk_to_payer(shop: Shop, eventually: Callable[..., Any], account: str) -> None:
    order_id = f"E2E-REFUND-{account}"
    assert shop.create(order_id, account).status == 201
    shop.pay(order_id, account)
    desk = Desk(shop, order_id, account)

    asked = desk.call("ben", "refunds", {"amount": {"minor": 3000, "currency": "CNY"}})
    assert asked.status == 201
    number = asked.json()["refund_id"]
    assert desk.call("ben", f"refunds/{number}/approve").status == 403
    assert desk.call("anna", f"refunds/{number}/approve").status == 200

    # Nobody moves the clock: the bus brings it to the worker, long before the next minute.
    eventually(lambda: desk.status() == ["processing"])
    shop.sandbox.clock(advance=6)
    shop.sandbox.clock(advance=60)
    eventually(lambda: desk.status() == ["succeeded"])
    order = shop.order(order_id, account)
    assert (order["status"], order["refunded"]["minor"]) == ("partially_refunded", 3000)
    calls = [entry for entry in shop.sandbox.inbox("wechat") if entry.get("out_refund_no") == number]
    makes = ("/v3/refund/domestic/refunds", "/secapi/pay/refund")
    assert len([entry for entry in calls if entry["path"] in makes]) == 1
    told = ["order.paid", "refund.approved", "refund.requested", "refund.succeeded"]
    eventually(lambda: [entry.split(".", 2)[:2] for entry in shop.bus(order_id)] == [word.split(".") for word in told])


def test_a_route_wants_its_scope(shop: Shop) -> None:
    token = shop.sandbox.token("refunds:request", subject="ben")
    path = "/orders/wechat/shop/E2E-NOTHING/refunds"

    assert shop.sandbox.api("POST", path, {}, token=shop.token).status == 403
    assert shop.sandbox.api("POST", path, {}, token=token).status == 404
    assert shop.sandbox.api("POST", f"{path}/rf1/approve", {}, token=token).status == 403
    assert shop.sandbox.api("GET", "/refunds", token=token).status == 403


def test_the_bill_is_compared_in_the_morning(shop: Shop, eventually: Callable[..., Any]) -> None:
    assert shop.create("E2E-BILL-1").status == 201
    shop.pay("E2E-BILL-1")
    day = datetime.datetime.fromtimestamp(NOON, BEIJING)
    planted = {"account": "shop", "date": f"{day:%Y-%m-%d}", "amounts": {"E2E-BILL-1": 8801}}
    shop.sandbox.control("POST", "/wechat/_control/bill", planted)
    morning = (day + datetime.timedelta(days=1)).replace(hour=10, minute=1)

    shop.sandbox.clock(now=morning.timestamp())
    shop.token = shop.sandbox.token("orders:read", expires_in=10**6)

    def report() -> Any:
        path = f"/reconciliation/shop/{day:%Y-%m-%d}?platform=wechat"
        return shop.sandbox.api("GET", path, token=shop.token).json().get("reports", [{}])[0]

    # Every half hour from ten on: where a busy machine failed the first run, a shop would wait for the next one.
    for half_hour in range(4):
        shop.sandbox.clock(now=morning.timestamp() + half_hour * 1800)
        with contextlib.suppress(AssertionError):
            eventually(lambda: report().get("status") == "done", seconds=20)
            break

    assert report().get("status") == "done"
    found = {row["order_id"]: row["what"] for row in report()["differences"]}
    assert found["E2E-BILL-1"] == "payment_amount"
    eventually(lambda: any("reconciliation.difference" in entry for entry in shop.bus("E2E-BILL-1")))

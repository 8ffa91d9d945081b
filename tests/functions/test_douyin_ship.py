"""Telling Douyin what was sent, and what state an order is in."""

import json
from typing import Any

import pytest

from countersign.orders.changes import OrderKey
from countersign.orders.sentences import sentence
from sandbox.events import shapes
from tests.functions.conftest import http_event
from tests.functions.test_douyin import DAY, NEW, OLD, Douyin, _replace, douyin  # noqa: F401 - the fixture

# ruff: noqa: F811 - the fixture is every test's argument

PAYER = {"payer": {"openid": "_000PayerOnADevice"}}
PARCEL = {"carrier": "shunfeng", "tracking_no": "SF1234567890"}


def told(douyin: Douyin) -> list[int]:
    """Return the states that Douyin took over order sync, in their order."""
    (trade,) = douyin.platform.ledger.trades()
    stamps = [one["update_time"] for one in trade.told]
    assert stamps == sorted(set(stamps))
    return [one["order_status"] for one in trade.told]


def ship(douyin: Douyin, account: str, **wish: Any) -> tuple[int, Any]:
    parameters = {"platform": "douyin", "account": account, "order_id": "A-1"}
    route = "/orders/{platform}/{account}/{order_id}/shipments"
    answer = douyin.cloud.invoke("merchant_api", http_event("POST", route, parameters, body=json.dumps(wish or PARCEL)))
    return answer["statusCode"], json.loads(answer["body"])


def shipment(douyin: Douyin, account: str) -> Any:
    (found,) = douyin.store.shipments(OrderKey("douyin", account, "A-1"))
    return found


def bought(douyin: Douyin) -> None:
    douyin.create(OLD, "A-1", **PAYER)
    douyin.control("pay", OLD, "A-1")
    douyin.deliver()
    douyin.work("douyin_ship")


class TestOrderSync:
    def test_an_order_is_told_from_its_creation_to_its_refund(self, douyin: Douyin) -> None:
        douyin.create(OLD, "A-1", **PAYER)
        douyin.work("douyin_ship")
        assert told(douyin) == [0]

        douyin.control("pay", OLD, "A-1")
        douyin.deliver()
        douyin.work("douyin_ship", 5)
        douyin.approve(OLD, "A-1", 8800)
        douyin.work("douyin_ship", 5)
        douyin.work("douyin_refund")
        douyin.work("douyin_ship", 5)
        douyin.pass_time(12)
        douyin.deliver()
        douyin.work("douyin_ship")

        assert told(douyin) == [0, 1, 5, 6]

    def test_what_is_told(self, douyin: Douyin) -> None:
        items = [
            {"sku_id": name, "title": name, "price": price, "quantity": 2}
            for name, price in (("mug", 4000), ("lid", 400))
        ]
        douyin.create(OLD, "A-1", items=items, **PAYER)
        douyin.work("douyin_ship")

        (sent,) = douyin.calls("push")
        detail = json.loads(sent["order_detail"])
        assert (sent["app_name"], sent["order_type"], sent["open_id"]) == ("douyin", 0, "_000PayerOnADevice")
        assert (detail["create_time"], detail["status"]) == (douyin.now * 1000, "待支付")
        assert (detail["amount"], detail["total_price"]) == (4, 8800)
        assert [(one["title"], one["amount"], one["price"]) for one in detail["item_list"]] == [
            ("mug", 2, 4000),
            ("lid", 2, 400),
        ]

    def test_an_order_that_ran_out_is_cancelled(self, douyin: Douyin) -> None:
        douyin.create(OLD, "A-1", **PAYER)
        douyin.work("douyin_poll", 1831)
        douyin.work("douyin_ship")

        assert told(douyin) == [2]

    def test_a_partial_refund_leaves_it_paid_and_a_failed_one_is_told(self, douyin: Douyin) -> None:
        bought(douyin)
        douyin.wire.simulator.faults({"refund_result": 1})
        douyin.approve(OLD, "A-1", 800)
        douyin.work("douyin_refund", 5)
        douyin.work("douyin_ship")
        douyin.pass_time(12)
        douyin.deliver()
        douyin.work("douyin_ship", 1)
        assert told(douyin) == [1, 5, 8]

        douyin.work("douyin_refund", 1)  # a query agrees: the money may be refunded anew
        douyin.approve(OLD, "A-1", 800, f"rf{'1' * 32}")
        douyin.work("douyin_refund", 1)
        douyin.work("douyin_ship")
        douyin.pass_time(12)
        douyin.deliver()
        douyin.work("douyin_ship", 1)

        assert told(douyin) == [1, 5, 8, 5, 1]

    def test_news_that_changes_no_state_is_not_told(self, douyin: Douyin) -> None:
        bought(douyin)
        douyin.work("douyin_settle", 7 * DAY)
        douyin.work("douyin_ship")
        douyin.work("douyin_ship", 60)

        assert len(douyin.calls("push")) == 1

    @pytest.mark.parametrize("fault", [{"error500": 1}, {"error500": {"after": True}}, {"not_json": 1}])
    def test_after_a_doubt_it_is_told_again_under_a_later_stamp(self, douyin: Douyin, fault: Any) -> None:
        ((name, knob),) = fault.items()
        douyin.create(OLD, "A-1", **PAYER)
        knobs = {"match": "order_detail", **(knob if isinstance(knob, dict) else {})}
        douyin.wire.simulator.faults({name: knobs})

        douyin.work("douyin_ship")
        douyin.work("douyin_ship", 59)
        assert len(douyin.calls("push")) == 1
        douyin.work("douyin_ship", 1)

        first, again = douyin.calls("push")
        assert again["update_time"] > first["update_time"]
        assert again["order_detail"] == first["order_detail"]
        assert told(douyin)[-1] == 0

    def test_an_open_id_that_douyin_does_not_know_is_given_up_and_the_next_change_told(self, douyin: Douyin) -> None:
        douyin.create(OLD, "A-1", payer={"openid": "ide-0001"})
        for _ in range(20):
            douyin.work("douyin_ship", 6 * 3600)
        pushes = len(douyin.calls("push"))
        assert pushes == 14
        assert told(douyin) == []

        douyin.control("pay", OLD, "A-1", paid_at=douyin.now)
        douyin.deliver()
        douyin.work("douyin_ship")

        assert len(douyin.calls("push")) == pushes + 1

    def test_one_token_serves_all(self, douyin: Douyin) -> None:
        for number in ("A-1", "A-2"):
            douyin.create(OLD, number, **PAYER)
        douyin.work("douyin_ship")

        assert (len(douyin.calls("token")), len(douyin.calls("push"))) == (1, 2)

    @pytest.mark.parametrize("changes", [{"order_sync": False}, {"app_secret": ""}])
    def test_an_app_may_do_without(self, douyin: Douyin, changes: dict[str, Any]) -> None:
        douyin.documents[OLD].update(changes)
        _replace(douyin, OLD)
        douyin.create(OLD, "A-1", **PAYER)

        assert not any(row["sk"]["S"] == "SYNC" for row in douyin.cloud.table())
        assert douyin.order(OLD, "A-1").terms.payer == ""

    def test_the_trade_system_and_unknown_payers_are_not_told_of(self, douyin: Douyin) -> None:
        douyin.create(NEW, "A-1", **PAYER)
        douyin.create(OLD, "A-2")

        assert not any(row["sk"]["S"] == "SYNC" for row in douyin.cloud.table())
        assert douyin.order(NEW, "A-1").terms.payer == ""

    def test_a_whole_shipment_is_told_as_a_state(self, douyin: Douyin) -> None:
        bought(douyin)
        assert ship(douyin, OLD, **PARCEL, complete=False)[0] == 201
        douyin.work("douyin_ship", 1)
        assert told(douyin) == [1]
        assert ship(douyin, OLD)[0] == 201
        douyin.work("douyin_ship", 1)
        douyin.work("douyin_ship", 60)

        assert told(douyin) == [1, 4]
        statuses = {one.status for one in douyin.store.shipments(OrderKey("douyin", OLD, "A-1"))}
        assert statuses == {"reported"}

    def test_where_douyin_cannot_be_told_of_a_shipment_a_person_is(self, douyin: Douyin) -> None:
        douyin.buy(OLD, "A-1")
        ship(douyin, OLD)
        douyin.work("douyin_ship")

        assert shipment(douyin, OLD).status == "needs_action"
        assert "payer.openid" in str(sentence(shipment(douyin, OLD).problem))
        assert douyin.calls("push") == []


class TestFulfilment:
    def test_the_trade_system_hears_what_was_sent(self, douyin: Douyin) -> None:
        douyin.buy(NEW, "A-1")
        ship(douyin, NEW, **PARCEL, complete=False)
        detail = {"platform": "douyin", "account": NEW, "order_id": "A-1"}
        news = {"source": "countersign", "detail-type": "shipment.created", "detail": detail}
        douyin.cloud.invoke("douyin_ship", news)
        ship(douyin, NEW, method="pickup")
        douyin.work("douyin_ship")
        douyin.work("douyin_ship", 60)

        (trade,) = douyin.platform.ledger.trades()
        assert trade.fulfilled == ["FULFILLING", "FULFILLED"]
        assert len(douyin.calls("fulfill_push_status")) == 2
        statuses = [one.status for one in douyin.store.shipments(OrderKey("douyin", NEW, "A-1"))]
        assert statuses == ["reported", "reported"]

    @pytest.mark.parametrize("after", [False, True])
    def test_after_a_doubt_the_same_is_told_again(self, douyin: Douyin, after: bool) -> None:
        douyin.buy(NEW, "A-1")
        ship(douyin, NEW)
        douyin.wire.simulator.faults({"error500": {"after": after, "match": "to_status"}})
        douyin.work("douyin_ship")
        assert shipment(douyin, NEW).status == "recorded"

        douyin.work("douyin_ship", 60)

        first, again = douyin.calls("fulfill_push_status")
        assert first == again
        assert shipment(douyin, NEW).status == "reported"

    def test_a_word_that_douyin_refuses_is_a_persons_and_can_be_replaced(self, douyin: Douyin) -> None:
        douyin.documents[NEW]["fulfil"] = {"whole": "DONE"}
        _replace(douyin, NEW)
        douyin.buy(NEW, "A-1")
        ship(douyin, NEW)
        douyin.work("douyin_ship")

        assert [sent["to_status"] for sent in douyin.calls("fulfill_push_status")] == ["DONE"]
        assert shipment(douyin, NEW).status == "needs_action"
        assert "20001" in str(sentence(shipment(douyin, NEW).problem))

    def test_an_unpaid_order_is_not_shipped(self, douyin: Douyin) -> None:
        douyin.create(NEW, "A-1")

        assert ship(douyin, NEW)[0] == 409
        douyin.cloud.invoke("douyin_ship", shapes.schedule("DouyinShip", douyin.now))
        assert douyin.calls("fulfill_push_status") == []

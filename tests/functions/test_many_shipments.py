"""Carriers by their codes, a parcel's number of one order only, and many shipments in one call."""

import json
from typing import Any

import pytest

from countersign.orders.changes import OrderKey
from countersign.store import OrderStore
from tests.functions.conftest import Cloud
from tests.functions.test_lists import Shop
from tests.functions.test_orders_api import ORDER, call

Json = dict[str, Any]


@pytest.fixture
def shop(cloud: Cloud) -> Shop:
    shop = Shop(cloud)
    for number in ("A-1", "A-2", "A-3"):
        shop.pay(number)
    return shop


def ship(shop: Shop, number: str, **body: Any) -> tuple[int, Json]:
    wish = {"carrier": "YTO", "tracking_no": "YT1", **body}
    status, answer = call(shop.cloud, "POST", f"{ORDER}/shipments", number, body=json.dumps(wish))
    return status, answer


def batch(shop: Shop, lines: list[Json], once: str = "", **members: Any) -> tuple[int, Json]:
    whole = [{"platform": "wechat", "account": "shop", "carrier": "YTO", **line} for line in lines]
    headers = {"idempotency-key": once} if once else {}
    body = json.dumps({"shipments": whole})
    status, answer = call(shop.cloud, "POST", "/shipments/batch", body=body, headers=headers, **members)
    return status, answer


def shipments(shop: Shop, number: str) -> list[Any]:
    return list(OrderStore(shop.cloud.dynamodb, "Orders").shipments(OrderKey("wechat", "shop", number)))


class TestCarriers:
    @pytest.mark.parametrize(
        ("carrier", "code"), [("顺丰", "SF"), ("yto", "YTO"), ("圆通速递", "YTO"), ("YTO Express", "YTO")]
    )
    def test_a_name_is_refused_with_the_code_that_is_meant(self, shop, carrier, code):
        status, answer = ship(shop, "A-1", carrier=carrier)

        assert (status, answer["code"]) == (422, "carrier_is_named")
        assert answer["args"] == {"carrier": carrier, "code": code}
        assert shipments(shop, "A-1") == []

    def test_what_is_no_code_at_all_is_refused_and_a_code_that_is_not_known_is_the_platforms_to_judge(self, shop):
        assert ship(shop, "A-1", carrier="某某快递")[1]["code"] == "carrier_unknown"
        assert ship(shop, "A-1", carrier="NSF")[0] == 201

    def test_they_are_listed_in_the_callers_language(self, shop):
        asked = {"platform": "wechat", "lang": "zh"}
        rows = call(shop.cloud, "GET", "/carriers", queryStringParameters=asked)[1]["carriers"]
        assert {"code": "SF", "name": "顺丰速运", "contact": True} in rows
        assert {"code": "YTO", "name": "圆通速递", "contact": False} in rows
        assert call(shop.cloud, "GET", "/carriers", queryStringParameters={"platform": "../x"})[1]["carriers"] == []
        assert call(shop.cloud, "GET", "/carriers")[0] == 422


class TestTrackingNumbers:
    def test_a_number_of_another_order_is_refused_and_names_that_order(self, shop):
        assert ship(shop, "A-1", tracking_no=" YT1 ")[0] == 201

        status, answer = ship(shop, "A-2")

        assert (status, answer["code"], answer["args"]) == (409, "tracking_in_use", {"order_id": "A-1"})
        assert shipments(shop, "A-2") == []
        assert ship(shop, "A-2", shared=True)[0] == 201

    def test_of_the_same_order_it_may_come_again(self, shop):
        assert ship(shop, "A-1", complete=False)[0] == 201
        assert ship(shop, "A-1")[0] == 201

    def test_M3_it_leads_to_its_order(self, shop):
        ship(shop, "A-1")

        found = call(shop.cloud, "GET", "/search", queryStringParameters={"q": "YT1", "account": "wechat/shop"})[1]

        assert found["found"] == [
            {"matched": "tracking", "order": {"platform": "wechat", "account": "shop", "order_id": "A-1"}}
        ]

    def test_what_was_refused_keeps_no_number(self, shop):
        shop.open("A-4")
        assert ship(shop, "A-4", tracking_no="YT9")[1]["code"] == "not_paid"
        assert ship(shop, "A-1", tracking_no="YT9")[0] == 201


class TestBatch:
    def test_each_line_is_recorded_or_refused_by_itself(self, shop):
        lines = [
            {"order_id": "A-1", "tracking_no": "YT1"},
            {"order_id": "A-2", "tracking_no": "YT1"},
            {"order_id": "A-3", "tracking_no": "YT3", "carrier": "圆通"},
            {"order_id": "NOBODY", "tracking_no": "YT4"},
            {"order_id": "A-3", "tracking_no": "YT3"},
        ]

        status, answer = batch(shop, lines)

        assert status == 200
        rows = [(row["order_id"], row["status"], (row["problem"] or {}).get("code")) for row in answer["results"]]
        assert rows == [
            ("A-1", 201, None),
            ("A-2", 409, "tracking_in_use"),
            ("A-3", 422, "carrier_is_named"),
            ("NOBODY", 404, "no_such_order"),
            ("A-3", 201, None),
        ]
        assert [len(shipments(shop, number)) for number in ("A-1", "A-2", "A-3")] == [1, 0, 1]
        asked = {"account": "wechat/shop"}
        deeds = call(shop.cloud, "GET", "/activity", queryStringParameters=asked)[1]["activity"]
        assert sorted((deed["what"], deed["order_id"]) for deed in deeds) == [("shipped", "A-1"), ("shipped", "A-3")]

    def test_the_same_batch_again_records_nothing_twice(self, shop):
        lines = [{"order_id": "A-1", "tracking_no": "YT1"}, {"order_id": "A-2", "tracking_no": "YT2"}]

        first, again = batch(shop, lines, "k"), batch(shop, lines, "k")

        assert [row["shipment"] for row in first[1]["results"]] == [row["shipment"] for row in again[1]["results"]]
        assert [len(shipments(shop, number)) for number in ("A-1", "A-2")] == [1, 1]

    def test_what_time_was_too_short_for_is_said_and_can_be_sent_again(self, shop, monkeypatch):
        monkeypatch.setattr(shop.cloud.module("decisions_api"), "BATCH_SECONDS", -1)

        (row,) = batch(shop, [{"order_id": "A-1", "tracking_no": "YT1"}])[1]["results"]

        assert (row["status"], row["problem"]["code"]) == (503, "not_reached")
        assert shipments(shop, "A-1") == []

    def test_accounts_of_others_do_not_exist(self, shop):
        lines = [{"order_id": "A-1", "tracking_no": "YT1"}]

        (row,) = batch(shop, lines, claims={"accounts": "[wechat/other]"})[1]["results"]

        assert (row["status"], row["problem"]["code"]) == (404, "no_such_account")

    @pytest.mark.parametrize("count", [0, 101])
    def test_it_has_one_to_a_hundred_lines(self, shop, count):
        lines = [{"order_id": "A-1", "tracking_no": f"YT{number}"} for number in range(count)]

        assert batch(shop, lines)[0] == 400


class TestPages:
    def test_exceptions_say_what_is_wrong_in_words_codes_and_money_and_come_in_pages(self, shop):
        for number in ("B-1", "B-2", "B-3"):
            shop.pay(number, 1)

        first = call(shop.cloud, "GET", "/exceptions", queryStringParameters={"limit": "2"})[1]
        asked = {"limit": "2", "cursor": first["cursor"], "lang": "zh"}
        second = call(shop.cloud, "GET", "/exceptions", queryStringParameters=asked)[1]

        assert [row["order_id"] for row in (*first["exceptions"], *second["exceptions"])] == ["B-1", "B-2", "B-3"]
        row = first["exceptions"][0]
        assert (row["reasons"], row["status"]) == ([{"code": "question.amount_mismatch", "args": {}}], "review")
        assert row["reason"] == "The platform reports a payment of another amount than the order asks for."
        assert row["amount"] == {"minor": 8800, "currency": "CNY"}
        assert second["exceptions"][0]["reason"] == "平台报告的支付金额与订单金额不同。"

    def test_refunds_come_in_pages(self, shop):
        for number in ("A-1", "A-2", "A-3"):
            shop.ask(number, f"rf-{number}")

        first = call(shop.cloud, "GET", "/refunds", queryStringParameters={"limit": "2"})[1]
        asked = {"limit": "2", "cursor": first["cursor"]}
        second = call(shop.cloud, "GET", "/refunds", queryStringParameters=asked)[1]

        assert [row["order_id"] for row in (*first["refunds"], *second["refunds"])] == ["A-1", "A-2", "A-3"]

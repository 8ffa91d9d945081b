"""The simulated mini-program API: tokens, messages, shipping, the mini store."""

import json
from typing import Any

import pytest

from sandbox.simulators.wechat import Simulator

PAYER = "oSandboxPayer0000000000001"
TEMPLATE = "templateOfTheShop01"
NOW = 1_795_328_845.0


class Clock:
    def now(self) -> float:
        return NOW


class Inbox:
    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def add(self, kind: str, entry: dict[str, Any]) -> None:
        self.entries.append({"kind": kind, **entry})


class World:
    """A simulator with one merchant, and calls of its apps."""

    def __init__(self, folder: Any) -> None:
        self.document = Simulator.throwaway_accounts()["shop"]
        self.inbox = Inbox()
        self.wechat = Simulator(Clock(), {"shop": self.document}, self.inbox, "http://127.0.0.1:1", folder)
        self.token = self.get_token(self.document["appid"], self.document["mini_program_secret"])["access_token"]

    def post(self, path: str, body: Any, token: str | None = None) -> Any:
        query = f"access_token={self.token if token is None else token}" if token != "none" else ""
        status, _, answer = self.wechat.handle("POST", path, query, {}, json.dumps(body).encode())
        assert status == 200
        return json.loads(answer)

    def get_token(self, appid: str, secret: str) -> Any:
        body = {"grant_type": "client_credential", "appid": appid, "secret": secret}
        return self.post("/cgi-bin/stable_token", body, "none")

    def control(self, name: str, **body: Any) -> Any:
        status, answer = self.wechat.control(name, {"account": "shop", **body})
        assert status == 200, answer
        return answer

    def paid(self) -> str:
        self.control("notify", out_trade_no="MINI-0001", amount=8800)
        trade = self.control("ledger", out_trade_no="MINI-0001")["transactions"][0]
        return str(trade["transaction_id"])

    def upload(self, transaction_id: str, at: str = "2026-11-22T13:29:35.120+08:00", **changed: Any) -> int:
        openid = self.post("/wxa/sec/order/get_order", {"transaction_id": transaction_id})["order"]["openid"]
        body = {
            "order_key": {"order_number_type": 2, "transaction_id": transaction_id},
            "logistics_type": 1,
            "delivery_mode": 1,
            "shipping_list": [{"tracking_no": "YT1", "express_company": "YTO", "item_desc": "Milk tea"}],
            "upload_time": at,
            "payer": {"openid": openid},
        }
        return int(self.post("/wxa/sec/order/upload_shipping_info", body | changed)["errcode"])


@pytest.fixture
def world(tmp_path: Any) -> World:
    return World(tmp_path)


def test_the_stable_token_stays_the_same_and_needs_the_secret(world):
    again = world.get_token(world.document["appid"], world.document["mini_program_secret"])

    assert (again["access_token"], again["expires_in"]) == (world.token, 7200)
    assert world.get_token(world.document["appid"], "wrong")["errcode"] == 40125
    assert world.get_token("wx0000000000000000", "x")["errcode"] == 40013


def test_a_token_that_was_ended_is_refused(world):
    world.control("revoke_tokens")

    assert world.post("/wxa/sec/order/get_order", {"transaction_id": "1"})["errcode"] == 40001


def test_messages_are_shown_until_consents_run_out(world):
    world.control("consents", openid=PAYER, template_id=TEMPLATE, count=1)
    message = {"touser": PAYER, "template_id": TEMPLATE, "data": {"thing1": {"value": "奶茶"}}}

    codes = [world.post("/cgi-bin/message/subscribe/send", message)["errcode"] for _ in range(2)]

    assert codes == [0, 43101]
    shown = [entry for entry in world.inbox.entries if entry["kind"] == "message"]
    assert [entry["data"] for entry in shown] == [{"thing1": "奶茶"}]


@pytest.mark.parametrize("value", ["", "x" * 21])
def test_a_value_that_is_empty_or_too_long_is_refused(world, value):
    message = {"touser": PAYER, "template_id": TEMPLATE, "data": {"thing1": {"value": value}}}

    assert world.post("/cgi-bin/message/subscribe/send", message)["errcode"] == 47003


def test_shipping_is_taken_once_and_corrected_once(world):
    number = world.paid()

    codes = [world.upload(number, f"2026-11-22T13:29:3{second}.120+08:00") for second in range(3)]

    assert codes == [0, 0, 10060003]
    assert world.control("shipping", transaction_id=number)["shipping"]["corrected"] == 1
    order = world.post("/wxa/sec/order/get_order", {"transaction_id": number})["order"]
    assert (order["order_state"], order["shipping"]["shipping_list"][0]["tracking_no"]) == (2, "YT1")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"order_key": {"order_number_type": 2, "transaction_id": "4200"}}, 10060001),
        ({"payer": {"openid": "oSomebodyElse0000000000001"}}, 10060031),
        ({"logistics_type": 9}, 10060005),
        ({"logistics_type": 2, "delivery_mode": 2}, 10060006),
        ({"delivery_mode": 2}, 10060007),
        ({"shipping_list": {"tracking_no": "1"}}, 47001),
        ({"shipping_list": [{"tracking_no": "1", "express_company": "YTO", "item_desc": ""}]}, 10060008),
        ({"shipping_list": [{"tracking_no": "1", "express_company": "YTO", "item_desc": "x" * 121}]}, 10060009),
        ({"shipping_list": [{"tracking_no": "", "express_company": "YTO", "item_desc": "x"}]}, 268485226),
        ({"shipping_list": [{"tracking_no": "1", "express_company": "SF", "item_desc": "x"}]}, 40097),
        ({"upload_time": "2026-11-22 13:29:35"}, 40097),
    ],
)
def test_what_is_wrong_about_shipping_has_its_code(world, changed, code):
    assert world.upload(world.paid(), **changed) == code


def test_a_store_order_is_made_paid_and_delivered(world):
    told: list[str] = []
    world.wechat._store_orders.told = lambda merchant, event, order, more: told.append(event)
    order = world.control("store_order")
    world.control("store_pay", order_id=order["order_id"])
    store = world.document["store"]
    token = world.get_token(store["appid"], store["secret"])["access_token"]

    found = world.post("/channels/ec/order/get", {"order_id": order["order_id"]}, token)["order"]
    products = [{"product_id": "10001", "sku_id": "20001", "product_cnt": 2}]
    delivery = {"deliver_type": 1, "delivery_id": "YTO", "waybill_id": "YT1", "product_infos": products}
    body = {"order_id": order["order_id"], "delivery_list": [delivery]}
    codes = [world.post("/channels/ec/order/delivery/send", body, token)["errcode"] for _ in range(2)]

    assert (found["status"], found["order_detail"]["price_info"]["order_price"]) == (20, 3800)
    assert codes == [0, 100003]
    assert told == ["channels_ec_order_new", "channels_ec_order_pay", "channels_ec_order_deliver"]


def test_a_knob_answers_any_code_before_or_after_the_work(world):
    world.wechat.faults({"errcode": {"code": 10060001, "match": "upload_shipping_info", "count": 1}})
    number = world.paid()

    assert world.upload(number) == 10060001
    assert world.upload(number) == 0
    world.wechat.faults({"errcode": {"code": -1, "after": True, "match": "upload_shipping_info", "count": 1}})
    assert world.upload(number, "2026-11-22T13:29:36.120+08:00") == -1
    assert world.control("shipping", transaction_id=number)["shipping"]["uploads"] == 2


def test_a_knob_lets_shipping_learn_of_payments_late(world):
    world.wechat.faults({"shipping_lag": {"seconds": 30, "count": 2}})
    number = world.paid()

    codes = [world.post("/wxa/sec/order/get_order", {"transaction_id": number})["errcode"] for _ in range(3)]

    assert codes == [10060001, 10060001, 0]

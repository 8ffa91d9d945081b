"""Douyin's functions against its simulator, in process: payments, callbacks, polls, refunds, settlements."""

import dataclasses
import importlib
import io
import json
import time
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import time_machine
from moto import mock_aws
from requests.adapters import BaseAdapter

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderKey, RefundDecided, RefundRequested, RefundRetried
from countersign.orders.refunds import Refund
from countersign.orders.sentences import sentence
from countersign.orders.state import Order
from countersign.runtime import platform_http
from countersign.store import OrderStore
from countersign.store.lists import OrderLists
from sandbox.events import shapes
from sandbox.simulators.douyin import Simulator
from sandbox.simulators.douyin import accounts as throwaway
from sandbox.simulators.douyin.callbacks import Callback
from tests.functions.conftest import Cloud, _provision, aws, http_event

DAY = 86_400
OLD, NEW = "guaranteed", "trade"
BASE = "http://127.0.0.1:1/douyin"


class Wire(BaseAdapter):
    """Carries requests to the simulator without a socket."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__()
        self.simulator = simulator
        self.sent: list[tuple[str, Any]] = []

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        path = parts.path.removeprefix("/douyin")
        self.sent.append((path.rstrip("/").rpartition("/")[2], json.loads(body or b"{}")))
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        status, answer_headers, answer = self.simulator.handle(str(request.method), path, parts.query, headers, body)
        response = requests.Response()
        response.status_code, response.raw = status, io.BytesIO(answer)
        response.headers.update(answer_headers)
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        """Nothing is open."""


class Douyin:
    """One stack with an app on either system; callbacks are carried by hand."""

    def __init__(self, cloud: Cloud, wire: Wire, documents: dict[str, dict[str, Any]]) -> None:
        self.cloud, self.wire, self.documents = cloud, wire, documents
        self.store = OrderStore(cloud.dynamodb, "Orders")
        self.lists = OrderLists(cloud.dynamodb, "Orders")
        self.platform = wire.simulator._platform
        self.posted: list[Any] = []
        self.platform.post = self._keep  # type: ignore[method-assign]

    def _keep(self, delivery: Any) -> None:
        self.posted.append(delivery)
        delivery.first_done.set()

    @property
    def now(self) -> int:
        return int(time.time())

    def put_account(self, account: str, document: dict[str, Any]) -> None:
        """Add an account, of which the simulator knows too."""
        prepared = Simulator.prepare_account(document, BASE)
        secrets = aws("secretsmanager")
        secrets.create_secret(Name=f"countersign/test/douyin/{account}", SecretString=json.dumps(prepared))
        self.platform.apps.add(account, prepared)

    def create(self, account: str, order_id: str, minor: int = 8800, **changes: Any) -> Any:
        body = {"order_id": order_id, "amount": {"minor": minor, "currency": "CNY"}, "description": "tea", **changes}
        event = http_event("POST", "/douyin/{account}/payments", {"account": account}, body=json.dumps(body))
        answer = self.cloud.invoke("douyin_create_payment", event)
        return answer["statusCode"], json.loads(answer["body"])

    def control(self, what: str, account: str, order_id: str, **body: Any) -> Any:
        wanted = {"account": account, "out_order_no": order_id, "wait": False, **body}
        status, answer = self.wire.simulator.control(what, wanted)
        assert status == 200, answer
        return answer

    def deliver(self) -> list[Any]:
        """Bring every callback that waits; return the answers."""
        answers, waiting = [], self.posted
        self.posted = []
        for delivery in waiting:
            made = delivery.callback.request(self.now, delivery.token)
            answer = self.callback(delivery.callback.trade.account, made.body, made.headers)
            if delivery.answered is not None:
                delivery.answered(json.loads(answer["body"]).get("data") or {})
            answers.append((answer["statusCode"], json.loads(answer["body"])))
        return answers

    def callback(self, account: str, body: bytes, headers: dict[str, str]) -> Any:
        route, parameters = "/douyin/{account}/callback", {"account": account}
        lower = {name.lower(): value for name, value in headers.items()}
        event = http_event("POST", route, parameters, body=body.decode(), headers=lower)
        return self.cloud.invoke("douyin_callback", event)

    def buy(self, account: str, order_id: str, minor: int = 8800) -> None:
        status, answer = self.create(account, order_id, minor)
        assert status == 201, answer
        phone = {name: answer["client"][name] for name in ("data", "byteAuthorization") if name in answer["client"]}
        self.control("pay", account, order_id, **phone)
        assert [status for status, _ in self.deliver()] == [200]
        assert self.order(account, order_id).status == "paid"

    def order(self, account: str, order_id: str) -> Order:
        order = self.store.get(OrderKey("douyin", account, order_id))
        assert order is not None
        return order

    def history(self, account: str, order_id: str) -> Any:
        return self.lists.history(OrderKey("douyin", account, order_id))

    def refund(self, account: str, order_id: str) -> Refund:
        (refund,) = self.history(account, order_id).refunds
        return refund

    def approve(self, account: str, order_id: str, minor: int, number: str = f"rf{'0' * 32}") -> None:
        key = OrderKey("douyin", account, order_id)
        asked = RefundRequested(number, Money(minor, "CNY"), "too small", self.now)
        judged = RefundDecided(number, True, self.now)
        for fact, by in ((asked, "ben"), (judged, "anna")):
            assert self.store.record(Change(key, fact, Operator(by), "operator"), now=self.now).outcome == "applied"

    def work(self, function: str, seconds: int = 0) -> None:
        self.cloud.clock.shift(seconds)
        self.cloud.invoke(function, shapes.schedule("EveryMinute", self.now))

    def pass_time(self, seconds: int) -> None:
        """Let what Douyin does by and by happen."""
        self.cloud.clock.shift(seconds)
        for work in self.wire.simulator._postman.due():
            work()

    def calls(self, name: str) -> list[Any]:
        return [body for called, body in self.wire.sent if called == name]


@cache
def made_once() -> dict[str, Any]:
    """Return the throwaway accounts: their keys are made once, as a key takes as long as a test."""
    return throwaway.throwaway()


@pytest.fixture
def douyin(clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Douyin]:
    with mock_aws():
        documents = {name: Simulator.prepare_account(one, BASE) for name, one in deepcopy(made_once()).items()}
        inbox = SimpleNamespace(add=lambda kind, entry: None)
        simulator = Simulator(SimpleNamespace(now=time.time), documents, inbox, "https://pay.example.com", tmp_path)
        wire = Wire(simulator)
        cloud = Cloud(clock, wire)  # type: ignore[arg-type]
        _provision(cloud, documents, "douyin")
        monkeypatch.setenv("POLL_QUEUE_URL", cloud.sqs.create_queue(QueueName="douyin-poll")["QueueUrl"])
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        # Nobody waits for a slot here, so on a busy machine each would be slept through.
        monkeypatch.setattr("countersign.store.rate_limit.TOO_LATE_MS", 600_000)
        platform_http.session().mount("http://127.0.0.1:1/", wire)
        for function in ("bill", "callback", "create_payment", "poll", "refund", "settle", "ship"):
            importlib.import_module(f"functions.douyin_{function}.app").accounts._entries.clear()
        yield Douyin(cloud, wire, documents)


class TestCreating:
    def test_guaranteed_payment_gives_what_tt_pay_wants(self, douyin: Douyin) -> None:
        status, answer = douyin.create(OLD, "A-1")

        assert (status, answer["order"]["status"], answer["order"]["system"]) == (201, "pending", "ecpay")
        assert set(answer["client"]) == {"orderInfo"}
        (sent,) = douyin.calls("create_order")
        assert sent["notify_url"] == "https://pay.example.com/douyin/guaranteed/callback"
        assert sent["valid_time"] == 1800

    def test_the_trade_system_gives_a_signed_order_and_calls_nobody(self, douyin: Douyin) -> None:
        status, answer = douyin.create(
            NEW, "A-1", items=[{"sku_id": "s", "title": "mug", "price": 4400, "quantity": 2}]
        )

        data = json.loads(answer["client"]["data"])
        assert status == 201
        assert data["skuList"][0]["quantity"] == 2
        assert data["totalAmount"] == 8800
        assert douyin.wire.sent == []
        assert douyin.control("order", NEW, "A-1", **answer["client"])["out_order_no"] == "A-1"

    def test_several_items_are_one_line_over_the_whole(self, douyin: Douyin) -> None:
        items = [{"sku_id": name, "title": name, "price": 4400, "quantity": 1} for name in ("mug", "lid")]
        _, answer = douyin.create(NEW, "A-1", items=items)

        (sku,) = json.loads(answer["client"]["data"])["skuList"]
        assert (sku["price"], sku["quantity"], sku["title"]) == (8800, 1, "tea")

    def test_the_same_order_again_is_fresh_and_other_terms_are_a_conflict(self, douyin: Douyin) -> None:
        _, first = douyin.create(OLD, "A-1")

        again, answer = douyin.create(OLD, "A-1")
        other, _ = douyin.create(OLD, "A-1", minor=1)

        assert (again, other) == (200, 409)
        assert answer["client"] == first["client"]

    @pytest.mark.parametrize(
        ("changes", "wanted", "named"),
        [
            ({"order_id": "A|1"}, 400, "order_id"),
            ({"amount": {"minor": 1, "currency": "USD"}}, 400, "amount.currency"),
            ({"entry": {"path": "/pages/x"}}, 422, "entry.path"),
            ({"expires_at": "2027-01-01T00:00:00Z"}, 422, "expires_at"),
        ],
    )
    def test_what_douyin_would_refuse_is_named(
        self, douyin: Douyin, changes: dict[str, Any], wanted: int, named: str
    ) -> None:
        status, answer = douyin.create(NEW, **{"order_id": "A-1", **changes})

        assert status == wanted
        assert named in answer["detail"]

    def test_what_the_account_lacks_is_named(self, douyin: Douyin) -> None:
        douyin.documents[NEW]["goods"] = {"type": 301}
        _replace(douyin, NEW)

        status, answer = douyin.create(NEW, "A-1")

        assert status == 422
        assert "goods.tag_group_id" in answer["detail"]

    def test_a_replaced_order_that_gets_paid_too_is_a_question(self, douyin: Douyin) -> None:
        douyin.create(OLD, "A-1")
        assert douyin.create(OLD, "A-2", minor=500, replaces="A-1")[0] == 201
        for number in ("A-2", "A-1"):
            douyin.pass_time(1)  # of two, the one that was paid later is the question
            douyin.control("pay", OLD, number)
            douyin.deliver()

        assert [one.reason for one in douyin.order(OLD, "A-1").review_items] == ["double_payment"]


def _replace(douyin: Douyin, account: str) -> None:
    """Change an account's document as seen by fresh containers."""
    secrets = aws("secretsmanager")
    secrets.put_secret_value(
        SecretId=f"countersign/test/douyin/{account}", SecretString=json.dumps(douyin.documents[account])
    )
    for function in ("bill", "callback", "create_payment", "poll", "refund", "settle", "ship"):
        importlib.import_module(f"functions.douyin_{function}.app").accounts._entries.clear()


class TestCallbacks:
    @pytest.mark.parametrize("account", [OLD, NEW])
    def test_D1_a_payment_told_five_times_is_one_transition(self, douyin: Douyin, account: str) -> None:
        _, answer = douyin.create(account, "A-1")
        phone = answer["client"] if account == NEW else {}
        douyin.control("pay", account, "A-1", **phone)
        (delivery,) = douyin.posted
        douyin.posted = [delivery] * 5

        answers = douyin.deliver()

        assert answers == [(200, {"err_no": 0, "err_tips": "success"})] * 5
        assert douyin.order(account, "A-1").version == 3

    def test_B10_another_amount_is_a_question(self, douyin: Douyin) -> None:
        douyin.create(OLD, "A-1")
        douyin.control("pay", OLD, "A-1", amount=1)
        douyin.deliver()

        order = douyin.order(OLD, "A-1")
        assert (order.status, [one.reason for one in order.review_items]) == ("review", ["amount_mismatch"])

    def test_a_discount_is_the_payers(self, douyin: Douyin) -> None:
        _, answer = douyin.create(NEW, "A-1")
        douyin.control("pay", NEW, "A-1", discount=300, **answer["client"])
        douyin.deliver()

        payment = douyin.order(NEW, "A-1").payment
        assert payment is not None
        assert (payment.total.minor, payment.payer_paid) == (8800, 8500)

    def test_B11_a_channels_number_belongs_to_one_order(self, douyin: Douyin) -> None:
        for number in ("A-1", "A-2"):
            douyin.create(OLD, number)
            douyin.control("pay", OLD, number, channel_no="4200000000000001")
            douyin.deliver()

        assert douyin.order(OLD, "A-1").status == "paid"
        for number in ("A-1", "A-2"):
            reasons = [one.reason for one in douyin.order(OLD, number).review_items]
            assert reasons == ["transaction_of_another_order"]

    def test_a_signed_cancel_closes(self, douyin: Douyin) -> None:
        _, answer = douyin.create(NEW, "A-1")
        douyin.control("order", NEW, "A-1", **answer["client"])
        douyin.control("cancel", NEW, "A-1")
        douyin.deliver()

        assert douyin.order(NEW, "A-1").status == "closed"

    @pytest.mark.parametrize("spoilt", ["type", "extra", "shifted", "swapped", "forge"])
    def test_B3_B4_what_is_not_genuine_writes_nothing(self, douyin: Douyin, spoilt: str) -> None:
        douyin.create(OLD, "A-1")
        douyin.control("pay", OLD, "A-1")
        (delivery,) = douyin.posted
        before = douyin.cloud.table()

        made = delivery.callback.request(douyin.now, delivery.token, spoilt)
        answer = douyin.callback(OLD, made.body, made.headers)

        assert answer["statusCode"] == 401
        assert json.loads(answer["body"])["err_no"] != 0
        assert douyin.cloud.table() == before

    def test_A15_an_old_genuine_callback_is_acknowledged_and_only_asked_about(self, douyin: Douyin) -> None:
        douyin.create(OLD, "A-1")
        douyin.control("pay", OLD, "A-1")
        (delivery,) = douyin.posted
        made = delivery.callback.request(douyin.now - 3 * DAY, delivery.token)

        assert douyin.callback(OLD, made.body, made.headers)["statusCode"] == 200
        assert douyin.order(OLD, "A-1").status == "pending"
        douyin.work("douyin_poll", 1)
        assert douyin.order(OLD, "A-1").status == "paid"

    def test_the_other_systems_message_is_a_question(self, douyin: Douyin) -> None:
        _, answer = douyin.create(NEW, "A-1")
        trade = douyin.control("order", NEW, "A-1", **answer["client"])
        message = {
            "appid": trade["app_id"],
            "cp_orderno": "A-1",
            "order_id": trade["order_id"],
            "total_amount": 8800,
            "status": "SUCCESS",
            "paid_at": douyin.now,
        }
        posing = self._ecpay_trade(douyin, trade)
        made = Callback(posing, "payment", message, "").request(douyin.now, douyin.documents[NEW]["tokens"][0])

        assert douyin.callback(NEW, made.body, made.headers)["statusCode"] == 200
        order = douyin.order(NEW, "A-1")
        assert (order.status, [one.reason for one in order.review_items]) == ("review", ["system_mismatch"])

    @staticmethod
    def _ecpay_trade(douyin: Douyin, trade: dict[str, Any]) -> Any:
        known = douyin.platform.ledger.find(trade["app_id"], trade["out_order_no"], douyin.now)
        assert known is not None
        return dataclasses.replace(known, system="ecpay")

    def test_D9_a_refund_that_is_told_before_its_payment_waits_for_it(self, douyin: Douyin) -> None:
        _, answer = douyin.create(NEW, "A-1")
        douyin.control("pay", NEW, "A-1", **answer["client"])
        payment = douyin.posted
        douyin.posted = []
        douyin.control("refund", NEW, "A-1", amount=800)
        douyin.pass_time(12)
        assert [status for status, _ in douyin.deliver()] == [200]
        assert douyin.order(NEW, "A-1").status == "pending"

        douyin.posted = payment
        douyin.deliver()
        douyin.work("douyin_poll", 60)
        douyin.work("douyin_refund", 61)

        order = douyin.order(NEW, "A-1")
        assert (order.status, order.refunded) == ("partially_refunded", 800)


class TestPolling:
    @pytest.mark.parametrize("account", [OLD, NEW])
    def test_an_order_whose_time_is_over_is_closed_by_a_query(self, douyin: Douyin, account: str) -> None:
        _, answer = douyin.create(account, "A-1")
        if account == NEW:
            douyin.control("order", account, "A-1", **answer["client"])

        douyin.work("douyin_poll", 1831)

        assert douyin.order(account, "A-1").status == "closed"

    def test_an_order_that_no_phone_made_is_closed_when_none_can_make_it_any_more(self, douyin: Douyin) -> None:
        douyin.create(NEW, "A-1")

        douyin.work("douyin_poll", 1831)
        assert douyin.order(NEW, "A-1").status == "pending"
        douyin.work("douyin_poll", 1800)
        assert douyin.order(NEW, "A-1").status == "closed"

    def test_the_ladder_outlives_the_callbacks_of_the_trade_system(self, douyin: Douyin) -> None:
        _, answer = douyin.create(NEW, "A-1", expires_at="2026-11-22T18:00:00Z")
        douyin.control("order", NEW, "A-1", **answer["client"])
        for seconds in (10, 20, 90, 480):
            douyin.work("douyin_poll", seconds)
        douyin.control("pay", NEW, "A-1", notify=False)

        douyin.work("douyin_poll", 1200)  # half an hour after the order: the last callback came after 29 minutes

        assert douyin.order(NEW, "A-1").status == "paid"

    @pytest.mark.parametrize("fault", ["error500", "not_json", "system_error", "rate_limited"])
    def test_E9_no_answer_is_no_news(self, douyin: Douyin, fault: str) -> None:
        douyin.create(OLD, "A-1")
        douyin.control("pay", OLD, "A-1", notify=False)
        douyin.wire.simulator.faults({fault: 1})

        douyin.work("douyin_poll", 10)
        assert douyin.order(OLD, "A-1").status == "pending"
        douyin.work("douyin_poll", 60)
        assert douyin.order(OLD, "A-1").status == "paid"

    def test_one_client_token_serves_until_it_is_refused(self, douyin: Douyin) -> None:
        for number in ("A-1", "A-2", "A-3"):
            _, answer = douyin.create(NEW, number)
            douyin.control("pay", NEW, number, notify=False, **answer["client"])
        douyin.work("douyin_poll", 10)
        assert len(douyin.calls("client_token")) == 1

        douyin.create(NEW, "A-4")
        douyin.wire.simulator.faults({"bad_token": 1})
        douyin.work("douyin_poll", 10)

        assert len(douyin.calls("client_token")) == 2


class TestClosing:
    def ask(self, douyin: Douyin, account: str) -> tuple[int, Any]:
        parameters = {"platform": "douyin", "account": account, "order_id": "A-1"}
        event = http_event("POST", "/orders/{platform}/{account}/{order_id}/close", parameters)
        answer = douyin.cloud.invoke("merchant_api", event)
        return answer["statusCode"], json.loads(answer["body"])

    def summary(self, douyin: Douyin, account: str) -> str:
        parameters = {"platform": "douyin", "account": account, "order_id": "A-1"}
        event = http_event("GET", "/orders/{platform}/{account}/{order_id}/explanation", parameters)
        return str(json.loads(douyin.cloud.invoke("merchant_api", event)["body"])["summary"])

    @pytest.mark.parametrize("account", [OLD, NEW])
    def test_the_answer_says_that_only_time_closes_an_order(self, douyin: Douyin, account: str) -> None:
        _, made = douyin.create(account, "A-1")
        if account == NEW:
            douyin.control("order", account, "A-1", **made["client"])

        status, answer = self.ask(douyin, account)

        assert (status, answer["close"]) == (202, "not_possible")
        assert answer["expires_at"] == "2026-11-22T06:57:25Z"
        assert "no call for: it ends when its time is over (set to 2026-11-22T06:57:25Z)" in self.summary(
            douyin, account
        )
        douyin.work("douyin_poll", 1831)
        assert douyin.order(account, "A-1").status == "closed"
        assert "no call" not in self.summary(douyin, account)

    def test_a_wish_asks_once_now_and_no_more_often_later(self, douyin: Douyin) -> None:
        douyin.create(OLD, "A-1")
        douyin.cloud.clock.shift(400)
        self.ask(douyin, OLD)

        for _minute in range(3):
            douyin.work("douyin_poll", 60)

        assert len(douyin.calls("query_order")) == 1
        assert douyin.order(OLD, "A-1").status == "pending"

    def test_a_payment_after_the_wish_is_a_payment_and_is_explained(self, douyin: Douyin) -> None:
        douyin.create(OLD, "A-1")
        self.ask(douyin, OLD)
        douyin.control("pay", OLD, "A-1")
        douyin.deliver()

        assert douyin.order(OLD, "A-1").status == "paid"
        assert "to close it, which the platform has no call for." in self.summary(douyin, OLD)


class TestRefunds:
    @pytest.mark.parametrize("account", [OLD, NEW])
    def test_D8_accepted_is_not_refunded(self, douyin: Douyin, account: str) -> None:
        douyin.buy(account, "A-1")
        douyin.approve(account, "A-1", 800)

        douyin.work("douyin_refund")
        assert douyin.refund(account, "A-1").status == "processing"
        douyin.pass_time(12)
        douyin.deliver()

        assert douyin.refund(account, "A-1").status == "succeeded"
        assert douyin.order(account, "A-1").status == "partially_refunded"

    def test_a_refund_that_fails_later_says_what_to_do(self, douyin: Douyin) -> None:
        douyin.buy(OLD, "A-1")
        douyin.approve(OLD, "A-1", 800)
        douyin.wire.simulator.faults({"refund_result": 1})
        douyin.work("douyin_refund")
        douyin.pass_time(12)
        douyin.deliver()

        refund, order = douyin.refund(OLD, "A-1"), douyin.order(OLD, "A-1")
        assert (refund.status, order.reserved) == ("failed", 800)
        assert "new refund" in str(sentence(refund.problem))
        douyin.work("douyin_refund", 1)
        assert (douyin.refund(OLD, "A-1").released, douyin.order(OLD, "A-1").reserved) == (True, 0)

    def test_a_refused_refund_is_tried_again_under_a_new_number(self, douyin: Douyin) -> None:
        douyin.buy(OLD, "A-1")
        trade = douyin.platform.ledger.trades()[0]
        trade.state = "PROCESSING"  # Douyin refuses while it does not see the payment
        number = f"rf{'0' * 32}"
        douyin.approve(OLD, "A-1", 800)
        douyin.work("douyin_refund")
        assert douyin.refund(OLD, "A-1").status == "needs_action"

        trade.state = "SUCCESS"
        key = OrderKey("douyin", OLD, "A-1")
        again = Change(key, RefundRetried(number, 0, douyin.now), Operator("anna"), "operator")
        assert douyin.store.record(again, now=douyin.now).outcome == "applied"
        douyin.work("douyin_refund", 1)
        douyin.pass_time(12)
        douyin.deliver()

        assert [sent["out_refund_no"] for sent in douyin.calls("create_refund")] == [number, f"{number}*1"]
        assert douyin.refund(OLD, "A-1").status == "succeeded"

    @pytest.mark.parametrize("account", [OLD, NEW])
    def test_a_refund_made_at_douyin_counts_once_a_query_agrees(self, douyin: Douyin, account: str) -> None:
        douyin.buy(account, "A-1")
        douyin.control("refund", account, "A-1", amount=500, source=4)
        douyin.pass_time(12)
        douyin.deliver()
        assert (douyin.refund(account, "A-1").status, douyin.order(account, "A-1").refunded) == ("processing", 0)

        douyin.work("douyin_refund", 61)

        assert douyin.order(account, "A-1").refunded == 500
        assert douyin.refund(account, "A-1").source == ("support" if account == NEW else "console")


class TestUsersRefunds:
    def test_our_number_is_the_same_however_often_it_is_asked_for(self, douyin: Douyin) -> None:
        douyin.buy(NEW, "A-1")
        douyin.control("user_refund", NEW, "A-1")
        (delivery,) = douyin.posted
        douyin.posted = [delivery] * 3

        answers = douyin.deliver()

        numbers = {content["data"]["out_refund_no"] for _, content in answers}
        assert numbers == {douyin.refund(NEW, "A-1").refund_id}
        refund = douyin.refund(NEW, "A-1")
        assert (refund.source, refund.status, refund.audit_by) == ("user", "requested", douyin.now + 3 * DAY)
        assert douyin.order(NEW, "A-1").reserved == 8800

    @pytest.mark.parametrize(("approved", "word", "ends"), [(True, "AGREE", "succeeded"), (False, "DENY", "rejected")])
    def test_douyin_hears_what_the_desk_decided(self, douyin: Douyin, approved: bool, word: str, ends: str) -> None:
        douyin.buy(NEW, "A-1")
        douyin.control("user_refund", NEW, "A-1")
        douyin.deliver()
        judged = RefundDecided(douyin.refund(NEW, "A-1").refund_id, approved, douyin.now)
        key = OrderKey("douyin", NEW, "A-1")
        douyin.store.record(Change(key, judged, Operator("anna"), "operator"), now=douyin.now)

        douyin.work("douyin_refund")
        douyin.pass_time(12)
        douyin.deliver()

        (trade,) = douyin.control("ledger", NEW, "A-1")["orders"]
        assert trade["refunds"][0]["audit"] == word
        assert douyin.refund(NEW, "A-1").status == ends
        assert douyin.order(NEW, "A-1").reserved == (8800 if approved else 0)

    def test_silence_is_consent(self, douyin: Douyin) -> None:
        douyin.buy(NEW, "A-1")
        douyin.control("user_refund", NEW, "A-1")
        douyin.deliver()

        douyin.pass_time(3 * DAY)
        douyin.work("douyin_refund", 61)
        assert douyin.refund(NEW, "A-1").status == "processing"
        douyin.pass_time(12)
        douyin.work("douyin_refund", 60)

        assert douyin.refund(NEW, "A-1").status == "succeeded"


class TestSettlements:
    @pytest.mark.parametrize("account", [OLD, NEW])
    def test_an_order_is_settled_after_its_period_with_the_accounts_share(self, douyin: Douyin, account: str) -> None:
        douyin.buy(account, "A-1")
        douyin.work("douyin_settle", 7 * DAY - 1)
        assert douyin.calls("settle") + douyin.calls("settle_create") == []

        douyin.work("douyin_settle", 1)
        douyin.pass_time(6)
        douyin.deliver()

        (settlement,) = douyin.history(account, "A-1").settlements
        assert (settlement.status, settlement.amount, settlement.fee) == ("succeeded", 8800, 52)
        assert settlement.shares == (("70000000000000000022", 880),)
        assert douyin.order(account, "A-1").settled == 8800

    @pytest.mark.parametrize("account", [OLD, NEW])
    def test_what_douyin_settled_by_itself_is_left_alone(self, douyin: Douyin, account: str) -> None:
        douyin.buy(account, "A-1")
        douyin.control("auto_settle", account, "A-1", notify=False)

        douyin.work("douyin_settle", 7 * DAY)

        statuses = sorted((one.source, one.status) for one in douyin.history(account, "A-1").settlements)
        assert statuses == [("plan", "not_needed"), ("platform", "succeeded")]
        assert douyin.order(account, "A-1").settled == 8800
        assert douyin.calls("settle") + douyin.calls("settle_create") == []

    def test_a_refund_after_settling_comes_from_elsewhere(self, douyin: Douyin) -> None:
        douyin.buy(OLD, "A-1")
        douyin.work("douyin_settle", 7 * DAY)
        douyin.pass_time(6)
        douyin.deliver()
        douyin.approve(OLD, "A-1", 800)

        douyin.work("douyin_refund")

        assert [sent["all_settle"] for sent in douyin.calls("create_refund")] == [1]

    def test_a_settlement_that_fails_says_why_and_can_be_asked_for_again(self, douyin: Douyin) -> None:
        douyin.buy(OLD, "A-1")
        douyin.wire.simulator.faults({"settle_result": 1})
        douyin.work("douyin_settle", 7 * DAY)
        douyin.pass_time(6)
        douyin.deliver()
        (failed,) = douyin.history(OLD, "A-1").settlements
        assert (failed.status, sentence(failed.reason)) == ("failed", "failed")
        douyin.platform.ledger.trades()[0].settlements.clear()

        route = "/orders/{platform}/{account}/{order_id}/settlements"
        parameters = {"platform": "douyin", "account": OLD, "order_id": "A-1"}
        answer = douyin.cloud.invoke("merchant_api", http_event("POST", route, parameters, body='{"shares": []}'))
        assert answer["statusCode"] == 202, answer["body"]
        douyin.work("douyin_settle", 1)

        assert douyin.calls("settle")[-1]["out_settle_no"] == "A-1*1"
        assert "settle_params" not in douyin.calls("settle")[-1]

    def test_shares_above_thirty_per_cent_are_refused(self, douyin: Douyin) -> None:
        douyin.buy(OLD, "A-1")
        route = "/orders/{platform}/{account}/{order_id}/settlements"
        parameters = {"platform": "douyin", "account": OLD, "order_id": "A-1"}
        named = {"merchant_uid": "70000000000000000022", "amount": {"minor": 2641, "currency": "CNY"}}
        body = json.dumps({"shares": [named]})

        answer = douyin.cloud.invoke("merchant_api", http_event("POST", route, parameters, body=body))

        assert answer["statusCode"] == 409
        assert "30 %" in json.loads(answer["body"])["detail"]

    @pytest.mark.parametrize("account", [OLD, NEW])
    def test_a_share_goes_only_to_a_receiver_of_the_account_document(self, douyin: Douyin, account: str) -> None:
        douyin.buy(account, "A-1")
        before = douyin.cloud.table()
        route = "/orders/{platform}/{account}/{order_id}/settlements"
        parameters = {"platform": "douyin", "account": account, "order_id": "A-1"}

        def ask(receiver: str) -> int:
            share = {"merchant_uid": receiver, "amount": {"minor": 1, "currency": "CNY"}}
            event = http_event("POST", route, parameters, body=json.dumps({"shares": [share]}))
            return int(douyin.cloud.invoke("merchant_api", event)["statusCode"])

        assert ask("70000000attacker") == 422
        assert douyin.cloud.table() == before
        assert ask("70000000000000000022") == 202


def test_an_app_moves_with_orders_in_flight(douyin: Douyin) -> None:
    douyin.buy(OLD, "A-1")
    douyin.create(OLD, "A-2")
    douyin.documents[OLD]["system"] = "trade"
    _replace(douyin, OLD)

    douyin.buy(OLD, "A-3")
    douyin.control("pay", OLD, "A-2", notify=False)
    douyin.work("douyin_poll", 10)
    douyin.approve(OLD, "A-1", 800)
    douyin.work("douyin_refund")
    douyin.pass_time(12)
    douyin.deliver()
    douyin.work("douyin_settle", 7 * DAY)
    douyin.work("douyin_settle", 60)

    assert [douyin.order(OLD, number).terms.system for number in ("A-1", "A-2", "A-3")] == ["ecpay", "ecpay", "trade"]
    assert [douyin.order(OLD, number).status for number in ("A-1", "A-2")] == ["partially_refunded", "paid"]
    statuses = {number: douyin.history(OLD, number).settlements[0].status for number in ("A-1", "A-2", "A-3")}
    assert statuses == dict.fromkeys(("A-1", "A-2", "A-3"), "processing")


class TestBills:
    def compare(self, douyin: Douyin, account: str = OLD) -> dict[str, Any]:
        """Run the day after at noon, and return the day's report."""
        douyin.cloud.clock.shift(DAY)
        douyin.cloud.invoke("douyin_bill", shapes.schedule("DouyinBillFromTen", douyin.now), remaining_ms=900_000)
        rows = [item for item in douyin.cloud.table() if item["pk"]["S"].startswith(f"RECON#{account}#")]
        return {item["sk"]["S"]: item for item in rows}

    def test_without_a_salt_the_trade_system_says_where_the_bills_lie(self, douyin: Douyin) -> None:
        del douyin.documents[NEW]["salts"]
        _replace(douyin, NEW)
        for number in ("A-1", "A-2", "A-3"):
            douyin.buy(NEW, number)
        douyin.approve(NEW, "A-1", 800)
        douyin.work("douyin_refund")
        douyin.pass_time(12)
        douyin.deliver()

        (summary,) = self.compare(douyin, NEW).values()

        counts = json.loads(summary["counts"]["S"])
        assert (summary["status"]["S"], counts["differences"]) == ("done", 0)
        assert (counts["payments"], counts["refunds"]) == (3, 1)
        assert [sent["bill_type"] for sent in douyin.calls("bills") if sent] == ["payment", "refund"]

    def test_a_link_that_gives_no_table_is_tried_again(self, douyin: Douyin) -> None:
        del douyin.documents[NEW]["salts"]
        _replace(douyin, NEW)
        douyin.buy(NEW, "A-1")
        douyin.wire.simulator.faults({"error500": {"match": "/download/bills/"}})

        (summary,) = self.compare(douyin, NEW).values()
        assert summary["status"]["S"] == "waiting"
        douyin.cloud.invoke("douyin_bill", shapes.schedule("DouyinBillFromTen", douyin.now), remaining_ms=900_000)

        own = [item for item in douyin.cloud.table() if item["pk"]["S"].startswith(f"RECON#{NEW}#")]
        assert [item["status"]["S"] for item in own] == ["done"]

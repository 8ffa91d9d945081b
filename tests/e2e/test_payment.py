"""From create to paid over HTTP, however often and however crowded the news comes."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.conftest import Shop


@pytest.mark.parametrize("account", ["shop", "classic"])
def test_five_notifications_are_one_transition(shop: Shop, account: str, eventually: Callable[..., Any]) -> None:
    order_id = f"five-{account}"
    created = shop.create(order_id, account)
    assert created.status == 201
    assert created.json()["order"]["status"] == "pending"
    assert created.json()["client"]["package"].startswith("prepay_id=")

    trade = shop.pay(order_id, account, times=5)

    assert len(trade["deliveries"]) == 5
    assert len({(delivery["status"], delivery["answer"]) for delivery in trade["deliveries"]}) == 1
    order = shop.order(order_id, account)
    assert order["status"] == "paid"
    assert order["paid"] == {"minor": 8800, "currency": "CNY"}
    assert order["transaction_id"] == trade["transaction_id"]
    kinds = Counter((event["kind"], event["decision"]) for event in order["events"])
    assert kinds == {("opened", "applied"): 1, ("prepared", "applied"): 1, ("paid", "applied"): 1}
    assert len(eventually(lambda: shop.bus(order_id))) == 1


def test_d1_fifty_repeats_change_nothing_and_are_answered_alike(shop: Shop) -> None:
    shop.create("fifty-repeats")
    shop.pay("fifty-repeats")
    before = shop.tables()
    wanted = {"account": "shop", "out_trade_no": "fifty-repeats"}

    answers = [shop.sandbox.control("POST", "/wechat/_control/notify", wanted) for _ in range(50)]

    assert {(answer["status"], answer["answer"]) for answer in answers} == {(204, "")}
    assert shop.tables() == before


def test_d2_sixteen_notifications_at_once_are_one_transition(shop: Shop, eventually: Callable[..., Any]) -> None:
    for number in range(5):
        order_id = f"sixteen-{number}"
        assert shop.create(order_id).status == 201

        trade = shop.pay(order_id, times=16, concurrent=True, wait_seconds=30)

        statuses = Counter(delivery["status"] for delivery in trade["deliveries"])
        assert statuses[204] >= 1
        assert statuses[204] + statuses[503] == 16  # a slow machine's cold starts; WeChat comes again
        paid = [event for event in shop.order(order_id)["events"] if event["kind"] == "paid"]
        assert [event["decision"] for event in paid] == ["applied"]
        assert len(eventually(lambda order_id=order_id: shop.bus(order_id))) == 1


def test_d12_a_notice_and_a_refresh_at_once_are_one_transition(shop: Shop, eventually: Callable[..., Any]) -> None:
    for number in range(5):
        order_id = f"both-roads-{number}"
        shop.create(order_id)

        with ThreadPoolExecutor(2) as threads:
            paying = threads.submit(shop.pay, order_id)
            path = f"/orders/wechat/shop/{order_id}/refresh"
            asking = threads.submit(shop.sandbox.api, "POST", path, None, None, shop.token)
            assert asking.result().status == 202
            assert paying.result()["deliveries"][0]["status"] == 204

        eventually(lambda order_id=order_id: shop.order(order_id)["status"] == "paid")
        ids = eventually(lambda order_id=order_id: shop.bus(order_id))
        assert [name.split(".paid.")[0] for name in ids] == ["order"]


def test_sixteen_creators_of_one_number_make_one_order(shop: Shop) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: shop.create("sixteen-creators"), range(16)))

    assert Counter(answer.status for answer in answers) == {201: 1, 200: 15}
    opened = [event for event in shop.order("sixteen-creators")["events"] if event["kind"] == "opened"]
    assert len(opened) == 1
    ledger = shop.sandbox.control("POST", "/wechat/_control/ledger", {"out_trade_no": "sixteen-creators"})
    assert len(ledger["transactions"]) == 1


def test_one_idempotency_key_sixteen_times_at_once_gives_one_answer(shop: Shop) -> None:
    def create(_: int) -> Any:
        return shop.create("one-key", idempotency_key="the-cart")

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(create, range(16)))

    assert {answer.status for answer in answers} <= {201, 409}
    assert 201 in {answer.status for answer in answers}
    again = shop.create("one-key", idempotency_key="the-cart")
    assert all(answer.json() == again.json() for answer in answers if answer.status == 201)
    other = shop.create("one-key", idempotency_key="the-cart", description="Black tea")
    assert other.status == 422


def test_a_payment_whose_notice_is_lost_is_found_by_asking(shop: Shop, eventually: Callable[..., Any]) -> None:
    shop.create("lost-notice")
    shop.pay("lost-notice", notify=False)
    assert shop.order("lost-notice")["status"] == "pending"

    shop.sandbox.clock(advance=10)

    eventually(lambda: shop.order("lost-notice")["status"] == "paid")
    assert {event["via"] for event in shop.order("lost-notice")["events"] if event["kind"] == "paid"} == {"query"}
    assert len(eventually(lambda: shop.bus("lost-notice"))) == 1


def test_d9_a_payment_before_its_order_is_attached_when_the_order_comes(
    shop: Shop, eventually: Callable[..., Any]
) -> None:
    wanted = {"account": "shop", "out_trade_no": "early-bird", "amount": 8800}
    told = shop.sandbox.control("POST", "/wechat/_control/notify", wanted)
    assert told["status"] == 204

    created = shop.create("early-bird")

    # WeChat says "paid already": the merchant's call is refused with the state, and the money is not lost.
    assert created.status == 409
    shop.sandbox.clock(advance=60)
    eventually(lambda: shop.order("early-bird")["status"] == "paid")
    assert len(eventually(lambda: shop.bus("early-bird"))) == 1


def test_e3_busy_dynamodb_is_waited_for(shop: Shop, eventually: Callable[..., Any]) -> None:
    for kind in ("conflict", "throttle", "timeout_before", "timeout_after"):
        order_id = f"busy-{kind}"
        shop.create(order_id)
        fault = {"kind": kind, "call": "dynamodb.TransactWriteItems", "function": "wechat_notify"}
        shop.sandbox.control("POST", "/faults", {"aws": [fault], "record": True})

        trade = shop.pay(order_id)

        calls = [call["call"] for call in shop.sandbox.control("GET", "/calls") if call["function"] == "WechatNotify"]
        assert calls.count("dynamodb.TransactWriteItems") >= 1 + (kind != "timeout_after")
        assert [delivery["status"] for delivery in trade["deliveries"]] == [204]
        order = shop.order(order_id)
        assert [event["decision"] for event in order["events"] if event["kind"] == "paid"] == ["applied"]
        assert len(eventually(lambda order_id=order_id: shop.bus(order_id))) == 1


def test_e3_without_a_durable_write_there_is_no_2xx(shop: Shop) -> None:
    for kind in ("conflict", "throttle", "timeout_before"):
        order_id = f"dead-{kind}"
        shop.create(order_id)
        fault = {"kind": kind, "call": "dynamodb.TransactWriteItems", "function": "wechat_notify", "count": 10_000}
        shop.sandbox.control("POST", "/faults", {"aws": [fault]})
        before = shop.tables()

        refused = shop.pay(order_id)["deliveries"][0]

        assert refused["status"] >= 500
        assert refused["seconds"] < 5
        assert shop.tables() == before
        shop.sandbox.control("POST", "/faults", {"aws": []})
        again = shop.sandbox.control("POST", "/wechat/_control/notify", {"account": "shop", "out_trade_no": order_id})
        assert again["status"] == 204
        assert shop.order(order_id)["status"] == "paid"

"""Closing: taken at once, done as soon as WeChat allows it, and never over a payment."""

import json
from typing import Any

import pytest

from sandbox.events import shapes
from tests.functions.conftest import Cloud, http_event
from tests.functions.test_refund_work import Shop

PATH = {"platform": "wechat", "account": "shop", "order_id": "ORDER-0001"}


class Closing(Shop):
    def close(self) -> tuple[int, Any]:
        path = {**PATH, "account": self.account}
        answer = self.cloud.invoke(
            "merchant_api", http_event("POST", "/orders/{platform}/{account}/{order_id}/close", path)
        )
        return answer["statusCode"], json.loads(answer["body"])

    def poll(self, seconds: int = 0) -> None:
        self.cloud.clock.shift(seconds)
        self.cloud.invoke("wechat_poll", shapes.schedule("WechatPollEveryMinute", self.now))

    @property
    def closes(self) -> list[str]:
        return [line for line in self.cloud.wechat.sent if line.endswith(("/close", "/closeorder"))]


@pytest.fixture(params=["shop", "classic"])
def order(request: pytest.FixtureRequest, cloud: Cloud) -> Closing:
    closing = Closing(cloud, request.param)
    closing.create()
    return closing


def test_in_the_first_five_minutes_it_is_taken_and_done_later(order):
    order.cloud.clock.shift(20)
    assert order.close()[0] == 202
    order.poll(10)
    order.poll(200)
    assert (order.closes, order.order().status) == ([], "pending")

    order.poll(75)

    assert len(order.closes) == 1
    assert order.order().status == "closed"


def test_after_five_minutes_it_is_done_at_the_next_look(order):
    order.cloud.clock.shift(301)
    assert order.close()[0] == 202

    order.poll()

    assert order.order().status == "closed"
    assert order.close()[0] == 202
    order.poll(1)
    assert len(order.closes) == 1


def test_a_payment_in_the_waiting_time_wins(order):
    order.cloud.clock.shift(20)
    order.close()
    order.wechat("pay", notify=False)

    order.poll(290)

    assert order.closes == []
    assert order.order().status == "paid"
    assert order.close()[0] == 409

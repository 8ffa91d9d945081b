"""The refund worker against WeChat's simulator: one number, one refund, whatever the answers."""

import json
import time
from typing import Any

import pytest

from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Closed,
    Operator,
    OrderKey,
    Queried,
    RefundDecided,
    RefundReported,
    RefundRequested,
    RefundRetried,
    Resolved,
    Verified,
)
from countersign.orders.refunds import Refund
from countersign.orders.sentences import sentence
from countersign.orders.state import Order
from countersign.platforms.wechat.client import RefundRequest
from countersign.store import OrderStore
from sandbox.events import shapes
from tests.functions.conftest import Cloud, http_event

ORDER = "ORDER-0001"
NOTIFY = "https://pay.example.com/wechat/shop/notify"


class Shop:
    """One paid order, and a worker that is run by hand."""

    def __init__(self, cloud: Cloud, account: str, order_id: str = ORDER) -> None:
        self.cloud, self.account = cloud, account
        self.key = OrderKey("wechat", account, order_id)
        self.store = OrderStore(cloud.dynamodb, "Orders")

    def create(self, minor: int = 8800) -> None:
        body = {
            "order_id": self.key.order_id,
            "amount": {"minor": minor, "currency": "CNY"},
            "description": "tea",
            "payer": {"openid": "oPayer-1"},
        }
        event = http_event("POST", "/wechat/{account}/payments", {"account": self.account}, body=json.dumps(body))
        assert self.cloud.invoke("wechat_create_payment", event)["statusCode"] == 201

    def buy(self) -> None:
        self.create()
        self.wechat("pay", notify=False)
        self.cloud.clock.shift(10)
        self.cloud.invoke("wechat_poll", shapes.schedule("WechatPollEveryMinute", self.now))
        order = self.store.get(self.key)
        assert order is not None and order.status == "paid"

    @property
    def now(self) -> int:
        return int(time.time())

    def wechat(self, what: str, **body: Any) -> dict[str, Any]:
        wanted = {"account": self.account, "out_trade_no": self.key.order_id, **body}
        status, answer = self.cloud.wechat.simulator.control(what, wanted)
        assert status == 200, answer
        return answer

    def tell(self, fact: Any, by: str = "ben", via: str = "operator") -> str:
        return self.store.record(Change(self.key, fact, Operator(by), via), now=self.now).outcome

    def approved(self, refund_id: str = "rf1", minor: int = 1000) -> None:
        asked = RefundRequested(refund_id, Money(minor, "CNY"), "too small", self.now)
        assert self.tell(asked) == "applied"
        assert self.tell(RefundDecided(refund_id, True, self.now), by="anna") == "applied"

    def work(self, seconds: int = 0) -> None:
        self.cloud.clock.shift(seconds)
        self.cloud.invoke("wechat_refund", shapes.schedule("WechatRefundEveryMinute", self.now))

    def refund(self, refund_id: str = "rf1") -> Refund:
        found = self.store.refund(self.key, refund_id)
        assert found is not None
        return found[1]

    def order(self) -> Order:
        order = self.store.get(self.key)
        assert order is not None
        return order

    def faults(self, **wanted: Any) -> None:
        self.cloud.wechat.simulator.faults(wanted)

    def settle(self, status: str = "SUCCESS", refund_id: str = "rf1") -> None:
        self.wechat("settle", out_refund_no=refund_id, status=status, notify=False)

    @property
    def calls(self) -> list[str]:
        return [
            line
            for line in self.cloud.wechat.sent
            if line.startswith("POST") and "refund" in line and "query" not in line
        ]

    def at_wechat(self) -> list[tuple[str, int]]:
        trade = self.wechat("ledger")["transactions"][0]
        return [(refund["out_refund_no"], refund["amount"]) for refund in trade["refunds"]]


@pytest.fixture(params=["shop", "classic"])
def shop(request: pytest.FixtureRequest, cloud: Cloud) -> Shop:
    shop = Shop(cloud, request.param)
    shop.buy()
    shop.faults(refund_result={"status": "PROCESSING", "count": 1000})
    return shop


@pytest.fixture
def v3(cloud: Cloud) -> Shop:
    shop = Shop(cloud, "shop")
    shop.buy()
    shop.faults(refund_result={"status": "PROCESSING", "count": 1000})
    return shop


def test_an_approved_refund_is_made_once_and_a_query_decides(shop):
    shop.approved()

    shop.work()
    assert (shop.refund().status, len(shop.calls)) == ("processing", 1)
    assert (shop.order().status, shop.order().refunded) == ("paid", 0)
    shop.work(30)
    shop.settle()
    assert shop.refund().status == "processing"

    shop.work(31)

    assert (shop.refund().status, shop.order().status) == ("succeeded", "partially_refunded")
    assert shop.refund().platform_refund_id.startswith("5030")
    for _ in range(3):
        shop.work(86400)
    assert shop.at_wechat() == [("rf1", 1000)]
    assert len(shop.calls) == 1


def test_D8_even_a_call_that_is_answered_with_success_is_only_accepted(v3):
    v3.faults(error500={"match": "POST /v3/refund", "count": 1, "after": True})
    v3.approved()
    v3.work()
    v3.settle()
    request = RefundRequest(
        "rf1", v3.refund().transaction_id, Money(1000, "CNY"), Money(8800, "CNY"), "too small", NOTIFY
    )

    answer = v3.cloud.module("wechat_refund").connect("shop").client.refund(request)

    assert b'"status":"SUCCESS"' in answer.raw
    assert (answer.message.refund_status, answer.message.success_time) == ("PROCESSING", None)


def test_the_bus_brings_one_orders_refunds(v3):
    v3.approved()
    other = Shop(v3.cloud, "shop", "ORDER-0002")
    other.buy()
    other.approved("rf2")
    detail = {"platform": "wechat", "account": "shop", "order_id": ORDER}

    v3.cloud.invoke("wechat_refund", {"source": "countersign", "detail-type": "refund.approved", "detail": detail})

    assert (v3.refund().status, other.refund("rf2").status) == ("processing", "approved")


def test_a_requested_or_rejected_refund_is_not_made(v3):
    v3.tell(RefundRequested("rf1", Money(1, "CNY"), "", v3.now))
    v3.tell(RefundRequested("rf2", Money(1, "CNY"), "", v3.now))
    v3.tell(RefundDecided("rf2", False, v3.now), by="anna")

    v3.work()

    assert v3.calls == []


@pytest.mark.parametrize("fault", ["error500", "not_json", "truncated", "unsigned_response", "forged_response"])
@pytest.mark.parametrize("after", [False, True])
def test_D7_after_any_doubt_wechat_is_asked_and_the_number_stays(shop, fault, after):
    path = "/secapi/pay/refund" if shop.account == "classic" else "POST /v3/refund"
    shop.faults(**{fault: {"match": path, "count": 1, "after": after}})
    shop.approved()
    shop.work()
    assert shop.refund().status == "approved"

    shop.work(60)
    assert shop.refund().status == ("approved" if len(shop.calls) == 1 and not shop.at_wechat() else "processing")
    shop.work(70)
    shop.settle()
    shop.work(7200)

    assert shop.refund().status == "succeeded"
    assert shop.at_wechat() == [("rf1", 1000)]


def test_E9_an_unknown_outcome_is_repeated_ever_more_slowly(v3):
    v3.faults(rate_limited={"match": "POST /v3/refund", "count": 1000})
    v3.approved()
    v3.work()
    for _ in range(24 * 6):
        v3.work(600)

    assert 6 <= len(v3.calls) <= 9
    assert v3.refund().status == "approved"


@pytest.mark.parametrize(
    ("code", "advice"),
    [("NOT_ENOUGH", "top it up"), ("NOTENOUGH", "top it up"), ("USER_ACCOUNT_ABNORMAL", "another way"),
     ("TRADE_OVERDUE", "another way"), ("NO_AUTH", "allow it"), ("PARAM_ERROR", "merchant console"),
     ("RESOURCE_NOT_EXISTS", "no such paid order"), ("INVALID_REQUEST", "A rule"),
     ("SOMETHING_NEW", "console, then retry or resolve (SOMETHINGNEW")],
)  # fmt: skip
def test_a_refusal_needs_a_person_and_says_what_to_do(shop, code, advice):
    shop.faults(refund_refused={"code": code})
    shop.approved()

    shop.work()

    assert shop.refund().status == "needs_action"
    assert advice in str(sentence(shop.refund().problem))
    assert code.replace("_", "") in str(sentence(shop.refund().problem))
    assert shop.order().reserved == 1000
    for _ in range(5):
        shop.work(3600)
    assert len(shop.calls) == 1


@pytest.mark.parametrize("code", ["SYSTEM_ERROR", "BIZERR_NEED_RETRY", "FREQUENCY_LIMITED", "INVALID_REQ_TOO_MUCH"])
def test_what_wechat_wants_repeated_is_repeated_under_the_same_number(shop, code):
    shop.faults(refund_refused={"code": code})
    shop.approved()
    shop.work()
    assert shop.refund().status == "approved"

    shop.work(130)

    assert shop.refund().status == "processing"
    assert shop.at_wechat() == [("rf1", 1000)]


def test_a_topped_up_balance_and_a_retry_under_the_same_number(shop):
    shop.faults(refund_refused={"code": "NOT_ENOUGH"})
    shop.approved()
    shop.work()
    assert shop.tell(RefundRetried("rf1", 0, shop.now), by="anna") == "applied"

    shop.work(70)

    assert shop.refund().status == "processing"
    assert shop.at_wechat() == [("rf1", 1000)]
    assert len(shop.calls) == 2


def test_an_abnormal_refund_needs_a_person_and_may_still_succeed(shop):
    shop.approved()
    shop.work()
    shop.settle("ABNORMAL")
    shop.work(61)
    assert shop.refund().status == "needs_action"
    assert "abnormal refunds" in str(sentence(shop.refund().problem))
    assert shop.tell(RefundRetried("rf1", 0, shop.now), by="anna") == "refused"

    shop.settle("SUCCESS")
    shop.work(86400)

    assert (shop.refund().status, shop.refund().problem) == ("succeeded", None)


def test_a_closed_refund_fails_and_a_query_frees_its_amount(shop):
    shop.approved()
    shop.work()
    shop.settle("CLOSED")

    shop.work(61)

    assert (shop.refund().status, shop.order().reserved, shop.order().status) == ("failed", 0, "paid")


def test_a_notice_of_failure_is_confirmed_by_a_query_before_the_amount_is_free(v3):
    v3.approved()
    v3.work()
    v3.settle("CLOSED")
    closed = RefundReported("rf1", Money(1000, "CNY"), "failed", total=Money(8800, "CNY"))
    v3.store.record(Change(v3.key, closed, Verified("k"), "notify", "1900099001", "v3"), now=v3.now)
    assert (v3.refund().status, v3.order().reserved) == ("failed", 1000)

    v3.work()

    assert v3.order().reserved == 0


def test_two_refunds_of_an_order_are_more_than_a_minute_apart(shop):
    shop.approved("rf1", 1000)
    shop.approved("rf2", 2000)
    shop.approved("rf3", 3000)

    made = []
    for _ in range(20):
        shop.work(10)
        made.append(len(shop.calls))

    assert made[0] == 1
    assert made[-1] == 3
    assert all(later - earlier <= 1 for earlier, later in zip(made, made[7:], strict=False))
    assert sorted(shop.at_wechat()) == [("rf1", 1000), ("rf2", 2000), ("rf3", 3000)]


def eight_orders(shop: Shop) -> None:
    shop.approved("rf1", 100)
    for number in range(2, 9):
        other = Shop(shop.cloud, "shop", f"ORDER-000{number}")
        other.buy()
        other.approved(f"rf{number}", 100)


def test_what_all_refunds_of_an_account_would_meet_is_met_once_a_minute(v3):
    v3.faults(refund_refused={"code": "NOT_ENOUGH"})
    eight_orders(v3)

    v3.work()
    v3.work(30)
    assert len(v3.calls) == 1
    v3.work(40)

    assert len(v3.calls) == 8


def test_money_after_closing_is_refunded_once_by_the_policy(cloud):
    shop = Shop(cloud, "shop")
    shop.buy()
    order = shop.order()
    assert order.payment is not None
    shop.store.record(
        Change(shop.key, Closed(order.payment.paid_at - 5), Queried("k"), "query", "", "v3"), now=shop.now
    )
    late = f"late-{order.payment.transaction_id}"
    assert shop.refund(late).status == "requested"
    shop.tell(RefundDecided(late, True, shop.now), by="anna")

    shop.work()
    shop.settle(refund_id=late)
    shop.work(70)

    assert shop.at_wechat() == [(late, 8800)]
    assert shop.refund(late).status == "succeeded"
    assert shop.order().status == "refunded"


@pytest.mark.parametrize("decision", ["refund", "accept"])
def test_a_payment_of_another_amount_can_be_sent_back(cloud, decision):
    shop = Shop(cloud, "shop")
    shop.create()
    shop.wechat("pay", amount=9000, notify=False)
    shop.cloud.clock.shift(10)
    shop.cloud.invoke("wechat_poll", shapes.schedule("WechatPollEveryMinute", shop.now))
    (question,) = shop.order().review_items
    assert question.reason == "amount_mismatch"
    shop.tell(Resolved(question.review_id, decision, "", shop.now, "anna"), by="anna")
    refund_id = f"review-{question.subject}"
    if decision == "accept":
        refund_id = "rf1"
        shop.tell(Resolved(question.review_id, decision, "", shop.now, "ben"), by="ben")
        shop.approved(refund_id, 9000)
    else:
        shop.work()
        assert shop.at_wechat() == []
        assert shop.tell(RefundDecided(refund_id, True, shop.now), by="ben") == "applied"

    shop.work()
    shop.settle(refund_id=refund_id)
    shop.work(70)

    assert shop.at_wechat() == [(refund_id, 9000)]
    assert shop.refund(refund_id).status == "succeeded"
    assert shop.order().review_items == ()
    assert shop.order().status == {"refund": "closed", "accept": "refunded"}[decision]


def test_B15_a_refund_of_another_amount_at_wechat_is_a_question_and_asked_about_ever_more_slowly(v3):
    v3.wechat("refund", amount=999, out_refund_no="rf1", notify=False)
    v3.faults(rate_limited={"match": "POST /v3/refund", "count": 1000})
    v3.approved()
    before = len(v3.cloud.wechat.sent)

    for _ in range(60):
        v3.work(60)

    assert [question.reason for question in v3.order().review_items] == ["refund_amount_mismatch"]
    assert v3.refund().status == "approved"
    assert 3 <= len(v3.cloud.wechat.sent) - before < 8


def test_a_number_that_wechat_knows_with_another_amount_needs_a_person(v3):
    v3.wechat("refund", amount=999, out_refund_no="rf1", notify=False)
    v3.approved()

    v3.work()

    assert v3.refund().status == "needs_action"
    assert v3.refund().platform_refund_id == ""

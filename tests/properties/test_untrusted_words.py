"""What nobody signed never moves money: at most the platform is asked, and only its answer counts."""

import json
from urllib.parse import urlencode

import pytest

from countersign.money import Money
from countersign.orders.changes import Change, Closed, Fact, Failed, Hint, Paid, RefundReported
from countersign.store import OrderStore
from tests.functions.conftest import Cloud, http_event
from tests.functions.test_create_payment import create, order, pay
from tests.functions.test_refund_work import Shop
from tests.properties.support import SCHEDULE, key, notify_event, table_of

WISH = {
    "out_trade_no": "ORDER-0001",
    "transaction_id": "4200002901202611221403050001",
    "trade_state": "SUCCESS",
    "amount": {"total": 1, "currency": "CNY"},
    "mchid": "1900099001",
    "appid": "wxa1b2c3d4e5f60718",
}


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [
        (json.dumps(WISH).encode(), "", 401),
        (json.dumps({"event_type": "TRANSACTION.SUCCESS", "resource": WISH}).encode(), "", 401),
        (b"", urlencode({"out_trade_no": "ORDER-0001", "result": "success", "total_fee": "1"}), 400),
        (b"<xml><out_trade_no>ORDER-0001</out_trade_no><result_code>SUCCESS</result_code></xml>", "", 401),
    ],
    ids=["front end's JSON", "opened notice", "return URL", "unsigned v2"],
)
def test_B9_what_a_browser_says_changes_nothing_and_asks_nobody(cloud: Cloud, body: bytes, query: str, status: int):
    create(cloud)
    before, asked = table_of(cloud), len(cloud.wechat.sent)

    answer = cloud.invoke("wechat_notify", {**notify_event(body), "rawQueryString": query})

    assert answer["statusCode"] == status
    assert table_of(cloud) == before
    assert len(cloud.wechat.sent) == asked


def test_B9_a_call_after_paying_only_lets_the_platform_be_asked(cloud: Cloud):
    create(cloud)
    names = {"platform": "wechat", "account": "shop", "order_id": "ORDER-0001"}
    route = "/orders/{platform}/{account}/{order_id}/refresh"
    called = http_event("POST", route, names, body=json.dumps({"status": "paid", "paid": {"minor": 1}, **WISH}))

    assert cloud.invoke("merchant_api", called)["statusCode"] == 202
    assert order(cloud).status == "pending"
    cloud.invoke("wechat_poll", SCHEDULE)
    assert (order(cloud).status, order(cloud).claims) == ("pending", ())

    pay(cloud)
    cloud.clock.shift(10)  # the same order again within ten seconds asks nothing
    cloud.invoke("merchant_api", called)
    cloud.invoke("wechat_poll", SCHEDULE)

    assert (order(cloud).status, order(cloud).payment.total) == ("paid", Money(8800, "CNY"))


@pytest.mark.parametrize(
    "fact",
    [
        Paid("4200", Money(8800, "CNY"), 1_795_328_850, 8800),
        Failed("PAYERROR"),
        Closed(1_795_328_850),
        RefundReported("R-1", Money(8800, "CNY"), "succeeded"),
    ],
    ids=lambda fact: fact.kind,
)
def test_B9_a_hint_of_any_kind_leaves_the_order_as_it_was(cloud: Cloud, fact: Fact):
    create(cloud)
    store = OrderStore(cloud.dynamodb, "Orders")
    before = order(cloud)
    hint = Change(key("ORDER-0001"), fact, Hint(), "notify", "1900099001", "v3")

    assert store.record(hint, now=1_795_328_900).outcome == "unchanged"

    assert order(cloud) == before
    assert not [row for row in cloud.table() if row["pk"]["S"].startswith(("TXN#", "ALIAS#wechat#shop#refund"))]
    [kept] = [row for row in cloud.table() if row.get("trust") == {"S": "hint"}]
    assert "emits" not in kept
    assert kept["due_shard"]["S"].startswith("wechat_poll#")


def test_B9_the_amount_is_the_platforms_and_never_the_hints(cloud: Cloud):
    shop = Shop(cloud, "classic")
    shop.buy()
    shop.wechat("refund", amount=300, out_refund_no="CONSOLE-1", notify=False)
    shop.settle(refund_id="CONSOLE-1")
    said = RefundReported("CONSOLE-1", Money(8800, "CNY"), "succeeded")
    shop.store.record(Change(shop.key, said, Hint(), "notify", "1900099002", "v2"), now=shop.now)
    assert shop.order().refunded == 0

    cloud.invoke("wechat_poll", SCHEDULE)

    assert (shop.order().refunded, shop.refund("CONSOLE-1").amount) == (300, Money(300, "CNY"))

"""The table is put back to an earlier point: what the platform knows brings the truth back."""

import pytest

from countersign.store import codec
from tests.functions.conftest import Cloud
from tests.functions.test_bill import Books
from tests.functions.test_refund_work import Shop
from tests.properties.support import SCHEDULE, Event, emitted


def put_back(cloud: Cloud, rows: list[Event]) -> None:
    """Make the table hold exactly these rows, as a restore does."""
    for row in cloud.table():
        cloud.dynamodb.delete_item(TableName="Orders", Key={"pk": row["pk"], "sk": row["sk"]})
    for row in rows:
        cloud.dynamodb.put_item(TableName="Orders", Item=row)


def pay_and_refund(shop: Shop, minor: int = 1000) -> None:
    shop.wechat("pay", notify=False)
    shop.cloud.clock.shift(10)
    shop.cloud.invoke("wechat_poll", SCHEDULE)
    shop.faults(refund_result={"status": "PROCESSING", "count": 1000})
    shop.approved("rf1", minor)
    shop.work()
    shop.settle()
    shop.work(61)
    assert (shop.order().status, shop.order().refunded) == ("partially_refunded", minor)


@pytest.mark.parametrize("account", ["shop", "classic"])
def test_E16_a_payment_and_a_refund_that_the_restore_forgot_come_back(cloud: Cloud, account: str):
    books = Books(cloud, account)
    shop = Shop(cloud, account, "ORDER-0004")
    shop.create()
    earlier = cloud.table()
    pay_and_refund(shop)
    truth = shop.order()
    calls = len(shop.calls)

    put_back(cloud, earlier)
    assert shop.order().status == "pending"
    cloud.invoke("wechat_poll", SCHEDULE)
    assert shop.order().status == "paid"
    books.morning()
    books.compare()
    shop.work(61)

    found = shop.order()
    assert (found.status, found.refunded, found.review_items) == (truth.status, truth.refunded, ())
    assert found.payment.transaction_id == truth.payment.transaction_id
    assert found.payment.paid_at == truth.payment.paid_at
    assert (shop.refund().status, shop.refund().amount.minor) == ("succeeded", 1000)
    assert len(shop.calls) == calls  # nothing was refunded again
    assert shop.at_wechat() == [("rf1", 1000)]


def test_E16_a_refund_that_was_only_approved_in_the_restored_table_is_not_made_twice(cloud: Cloud):
    shop = Shop(cloud, "shop")
    shop.buy()
    shop.faults(refund_result={"status": "PROCESSING", "count": 1000})
    shop.approved()
    earlier = cloud.table()
    shop.work()
    shop.settle()
    shop.work(61)

    put_back(cloud, earlier)
    assert shop.refund().status == "approved"
    shop.work(120)
    shop.work(120)

    assert shop.at_wechat() == [("rf1", 1000)]
    assert (shop.refund().status, shop.order().refunded) == ("succeeded", 1000)


def test_E16_an_order_that_the_restore_forgot_altogether_is_shown_as_a_difference(cloud: Cloud):
    books = Books(cloud, "shop")
    earlier = cloud.table()
    shop = Shop(cloud, "shop", "ORDER-0004")
    shop.create()
    pay_and_refund(shop)

    put_back(cloud, earlier)
    books.morning()
    books.compare()

    assert books.found() == [
        ("payment_unknown_here", "ORDER-0004", "open"),
        ("refund_unknown_here", "ORDER-0004", "open"),
    ]
    assert len(books.told()) == 2


def test_E16_news_that_was_published_before_is_published_again_under_the_same_id(cloud: Cloud):
    shop = Shop(cloud, "shop")
    shop.create()
    earlier = cloud.table()
    shop.wechat("pay", notify=False)
    cloud.clock.shift(10)
    cloud.invoke("wechat_poll", SCHEDULE)
    first = [codec.event_id(row) for row in cloud.table() if "order.paid" in emitted([row])]

    put_back(cloud, earlier)
    cloud.clock.shift(3600)
    cloud.invoke("wechat_poll", SCHEDULE)

    assert [codec.event_id(row) for row in cloud.table() if "order.paid" in emitted([row])] == first
    assert len(first) == 1

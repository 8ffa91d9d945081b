"""The poll function: lost notices healed, expired orders closed, orphans and hints followed up."""

import json

import pytest

from countersign.orders.changes import Change, OrderKey, Unrecognised, Verified
from countersign.store import OrderStore, orphans
from tests.functions.conftest import FOLDER, NOW, Cloud, excepted
from tests.functions.test_create_payment import create, order, pay

SCHEDULE = {"source": "aws.scheduler"}


def poll(cloud: Cloud, seconds: int = 0) -> None:
    cloud.clock.shift(seconds)
    cloud.invoke("wechat_poll", SCHEDULE)


@pytest.mark.parametrize("account", ["shop", "classic"])
def test_an_expired_order_is_asked_about_closed_and_asked_about_again(cloud, account):
    create(cloud, account)
    cloud.wechat.sent.clear()

    poll(cloud, 7231)

    assert order(cloud, account=account).status == "closed"
    assert len(cloud.wechat.sent) == 3


def test_money_that_comes_after_the_close_is_found_by_the_last_look_and_is_late(cloud):
    create(cloud)
    poll(cloud, 7231)
    cloud.clock.shift(30)
    cloud.wechat.simulator.control(
        "pay", {"account": "shop", "out_trade_no": "ORDER-0001", "notify": False, "late": True}
    )

    poll(cloud, 300)

    assert order(cloud).status == "paid"
    assert order(cloud).paid_late


def test_between_the_rungs_nothing_is_asked(cloud):
    create(cloud)
    poll(cloud, 10)
    cloud.wechat.sent.clear()

    poll(cloud, 10)

    assert cloud.wechat.sent == []


def test_a_queue_message_looks_at_its_order_only_when_it_is_due(cloud):
    create(cloud)
    pay(cloud)
    message = {"platform": "wechat", "account": "shop", "order_id": "ORDER-0001"}
    event = {"Records": [{"body": json.dumps(message)}]}

    cloud.invoke("wechat_poll", event)
    assert order(cloud).status == "pending"

    cloud.clock.shift(10)
    cloud.invoke("wechat_poll", event)
    assert order(cloud).status == "paid"


@pytest.mark.parametrize("fault", ["error500", "forged_response", "unsigned_response"])
def test_E9_an_answer_that_is_no_answer_changes_nothing_and_is_asked_for_again(cloud, fault):
    create(cloud)
    pay(cloud)
    cloud.wechat.simulator.faults({fault: 1})

    poll(cloud, 10)
    assert order(cloud).status == "pending"

    poll(cloud, 60)
    assert order(cloud).status == "paid"


def test_an_orphan_is_asked_about_and_becomes_an_exception_after_fifteen_minutes(cloud):
    event = json.loads((FOLDER / "wechat_notify.paid-v3.json").read_text())
    cloud.invoke("wechat_notify", event)

    poll(cloud, 60)
    assert any("/v3/pay/transactions/out-trade-no/EV-paid-v3" in sent for sent in cloud.wechat.sent)
    assert not [item for item in cloud.table() if excepted(item) == "orphan"]

    poll(cloud, 900)
    assert len([item for item in cloud.table() if excepted(item) == "orphan"]) == 1
    told = [item for item in cloud.table() if item["sk"]["S"].startswith("EVENT#orphan.store.")]
    assert len(told) == 1


def test_an_orphan_whose_order_exists_by_now_is_attached(cloud):
    event = json.loads((FOLDER / "wechat_notify.paid-v3.json").read_text())
    cloud.invoke("wechat_notify", event)
    store = OrderStore(cloud.dynamodb, "Orders")
    create(cloud, order_id="EV-paid-v3")
    key = OrderKey("wechat", "shop", "EV-paid-v3")

    assert store.get(key).status == "paid"
    assert orphans.attach(store, key, now=NOW) == 0


def test_little_time_left_leaves_the_rest_for_the_next_run(cloud):
    create(cloud)
    pay(cloud)
    cloud.clock.shift(10)

    cloud.invoke("wechat_poll", SCHEDULE, remaining_ms=1000)
    assert order(cloud).status == "pending"

    cloud.invoke("wechat_poll", SCHEDULE)
    assert order(cloud).status == "paid"


def test_an_orphan_whose_number_the_platform_does_not_take_becomes_an_exception(cloud):
    store = OrderStore(cloud.dynamodb, "Orders")
    news = Change(OrderKey("wechat", "shop", "A"), Unrecognised("event_type", "X"), Verified("k"), "notify")
    store.record(news, now=NOW)

    for seconds in (60, 60, 780, 60):
        poll(cloud, seconds)

    (orphan,) = [item for item in cloud.table() if excepted(item) == "orphan"]
    assert int(orphan["due_at"]["N"]) == NOW + 3600

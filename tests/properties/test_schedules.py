"""A schedule that fires twice does one job; one that did not fire leaves no gap."""

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.functions.conftest import NOW, Cloud
from tests.functions.test_bill import Books
from tests.functions.test_create_payment import create, order, pay
from tests.functions.test_refund_work import Shop
from tests.properties.support import SCHEDULE, emitted

HOUR = 3600


@pytest.fixture
def meanwhile(cloud: Cloud) -> Iterator[Callable[[Callable[[], Any]], None]]:
    """Let something happen at the very moment that a run has its first call to WeChat on the wire."""
    waiting: list[Callable[[], Any]] = []
    send = cloud.wechat.send

    def interrupted(*args: Any, **options: Any) -> Any:
        if waiting:
            waiting.pop()()
        return send(*args, **options)

    cloud.wechat.send = interrupted  # type: ignore[method-assign]
    yield waiting.append
    assert not waiting, "no call was made"


def test_E13_two_polls_at_once_ask_once(cloud: Cloud, meanwhile: Any):
    create(cloud)
    pay(cloud)
    cloud.clock.shift(10)
    cloud.wechat.sent.clear()

    meanwhile(lambda: cloud.invoke("wechat_poll", SCHEDULE))
    cloud.invoke("wechat_poll", SCHEDULE)

    assert len(cloud.wechat.sent) == 1
    assert order(cloud).status == "paid"
    assert emitted(cloud.table()) == ["order.paid"]


def test_E13_two_refund_runs_at_once_make_one_refund(cloud: Cloud, meanwhile: Any):
    shop = Shop(cloud, "shop")
    shop.buy()
    shop.faults(refund_result={"status": "PROCESSING", "count": 1000})
    shop.approved()

    meanwhile(shop.work)
    shop.work()

    assert len(shop.calls) == 1
    assert shop.at_wechat() == [("rf1", 1000)]


def test_E13_two_bill_runs_at_once_fetch_and_compare_once(cloud: Cloud, meanwhile: Any):
    books = Books(cloud, "shop")
    books.spoil(more={"STRANGER-01": 500})
    books.morning()
    cloud.wechat.sent.clear()

    meanwhile(books.compare)
    books.compare()

    assert len([line for line in cloud.wechat.sent if "/v3/bill/tradebill" in line]) == 1
    assert books.found() == [("payment_unknown_here", "STRANGER-01", "open")]
    assert len(books.told()) == 1


def test_E13_two_sweeps_at_once_publish_once(cloud: Cloud, monkeypatch: pytest.MonkeyPatch):
    create(cloud)
    pay(cloud)
    cloud.clock.shift(10)
    cloud.invoke("wechat_poll", SCHEDULE)
    cloud.clock.shift(61)
    sent: list[Any] = []

    class Bus:
        def put_events(self, *, Entries: list[Any]) -> Any:  # noqa: N803 - the client's own name
            sent.extend(Entries)
            if len(sent) == 1:
                cloud.invoke("sweep", SCHEDULE)
            return {"FailedEntryCount": 0, "Entries": []}

    monkeypatch.setattr(cloud.module("sweep"), "events", Bus())
    cloud.invoke("sweep", SCHEDULE)

    assert [entry["DetailType"] for entry in sent] == ["order.paid"]


def test_E13_an_hour_without_the_poll_leaves_no_gap(cloud: Cloud):
    for number in range(5):
        create(cloud, order_id=f"ORDER-{number}")
        pay(cloud, f"ORDER-{number}")
        cloud.clock.shift(300)
    cloud.clock.shift(HOUR)

    cloud.invoke("wechat_poll", SCHEDULE)

    assert [order(cloud, f"ORDER-{number}").status for number in range(5)] == ["paid"] * 5
    assert {order(cloud, f"ORDER-{number}").payment.paid_at for number in range(5)} == {
        NOW + 300 * number for number in range(5)
    }


def test_E13_days_without_the_bill_are_compared_when_it_runs_again(cloud: Cloud):
    books = Books(cloud, "shop")
    books.morning()
    books.compare()
    books.morning(days=4)

    books.compare()

    rows = [row for row in cloud.table() if row["pk"]["S"].startswith("RECON#shop#") and "ended_at" in row]
    first = datetime.date.fromisoformat(books.day)
    assert sorted(row["day"]["S"] for row in rows) == [str(first + datetime.timedelta(days=day)) for day in range(4)]
    assert {row["status"]["S"] for row in rows} == {"done", "nothing"}

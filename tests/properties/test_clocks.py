"""Business time is the platform's: a wrong clock, a time zone or a leap second here moves no money and loses none."""

import time
from collections.abc import Iterator

import pytest

from countersign.money import Money
from countersign.orders.state import Order
from countersign.platforms.wechat import bills, messages
from tests.functions.conftest import NOW, Cloud
from tests.functions.test_create_payment import create, order, pay
from tests.platforms.wechat.support import PAID_AT, REFUND, REFUNDED_AT, TRANSACTION, V2_PAYMENT
from tests.properties.support import SCHEDULE, paid_notice, table_of

MINUTES = 60
ZONES = ["UTC", "Asia/Shanghai", "America/New_York", "Pacific/Apia", "XYZ+14:30"]


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def said(found: Order) -> tuple[object, ...]:
    """Return what an order says about the business: all but when we wrote it."""
    return (
        found.status,
        found.claims and (found.payment.total, found.payment.paid_at),
        found.paid_late,
        found.review_items,
    )


@pytest.mark.parametrize("off", [-10 * MINUTES, 10 * MINUTES], ids=["slow", "fast"])
@pytest.mark.parametrize("account", ["shop", "classic"])
def test_D15_while_our_clock_is_wrong_nothing_is_lost_and_the_end_is_the_same(cloud: Cloud, account: str, off: int):
    create(cloud, account, order_id="QUIET-1")
    pay(cloud, "QUIET-1", account)
    cloud.clock.shift(10)
    cloud.invoke("wechat_poll", SCHEDULE)
    undisturbed = order(cloud, "QUIET-1", account)
    create(cloud, account)

    true = NOW + 10
    cloud.wechat.simulator._clock.now = lambda: true  # WeChat's clock is right
    pay(cloud, account=account)
    cloud.clock.move_to(true + off)
    before = table_of(cloud)
    notice = cloud.invoke("wechat_notify", paid_notice("ORDER-0001", true))
    assert notice["statusCode"] == 401
    assert table_of(cloud) == before
    cloud.invoke("wechat_poll", SCHEDULE)
    assert order(cloud, account=account).status in ("pending", "paid")
    true = NOW + 20 * MINUTES
    cloud.clock.move_to(true)
    cloud.invoke("wechat_poll", SCHEDULE)

    found = order(cloud, account=account)
    assert said(found)[0] == said(undisturbed)[0] == "paid"
    assert (found.payment.total, found.payment.paid_at) == (undisturbed.payment.total, NOW + 10)
    assert said(found)[2:] == (False, ())


def test_D15_an_answer_that_our_wrong_clock_cannot_believe_is_asked_for_again(cloud: Cloud):
    create(cloud)
    cloud.wechat.simulator._clock.now = lambda: NOW
    pay(cloud)

    cloud.clock.move_to(NOW + 10 * MINUTES)
    cloud.invoke("wechat_poll", SCHEDULE)
    assert order(cloud).status == "pending"
    assert [row for row in cloud.table() if row.get("due_shard", {}).get("S", "").startswith("wechat_poll#")]

    cloud.wechat.simulator._clock.now = time.time
    cloud.clock.shift(120)
    cloud.invoke("wechat_poll", SCHEDULE)
    assert (order(cloud).status, order(cloud).payment.total) == ("paid", Money(8800, "CNY"))


def test_D15_times_mean_the_same_in_every_zone(zone: str):
    assert messages.transaction_v3(TRANSACTION).success_time == PAID_AT, zone
    assert messages.transaction_v2(V2_PAYMENT, "SUCCESS").success_time == PAID_AT
    assert messages.refund_v3(REFUND).success_time == REFUNDED_AT
    assert bills.span(bills.latest_day(NOW)) == (1_795_190_400, 1_795_276_800)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-22T14:03:05+08:00", PAID_AT),
        ("2026-11-22T06:03:05Z", PAID_AT),
        ("2026-11-22T01:03:05-05:00", PAID_AT),
        ("2026-11-01T01:30:00-04:00", 1_793_511_000),  # New York's hour that comes twice: first ...
        ("2026-11-01T01:30:00-05:00", 1_793_514_600),  # ... and second time
        ("2026-03-08T02:30:00-05:00", 1_772_955_000),  # and the one that its clocks leave out
    ],
)
def test_D15_an_offset_is_what_counts_and_summer_time_is_not_guessed(zone: str, written: str, moment: int):
    assert messages.transaction_v3({**TRANSACTION, "success_time": written}).success_time == moment, zone


LEAP = 1_483_228_800  # 2017-01-01T00:00:00Z, the second after 2016-12-31T23:59:60Z


@pytest.mark.parametrize("written", ["2016-12-31T23:59:60Z", "2017-01-01T07:59:60+08:00", "2017-01-01T08:00:00+08:00"])
def test_D15_a_leap_second_is_the_second_after_it(written: str):
    assert messages.transaction_v3({**TRANSACTION, "success_time": written}).success_time == LEAP
    compact = "20170101075960" if "60" in written else "20170101080000"
    assert messages.transaction_v2({**V2_PAYMENT, "time_end": compact}, "SUCCESS").success_time == LEAP


def test_D15_an_order_paid_in_a_leap_second_is_paid(cloud: Cloud):
    create(cloud, order_id="EV-leap")

    answer = cloud.invoke("wechat_notify", paid_notice("EV-leap", NOW, success_time="2016-12-31T23:59:60Z"))

    assert answer["statusCode"] == 204
    found = order(cloud, "EV-leap")
    assert (found.status, found.payment.paid_at) == ("paid", LEAP)

"""The same news is the same news for ever, however it travels; its name is a digest of what it says."""

import hashlib
import itertools
import json

import pytest

from countersign.money import Money
from countersign.orders.changes import Change, Verified
from countersign.store import OrderStore, codec, evidence, keys
from tests.functions.conftest import NOW, Cloud
from tests.functions.test_create_payment import create
from tests.infra.reading import resources
from tests.platforms.wechat.support import TRANSACTION, envelope, seal, signature_headers
from tests.properties.support import emitted, key, notify_event, open_order, paid, paid_notice, queried, table_of

HOUR = 3600
DAY = 24 * HOUR


@pytest.mark.parametrize("later", [47 * HOUR, 90 * DAY], ids=["47 hours", "90 days"])
def test_D10_a_notice_that_comes_again_much_later_is_acknowledged_and_changes_nothing(cloud: Cloud, later: int):
    create(cloud, order_id="EV-late")
    first = cloud.invoke("wechat_notify", paid_notice("EV-late", NOW))
    before = table_of(cloud)

    cloud.clock.shift(later)
    again = cloud.invoke("wechat_notify", paid_notice("EV-late", NOW + later))

    assert first["statusCode"] == 204
    assert again == first
    assert table_of(cloud) == before


def test_D10_a_stored_event_that_an_operator_plays_again_after_90_days_is_a_duplicate(cloud: Cloud):
    create(cloud, order_id="EV-replay")
    cloud.invoke("wechat_notify", paid_notice("EV-replay", NOW))
    [row] = [row for row in cloud.table() if row.get("kind") == {"S": "paid"}]
    before = table_of(cloud)

    stored = codec.read_change(row, key("EV-replay"))
    outcome = OrderStore(cloud.dynamodb, "Orders").record(
        stored, now=NOW + 90 * DAY, raw=evidence.read(cloud.dynamodb, "Orders", row)
    )

    assert (outcome.outcome, outcome.event_id) == ("duplicate", codec.event_id(row))
    assert table_of(cloud) == before


def test_D10_nothing_about_money_expires(cloud: Cloud):
    create(cloud, order_id="EV-kept")
    cloud.invoke("wechat_notify", paid_notice("EV-kept", NOW))
    tables = resources("AWS::DynamoDB::Table")
    expiring = {
        table["TimeToLiveSpecification"]["AttributeName"]
        for table in tables.values()
        if "TimeToLiveSpecification" in table
    }

    assert "TimeToLiveSpecification" not in tables["OrdersTable"]
    assert expiring == {"expiration"}
    assert not [row for row in cloud.table() if expiring & set(row)]


def test_D11_an_events_name_is_the_sha256_of_what_it_says():
    news = paid("A|b*-_1", NOW)
    content = ["1900099001", "wechat", "shop", "A|b*-_1", *news.fact.identity()]
    said = json.dumps(content, ensure_ascii=False, separators=(",", ":"))

    assert keys.event_id(news) == f"paid.notify.{hashlib.sha256(said.encode()).hexdigest()}"
    for part in ("4200A|b*-_1", 8800, "CNY", NOW):
        assert part in content


def test_D11_the_envelope_the_nonce_and_the_hour_of_delivery_stay_out_of_the_name(cloud: Cloud):
    create(cloud, order_id="EV-once")
    cloud.invoke("wechat_notify", paid_notice("EV-once", NOW))
    before = table_of(cloud)
    cloud.clock.shift(200)

    sealed = seal({**TRANSACTION, "out_trade_no": "EV-once"}, nonce="AnotherNonce")
    other = json.loads(envelope(sealed=sealed))
    other |= {"id": "00000000-1111-2222-3333-444444444444", "create_time": "2026-11-23T09:00:00+08:00"}
    body = json.dumps(other, ensure_ascii=False).encode()
    answer = cloud.invoke("wechat_notify", notify_event(body, signature_headers(body, at=NOW + 200, nonce="n2")))

    assert answer["statusCode"] == 204
    assert table_of(cloud) == before


def test_D11_two_amounts_or_two_states_have_two_names():
    names = {
        keys.event_id(news)
        for news in (
            paid("O-1", NOW),
            paid("O-1", NOW, total=Money(8801, "CNY")),
            paid("O-1", NOW, transaction_id="other"),
            paid("O-1", NOW + 1),
            paid("O-2", NOW),
            queried("O-1", NOW),
        )
    }

    assert len(names) == 6


def tellings(order_id: str) -> list[Change]:
    """Return one payment as it is told by two notices and a query, which do not say quite the same."""
    return [
        paid(order_id, NOW + 5),
        paid(order_id, NOW + 5, Verified("PUB_KEY_ID_2"), payer_paid=None),
        queried(order_id, NOW + 5, payer_paid=8000),
    ]


@pytest.mark.parametrize("sequence", list(itertools.permutations(range(3))), ids=str)
def test_D13_one_payment_told_three_ways_is_one_payment_and_is_told_once(cloud: Cloud, sequence: tuple[int, ...]):
    store = OrderStore(cloud.dynamodb, "Orders")
    open_order(store, "O-1", NOW)
    told = tellings("O-1")

    for index in (*sequence, *sequence):
        store.record(told[index], now=NOW + 10)

    order = store.get(key("O-1"))
    assert order is not None
    assert (order.status, len(order.payments), order.review_items) == ("paid", 1, ())
    assert emitted(cloud.table()) == ["order.paid"]


def test_D13_a_notice_and_a_query_through_the_functions_are_one_transition(cloud: Cloud):
    create(cloud)
    cloud.wechat.simulator.control("pay", {"account": "shop", "out_trade_no": "ORDER-0001", "notify": False})
    trade = cloud.wechat.simulator._ledger.find("1900099001", "ORDER-0001")
    cloud.clock.shift(10)

    notice = paid_notice("ORDER-0001", NOW + 10, transaction_id=trade.transaction_id)
    assert cloud.invoke("wechat_notify", notice)["statusCode"] == 204
    route = {"platform": "wechat", "account": "shop", "order_id": "ORDER-0001"}
    cloud.invoke("wechat_poll", {"Records": [{"body": json.dumps(route)}]})
    store = OrderStore(cloud.dynamodb, "Orders")
    store.record(queried("ORDER-0001", NOW, transaction_id=trade.transaction_id), now=NOW + 11)

    order = store.get(key("ORDER-0001"))
    assert order is not None
    assert (order.status, len(order.payments)) == ("paid", 1)
    assert emitted(cloud.table()) == ["order.paid"]

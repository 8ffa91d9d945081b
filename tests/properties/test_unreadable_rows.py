"""Rows that this version cannot read, as after a roll-back: they wait in sight, and what stands behind them goes on."""

import json

import pytest

from countersign.errors import UnreadableError
from countersign.store import OrderStore, codec, keys
from tests.functions.conftest import NOW, Cloud, http_event
from tests.functions.test_create_payment import create, order, pay
from tests.functions.test_refund_work import Shop
from tests.properties.support import SCHEDULE, Event, paid_notice, table_of

ORDERS = [f"ORDER-{number:02}" for number in range(9)]
POISON, GOOD = ORDERS[::3], [name for name in ORDERS if name not in ORDERS[::3]]


def spoil(cloud: Cloud, order_id: str, sk: str = keys.ORDER, field: str = "facts") -> Event:
    """Let another version have written a row."""
    row_key = {"pk": {"S": f"wechat#shop#{order_id}"}, "sk": {"S": sk}}
    row: Event = cloud.dynamodb.get_item(TableName="Orders", Key=row_key)["Item"]
    row[field] = {"S": json.dumps({**json.loads(row[field]["S"]), "terms": {"of": "a later version"}, "amount": []})}
    cloud.dynamodb.put_item(TableName="Orders", Item=row)
    return row


def metric(output: str, name: str) -> int:
    return sum(json.loads(line).get(name, 0) for line in output.splitlines() if f'"{name}"' in line)


def test_E6_unreadable_orders_do_not_keep_the_poll_from_the_others(cloud: Cloud, capsys: pytest.CaptureFixture[str]):
    for name in ORDERS:
        create(cloud, order_id=name)
        pay(cloud, name)
    for name in POISON:
        spoil(cloud, name)
    capsys.readouterr()
    cloud.clock.shift(10)

    cloud.invoke("wechat_poll", SCHEDULE)

    assert [order(cloud, name).status for name in GOOD] == ["paid"] * len(GOOD)
    assert metric(capsys.readouterr().out, "PollFailed") == len(POISON)
    waiting = {
        row["pk"]["S"] for row in cloud.table() if row.get("due_shard", {}).get("S", "").startswith("wechat_poll")
    }
    assert waiting == {f"wechat#shop#{name}" for name in POISON}


def test_E6_unreadable_refunds_do_not_keep_the_worker_from_the_others(cloud: Cloud, capsys: pytest.CaptureFixture[str]):
    shops = {name: Shop(cloud, "shop", name) for name in ORDERS[:9]}
    for name, shop in shops.items():
        shop.buy()
        shop.approved(f"rf-{name}")
    for name in ORDERS[:6]:
        spoil(cloud, name, f"REFUND#rf-{name}")
    capsys.readouterr()

    cloud.invoke("wechat_refund", SCHEDULE)

    assert [shops[name].refund(f"rf-{name}").status for name in ORDERS[6:9]] == ["processing"] * 3
    assert metric(capsys.readouterr().out, "RefundCallFailed") == 6


def test_E6_a_row_that_can_be_read_again_is_worked_on_as_if_nothing_had_been(cloud: Cloud):
    create(cloud)
    pay(cloud)
    store = OrderStore(cloud.dynamodb, "Orders")
    whole = cloud.dynamodb.get_item(
        TableName="Orders", Key={"pk": {"S": "wechat#shop#ORDER-0001"}, "sk": {"S": keys.ORDER}}
    )["Item"]
    spoil(cloud, "ORDER-0001")
    cloud.clock.shift(10)
    cloud.invoke("wechat_poll", SCHEDULE)

    waiting = codec.as_number(
        cloud.dynamodb.get_item(TableName="Orders", Key={"pk": whole["pk"], "sk": whole["sk"]})["Item"], "due_at"
    )
    cloud.dynamodb.put_item(TableName="Orders", Item={**whole, "due_at": {"N": str(waiting)}})
    cloud.clock.shift(120)
    cloud.invoke("wechat_poll", SCHEDULE)
    cloud.invoke("wechat_poll", SCHEDULE)

    assert store.get(codec.read_order(whole).key).status == "paid"
    assert len([row for row in cloud.table() if row.get("kind") == {"S": "paid"}]) == 1


def test_E6_news_of_an_unreadable_order_is_503_and_the_platform_comes_again(cloud: Cloud):
    create(cloud)
    spoil(cloud, "ORDER-0001")
    before = table_of(cloud)

    answer = cloud.invoke("wechat_notify", paid_notice("ORDER-0001", NOW))
    names = {"platform": "wechat", "account": "shop", "order_id": "ORDER-0001"}
    shown = cloud.invoke("merchant_api", http_event("GET", "/orders/{platform}/{account}/{order_id}", names))

    assert (answer["statusCode"], shown["statusCode"]) == (503, 503)
    assert table_of(cloud) == before


def test_an_unreadable_row_is_named_by_its_fault_and_never_by_its_content(cloud: Cloud):
    create(cloud)
    row = spoil(cloud, "ORDER-0001")

    with pytest.raises(UnreadableError) as caught:
        codec.read_order(row)

    assert str(caught.value) == "a stored row cannot be read: TypeError"  # the terms lack what terms must have

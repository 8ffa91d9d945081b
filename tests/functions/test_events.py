"""Every committed sample event does what its index says."""

import json
from pathlib import Path
from typing import Any

import pytest

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Prepared, Queried, Terms
from countersign.store import OrderStore
from tests.functions.conftest import Cloud

FOLDER = Path(__file__).parents[2] / "events" / "wechat"
INDEX: dict[str, dict[str, Any]] = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))


def _open(cloud: Cloud, order: dict[str, Any], now: int) -> OrderKey:
    key = OrderKey("wechat", order["account"], order["order_id"])
    terms = Terms(Money(order["minor"], order["currency"]), order["system"], "jsapi", "d", now, now + 7200)
    news = Change(key, OrderCreated(terms), Operator("m"), "merchant", "", order["system"])
    store = OrderStore(cloud.dynamodb, "Orders")
    store.record(news, now=now)
    store.record(Change(key, Prepared(), Queried(), "query"), now=now)
    return key


def _send(cloud: Cloud, name: str) -> Any:
    cloud.clock.move_to(INDEX[name]["now"])
    event = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return cloud.invoke(name.split(".")[0], event)


@pytest.mark.parametrize("name", sorted(INDEX))
def test_event(name: str, cloud: Cloud):
    entry = INDEX[name]
    key = _open(cloud, entry["order"], entry["now"]) if "order" in entry else None
    for earlier in entry.get("after", ()):
        _send(cloud, earlier)
    before = cloud.table()

    answer = _send(cloud, name)

    if entry["status"] is not None:
        assert answer["statusCode"] == entry["status"], answer
        if 400 <= entry["status"] < 500:
            assert sorted(map(str, cloud.table())) == sorted(map(str, before))
    if key is not None and "becomes" in entry:
        order = OrderStore(cloud.dynamodb, "Orders").get(key)
        assert order is not None
        assert order.status == entry["becomes"]
    if "failures" in entry:
        assert len(answer["batchItemFailures"]) == entry["failures"]


def test_every_event_file_is_in_the_index():
    files = {path.name for path in FOLDER.glob("*.json")} - {"index.json"}

    assert files == set(INDEX)

"""Every committed sample event of Douyin does what its index says, and is what the script writes."""

import json
from pathlib import Path
from typing import Any

import pytest

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Prepared, Queried, Terms
from sandbox import make_events
from tests.functions.test_douyin import Douyin, douyin  # noqa: F401 - the fixture

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "events" / "douyin"
INDEX: dict[str, dict[str, Any]] = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
FUNCTIONS = {"douyin_callback", "douyin_create_payment", "douyin_poll", "douyin_refund"}


def _open(stack: Douyin, order: dict[str, Any], now: int) -> OrderKey:
    key = OrderKey("douyin", order["account"], order["order_id"])
    terms = Terms(Money(order["minor"], order["currency"]), order["system"], "mini_program", "d", now, now + 1800)
    stack.store.record(Change(key, OrderCreated(terms), Operator("m"), "merchant", "", order["system"]), now=now)
    stack.store.record(Change(key, Prepared(), Queried(), "query"), now=now)
    return key


def _send(stack: Douyin, name: str) -> Any:
    stack.cloud.clock.move_to(INDEX[name]["now"])
    return stack.cloud.invoke(name.split(".")[0], json.loads((FOLDER / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", sorted(INDEX))
def test_event(name: str, douyin: Douyin) -> None:  # noqa: F811 - the fixture
    entry = INDEX[name]
    document = json.loads((ROOT / "tests/accounts/douyin/app.json").read_text(encoding="utf-8"))
    douyin.put_account("app", document)
    key = _open(douyin, entry["order"], entry["now"]) if "order" in entry else None
    for earlier in entry.get("after", ()):
        _send(douyin, earlier)
    before = douyin.cloud.table()

    answer = _send(douyin, name)

    if entry["status"] is not None:
        assert answer["statusCode"] == entry["status"], answer
        if 400 <= entry["status"] < 500:
            assert sorted(map(str, douyin.cloud.table())) == sorted(map(str, before))
    if key is not None and "becomes" in entry:
        order = douyin.store.get(key)
        assert order is not None
        assert order.status == entry["becomes"]


def test_every_event_file_is_in_the_index_and_every_function_has_one() -> None:
    files = {path.name for path in FOLDER.glob("*.json")} - {"index.json"}

    assert files == set(INDEX)
    assert {name.split(".")[0] for name in files} == FUNCTIONS | {
        "douyin_bill",
        "douyin_redrive",
        "douyin_settle",
        "douyin_ship",
    }


def test_the_committed_events_are_what_the_script_writes(tmp_path: Path) -> None:
    make_events.write(tmp_path)

    for folder in ("events/douyin", "tests/accounts/douyin"):
        written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / folder).glob("*.json")}
        committed = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / folder).glob("*.json")}
        assert written == committed

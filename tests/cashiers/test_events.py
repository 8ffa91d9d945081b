"""Every committed sample event of the cashiers does what its index says, and is what the script writes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Prepared, Queried, Terms
from sandbox import make_events
from tests.cashiers.world import BASE, Cashiers, cashiers

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "events" / "cashier"
ACCOUNTS = ROOT / "tests" / "accounts" / "cashier"
INDEX: dict[str, dict[str, Any]] = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
KEPT = {"cashier_notify.hc1-unreadable.json"}  # refused and kept: the merchant can look at what the cashier wrote


@pytest.fixture
def stack(clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cashiers]:
    documents = {
        path.relative_to(ACCOUNTS).with_suffix("").as_posix(): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(ACCOUNTS.rglob("*.json"))
    }
    prepared = {
        name: document | {"api_base": f"{BASE}/{name.partition('/')[0]}"} for name, document in documents.items()
    }
    with mock_aws(), cashiers(clock, tmp_path, monkeypatch, prepared) as made:
        yield made


def _open(stack: Cashiers, order: dict[str, Any], now: int) -> OrderKey:
    key = OrderKey("cashier", order["account"], order["order_id"])
    terms = Terms(
        Money(order["minor"], order["currency"]), order["system"], "automatic", "d", now - 60, now + 1740, closable=True
    )
    stack.store.record(Change(key, OrderCreated(terms), Operator("m"), "merchant", "", order["system"]), now=now)
    stack.store.record(Change(key, Prepared(), Queried(), "query"), now=now)
    return key


def _send(stack: Cashiers, name: str) -> Any:
    stack.cloud.clock.move_to(INDEX[name]["now"])
    event = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return stack.cloud.invoke(name.split(".")[0], event, remaining_ms=900_000)


@pytest.mark.parametrize("name", sorted(INDEX))
def test_event(name: str, stack: Cashiers) -> None:
    entry = INDEX[name]
    key = _open(stack, entry["order"], entry["now"]) if "order" in entry else None
    for earlier in entry.get("after", ()):
        _send(stack, earlier)
    before = stack.cloud.table()

    answer = _send(stack, name)

    if entry["status"] is not None:
        assert answer["statusCode"] == entry["status"], answer
        if 400 <= entry["status"] < 500 and name not in KEPT:
            assert sorted(map(str, stack.cloud.table())) == sorted(map(str, before))
    if key is not None and "becomes" in entry:
        order = stack.store.get(key)
        assert order is not None
        assert order.status == entry["becomes"]


def test_every_event_file_is_in_the_index_and_every_function_has_one() -> None:
    files = {path.name for path in FOLDER.glob("*.json")} - {"index.json"}
    functions = {path.parent.name for path in (ROOT / "functions").glob("cashier_*/app.py")}

    assert files == set(INDEX)
    assert {name.split(".")[0] for name in files} == functions


def test_the_committed_events_are_what_the_script_writes(tmp_path: Path) -> None:
    make_events.write(tmp_path)

    for folder in ("events/cashier", "tests/accounts/cashier"):
        written = {path.relative_to(tmp_path): path.read_text("utf-8") for path in (tmp_path / folder).rglob("*.json")}
        committed = {path.relative_to(ROOT): path.read_text("utf-8") for path in (ROOT / folder).rglob("*.json")}
        assert written == committed

"""Every committed sample event of every platform does what its index says, and is what the script writes."""

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Prepared, Queried, Terms
from countersign.store import OrderStore, codec, keys
from sandbox import make_events
from tests.functions.conftest import Cloud

ROOT = Path(__file__).parents[2]
ALL = sorted(path.parent.name for path in (ROOT / "events").glob("*/index.json"))
WORLDS = {path.stem for path in (Path(__file__).parent / "worlds").glob("*.py")}
# The rest have a test of their own, whose events need more than an account and an order.
PLATFORMS = [
    name for name in ALL if name in WORLDS and hasattr(import_module(f"tests.workers.worlds.{name}"), "for_events")
]
INDEXES: dict[str, dict[str, dict[str, Any]]] = {
    platform: json.loads((ROOT / "events" / platform / "index.json").read_text(encoding="utf-8"))
    for platform in PLATFORMS
}
EVENTS = [(platform, name) for platform, index in INDEXES.items() for name in sorted(index)]


@pytest.fixture
def stack(platform: str, request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """Return a platform's functions, and the platform, with the accounts that the events are for."""
    with import_module(f"tests.workers.worlds.{platform}").for_events(request) as made:
        yield made


def _open(cloud: Cloud, platform: str, order: dict[str, Any], now: int) -> None:
    key = OrderKey(platform, order["account"], order["order_id"])
    terms = Terms(Money(order["minor"], order["currency"]), order["system"], "jsapi", "d", now, now + 7200)
    store = OrderStore(cloud.dynamodb, "Orders")
    store.record(Change(key, OrderCreated(terms), Operator("m"), "merchant", "", order["system"]), now=now)
    store.record(Change(key, Prepared(), Queried(), "query"), now=now)


def _send(cloud: Cloud, platform: str, name: str) -> Any:
    cloud.clock.move_to(INDEXES[platform][name]["now"])
    event = json.loads((ROOT / "events" / platform / name).read_text(encoding="utf-8"))
    return cloud.invoke(name.split(".")[0], event, remaining_ms=900_000)


@pytest.mark.parametrize(("platform", "name"), EVENTS)
def test_event(platform: str, name: str, stack: Cloud) -> None:
    entry = INDEXES[platform][name]
    if "order" in entry:
        _open(stack, platform, entry["order"], entry["now"])
    for earlier in entry.get("after", ()):
        _send(stack, platform, earlier)
    before = stack.table()

    answer = _send(stack, platform, name)

    if entry["status"] is not None:
        assert answer["statusCode"] == entry["status"], answer
        if 400 <= entry["status"] < 500:
            assert sorted(map(str, stack.table())) == sorted(map(str, before))
    if "becomes" in entry:
        (order,) = [codec.read_order(item) for item in stack.table() if item["sk"]["S"] == keys.ORDER]
        assert order.status == entry["becomes"]
    if "failures" in entry:
        assert len(answer["batchItemFailures"]) == entry["failures"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_event_file_is_in_the_index(platform: str) -> None:
    files = {path.name for path in (ROOT / "events" / platform).glob("*.json")} - {"index.json"}

    assert files == set(INDEXES[platform])


def test_every_function_has_an_event() -> None:
    functions = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}

    named = {path.name.split(".")[0] for path in (ROOT / "events").glob("*/*.json") if path.name != "index.json"}
    # What browsers ask of the console is tried in tests/console.
    assert named == functions - {"console"}


def test_the_committed_events_are_what_the_script_writes(tmp_path: Path) -> None:
    make_events.write(tmp_path)

    for platform in PLATFORMS:
        for folder in (f"events/{platform}", f"tests/accounts/{platform}"):
            written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / folder).glob("*.json")}
            committed = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / folder).glob("*.json")}
            assert written == committed


def test_the_events_of_every_platform_are_tried() -> None:
    own = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("**/test_events.py")]

    assert [
        name for name in ALL if name not in PLATFORMS and not any(f'"events" / "{name}"' in text for text in own)
    ] == []

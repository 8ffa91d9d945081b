"""The stream function and the sweep: everything that happened reaches the bus, or stays due."""

import json
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from tests.functions.conftest import FOLDER, Cloud
from tests.functions.test_create_payment import create

SCHEDULE = {"source": "aws.scheduler"}


class Bus:
    """The bus as a function sees it; refuses as often as it is told to."""

    def __init__(self, refusals: int = 0, broken: int = 0) -> None:
        self.entries: list[dict[str, str]] = []
        self.refusals = refusals
        self.broken = broken

    def put_events(self, *, Entries: list[dict[str, str]]):  # noqa: N803 - the client's own name
        if self.broken:
            self.broken -= 1
            raise ClientError({"Error": {"Code": "InternalException"}}, "PutEvents")
        if self.refusals:
            self.refusals -= 1
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
        self.entries += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}


@pytest.fixture
def paid(cloud: Cloud) -> dict[str, object]:
    create(cloud, order_id="EV-paid-v3")
    cloud.invoke("wechat_notify", json.loads((FOLDER / "wechat_notify.paid-v3.json").read_text()))
    [row] = [row for row in cloud.table() if "emits" in row]
    return row


@pytest.fixture
def stream(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    def send(bus: Bus, *rows: dict[str, object]) -> object:
        monkeypatch.setattr(cloud.module("publish"), "events", bus)
        records = [
            {
                "eventID": str(n),
                "eventName": "INSERT",
                "eventSource": "aws:dynamodb",
                "dynamodb": {"NewImage": row, "SequenceNumber": str(n)},
            }
            for n, row in enumerate(rows)
        ]
        return cloud.invoke("publish", {"Records": records})

    return send


@pytest.fixture
def sweep(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Callable[[Bus], object]:
    def run(bus: Bus) -> object:
        monkeypatch.setattr(cloud.module("sweep"), "events", bus)
        return cloud.invoke("sweep", SCHEDULE)

    return run


def due(cloud: Cloud) -> list[str]:
    return [row["sk"]["S"] for row in cloud.table() if row.get("due_shard", {}).get("S", "").startswith("sweep#")]


def test_a_new_event_goes_on_the_bus_with_a_stable_id_and_leaves_the_due_list(cloud, paid, stream):
    bus = Bus()

    assert stream(bus, paid) == {"batchItemFailures": []}
    stream(bus, paid)

    details = [json.loads(entry["Detail"]) for entry in bus.entries]
    assert [entry["DetailType"] for entry in bus.entries] == ["order.paid", "order.paid"]
    assert details[0]["id"] == details[1]["id"]
    assert (details[0]["order_id"], details[0]["version"]) == ("EV-paid-v3", 3)
    assert due(cloud) == []


def test_the_bus_hears_no_personal_data(cloud, paid, stream):
    bus = Bus()
    stream(bus, paid)

    assert set(json.loads(bus.entries[0]["Detail"])) == {
        "id",
        "platform",
        "account",
        "order_id",
        "version",
        "event_id",
        "recorded_at",
        "test",
    }


@pytest.mark.parametrize("bus", [Bus(refusals=1), Bus(broken=1)], ids=["refused entry", "no bus"])
def test_E7_only_the_record_that_failed_is_given_back_and_it_stays_due(cloud, paid, stream, bus):
    silent = {name: value for name, value in paid.items() if name != "emits"}

    answer = stream(bus, silent, paid)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert due(cloud) == [paid["sk"]["S"]]


def test_E5_the_sweep_publishes_what_the_stream_did_not(cloud, paid, sweep):
    bus = Bus()
    sweep(bus)
    assert bus.entries == []

    cloud.clock.shift(61)
    sweep(bus)
    sweep(bus)

    assert len(bus.entries) == 1
    assert due(cloud) == []


def test_what_the_bus_refuses_is_swept_again_after_its_lease(cloud, paid, sweep):
    bus = Bus(refusals=1)
    cloud.clock.shift(61)
    sweep(bus)
    assert due(cloud) == [paid["sk"]["S"]]

    cloud.clock.shift(120)
    sweep(bus)
    assert len(bus.entries) == 1

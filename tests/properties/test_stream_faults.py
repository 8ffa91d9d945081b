"""What the stream cannot bring to the bus: one bad record, or a consumer that is off for more than a day."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from countersign.store import OrderStore, codec
from sandbox.deployment import Mapping
from sandbox.environments import Outcome
from sandbox.mappings import StreamFeed
from tests.functions.conftest import NOW, Cloud
from tests.functions.test_create_payment import create, order, pay
from tests.functions.test_publishing import Bus
from tests.infra.reading import events, resources
from tests.properties.support import SCHEDULE, Event, open_order, paid

DAY = 86_400


def told(bus: Bus) -> list[str]:
    """Return the ids that the bus took, in their order."""
    return [json.loads(entry["Detail"])["id"] for entry in bus.entries]


def waiting(cloud: Cloud) -> list[Event]:
    """Return what is on the sweep's list."""
    return [row for row in cloud.table() if row.get("due_shard", {}).get("S", "").startswith("sweep#")]


def pay_orders(cloud: Cloud, count: int) -> list[Event]:
    """Record paid orders and return their event rows as the stream has them, in their order."""
    store = OrderStore(cloud.dynamodb, "Orders")
    for number in range(count):
        open_order(store, f"O-{number:02}", NOW)
        store.record(paid(f"O-{number:02}", NOW), now=NOW)
    return sorted(waiting(cloud), key=lambda row: row["pk"]["S"])


def spoil(cloud: Cloud, row: Event) -> Event:
    """Make a row that nobody can read: its key names no order."""
    bad = {**row, "pk": {"S": "no-order"}}
    cloud.dynamodb.delete_item(TableName="Orders", Key={"pk": row["pk"], "sk": row["sk"]})
    cloud.dynamodb.put_item(TableName="Orders", Item=bad)
    return bad


@pytest.fixture
def bus(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Bus:
    one = Bus()
    monkeypatch.setattr(cloud.module("publish"), "events", one)
    monkeypatch.setattr(cloud.module("sweep"), "events", one)
    return one


class Stream:
    """The table's stream as Lambda feeds it to the function, with the template's own settings."""

    def __init__(self, cloud: Cloud, folder: Any) -> None:
        ((_, declared),) = events("DynamoDB")
        mapping = Mapping(
            kind="stream",
            function="Publish",
            source="stream",
            arn="stream",
            batch_size=declared["BatchSize"],
            partial=declared["FunctionResponseTypes"] == ["ReportBatchItemFailures"],
            attempts=declared["MaximumRetryAttempts"],
            bisect=declared["BisectBatchOnFunctionError"],
            on_failure="dead-letters",
        )
        self.dead: list[Event] = []
        plane = SimpleNamespace(call=lambda _service, _operation, **message: self._keep(message))
        self.cloud = cloud
        pool: Any = SimpleNamespace(invoke=self._invoke)
        clock: Any = SimpleNamespace(now=lambda: NOW, rate=100_000.0)
        self.feed = StreamFeed(mapping, plane, pool, clock, folder)  # type: ignore[arg-type]
        self.feed._shard = "shard"

    def _keep(self, message: Event) -> None:
        self.dead.append(json.loads(message["MessageBody"]))

    async def _invoke(self, event: bytes) -> Outcome:
        return Outcome(json.dumps(self.cloud.invoke("publish", json.loads(event))).encode())

    def bring(self, rows: list[Event]) -> None:
        records = [
            {
                "eventID": str(number),
                "eventName": "INSERT",
                "eventSource": "aws:dynamodb",
                "dynamodb": {"NewImage": row, "SequenceNumber": str(number)},
            }
            for number, row in enumerate(rows, 1)
        ]
        asyncio.run(self.feed._deliver(records))


def test_E6_a_poison_record_becomes_a_dead_letter_and_the_rest_goes_on(cloud: Cloud, bus: Bus, tmp_path: Any):
    rows = pay_orders(cloud, 7)
    rows[3] = spoil(cloud, rows[3])
    stream = Stream(cloud, tmp_path)

    stream.bring(rows)

    [letter] = stream.dead
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert (letter["DDBStreamBatchInfo"]["startSequenceNumber"], letter["DDBStreamBatchInfo"]["batchSize"]) == ("4", 1)
    assert len(set(told(bus))) == 6
    assert [row["pk"]["S"] for row in waiting(cloud)] == ["no-order"]


def test_E6_what_was_mended_is_brought_again_once_under_the_same_id(cloud: Cloud, bus: Bus, tmp_path: Any):
    rows = pay_orders(cloud, 3)
    whole = rows[1]
    rows[1] = spoil(cloud, whole)
    stream = Stream(cloud, tmp_path)
    stream.bring(rows)
    before = told(bus)

    cloud.dynamodb.delete_item(TableName="Orders", Key={"pk": rows[1]["pk"], "sk": rows[1]["sk"]})
    cloud.dynamodb.put_item(TableName="Orders", Item=whole)
    stream.bring([whole])
    stream.bring([whole])
    cloud.clock.shift(61)
    cloud.invoke("sweep", SCHEDULE)

    again = told(bus)[len(before) :]
    assert len(again) == 2
    assert set(again) == {f"order.paid.{codec.event_id(whole)}"}
    assert waiting(cloud) == []


def test_E6_poison_rows_do_not_hold_up_the_sweep_and_stay_in_sight(
    cloud: Cloud, bus: Bus, capsys: pytest.CaptureFixture[str]
):
    rows = pay_orders(cloud, 8)
    for number in range(4):
        spoil(cloud, rows[number * 2])
    cloud.clock.shift(61)

    cloud.invoke("sweep", SCHEDULE)
    assert len(set(told(bus))) == len(told(bus)) == 4
    assert '"PublishFailed":4' in capsys.readouterr().out

    cloud.clock.shift(3600)
    cloud.invoke("sweep", SCHEDULE)
    assert {row["pk"]["S"] for row in waiting(cloud)} == {"no-order"}
    assert '"PublishFailed":4' in capsys.readouterr().out


def test_E6_a_poison_message_of_the_poll_queue_costs_the_others_a_minute_at_most(cloud: Cloud):
    create(cloud)
    pay(cloud)
    cloud.clock.shift(10)
    good = json.dumps({"platform": "wechat", "account": "shop", "order_id": "ORDER-0001"})

    with pytest.raises(ValueError, match="Expecting"):
        cloud.invoke("wechat_poll", {"Records": [{"body": "no json"}, {"body": good}]})
    cloud.invoke("wechat_poll", SCHEDULE)

    assert order(cloud).status == "paid"


@pytest.mark.parametrize(
    "name", sorted({event["Queue"]["Fn::GetAtt"].removesuffix(".Arn") for _, event in events("SQS")})
)
def test_E6_a_message_that_fails_again_and_again_is_put_aside(name: str):
    redrive = resources("AWS::SQS::Queue")[name]["RedrivePolicy"]

    assert 2 <= redrive["maxReceiveCount"] <= 10
    aside = resources("AWS::SQS::Queue")[redrive["deadLetterTargetArn"]["Fn::GetAtt"].removesuffix(".Arn")]
    assert aside["MessageRetentionPeriod"] >= 14 * DAY


def test_E8_after_more_than_a_day_without_the_stream_the_sweep_has_published_everything(cloud: Cloud, bus: Bus):
    rows = pay_orders(cloud, 16)
    cloud.clock.shift(25 * 3600)

    cloud.invoke("sweep", SCHEDULE)
    cloud.invoke("sweep", SCHEDULE)

    assert sorted(told(bus)) == sorted(f"order.paid.{codec.event_id(row)}" for row in rows)
    assert waiting(cloud) == []


def test_E8_what_one_run_has_no_time_for_the_next_runs_publish(
    cloud: Cloud, bus: Bus, capsys: pytest.CaptureFixture[str]
):
    rows = pay_orders(cloud, 16)
    cloud.clock.shift(25 * 3600)
    left = iter([60_000] * 10 + [1_000] * 100)
    context = SimpleNamespace(
        function_name="sweep", aws_request_id="id", get_remaining_time_in_millis=lambda: next(left)
    )

    cloud.module("sweep").lambda_handler(SCHEDULE, context)
    assert len(told(bus)) == 10
    assert '"OutboxAgeSeconds":90000' in capsys.readouterr().out
    cloud.invoke("sweep", SCHEDULE)

    assert len(set(told(bus))) == len(told(bus)) == len(rows)


def test_E8_how_long_an_event_waits_is_told_however_often_the_bus_refused_it(
    cloud: Cloud, bus: Bus, capsys: pytest.CaptureFixture[str]
):
    pay_orders(cloud, 1)
    cloud.clock.shift(600)
    bus.refusals = 1

    cloud.invoke("sweep", SCHEDULE)
    cloud.clock.shift(600)
    capsys.readouterr()
    cloud.invoke("sweep", SCHEDULE)

    assert '"OutboxAgeSeconds":1200' in capsys.readouterr().out
    assert waiting(cloud) == []

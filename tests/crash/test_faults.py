"""What a lost answer, a hanging service, a poisoned record or a crash nobody repeats may not do: E2, E4, E7, D9."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest

from countersign.aws import transport
from tests.crash.scenarios import IN_PROGRESS_SECONDS, OUTBOX_SECONDS
from tests.crash.world import ORDER_ID, World

TRANSACTION = "dynamodb.TransactWriteItems"


PATIENCE = 5.0  # seconds that a platform waits


class Silence:
    """A service that takes connections and never answers."""

    def __init__(self, listener: socket.socket) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.taken: list[socket.socket] = []
        threading.Thread(target=self._take, args=(listener,), daemon=True).start()

    def _take(self, listener: socket.socket) -> None:
        while True:
            try:
                self.taken.append(listener.accept()[0])
            except OSError:  # the test is over
                return


@pytest.fixture
def silence() -> Iterator[Silence]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        made = Silence(listener)
        yield made
        listener.shutdown(socket.SHUT_RDWR)
    for connection in made.taken:
        connection.close()


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after", "conflict", "throttle", "error500"])
@pytest.mark.parametrize("times", [1, 3])
def test_e2_a_lost_answer_or_a_busy_table_changes_nothing_in_the_end(stage: World, kind: str, times: int) -> None:
    stage.opened()
    notice = stage.paid_at_wechat()
    fault = {"id": "fault", "kind": kind, "call": TRANSACTION, "count": times}

    run = stage.notify(notice, aws=[fault])

    assert run.answer["statusCode"] == 204, run.output
    # A commit that stood is found again by reading or by its own condition; all others are made again.
    assert run.requests.count(TRANSACTION) > (0 if kind == "timeout_after" else times)
    order = next(item for item in stage.table("OrdersTable") if item["sk"] == "ORDER")
    assert (order["status"], order["version"]) == ("paid", 2)
    stage.publish()
    assert len(stage.bus()) == 1


def test_e2_a_create_whose_commit_lost_its_answer_makes_one_order(stage: World) -> None:
    lost = {"id": "lost", "kind": "timeout_after", "call": TRANSACTION, "count": 2}

    created = stage.create(aws=[lost])

    assert created.answer["statusCode"] in (200, 201), created.output
    kinds = [item["kind"] for item in stage.table("OrdersTable") if item["sk"].startswith("EVENT#")]
    # One order, whatever was tried once more because nobody knew that it stood.
    assert sorted(kind for kind in kinds if kind != "payment_attempted") == ["opened", "prepared"]


def test_a_repeat_right_after_a_crash_is_told_when_to_come_again(stage: World) -> None:
    assert stage.create({"call": "http.POST *", "when": "after"}).killed

    early = stage.create()
    assert early.answer["statusCode"] == 409
    wait = int({name.lower(): value for name, value in early.answer["headers"].items()}["retry-after"])

    assert 0 < wait <= IN_PROGRESS_SECONDS
    stage.advance(IN_PROGRESS_SECONDS)
    assert stage.create().answer["statusCode"] == 200


def test_d9_a_create_that_died_before_it_attached_an_early_payment_loses_nothing(stage: World) -> None:
    notice = stage.paid_at_wechat()
    assert stage.notify(notice).answer["statusCode"] == 204  # an orphan
    assert stage.create({"call": TRANSACTION, "when": "after"}).killed  # and nobody repeats it

    stage.advance(OUTBOX_SECONDS)
    assert stage.poll().status == 0

    order = next(item for item in stage.table("OrdersTable") if item["sk"] == "ORDER")
    assert order["status"] == "paid"
    assert not [item for item in stage.table("OrdersTable") if "orphan" in item]
    stage.advance(OUTBOX_SECONDS)
    stage.sweep()
    assert len([name for name in stage.bus() if name.startswith("order.paid.")]) == 1


@pytest.mark.parametrize("service", ["DYNAMODB", "SECRETS_MANAGER"])
def test_e4_a_hanging_service_is_given_up_within_the_platforms_patience(
    stage: World, service: str, silence: Silence
) -> None:
    stage.opened()
    notice = stage.paid_at_wechat()
    stage.stack.functions["WechatNotify"].environment[f"AWS_ENDPOINT_URL_{service}"] = silence.url

    run = stage.notify(notice)

    assert run.answer["statusCode"] == 503
    # Each connection is a wait of one time-out, and nothing else takes time: counted, for the wall has other tenants.
    assert 1 <= len(silence.taken) <= (PATIENCE - 1) / (transport.CONNECT_SECONDS + transport.READ_SECONDS)
    del stage.stack.functions["WechatNotify"].environment[f"AWS_ENDPOINT_URL_{service}"]
    assert stage.notify(notice).answer["statusCode"] == 204


def test_e7_one_poisoned_record_is_given_back_alone(stage: World) -> None:
    for number in ("crash-0001", "crash-0002", "crash-0003"):
        stage.recorded_as_paid(number)
    records = stage.stream()
    records[1]["dynamodb"]["NewImage"]["pk"] = {"S": "poison"}

    run = stage.stack.run("Publish", {"Records": records})

    bad = records[1]["dynamodb"]["SequenceNumber"]
    assert run.answer == {"batchItemFailures": [{"itemIdentifier": bad}]}
    assert len(stage.bus()) == 2
    # Once it is sound again, giving it back is all that is needed, and the others are not told twice under new ids.
    assert stage.publish().answer == {"batchItemFailures": []}
    assert len(stage.bus()) == 3


def test_a_bus_that_refuses_is_tried_again_by_the_sweep(stage: World, silence: Silence) -> None:
    stage.recorded_as_paid(ORDER_ID)
    stage.stack.functions["Publish"].environment["AWS_ENDPOINT_URL_EVENTBRIDGE"] = silence.url
    failed = stage.publish()
    assert len(failed.answer["batchItemFailures"]) == 1
    assert stage.bus() == []

    stage.advance(OUTBOX_SECONDS)
    stage.sweep()

    assert [json.dumps(name) for name in stage.bus()] == ['"order.paid.paid.notify."']

"""What is killed at each of its external calls, and what everybody else does afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from countersign.money import Money
from countersign.orders.changes import Change, OrderKey, Paid, Verified
from tests.crash.world import World, world

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.testing import LocalCloud, Run

IN_PROGRESS_SECONDS = 31  # a killed create holds its Idempotency-Key that long
OUTBOX_SECONDS = 61
LEASE_SECONDS = 61


@dataclass(frozen=True)
class Scenario:
    """A function's run: what was before, the run itself, and how those who wait for it come again."""

    calls: tuple[str, ...]
    prepare: Callable[[World], Any]
    act: Callable[[World, Any, dict[str, Any] | None], Run]
    recover: Callable[[World, Any], list[Run]]


@dataclass(frozen=True)
class Ending:
    """How it went."""

    run: Run
    later: list[Run]
    state: dict[str, Any]
    sent: dict[str, int]


def play(cloud: LocalCloud, document: dict[str, Any], folder: Path, scenario: Scenario, crash: dict[str, Any] | None) -> Ending:
    """Run a scenario in a world of its own, killed or not; everybody comes again either way."""
    with world(cloud, document, folder) as stage:
        before = scenario.prepare(stage)
        run = scenario.act(stage, before, crash)
        later = scenario.recover(stage, before)
        state = stage.state()
        return Ending(run, later, state, dict(stage.sent))


def _repeat_create(stage: World, _: Any) -> list[Run]:
    stage.advance(IN_PROGRESS_SECONDS)
    return [stage.create()]


def _open_and_pay(stage: World) -> Any:
    stage.opened()
    return stage.paid_at_wechat()


def _redeliver(stage: World, notice: Any) -> list[Run]:
    stage.advance(15)  # the first step of WeChat's retry table
    again = stage.notify(notice)
    stage.advance(OUTBOX_SECONDS)
    return [again, stage.sweep()]


def _two_paid(stage: World) -> None:
    for number in ("crash-0001", "crash-0002"):
        stage.opened(number)
        fact = Paid(f"4200{int(number[-4:]):024d}", Money(8800, "CNY"), stage.now, 8800)
        key = OrderKey("wechat", "shop", number)
        stage.recorded(Change(key, fact, Verified("KEY"), "notify", stage.merchant["mchid"], "v3"))


def _stream_again(stage: World, _: Any) -> list[Run]:
    return [stage.publish()]


def _only_sweep(stage: World, _: Any) -> list[Run]:
    stage.advance(OUTBOX_SECONDS)
    return [stage.sweep()]


def _two_paid_long_ago(stage: World) -> None:
    _two_paid(stage)
    stage.advance(OUTBOX_SECONDS)


def _sweep_again(stage: World, _: Any) -> list[Run]:
    stage.advance(LEASE_SECONDS)
    return [stage.sweep()]


def _paid_unheard(stage: World) -> None:
    stage.opened()
    stage.paid_at_wechat()
    stage.advance(11)


def _unpaid_to_the_end(stage: World) -> None:
    stage.opened()
    stage.unpaid_at_wechat()
    stage.advance(7231)


def _poll_again(stage: World, _: Any) -> list[Run]:
    stage.advance(LEASE_SECONDS)
    return [stage.poll()]


QUERY = "/wechat/v3/pay/transactions/out-trade-no/crash-0001"
RECORD = ("dynamodb.BatchGetItem", "dynamodb.TransactWriteItems")
DUE = ("dynamodb.Query",) * 6  # the order lies in the sixth of eight shards

SCENARIOS = {
    "create": Scenario(
        (
            "secretsmanager.GetSecretValue",
            "dynamodb.PutItem",  # Idempotency-Key: in progress
            "dynamodb.BatchGetItem",
            *RECORD,  # opened
            "http.POST /wechat/v3/pay/transactions/jsapi",
            *RECORD,  # prepared
            "dynamodb.Query",  # orphans
            "sqs.SendMessageBatch",
            "dynamodb.UpdateItem",  # Idempotency-Key: the answer
        ),
        lambda _: None,
        lambda stage, _, crash: stage.create(crash),
        _repeat_create,
    ),
    "notify": Scenario(
        ("secretsmanager.GetSecretValue", *RECORD),
        _open_and_pay,
        lambda stage, notice, crash: stage.notify(notice, crash),
        _redeliver,
    ),
    "publish": Scenario(
        ("events.PutEvents", "dynamodb.UpdateItem") * 2,
        _two_paid,
        lambda stage, _, crash: stage.publish(crash),
        _stream_again,
    ),
    "publish, stream gone": Scenario(
        ("events.PutEvents", "dynamodb.UpdateItem") * 2,
        _two_paid,
        lambda stage, _, crash: stage.publish(crash),
        _only_sweep,
    ),
    "sweep": Scenario(
        (
            *DUE,
            *("dynamodb.UpdateItem", "events.PutEvents", "dynamodb.UpdateItem"),
            "dynamodb.Query",  # the other order lies in the next shard
            *("dynamodb.UpdateItem", "events.PutEvents", "dynamodb.UpdateItem"),
            "dynamodb.Query",
        ),
        _two_paid_long_ago,
        lambda stage, _, crash: stage.sweep(crash),
        _sweep_again,
    ),
    "poll, paid": Scenario(
        (
            *DUE,
            "dynamodb.UpdateItem",  # claim
            "secretsmanager.GetSecretValue",
            f"http.GET {QUERY}",
            *RECORD,
            "dynamodb.BatchGetItem",
            "dynamodb.Query",  # orphans
            "dynamodb.UpdateItem",  # done
            *("dynamodb.Query",) * 2,
        ),
        _paid_unheard,
        lambda stage, _, crash: stage.poll(crash),
        _poll_again,
    ),
    "poll, closed": Scenario(
        (
            *DUE,
            "dynamodb.UpdateItem",
            "secretsmanager.GetSecretValue",
            f"http.GET {QUERY}",
            *RECORD,
            f"http.POST {QUERY}/close",
            f"http.GET {QUERY}",
            *RECORD,
            "dynamodb.BatchGetItem",
            "dynamodb.Query",
            "dynamodb.UpdateItem",
            *("dynamodb.Query",) * 2,
        ),
        _unpaid_to_the_end,
        lambda stage, _, crash: stage.poll(crash),
        _poll_again,
    ),
}

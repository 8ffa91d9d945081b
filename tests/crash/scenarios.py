"""What is killed at each of its external calls, and what everybody else does afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderKey, RefundDecided, RefundRequested
from countersign.store.due import LEASE_SECONDS as LEASE
from countersign.store.record import OUTBOX_GRACE_SECONDS
from sandbox.simulators.wechat.ledger import beijing
from tests.crash.world import World, world

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sandbox.testing import LocalCloud, Run

IN_PROGRESS_SECONDS = 31  # a killed create holds its Idempotency-Key that long
OUTBOX_SECONDS = OUTBOX_GRACE_SECONDS + 1
LEASE_SECONDS = LEASE + 1


@dataclass(frozen=True)
class Scenario:
    """A function's run: what was before, the run itself, and how those who wait for it come again."""

    calls: tuple[str, ...]
    prepare: Callable[[Any], Any]
    act: Callable[[Any, Any, dict[str, Any] | None], Run]
    recover: Callable[[Any, Any], list[Run]]
    world: Callable[..., AbstractContextManager[Any]] = world


@dataclass(frozen=True)
class Ending:
    """How it went."""

    run: Run
    later: list[Run]
    state: dict[str, Any]
    sent: dict[str, int]


def play(
    cloud: LocalCloud, document: dict[str, Any], folder: Path, scenario: Scenario, crash: dict[str, Any] | None
) -> Ending:
    """Run a scenario in a world of its own, killed or not; everybody comes again either way."""
    with scenario.world(cloud, document, folder) as stage:
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
        stage.recorded_as_paid(number)


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


def _store_again(stage: World, _: Any) -> list[Run]:
    """Let the poll come until nothing is due any more."""
    later = []
    for _minute in range(3):
        stage.advance(LEASE_SECONDS)
        later.append(stage.poll())
    return later


def _repush(stage: World, _: Any) -> list[Run]:
    stage.advance(10)  # the third step of the store's retry table
    return [stage.push("channels_ec_order_pay")]


def _bought_and_pushed(stage: World) -> None:
    stage.bought_in_the_store()
    stage.push("channels_ec_order_pay")


def _refund_approved(stage: World) -> None:
    stage.paid()
    stage.wechat.faults({"refund_result": {"status": "PROCESSING", "count": 100}})
    key = OrderKey("wechat", "shop", "crash-0001")
    asked = RefundRequested("rfcrash", Money(1000, "CNY"), "too small", stage.now)
    stage.recorded(Change(key, asked, Operator("ben"), "operator"))
    stage.recorded(Change(key, RefundDecided("rfcrash", True, stage.now), Operator("anna"), "operator"))


def _refund_again(stage: World, _: Any) -> list[Run]:
    """Let the schedule come; later the money has gone back, and the schedule comes again."""
    later = []
    for _minute in range(3):
        stage.advance(LEASE_SECONDS)
        later.append(stage.refund())
    wanted = {"account": "shop", "out_refund_no": "rfcrash", "notify": False}
    assert stage.wechat.control("/settle", wanted)[0] == 200
    stage.advance(7200)
    return [*later, stage.refund()]


def _bill_with_a_stranger(stage: World) -> None:
    stage.paid()
    day = f"{beijing(stage.now):%Y-%m-%d}"
    assert stage.wechat.control("/bill", {"account": "shop", "date": day, "more": {"STRANGER": 500}})[0] == 200
    stage.advance(20 * 3600)


def _bill_with_an_unheard_payment(stage: World) -> None:
    stage.opened()
    stage.paid_at_wechat()
    stage.advance(20 * 3600)


def _bill_again(stage: World, _: Any) -> list[Run]:
    stage.advance(1800)
    again = stage.bill()
    stage.advance(OUTBOX_SECONDS)
    return [again, stage.sweep()]


QUERY = "/wechat/v3/pay/transactions/out-trade-no/crash-0001"
RECORD = ("dynamodb.BatchGetItem", "dynamodb.TransactWriteItems")
READ = "dynamodb.BatchGetItem"  # what is due of a shard, as it is now
DUE = (*("dynamodb.Query",) * 6, READ)  # the order lies in the sixth of eight shards
MISSING = (
    *("dynamodb.Query",) * 10,
    READ,  # the orders of that day, as they are now
    *("dynamodb.Query",) * 18,  # the refunds of that day; earlier days' differences; all of this day's
)
ACCOUNTS = "dynamodb.PutItem"  # which accounts there are: once for each new environment

# The account's pulse, once; then each event.
# First how the account does, and by which key it was signed.
PUBLISHED = (*("dynamodb.UpdateItem",) * 2, *("events.PutEvents", "dynamodb.UpdateItem") * 2)

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
            ACCOUNTS,
        ),
        lambda _: None,
        lambda stage, _, crash: stage.create(crash),
        _repeat_create,
    ),
    "notify": Scenario(
        ("secretsmanager.GetSecretValue", *RECORD, ACCOUNTS),
        _open_and_pay,
        lambda stage, notice, crash: stage.notify(notice, crash),
        _redeliver,
    ),
    "publish": Scenario(
        PUBLISHED,
        _two_paid,
        lambda stage, _, crash: stage.publish(crash),
        _stream_again,
    ),
    "publish, stream gone": Scenario(
        PUBLISHED,
        _two_paid,
        lambda stage, _, crash: stage.publish(crash),
        _only_sweep,
    ),
    "sweep": Scenario(
        (
            *DUE,
            *("dynamodb.UpdateItem",) * 3,  # and the pulse, and the key
            *("events.PutEvents", "dynamodb.UpdateItem"),
            *("dynamodb.Query", READ),  # the other order lies in the next shard
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
            "dynamodb.Query",
            "dynamodb.UpdateItem",
            *("dynamodb.Query",) * 2,
        ),
        _unpaid_to_the_end,
        lambda stage, _, crash: stage.poll(crash),
        _poll_again,
    ),
    "push": Scenario(
        ("secretsmanager.GetSecretValue", *RECORD, ACCOUNTS),
        lambda stage: stage.bought_in_the_store(),
        lambda stage, _, crash: stage.push("channels_ec_order_pay", crash),
        _repush,
    ),
    "poll, store order": Scenario(
        (
            *(*("dynamodb.Query",) * 4, READ),  # the orphan lies in the fourth shard
            "dynamodb.UpdateItem",  # claim
            "dynamodb.BatchGetItem",  # no such order yet
            "secretsmanager.GetSecretValue",
            "dynamodb.BatchGetItem",  # no token yet
            "dynamodb.UpdateItem",  # lease
            "http.POST /wechat/cgi-bin/stable_token",
            "dynamodb.PutItem",
            "http.POST /wechat/channels/ec/order/get",
            *RECORD,  # opened
            "dynamodb.Query",
            *RECORD,  # the orphan is attached
            *RECORD,  # paid
            *("dynamodb.BatchGetItem", "dynamodb.Query"),  # it is known by now, with all its orphans
            "dynamodb.UpdateItem",  # nothing left to look at
            *("dynamodb.Query",) * 4,
        ),
        _bought_and_pushed,
        lambda stage, _, crash: stage.poll(crash),
        _store_again,
    ),
    "refund": Scenario(
        (
            "dynamodb.Query",  # what is due of the order
            "dynamodb.UpdateItem",  # claim
            "dynamodb.BatchGetItem",
            "secretsmanager.GetSecretValue",
            "dynamodb.BatchGetItem",  # whether the account rests
            "dynamodb.UpdateItem",  # the order's turn
            "http.POST /wechat/v3/refund/domestic/refunds",
            *RECORD,
            "dynamodb.BatchGetItem",  # when it is due by what is recorded now
            "dynamodb.UpdateItem",  # the next look, if nothing else has fixed it
        ),
        _refund_approved,
        lambda stage, _, crash: stage.refund(crash, told=True),
        _refund_again,
    ),
    "bill": Scenario(
        (
            "secretsmanager.ListSecrets",
            "secretsmanager.GetSecretValue",
            "dynamodb.BatchGetItem",  # which days are done
            *("dynamodb.UpdateItem",) * 2,  # until when the certificates are good
            "dynamodb.UpdateItem",  # the day is taken
            "http.GET /wechat/v3/bill/tradebill",
            "http.GET /wechat/v3/billdownload/file",
            "dynamodb.Query",  # what was open
            "dynamodb.BatchGetItem",  # the bill's orders
            "http.GET /wechat/v3/pay/transactions/out-trade-no/STRANGER",
            "dynamodb.TransactWriteItems",  # the difference, and its event
            *MISSING,
            "dynamodb.PutItem",  # the day is done
        ),
        _bill_with_a_stranger,
        lambda stage, _, crash: stage.bill(crash),
        _bill_again,
    ),
    "bill, healing": Scenario(
        (
            "secretsmanager.ListSecrets",
            "secretsmanager.GetSecretValue",
            "dynamodb.BatchGetItem",
            *("dynamodb.UpdateItem",) * 2,
            "dynamodb.UpdateItem",
            "http.GET /wechat/v3/bill/tradebill",
            "http.GET /wechat/v3/billdownload/file",
            "dynamodb.Query",
            "dynamodb.BatchGetItem",  # the bill's order, which is not paid here
            f"http.GET {QUERY}",
            "dynamodb.TransactWriteItems",  # the difference, as settled by the answer
            *RECORD,  # the answer
            *MISSING,
            "dynamodb.PutItem",
        ),
        _bill_with_an_unheard_payment,
        lambda stage, _, crash: stage.bill(crash),
        _bill_again,
    ),
}

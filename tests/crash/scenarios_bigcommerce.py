"""BigCommerce's functions, killed at each of their external calls, and what everybody else does afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.crash.scenarios import LEASE_SECONDS, OUTBOX_SECONDS, RECORD, Scenario
from tests.crash.world_bigcommerce import STORE, StoreWorld, store_world

if TYPE_CHECKING:
    from sandbox.testing import Run


def _ask_again(stage: StoreWorld, _: Any) -> list[Run]:
    stage.advance(5)  # as the answer says, or the page that got none
    again = stage.ask()
    stage.advance(OUTBOX_SECONDS)
    return [again, stage.work("Sweep")]


def _sync_again(stage: StoreWorld, _: Any) -> list[Run]:
    later = []
    for _round in range(2):
        stage.advance(LEASE_SECONDS)
        later.append(stage.work("BigcommerceSync"))
    stage.advance(OUTBOX_SECONDS)
    return [*later, stage.work("Sweep")]


def _deliver_again(stage: StoreWorld, delivery: Any) -> list[Run]:
    stage.advance(60)  # the first step of the store's retry table
    again = stage.take(delivery)
    stage.advance(OUTBOX_SECONDS)
    later = [again, stage.work("BigcommercePoll")]
    stage.advance(OUTBOX_SECONDS)
    return [*later, stage.work("Sweep")]


def _poll_again(stage: StoreWorld, _: Any) -> list[Run]:
    stage.advance(LEASE_SECONDS)
    again = stage.work("BigcommercePoll")
    stage.advance(OUTBOX_SECONDS)
    return [again, stage.work("Sweep")]


def _told(stage: StoreWorld) -> None:
    assert stage.take(stage.delivered()).status == 0
    stage.advance(61)


READ = f"http.GET /bigcommerce/stores/{STORE}/v2/orders/101"
WRITE = f"http.PUT /bigcommerce/stores/{STORE}/v2/orders/101"
ACCOUNT = ("secretsmanager.GetSecretValue",) * 2  # the app's and the store's
TOLD = ("dynamodb.Query", "dynamodb.BatchGetItem")  # attempts, and what is known of the order
SCENARIOS = {
    "create_payment": Scenario(
        (
            *ACCOUNT,
            "dynamodb.UpdateItem",  # calls of the address
            "dynamodb.GetItem",  # refusals about the order
            READ,
            "dynamodb.BatchGetItem",
            "dynamodb.Query",  # attempts
            "dynamodb.BatchGetItem",
            *RECORD,  # the store's order
            "dynamodb.Query",  # attempts
            "dynamodb.PutItem",  # which cashier the next one is at
            "dynamodb.BatchGetItem",
            "secretsmanager.GetSecretValue",
            "dynamodb.BatchGetItem",
            *RECORD,  # opened
            "http.POST /cashier/hc1/v1/payments",
            *RECORD,  # prepared
            "dynamodb.Query",  # orphans
            "sqs.SendMessageBatch",
            "dynamodb.BatchGetItem",
            *("dynamodb.PutItem",) * 2,  # the status token
        ),
        lambda _: None,
        lambda stage, _, crash: stage.ask(crash),
        _ask_again,
        store_world,
    ),
    "sync": Scenario(
        (
            "dynamodb.BatchGetItem",
            "dynamodb.UpdateItem",  # due
            "dynamodb.Query",
            "dynamodb.UpdateItem",  # lease
            *("secretsmanager.ListSecrets",) * 2,
            *ACCOUNT,
            READ,
            "dynamodb.Query",  # attempts
            "dynamodb.BatchGetItem",
            *("dynamodb.BatchGetItem", *TOLD, "dynamodb.BatchGetItem"),
            *RECORD,  # the store's order is paid
            "dynamodb.BatchGetItem",
            "dynamodb.UpdateItem",  # the stamp
            WRITE,
            READ,
            *("dynamodb.BatchGetItem", *TOLD, "dynamodb.BatchGetItem"),
            *("dynamodb.UpdateItem",) * 2,  # what was read, and that the store was told
        ),
        lambda stage: stage.paid_at_the_cashier(),
        lambda stage, _, crash: stage.told("BigcommerceSync", "order.paid", crash),
        _sync_again,
        store_world,
    ),
    "webhook": Scenario(
        (
            *ACCOUNT,
            "dynamodb.PutItem",  # its deliveries are signed
            "dynamodb.BatchGetItem",
            *("dynamodb.PutItem",) * 4,  # an orphan to be asked about, and which accounts are used
        ),
        lambda stage: stage.delivered(),
        lambda stage, delivery, crash: stage.take(delivery, crash),
        _deliver_again,
        store_world,
    ),
    "poll": Scenario(
        (
            *("dynamodb.Query",) * 5,  # the order lies in the fifth of eight shards
            "dynamodb.BatchGetItem",
            "dynamodb.UpdateItem",  # lease
            "dynamodb.BatchGetItem",
            *("secretsmanager.ListSecrets",) * 2,
            *ACCOUNT,
            READ,
            "dynamodb.BatchGetItem",
            "dynamodb.Query",
            *RECORD,
            "dynamodb.BatchGetItem",
            READ,
            *("dynamodb.BatchGetItem", *TOLD, "dynamodb.BatchGetItem"),
            "dynamodb.UpdateItem",  # done
            *("dynamodb.Query",) * 3,
        ),
        _told,
        lambda stage, _, crash: stage.work("BigcommercePoll", crash),
        _poll_again,
        store_world,
    ),
}

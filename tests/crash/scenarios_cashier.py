"""The cashiers' functions, killed at each of their external calls, and what everybody else does afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.crash.scenarios import (
    ACCOUNTS,
    DUE,
    IN_PROGRESS_SECONDS,
    LEASE_SECONDS,
    OUTBOX_SECONDS,
    RECORD,
    Scenario,
)
from tests.crash.world_cashier import CashierWorld, NativeWorld, cashier_world, native_world

if TYPE_CHECKING:
    from sandbox.testing import Run


def _create_again(stage: CashierWorld, _: Any) -> list[Run]:
    stage.advance(IN_PROGRESS_SECONDS)
    return [stage.create()]


def _create_native_again(stage: NativeWorld, _: Any) -> list[Run]:
    stage.advance(IN_PROGRESS_SECONDS)
    return [stage.create()]


def _opened_and_paid(stage: CashierWorld) -> Any:
    stage.opened()
    return stage.pays()


def _redeliver(stage: CashierWorld, delivery: Any) -> list[Run]:
    stage.advance(15)  # the first step of a cashier's retry table
    again = stage.notify(delivery)
    stage.advance(OUTBOX_SECONDS)
    return [again, stage.work("Sweep")]


def _paid_unheard(stage: CashierWorld) -> None:
    stage.opened()
    stage.pays(notify=False)
    stage.advance(11)


def _unpaid_to_the_end(stage: CashierWorld) -> None:
    stage.opened()
    stage.advance(1831)


def _poll_again(stage: CashierWorld, _: Any) -> list[Run]:
    stage.advance(LEASE_SECONDS)
    return [stage.work("CashierPoll")]


def _refund_again(stage: CashierWorld, _: Any) -> list[Run]:
    later = []
    for seconds in (LEASE_SECONDS, LEASE_SECONDS, 7200):
        stage.advance(seconds)
        later.append(stage.work("CashierRefund"))
    return later


def _scenarios(cashier: str, calls: dict[str, tuple[str, ...]]) -> dict[str, Scenario]:
    world = cashier_world(cashier)
    return {
        f"{cashier}, create": Scenario(
            (
                "secretsmanager.GetSecretValue",
                "dynamodb.PutItem",  # Idempotency-Key: in progress
                "dynamodb.BatchGetItem",
                *RECORD,  # opened
                *calls["create"],
                *RECORD,  # prepared
                "dynamodb.Query",  # orphans
                "sqs.SendMessageBatch",
                "dynamodb.UpdateItem",  # Idempotency-Key: the answer
                *(ACCOUNTS,) * 2,  # of the document, and by which its orders are listed
            ),
            lambda _: None,
            lambda stage, _, crash: stage.create(crash),
            _create_again,
            world,
        ),
        f"{cashier}, notify": Scenario(
            ("secretsmanager.GetSecretValue", *calls["nonce"], *RECORD, *(ACCOUNTS,) * 2),
            _opened_and_paid,
            lambda stage, delivery, crash: stage.notify(delivery, crash),
            _redeliver,
            world,
        ),
        f"{cashier}, poll, paid": Scenario(
            (
                *DUE,
                "dynamodb.UpdateItem",  # lease
                "secretsmanager.GetSecretValue",
                *calls["query"],
                *RECORD,
                "dynamodb.Query",  # orphans
                "dynamodb.UpdateItem",  # done
                *("dynamodb.Query",) * 2,
            ),
            _paid_unheard,
            lambda stage, _, crash: stage.work("CashierPoll", crash),
            _poll_again,
            world,
        ),
        f"{cashier}, poll, ended": Scenario(
            (
                *DUE,
                "dynamodb.UpdateItem",
                "secretsmanager.GetSecretValue",
                *calls["query"],
                *("dynamodb.BatchGetItem", "dynamodb.PutItem"),  # it waits, as before
                *calls["end"],
                *RECORD,
                "dynamodb.Query",
                "dynamodb.UpdateItem",
                *("dynamodb.Query",) * 2,
            ),
            _unpaid_to_the_end,
            lambda stage, _, crash: stage.work("CashierPoll", crash),
            _poll_again,
            world,
        ),
        f"{cashier}, refund": Scenario(
            (
                "dynamodb.Query",  # what is due of the order
                "dynamodb.UpdateItem",  # lease
                "dynamodb.BatchGetItem",
                "secretsmanager.GetSecretValue",
                "dynamodb.BatchGetItem",  # whether the account rests
                *calls["refund"],
                *RECORD,
                "dynamodb.BatchGetItem",  # when it is due by what is recorded now
                "dynamodb.UpdateItem",
            ),
            lambda stage: stage.refund_approved(),
            lambda stage, _, crash: stage.told("CashierRefund", "refund.approved", crash),
            _refund_again,
            world,
        ),
    }


NATIVE = Scenario(  # its notices, polls and refunds are those of WeChat's own functions (scenarios.py)
    (
        *("secretsmanager.GetSecretValue",) * 2,  # the page's account, and WeChat's
        "dynamodb.PutItem",  # Idempotency-Key: in progress
        "dynamodb.BatchGetItem",
        *RECORD,  # opened
        "http.POST /wechat/v3/pay/transactions/native",
        "dynamodb.PutItem",  # the page
        *RECORD,  # prepared
        "dynamodb.Query",  # orphans
        "sqs.SendMessageBatch",
        "dynamodb.UpdateItem",  # Idempotency-Key: the answer
        *(ACCOUNTS,) * 3,
    ),
    lambda _: None,
    lambda stage, _, crash: stage.create(crash),
    _create_native_again,
    native_world,
)
HC1, STRIPE = "/cashier/hc1/v1/payments", "/cashier/stripe/v1"
SCENARIOS = {
    "wechat_native, create": NATIVE,
    **_scenarios(
        "hc1",
        {
            "create": (f"http.POST {HC1}",),
            "nonce": ("dynamodb.PutItem",),
            "query": (f"http.GET {HC1}/crash-0001",),
            "end": (f"http.POST {HC1}/crash-0001/cancel",),
            "refund": (f"http.POST {HC1}/crash-0001/refunds",),
        },
    ),
    **_scenarios(
        "stripe",
        {
            "create": (f"http.POST {STRIPE}/checkout/sessions",),
            "nonce": (),
            "query": (f"http.GET {STRIPE}/checkout/sessions/cs_test_0000000000000001",),
            "end": (
                f"http.GET {STRIPE}/checkout/sessions/cs_test_0000000000000001",
                f"http.POST {STRIPE}/checkout/sessions/cs_test_0000000000000001/expire",
            ),
            "refund": (f"http.POST {STRIPE}/refunds",),
        },
    ),
}

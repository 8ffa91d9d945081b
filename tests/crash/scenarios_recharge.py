"""Recharge's list and one more try of a charge, killed at each of their external calls."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from countersign.store import scans
from tests.crash.scenarios import LEASE_SECONDS, OUTBOX_SECONDS, RECORD, Scenario
from tests.crash.world_recharge import RechargeWorld, recharge_world

if TYPE_CHECKING:
    from countersign.orders.changes import OrderKey
    from sandbox.testing import Run

HOURS = 7  # until a wish of which nobody knows what became is a person's

_scenario = functools.partial(Scenario, world=recharge_world)


def _scan_again(stage: RechargeWorld, _: Any) -> list[Run]:
    stage.advance(scans.LEASE_SECONDS + 1)
    again = stage.work("RechargeScan")
    stage.advance(OUTBOX_SECONDS)
    return [again, stage.sweep()]


def _retry_again(stage: RechargeWorld, _: OrderKey) -> list[Run]:
    stage.advance(LEASE_SECONDS)
    later = [stage.work("RechargeRetry")]
    stage.advance(HOURS * 3600)
    return [*later, stage.work("RechargeRetry")]


CHARGE = "/recharge/charges/990300001"
SCENARIOS = {
    "recharge scan": _scenario(
        (
            "secretsmanager.ListSecrets",
            "dynamodb.UpdateItem",  # the list is this run's
            "secretsmanager.GetSecretValue",
            "dynamodb.UpdateItem",  # and begins
            "http.GET /recharge/charges",
            "dynamodb.BatchGetItem",  # what of the page is known
            *RECORD,
            *("dynamodb.UpdateItem",) * 2,  # how far it came, and that this was all
        ),
        lambda stage: stage.failed(),
        lambda stage, _, crash: stage.work("RechargeScan", crash),
        _scan_again,
    ),
}
RETRIES = {
    "recharge retry": _scenario(
        (
            "dynamodb.Query",  # what is due of the charge
            "dynamodb.UpdateItem",  # claim
            "dynamodb.BatchGetItem",
            "secretsmanager.GetSecretValue",
            f"http.GET {CHARGE}",
            *("dynamodb.BatchGetItem",) * 2,  # it says nothing new
            *RECORD,  # from now on Recharge may have been asked
            f"http.POST {CHARGE}/process",
            *RECORD,  # what it said
            "dynamodb.BatchGetItem",
            *RECORD,  # what became of the wish
            "dynamodb.UpdateItem",
        ),
        lambda stage: stage.wished(),
        lambda stage, key, crash: stage.told("RechargeRetry", "charge.retry_requested", key, crash),
        _retry_again,
    ),
}

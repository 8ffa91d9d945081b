"""What a shop is asked to do with an order's money and goods, killed at each of the external calls."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from countersign.workers.ship import LEASE_SECONDS as SHIP_LEASE
from tests.crash.scenarios import LEASE_SECONDS, OUTBOX_SECONDS, RECORD, Scenario
from tests.crash.world_shop import SHOP, ShopWorld, shop_world

if TYPE_CHECKING:
    from sandbox.testing import Run

GRAPHQL = (
    "dynamodb.BatchGetItem",  # whether the shop lets us in
    f"http.POST /shopify/{SHOP}/admin/api/2026-10/graphql.json",
)
ACCOUNT = ("secretsmanager.ListSecrets", "secretsmanager.GetSecretValue", "secretsmanager.ListSecrets")
BEGUN = (
    "dynamodb.Query",  # what is due of the order
    "dynamodb.UpdateItem",  # lease
)
_scenario = functools.partial(Scenario, world=shop_world)


def _again(function: str, *minutes: int) -> Any:
    def again(stage: ShopWorld, _: Any) -> list[Run]:
        later = []
        for seconds in minutes:
            stage.advance(seconds)
            later.append(stage.work(function))
        later.append(stage.work("ShopifyPoll"))
        stage.advance(OUTBOX_SECONDS)
        return [*later, stage.work("Sweep")]

    return again


def instruction(action: str) -> Scenario:
    """Return the scenario of one instruction; a shop cancels an order some seconds after it was asked to."""
    ended = ("dynamodb.BatchGetItem",) if action == "cancel" else (*RECORD, *RECORD)
    return _scenario(
        (
            *BEGUN,
            "dynamodb.BatchGetItem",
            *ACCOUNT,
            *GRAPHQL,  # how the order is
            "dynamodb.BatchGetItem",  # which is no news
            *RECORD,  # from now on the shop may have been asked
            *GRAPHQL,
            *GRAPHQL,  # what became of it
            *ended,
            "dynamodb.UpdateItem",
        ),
        lambda stage: stage.instructed(action),
        lambda stage, _, crash: stage.wake("ShopifyInstruct", "instruction.requested", crash),
        _again("ShopifyInstruct", LEASE_SECONDS, 700, 700),
    )


def shipment(*, named: bool) -> Scenario:
    """Return the scenario of a shipment, whose parcel says what is in it or is all of the order."""
    return _scenario(
        (
            *BEGUN,
            "dynamodb.BatchGetItem",
            "dynamodb.Query",
            *ACCOUNT,
            *GRAPHQL,  # what is to be sent
            *(GRAPHQL if named else ()),  # of which goods
            *GRAPHQL,
            *RECORD,
            "dynamodb.UpdateItem",
        ),
        lambda stage: stage.shipped(named=named),
        lambda stage, _, crash: stage.wake("ShopifyShip", "shipment.created", crash),
        _again("ShopifyShip", SHIP_LEASE + 1, SHIP_LEASE + 1),
    )


SCENARIOS = {
    "shopify refund": _scenario(
        (
            *BEGUN,
            "dynamodb.BatchGetItem",
            *ACCOUNT,
            "dynamodb.BatchGetItem",  # whether the account rests
            *GRAPHQL,  # what can go back of which payment
            *GRAPHQL,
            *RECORD,
            "dynamodb.BatchGetItem",  # when it is due by what is recorded now
            "dynamodb.UpdateItem",
        ),
        lambda stage: stage.refund_approved(),
        lambda stage, _, crash: stage.wake("ShopifyRefund", "refund.approved", crash),
        _again("ShopifyRefund", LEASE_SECONDS, LEASE_SECONDS, 7200),
    ),
    "shopify ship": shipment(named=False),
    "shopify capture": instruction("capture"),
}

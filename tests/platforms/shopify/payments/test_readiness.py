"""An app is said to be ready where it can be paid by, and nowhere else."""

import json
from dataclasses import replace

from countersign.platforms.shopify import resolver
from countersign.platforms.shopify.apps import Apps
from sandbox.events import shapes
from tests.platforms.shopify.payments.world import APP, SCOPES, Checkout, app_document
from tests.platforms.shopify.world import SHOP


def tick(world: Checkout) -> None:
    """Let the schedule come at a tenth minute."""
    world.cloud.clock.move_to(world.now // 600 * 600 + 600)
    world.cloud.invoke("shopify_resolve", shapes.schedule("EveryMinute", 0), remaining_ms=900_000)


def mutations(world: Checkout) -> list[str]:
    return [one["query"] for one in world.wire.sent if "paymentsAppConfigure" in one.get("query", "")]


def test_a_shop_is_told_once_and_again_when_the_account_changes(world: Checkout) -> None:
    tick(world)
    tick(world)

    assert world.shopify.ready == {SHOP: {"externalHandle": "pay", "ready": True}}
    assert len(mutations(world)) == 1

    changed = app_document(external_handle="another")
    world.cloud.secretsmanager.put_secret_value(
        SecretId=f"countersign/test/shopify/{APP}", SecretString=json.dumps(changed)
    )
    one = next(iter(Apps().paying()))
    assert resolver.configure(world.store, one, now=world.now) == "ready"
    assert world.shopify.ready[SHOP]["externalHandle"] == "another"


def test_P4_without_a_payment_scope_nobody_is_told_and_a_person_is_until_it_was_given(world: Checkout) -> None:
    one = next(iter(Apps().paying()))
    lacking = one._replace(shop=replace(one.shop, scopes=frozenset(SCOPES[:1])))

    assert resolver.configure(world.store, lacking, now=world.now) == "lacking"
    assert resolver.configure(world.store, lacking, now=world.now) == "lacking"
    assert world.shopify.ready == {}
    assert len([item for item in world.cloud.table() if "exception" in item]) == 1

    assert resolver.configure(world.store, one, now=world.now) == "ready"
    assert world.shopify.ready[SHOP]["ready"] is True
    assert not [item for item in world.cloud.table() if "exception" in item]


def test_P4_what_shopify_denies_is_tried_again(world: Checkout) -> None:
    world.wire.simulator.faults({"denied": 1})
    tick(world)
    assert world.shopify.ready == {}

    tick(world)
    assert world.shopify.ready[SHOP]["ready"] is True

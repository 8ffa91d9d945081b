"""A lost afternoon: forty orders change while nothing arrives; then every state is right, and that is proved."""

from collections.abc import Iterator

import pytest
import time_machine
from moto import mock_aws

from countersign.workers import scan
from tests.platforms.shopify.test_guard import HOUR, looked_after, proof, told
from tests.platforms.shopify.world import APP, SHOP, Shopify, documents, shopify

ORDERS = 40


@pytest.fixture(params=["shop", "app", "admin"])
def world(
    request: pytest.FixtureRequest, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shopify]:
    """Return one stack whose only shop's subscriptions are made by the API, the app's configuration, or a person."""
    monkeypatch.setattr(scan, "WRITERS", 1)
    found = documents(subscriptions=request.param)
    with mock_aws(), shopify(clock, {APP: found[APP], f"{APP}/{SHOP}": found[f"{APP}/{SHOP}"]}) as made:
        if request.param != "shop":
            made.subscribe_all(request.param)
        looked_after(made, 0)
        for _ in range(3):
            made.make("create")
        assert set(made.carry()) == {200}
        looked_after(made, 600)
        yield made


def answer_500(world: Shopify) -> None:
    """Answer everything that waits with 500, for as long as Shopify tries: the last failure ends what it may end."""
    for delivery in world.posted:
        for attempt in range(len(delivery.retries) + 1):
            delivery.tries = attempt
            assert not delivery.takes(500, b"")
    world.posted.clear()


def afternoon(world: Shopify) -> tuple[int, int]:
    """Let forty orders be made, paid, refunded, edited and cancelled; return when it began and ended at the shop."""
    sold = [world.make("create", pay="sale" if number % 5 else "none") for number in range(ORDERS)]
    for number, one in enumerate(sold):
        world.cloud.clock.shift(60)
        match number % 5:
            case 0:
                world.make("pay", order=one.id)
            case 1:
                world.make("refund", order=one.id, minor=1000)
            case 2:
                world.make("cancel", order=one.id)
            case 3:
                world.make("edit", order=one.id, minor=12_000)
            case _:
                world.make("touch", order=one.id)
    for one in sold[::4]:  # some twice
        world.cloud.clock.shift(60)
        world.make("edit", order=one.id, minor=15_000)
    changed = [int(one.updated_at) for one in world.shop().orders.values()][-ORDERS:]
    return min(changed), max(changed)


@pytest.mark.parametrize("is_silent", [False, True], ids=["500", "silent"])
def test_E11_an_outage_longer_than_the_ladder_loses_nothing(world: Shopify, is_silent: bool) -> None:
    kind = world.wire.simulator.installations.apps[APP].kind
    if is_silent:
        world.ask("silence", silent=True)
    began, ended = afternoon(world)
    if not is_silent:
        answer_500(world)
    assert bool(world.ask("subscriptions")["ended"]) == (kind == "shop" and not is_silent)
    world.cloud.clock.shift(5 * HOUR)

    looked_after(world, 0, 600, 600)
    world.ask("silence", silent=False)
    world.make("create")  # somebody is told again
    assert set(world.carry()) == {200}
    looked_after(world, 600, 600, 600)

    for sold in world.shop().orders.values():
        world.agrees(sold)
    assert len(told(world, "subscription.missing")) == 1
    found = proof(world)
    assert found["missing"] == 0
    assert found["from"] <= began and found["to"] >= ended
    assert "order.orphan" not in world.emitted()

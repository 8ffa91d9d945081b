"""Nobody is first twice: notices in one second, echoes and cancellations in every sequence still write one status."""

import random
from typing import Any

import pytest

from tests.platforms.bigcommerce.world import NOW, STORE, Shop

ROUNDS = 6  # of each kind in the suite; the soak plays 150
CANCELLED, FULFILLMENT = 5, 11


def play(world: Shop, seed: int) -> tuple[dict[str, Any], bool]:
    """Play one order's life with chance in it; returns the order, and whether the store cancelled it."""
    chance = random.Random(seed)
    order, _ = world.start()
    world.posted.clear()
    reference = world.reference(order)
    world.hosted.make("pay", reference=reference)
    notices = [one.message(world.now) for one in world.hosted.posted]
    world.hosted.posted.clear()
    cancels = chance.random() < 0.5
    if cancels:
        world.faults(moved_meanwhile={"match": str(order["id"]), "status_id": CANCELLED, "count": 1})
    steps = [lambda: world.hosted.send(notices[0])] * 3 + [lambda: world.told(order)] * 3
    steps += [lambda: world.deliver(), lambda: world.run("sync", 1), lambda: world.run("poll")]
    chance.shuffle(steps)
    for step in steps:
        step()
    world.told(order)
    for _ in range(3):  # until everything has settled
        world.deliver()
        world.run("poll", 61)
        world.run("sync", 61)
    world.faults(clear=True)
    return order, cancels


def check(world: Shop, order: dict[str, Any], cancels: bool, seed: int) -> None:
    there, known = world.there(order), world.order(order)
    assert known.paid == 6984, seed
    assert len(known.payments) == 1, seed
    refunds = world.store.refunds(world.hosted.order(world.reference(order)).key)
    if not cancels:
        assert (there["puts"], refunds) == ([FULFILLMENT], ()), seed
    elif there["puts"]:  # the store's timer was faster than our writing, and slower than our reading
        assert there["puts"] == [FULFILLMENT], seed
        assert [one.reason for one in known.anomalies] == ["closed_while_it_was_paid"], seed
    else:
        assert there["status_id"] == CANCELLED, seed
        assert [one.status for one in refunds] == ["requested"], seed


@pytest.mark.parametrize("part", range(2))
def test_three_notices_with_echoes_and_a_cancellation_write_one_status(world: Shop, part: int) -> None:
    world.hook()
    for number in range(ROUNDS // 2):
        seed = part * 1000 + number
        check(world, *play(world, seed), seed)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(6))
def test_a_hundred_and_fifty_rounds_write_one_status_each(world: Shop, part: int) -> None:
    world.hook()
    for seed in range(NOW + part * 25, NOW + part * 25 + 25):
        check(world, *play(world, seed), seed)
    assert {one["store"] for one in world.make("ledger")["orders"]} == {STORE}

"""Shoppers who do what shoppers do, by chance: at the end we, the store and the cashier say the same of money."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from tests.platforms.bigcommerce.world import Shop, app_document, shop

CANCELLED, FULFILLMENT = 5, 11
CASHIERS = ("hc1/main", "stripe/main")
Json = dict[str, Any]


@pytest.fixture(params=CASHIERS)
def world(
    request: pytest.FixtureRequest, clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    with mock_aws(), shop(clock, tmp_path, monkeypatch, app_document(cashier=request.param)) as made:
        yield made


def live(world: Shop, chance: random.Random) -> Json:
    """Let one shopper order, and do what comes into her head; returns the order."""
    order = world.make("order", total=f"{chance.randint(100, 99_999) / 100:.4f}")
    ip = f"198.51.{order['id'] // 250}.{order['id'] % 250}"
    for _ in range(chance.randint(1, 3)):  # tabs, reloads
        assert world.ask(order, ip=ip)[0] == 200
    match chance.choice(["pays", "pays", "pays late", "leaves", "comes back", "cancelled", "cancelled and pays"]):
        case "pays":
            _pay(world, order, 1, chance)
        case "pays late":
            _pay(world, order, 1, chance, tell=False)
            world.cloud.clock.shift(chance.randint(60, 1500))
        case "comes back":
            world.hosted.work("poll", 1900)
            world.ask(order, ip=ip)
            _pay(world, order, 2, chance)
        case "cancelled":
            world.make("move", id=order["id"], status_id=CANCELLED)
            assert world.ask(order, ip=ip)[0] == 409
        case "cancelled and pays":
            world.make("move", id=order["id"], status_id=CANCELLED)
            _pay(world, order, 1, chance)
    return order


def _pay(world: Shop, order: Json, number: int, chance: random.Random, *, tell: bool = True) -> None:
    attempt = world.attempt(order, number)
    if attempt is None or attempt.status not in ("created", "pending"):
        return
    call = "stripe_pay" if world.cashier.startswith("stripe") else "pay"
    world.hosted.make(call, world.cashier, reference=world.reference(order, number), notify=tell)
    if chance.random() < 0.8:  # the others are lost, and found by asking
        world.hosted.deliver()
        if chance.random() < 0.5:
            world.told(order, attempt=number)
    world.hosted.posted.clear()


def settle(world: Shop) -> None:
    """Let everything run that runs by itself, until nothing is left to be done."""
    for seconds in (61, 600, 1800, 3600):
        world.hosted.work("poll", seconds)
        world.hosted.posted.clear()
        world.deliver()
        world.run("poll", 61)
        world.run("sync", 61)


def taken(world: Shop, order: Json) -> int:
    """Return what the cashier took for an order, by its own book."""
    call = "stripe_ledger" if world.cashier.startswith("stripe") else "ledger"
    book = str(world.hosted.make(call, world.cashier))
    found = 0
    for number in (1, 2):
        attempt = world.attempt(order, number)
        if attempt is not None and attempt.payment is not None:
            assert world.reference(order, number) in book
            found += attempt.payment.total.minor
    return found


def audit(world: Shop, order: Json, told: str) -> None:
    """Compare what all three know of one order."""
    there, known = world.there(order), world.order(order)
    paid = taken(world, order)
    assert known.paid == paid, told
    assert paid in (0, known.terms.amount.minor), told  # never lost, never twice
    if paid == 0:
        assert there["puts"] == [], told
        assert known.status in ("pending", "closed"), told
    elif there["status_id"] == CANCELLED:
        attempt = next(one for one in map(world.attempt, [order] * 2, (1, 2)) if one is not None and one.payment)
        assert there["puts"] == [], told
        assert [one.status for one in world.store.refunds(attempt.key)] == ["requested"], told
    else:
        assert there["puts"] == [FULFILLMENT], told
        assert known.status == "paid", told


def play(world: Shop, shoppers: int, seed: int) -> None:
    print(f"SHOPPERS_SEED={seed}")
    chance = random.Random(seed)
    world.hook()
    orders = [live(world, chance) for _ in range(shoppers)]
    settle(world)
    for number, order in enumerate(orders):
        audit(world, order, f"seed {seed}, shopper {number}")


def test_a_few_shoppers_lose_nothing_and_pay_nothing_twice(world: Shop) -> None:
    play(world, 4, 1)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(20))
def test_two_thousand_shoppers_lose_nothing_and_pay_nothing_twice(world: Shop, part: int) -> None:
    seed = int(os.environ.get("SHOPPERS_SEED") or random.SystemRandom().randrange(10**6))
    play(world, 2000 // 20 // len(CASHIERS), seed + part)

"""Shoppers who do what shoppers do, by chance: at the end we, the store and the cashier say the same of money."""

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from tests.platforms.bigcommerce.world import Shop, app_document, shop

CANCELLED, FULFILLMENT = 5, 11
CASHIERS = ("hc1/main", "stripe/main", "wechat_native/qr")
SHOPPERS = int(os.environ.get("SHOPPERS") or 2000)  # of the soak, over all cashiers
PARTS = max(1, SHOPPERS // 100)  # what a part costs grows faster than its shoppers
FEW = 100  # in the suite: seconds of the processor, because chance finds what nobody thought of
Json = dict[str, Any]


@pytest.fixture(params=CASHIERS)
def world(
    request: pytest.FixtureRequest, clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    with mock_aws(), shop(clock, tmp_path, monkeypatch, app_document(cashier=request.param)) as made:
        yield made


def live(world: Shop, chance: random.Random) -> Json:
    """Let one shopper order, and do what comes into her head; returns the order."""
    currency = "CNY" if world.by_code else "USD"
    order = world.make("order", total=f"{chance.randint(100, 99_999) / 100:.4f}", currency=currency)
    ip = f"198.51.{order['id'] // 250}.{order['id'] % 250}"
    for _ in range(chance.randint(1, 3)):  # tabs, reloads
        assert world.ask(order, ip=ip)[0] == 200
    what = ["pays", "pays", "pays late", "leaves", "comes back", "pays twice", "cancelled", "cancelled and pays"]
    match chance.choice([*what, *(["debit comes", "debit fails"] if world.cashier.startswith("stripe") else [])]):
        case "pays":
            _pay(world, order, 1, chance)
        case "pays late":
            _pay(world, order, 1, chance, tell=False)
            world.cloud.clock.shift(chance.randint(60, 1500))
        case "comes back":
            world.hosted.work("poll", 7300 if world.by_code else 1900)
            world.cloud.invoke("wechat_poll", {}, remaining_ms=900_000)
            world.ask(order, ip=ip)
            _pay(world, order, 2, chance)
        case "pays twice":
            # She goes back, or has another tab, and wants to pay again.
            _pay(world, order, 1, chance, tell=chance.random() < 0.5)
            world.ask(order, ip=ip)
            _pay(world, order, 2, chance)
        case "debit comes" | "debit fails" as how:
            reference = world.reference(order)
            world.hosted.make("stripe_debit", world.cashier, reference=reference)
            world.hosted.deliver()
            world.cloud.clock.shift(chance.randint(60, 900))
            world.hosted.make("stripe_settle", world.cashier, reference=reference, succeeded=how == "debit comes")
            world.hosted.deliver()
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
    if world.by_code:
        world.scan_code(order, number, tell=tell and chance.random() < 0.8)
        if chance.random() < 0.5:
            world.told(order, attempt=number)
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
        world.cloud.invoke("wechat_poll", {}, remaining_ms=900_000)
        world.hosted.posted.clear()
        world.deliver()
        world.run("poll", 61)
        world.run("sync", 61)


def taken(world: Shop, order: Json) -> int:
    """Return what the cashier took for an order, by its own book, which must be what is recorded here."""
    book = _book(world)
    found = 0
    for number in (1, 2):
        attempt = world.attempt(order, number)
        recorded = attempt.payment.total.minor if attempt is not None and attempt.payment is not None else 0
        assert recorded == book.get(world.reference(order, number), 0)
        found += recorded
    return found


def _book(world: Shop) -> dict[str, int]:
    """Return what the cashier's own book says was paid, by our reference, in minor units."""
    if world.by_code:
        trades = world.cloud.wechat.simulator.control("ledger", {})[1]["transactions"]
        return {one["out_trade_no"]: one["total"] for one in trades if one["state"] in ("SUCCESS", "REFUND")}
    if world.cashier.startswith("stripe"):
        sessions = world.hosted.make("stripe_ledger", world.cashier)["sessions"]
        return {one["client_reference_id"]: one["amount_total"] for one in sessions if one["payment_status"] == "paid"}
    payments = world.hosted.make("ledger", world.cashier)["payments"]
    return {one["merchant_payment_id"]: one["paid_amount"]["value"] for one in payments}


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
    print(f"SHOPPERS_SEED={seed}", file=sys.stderr)  # which is seen from processes of pytest's too
    chance = random.Random(seed)
    world.hook()
    orders = [live(world, chance) for _ in range(shoppers)]
    settle(world)
    for number, order in enumerate(orders):
        audit(world, order, f"seed {seed}, shopper {number}")


def test_a_hundred_shoppers_lose_nothing_and_pay_nothing_twice(world: Shop) -> None:
    play(world, FEW // len(CASHIERS) + 1, 1)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_thousands_of_shoppers_lose_nothing_and_pay_nothing_twice(world: Shop, part: int) -> None:
    seed = int(os.environ.get("SHOPPERS_SEED") or random.SystemRandom().randrange(10**6))
    play(world, SHOPPERS // PARTS // len(CASHIERS) + 1, seed + part)

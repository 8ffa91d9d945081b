"""Money is only held until Shopify says that there is something to sell, where the account says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from moto import mock_aws

from sandbox.simulators.shopify.payments import Asked
from tests.platforms.shopify.payments.world import Checkout, checkout

RESOLVED, REJECTED = ["Confirm", "Resolve"], ["Confirm", "Reject"]


@pytest.fixture
def world(clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    with mock_aws(), checkout(clock, tmp_path, monkeypatch, confirm=True) as made:
        yield made


def held(world: Checkout, kind: str = "sale", **wanted: object) -> Asked:
    asked = world.ask(kind=kind, **wanted)
    assert world.visit(asked)["statusCode"] == 303
    world.pay(asked)
    world.run(60)
    assert (asked.state, status(world, asked)) == ("confirming", "AUTHORIZED")
    return asked


def status(world: Checkout, asked: Asked) -> str:
    found = world.hosted.wire.simulator._hc1.ledger.find("hc1/main", world.attempts(asked)[0])
    assert found is not None
    return str(found.status)


def test_a_sale_is_taken_once_shopify_says_that_it_may_be(world: Checkout) -> None:
    asked = held(world)
    world.run(60)
    assert (asked.told, world.order(asked).paid) == (["Confirm"], 0)

    assert world.shopify.confirm(asked) == 201
    rows = world.rows()
    asked.confirms = False  # another word comes too late, and the same one again changes nothing
    assert world.shopify.confirm(asked) == 201
    assert world.rows() == rows
    assert world.visit(asked, "back")["statusCode"] == 303  # the buyer who waits has it looked at
    world.run(60)

    assert (asked.state, asked.told, asked.refused) == ("resolved", RESOLVED, [])
    assert (status(world, asked), world.order(asked).paid, world.order(asked).status) == ("SUCCEEDED", 10000, "paid")


@pytest.mark.parametrize("kind", ["sale", "authorization"])
def test_what_may_not_be_taken_is_let_go_and_rejected_as_such(world: Checkout, kind: str) -> None:
    asked = held(world, kind, confirms=False)

    assert world.shopify.confirm(asked) == 201
    world.run(60)

    assert (asked.state, asked.told, status(world, asked)) == ("rejected", REJECTED, "CANCELLED")
    assert asked.arguments["reason"]["code"] == "CONFIRMATION_REJECTED"
    assert world.order(asked).paid == 0


def test_an_authorization_that_may_be_taken_stays_held(world: Checkout) -> None:
    asked = held(world, "authorization")
    world.shopify.confirm(asked)
    world.run(60)

    assert (asked.state, asked.told, status(world, asked)) == ("resolved", RESOLVED, "AUTHORIZED")
    assert "authorizationExpiresAt" in asked.arguments


def test_E1_a_capture_whose_answer_was_lost_is_made_once_and_counts_once(world: Checkout) -> None:
    asked = held(world)
    world.shopify.confirm(asked)
    world.hosted.wire.simulator.faults({"truncated": 3})
    world.run(60)
    for seconds in (60, 60, 60):
        world.run(seconds)

    assert (asked.told, world.order(asked).paid) == (RESOLVED, 10000)


def test_who_never_hears_from_shopify_lets_the_money_go_after_a_day(world: Checkout) -> None:
    asked = held(world, confirms=None)
    world.run(86_400)
    world.run(60)

    assert (asked.told, status(world, asked)) == (REJECTED, "CANCELLED")


def test_a_word_that_nobody_asked_for_changes_nothing_and_is_none_once_somebody_does(world: Checkout) -> None:
    asked = world.ask()
    rows = world.rows()
    assert world.shopify.confirm(asked) == 201
    assert world.rows() == rows

    assert world.visit(asked)["statusCode"] == 303
    world.pay(asked)
    world.run(60)
    assert asked.told == ["Confirm"]
    assert world.shopify.confirm(asked) == 201
    world.run(60)

    assert asked.told == RESOLVED


@pytest.mark.parametrize("kind", ["sale", "authorization"])
def test_where_shopify_gives_no_word_for_the_method_money_is_let_go_and_nothing_is_asked_for_a_day(
    world: Checkout, kind: str
) -> None:
    asked = world.ask(kind=kind)
    assert world.visit(asked)["statusCode"] == 303
    world.wire.simulator.faults({"no_confirm": 100})
    world.pay(asked)
    for _ in range(3):
        world.run(60)

    assert (asked.told, asked.refused, status(world, asked)) == (["Reject"], ["Confirm"], "CANCELLED")
    assert (world.order(asked).paid, world.session(asked).status) == (0, "rejected")


def test_money_that_somebody_takes_while_shopify_is_asked_for_its_word_resolves_the_session(world: Checkout) -> None:
    asked = world.ask()
    assert world.visit(asked)["statusCode"] == 303
    world.wire.simulator.faults({"unread": {"seconds": 7200, "count": 1000}})
    world.pay(asked)
    for seconds in (1, 600, 3600):
        world.run(seconds)
    assert world.session(asked).operation == "confirm"
    ledger = world.hosted.wire.simulator._hc1.ledger
    held_there = ledger.find("hc1/main", world.attempts(asked)[0])
    assert held_there is not None
    with ledger.lock:
        ledger.take(held_there, "elsewhere", held_there.minor, world.now)
    world.wire.simulator.faults({"clear": True})
    world.told(asked)  # at once, and not when Shopify would be asked again

    assert (asked.told, world.order(asked).paid) == (["Resolve"], 10000)

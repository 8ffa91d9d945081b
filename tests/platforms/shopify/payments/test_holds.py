"""Money that is held: captured in parts, let go, and back again; and who is told before nobody can take it any more."""

import json
from typing import Any

from sandbox.simulators.shopify.payments import Asked
from tests.functions.conftest import http_event
from tests.platforms.shopify.payments.world import Checkout

DAY = 86_400


def held(world: Checkout, amount: str = "100.00") -> Asked:
    """Have a buyer's money held, and Shopify told so."""
    asked = world.ask(kind="authorization", amount=amount)
    assert world.visit(asked)["statusCode"] == 303
    world.pay(asked)
    world.run(60)
    assert asked.told == ["Resolve"]
    return asked


def ledger(world: Checkout, asked: Asked) -> Any:
    found = world.hosted.wire.simulator._hc1.ledger.find("hc1/main", world.attempts(asked)[0])
    assert found is not None
    return found


def ask(world: Checkout, about: str, asked: Asked, amount: str = "") -> Asked:
    """Have Shopify ask for something about a payment, a second after the last."""
    world.cloud.clock.shift(1)
    return world.ask(about, payment=asked.body["id"], **({"amount": amount} if amount else {}))


def findings(world: Checkout) -> list[Any]:
    answer = world.cloud.invoke("orders_api", http_event("GET", "/exceptions", {}))
    return [one for one in json.loads(answer["body"])["exceptions"] if one["kind"] == "finding"]


def test_what_was_captured_goes_back_while_the_rest_is_held_and_no_more_than_that(world: Checkout) -> None:
    asked = held(world)
    early = ask(world, "refund", asked, "1.00")
    capture = ask(world, "capture", asked, "60.00")
    world.run(1)
    assert (early.state, capture.state) == ("rejected", "resolved")

    part, more = ask(world, "refund", asked, "50.00"), ask(world, "refund", asked, "10.01")
    world.run(1)
    assert (part.state, part.told, more.state) == ("resolved", ["Resolve"], "rejected")
    assert (ledger(world, asked).refunded, world.order(asked).refunded) == (5000, 5000)

    rest = ask(world, "capture", asked, "40.00")
    world.run(1)
    world.hosted.deliver()
    world.hosted.work("poll", 60)
    last = ask(world, "refund", asked, "50.00")
    for seconds in (1, 60, 60):
        world.run(seconds)
        world.refunds(1)

    order = world.order(asked)
    assert (rest.state, last.state, last.told) == ("resolved", "resolved", ["Resolve"])
    assert (order.paid, order.refunded, order.status) == (10000, 10000, "refunded")
    assert (ledger(world, asked).paid, ledger(world, asked).refunded) == (10000, 10000)


def test_D8_a_refund_of_a_part_whose_answer_was_lost_is_made_once_whatever_is_captured_meanwhile(
    world: Checkout,
) -> None:
    asked = held(world)
    ask(world, "capture", asked, "60.00")
    world.run(1)
    part = ask(world, "refund", asked, "60.00")
    world.hosted.wire.simulator.faults({"truncated": 2})  # the cashier made it, and nobody heard
    world.run(1)
    assert (part.state, ledger(world, asked).refunded) == ("open", 6000)

    ask(world, "capture", asked, "40.00")
    for seconds in (30, 60, 60):
        world.run(seconds)
        world.hosted.deliver()
        world.hosted.work("poll", 1)
        world.refunds(1)

    assert (part.state, part.told) == ("resolved", ["Resolve"])
    assert (ledger(world, asked).refunded, world.order(asked).refunded) == (6000, 6000)


def test_nothing_is_let_go_after_a_capture_by_whatever_way(world: Checkout) -> None:
    one, other = held(world), held(world)
    capture, void = ask(world, "capture", one, "60.00"), ask(world, "void", one)
    with world.hosted.wire.simulator._hc1.ledger.lock:  # somebody captures on the cashier's own pages
        world.hosted.wire.simulator._hc1.ledger.take(ledger(world, other), "elsewhere", 6000, world.now)
    foreign = ask(world, "void", other)

    world.run(1)
    world.run(60)

    assert (capture.state, void.state, foreign.state) == ("resolved", "rejected", "rejected")
    assert {ledger(world, one).status, ledger(world, other).status} == {"PARTIALLY_CAPTURED"}


def test_what_is_asked_for_after_a_capture_waits_until_that_is_known(world: Checkout) -> None:
    asked = held(world)
    capture, void = ask(world, "capture", asked, "100.01"), ask(world, "void", asked)
    world.hosted.wire.simulator.faults({"error500": 4})
    world.run(1)
    for seconds in (10, 60, 60, 60):
        world.run(seconds)

    assert (capture.state, void.state) == ("rejected", "resolved")
    assert ledger(world, asked).status == "CANCELLED"


def test_E1_a_capture_that_was_made_is_resolved_however_late_that_is_known(world: Checkout) -> None:
    asked = held(world)
    world.cloud.clock.shift(7 * DAY - 600)
    capture = ask(world, "capture", asked, "60.00")
    world.hosted.wire.simulator.faults({"truncated": 2})
    world.run(1)
    assert (capture.state, ledger(world, asked).paid) == ("open", 6000)

    world.run(3600)  # by now the hold is over

    assert (capture.state, capture.told, world.order(asked).paid) == ("resolved", ["Resolve"], 6000)


def test_who_holds_money_is_warned_a_day_before_it_can_be_taken_no_more(world: Checkout) -> None:
    asked, taken = held(world), held(world)
    ask(world, "capture", asked, "60.00")
    ask(world, "capture", taken, "100.00")
    world.run(1)
    (step,) = [one for one in world.shown(asked, "/explanation")["next"] if one["code"] == "next.hold_ends"]
    assert "40.00" in step["text"]
    assert step["at"] == asked.arguments["authorizationExpiresAt"]
    assert not [one for one in world.shown(taken, "/explanation")["next"] if one["code"] == "next.hold_ends"]
    world.run(5 * DAY)
    assert findings(world) == []

    world.run(DAY)
    world.run(60)
    (found,) = findings(world)
    assert world.order(asked).key.order_id in json.dumps(found)

    ask(world, "capture", asked, "40.00")
    world.run(1)
    assert findings(world) == []


def test_a_warning_ends_with_the_hold(world: Checkout) -> None:
    over, gone = held(world), held(world)
    world.run(6 * DAY + 60)
    assert len(findings(world)) == 2

    void = ask(world, "void", gone)
    world.run(1)
    assert (void.state, len(findings(world))) == ("resolved", 1)
    world.run(DAY)

    assert findings(world) == []
    assert over.told == ["Resolve"]


def test_what_becomes_of_a_hold_within_one_second_counts_in_its_sequence(world: Checkout) -> None:
    asked = held(world)
    void = world.ask("void", payment=asked.body["id"])
    world.run()  # the clock stands still since the money was held

    assert void.state == "resolved"
    assert (world.order(asked).status, world.order(asked).authorized) == ("closed", 0)


def test_a_session_that_is_asked_for_beside_a_hold_takes_nothing_away_from_it(world: Checkout) -> None:
    asked = world.ask(kind="authorization", group="two-tabs")
    assert world.visit(asked)["statusCode"] == 303
    world.pay(asked)
    world.run(60)
    assert world.order(asked).authorized == 10000
    world.cloud.clock.shift(60)
    other = world.ask(kind="authorization", group="two-tabs", amount="1.00")
    world.run(60)

    assert other.told == []
    assert (world.order(asked).status, world.order(asked).authorized) == ("authorized", 10000)
    assert world.order(asked).terms.amount.minor == 10000

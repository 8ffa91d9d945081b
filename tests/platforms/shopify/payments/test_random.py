"""Sessions of random behaviour: none lost, none answered twice, none undecided past its time."""

import os
import random
import secrets
from typing import Any

import pytest

from sandbox.simulators.shopify.payments import Asked
from tests.platforms.shopify.payments.world import Checkout

HOUR = 3600
CHECKOUTS = int(os.environ.get("CHECKOUTS") or 2000)  # of the soak; each has a session at least, and many have more
PARTS = max(1, CHECKOUTS // 100)  # each in a world of its own: what a world costs grows faster than what is in it
BUYERS = (
    "pays",
    "pays",
    "pays",
    "fails first",
    "refused",
    "cancels",
    "never comes",
    "two windows",
    "late",
    "holds",
    "captures",
)


def live(world: Checkout, seed: int) -> list[tuple[str, Asked]]:  # noqa: C901 - one case for each kind of buyer
    """Let a session live with chance in it; returns it, and what came of it, with what each should have become."""
    chance = random.Random(seed)
    buyer = chance.choice(BUYERS)
    copies: dict[str, Any] = {
        "copies": 1,
        "amount": f"{chance.randint(1, 99999) / 100:.2f}",
        "group": f"group-of-{seed}",
    }
    asked = world.ask(kind="authorization" if buyer in ("holds", "captures") else "sale", **copies)
    if chance.random() < 0.3:
        world.ask(id=asked.body["id"])
    if buyer == "never comes":
        return [("rejected", asked)]
    world.visit(asked)
    if buyer == "refused":
        _end(world, asked, "order.failed", call="end", status="FAILED", code="fraud_suspected")
        return [("rejected", asked)]
    if buyer == "fails first":
        _end(world, asked, "order.failed", call="end", status="FAILED", code="declined")
        world.visit(asked)
    if buyer == "cancels":
        world.visit(asked, "cancel")
        world.cloud.clock.shift(chance.randint(1, 600))
    found = [("resolved", asked)]
    if buyer == "two windows":
        second = world.ask(**copies)
        world.visit(second)
        found = [("rejected", asked), ("resolved", second)]
        asked = second
    if buyer == "late":
        _end(world, asked, "", call="process")
        world.visit(asked, "back")
    if chance.random() < 0.3:
        world.wire.simulator.faults({chance.choice(["error500", "truncated"]): 1})
    if chance.random() < 0.5:
        _end(world, asked, "order.paid")
    else:  # the bus says nothing: the buyer's return, or the schedule, finds out
        world.pay(asked)
        world.visit(asked, "back")
    if buyer == "holds":
        found.append(("resolved", world.ask("void", payment=asked.body["id"])))
    elif buyer == "captures":
        found += _captures(world, asked, chance)
    elif chance.random() < 0.4:
        part, whole = chance.randint(1, 50), asked.body["amount"]
        amount = whole if chance.random() < 0.3 else f"{min(float(whole), part / 100):.2f}"
        found.append(("resolved", world.ask("refund", payment=asked.body["id"], amount=amount, copies=1)))
        world.ask("refund", payment=asked.body["id"], amount=amount, id=found[-1][1].body["id"])
    return found


def _captures(world: Checkout, asked: Asked, chance: random.Random) -> list[tuple[str, Asked]]:
    """Capture a part, give a part of that back, and capture the rest or ask for what is not there any more."""
    payment, held = asked.body["id"], round(float(asked.body["amount"]) * 100)
    first = chance.randint(1, held)
    found = [("resolved", world.ask("capture", payment=payment, amount=f"{first / 100:.2f}"))]
    world.run(1)
    back = chance.randint(1, first)
    found.append(("resolved", world.ask("refund", payment=payment, amount=f"{back / 100:.2f}", copies=1)))
    world.run(1)
    found.append(("rejected", world.ask("capture", payment=payment, amount=f"{(held - first + 1) / 100:.2f}")))
    found.append(("rejected", world.ask("void", payment=payment)))
    if first < held and chance.random() < 0.7:
        world.run(1)
        found.append(("resolved", world.ask("capture", payment=payment, amount=f"{(held - first) / 100:.2f}")))
    return found


def _end(world: Checkout, asked: Asked, word: str, **how: Any) -> None:
    world.pay(asked, **how)
    if word:
        world.told(asked, word)


def play(world: Checkout, seed: int, many: int) -> int:
    """Let many sessions live, and a day pass; then each is answered once, by what its buyer did. Returns how many."""
    print(f"seed {seed}")
    lived = [one for number in range(many) for one in live(world, seed + number)]
    world.wire.simulator.faults({"clear": True})
    for hours in (0.02, 0.02, 0.02, 0.5, 1, 2, 4, 4, 4, 4, 4, 2, 2, 1):
        world.run(int(hours * HOUR))
        world.refunds(1)
        world.hosted.work("poll", 1)
        world.hosted.deliver()
    wrong = [(asked.body["id"], asked.about, asked.state, wanted) for wanted, asked in lived if asked.state != wanted]
    assert wrong == []
    twice = [asked.told for _, asked in lived if sum(one != "Pending" for one in asked.told) != 1]
    assert twice == []
    undecided = [asked.body["id"] for _, asked in lived if world.session(asked).status not in ("resolved", "rejected")]
    assert undecided == []
    paid = [asked for wanted, asked in lived if wanted == "resolved" and asked.about == "payment"]
    for asked in paid:
        ledger = world.hosted.wire.simulator._hc1.ledger
        taken = [
            one for one in map(ledger.find, ["hc1/main"] * 9, world.attempts(asked)) if one is not None and one.paid
        ]
        assert len(taken) <= 1
        order = world.order(asked)
        assert order.paid == sum(one.paid for one in taken)
        assert order.refunded == sum(one.refunded for one in taken)
    print(f"{many} checkouts, {len(lived)} sessions: 0 lost, 0 answered twice, 0 undecided")
    return len(lived)


def test_a_hundred_sessions_of_a_fixed_chance(world: Checkout) -> None:
    assert play(world, 20_261_129, 60) >= 100


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_two_thousand_sessions(world: Checkout, part: int) -> None:
    play(world, int(os.environ.get("SESSIONS_SEED") or secrets.randbelow(10**9)) + part * 1000, CHECKOUTS // PARTS)

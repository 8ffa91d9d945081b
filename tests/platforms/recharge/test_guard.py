"""Recharge deletes subscriptions after 48 hours of failures: they are made anew, and the gap is read."""

import json
import time
from datetime import UTC, datetime

import pytest

from tests.functions.conftest import http_event
from tests.platforms.recharge.world import DAY, Recharge

TOPICS = {"created", "failed", "max_retries_reached", "paid", "refunded", "updated", "deleted"}
ADDRESS = "https://pay.example.com/recharge/store/webhook"


def topics(world: Recharge) -> set[str]:
    found = world.make("subscriptions")["subscriptions"]
    assert {one["address"] for one in found} <= {ADDRESS}
    return {one["topic"].removeprefix("charge/") for one in found}


def test_the_first_run_subscribes_to_everything_and_tells_nobody(world: Recharge) -> None:
    world.run("guard")
    assert topics(world) == TOPICS
    assert world.emitted() == []
    world.asked()

    world.run("guard", 3600)
    assert [call for call in world.asked() if call.startswith("POST")] == []


def test_E11_a_subscription_that_ended_is_restored_and_what_it_would_have_told_is_read(
    world: Recharge, capsys: pytest.CaptureFixture[str]
) -> None:
    world.run("guard")
    failing = world.make("charge", will="CARD_DECLINED", attempt=True)
    assert 200 in world.deliver()
    world.run("scan")
    world.make("unsubscribe")
    world.cloud.clock.shift(2 * DAY)
    world.make("attempt", charge_id=failing["id"], will="")  # nobody is told that it was paid
    other = world.make("charge", will="VARIANT_DOES_NOT_EXIST", attempt=True)
    assert world.posted == []

    world.run("guard", 60)
    assert topics(world) == TOPICS
    assert sorted(world.emitted())[-2:] == ["subscription.missing", "subscription.restored"]
    assert "SubscriptionMissing" in capsys.readouterr().out
    world.run("scan", 60)
    assert world.shown(failing["id"])["status"] == "paid"
    assert world.shown(other["id"])["charge"]["group"] == "merchant_must_act"
    world.run("guard", 3600)
    assert world.emitted().count("subscription.missing") == 1


def test_E11_48_hours_of_failures_end_a_subscription_at_recharge(world: Recharge) -> None:
    world.run("guard")
    world.make("charge", will="CARD_DECLINED", attempt=True)
    (delivery,) = world.posted
    for attempt in range(len(delivery.retries) + 1):
        delivery.tries = attempt
        assert not delivery.takes(503, b"")

    assert len(delivery.retries) == 19
    assert sum(delivery.retries) == 48 * 3600
    assert world.make("subscriptions")["ended"][0]["mailed"] is True
    world.run("guard", 3600)
    assert topics(world) == TOPICS


def test_somebody_elses_address_is_left_alone(world: Recharge, capsys: pytest.CaptureFixture[str]) -> None:
    world.make("subscribe", topic="charge/failed", address="https://other.example.com/hook")
    world.run("guard")

    found = world.make("subscriptions")["subscriptions"]
    assert {one["address"] for one in found} == {ADDRESS, "https://other.example.com/hook"}
    assert "SubscriptionsOfOthers" in capsys.readouterr().out


def test_one_accounts_fault_is_its_own(world: Recharge, capsys: pytest.CaptureFixture[str]) -> None:
    world.wire.simulator.faults({"no_scope": 1})
    world.run("guard")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum(line.get("GuardFailed", 0) for line in lines) == 1
    subscribed = [account for account in world.documents if world.make("subscriptions", account)["subscriptions"]]
    assert len(subscribed) == 2


def test_a_time_that_a_person_wants_read_is_read_anew_although_no_numbers_prove_it(world: Recharge) -> None:
    world.run("guard")
    paid = world.make("charge", will="CARD_DECLINED", attempt=True)
    world.run("scan")
    world.posted.clear()
    world.make("attempt", charge_id=paid["id"], will="")  # paid: a list of failures alone never shows it again
    world.posted.clear()
    world.cloud.clock.shift(DAY)
    world.run("scan")
    assert world.shown(paid["id"])["status"] == "failed"
    now = int(time.time())
    at = [datetime.fromtimestamp(one, UTC).isoformat() for one in (now - 2 * DAY, now)]
    wish = http_event(
        "POST",
        "/accounts/{platform}/{account}/restore",
        {"platform": "recharge", "account": "store"},
        body=json.dumps({"from": at[0], "to": at[1]}),
        claims={"scope": "operate"},
    )
    assert world.cloud.invoke("decisions_api", wish)["statusCode"] == 202

    world.run("guard", 3600)
    world.run("scan", 60)

    assert world.shown(paid["id"])["status"] == "paid"
    row = next(one for one in world.cloud.table() if one["sk"]["S"] == "SUBSCRIPTIONS")
    assert not [name for name in row if name.startswith(("wish", "gap"))]

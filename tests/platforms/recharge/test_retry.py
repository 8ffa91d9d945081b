"""Somebody wants a charge tried again: recorded first, read just before, asked for once, and then only read."""

import json
from typing import Any

import pytest

from countersign.workers import retry
from tests.functions.conftest import MERCHANT_API, http_event
from tests.platforms.recharge.world import Recharge

ROUTE = "/charges/{account}/{charge_id}/retry"


def failed(world: Recharge, will: str = "CARD_DECLINED") -> int:
    charge = world.make("charge", will=will, attempt=True)
    world.run("scan")
    world.asked()
    return int(charge["id"])


def ask(world: Recharge, number: int) -> tuple[int, Any]:
    status, content = world.api("POST", ROUTE, {"account": "store", "charge_id": str(number)})
    return status, content


def wish(world: Recharge, number: int) -> dict[str, Any]:
    (found,) = world.shown(number)["retry_requests"]
    return dict(found)


def posts(world: Recharge) -> list[str]:
    return [call for call in world.asked() if call.startswith("POST")]


def test_a_charge_is_tried_once_and_succeeds(world: Recharge) -> None:
    number = failed(world)
    world.make("attempt", charge_id=number, will="CARD_DECLINED")  # a second failure, which the read before sees
    world.run("scan", 60)
    world.make("note", charge_id=number, note="card renewed by phone")
    world.wire.simulator._control._dunning.ledger.charges[number].will = ""  # type: ignore[attr-defined]
    status, content = ask(world, number)
    assert (status, content["retry"]["status"]) == (202, "requested")
    assert "charge.retry_requested" in world.emitted(number)
    world.asked()

    world.run("retry", 1)

    assert world.asked() == [f"GET /charges/{number}", f"POST /charges/{number}/process"]
    assert wish(world, number)["status"] == "succeeded"
    assert world.shown(number)["status"] == "paid"
    world.run("retry", 60)
    assert world.asked() == []


def test_asked_for_twice_it_is_one_wish(world: Recharge) -> None:
    number = failed(world)
    first, second = ask(world, number), ask(world, number)

    assert (first[0], second[0]) == (202, 202)
    assert first[1]["retry"] == second[1]["retry"]
    world.run("retry", 1)
    world.run("retry", 60)
    assert len(posts(world)) == 1


def test_what_recharge_refuses_is_told_and_may_be_asked_for_again(world: Recharge) -> None:
    number = failed(world)
    ask(world, number)
    world.wire.simulator.faults({"no_scope": {"match": "process"}})
    world.run("retry", 1)

    assert wish(world, number)["status"] == "failed"
    assert "lacks a scope" in wish(world, number)["problem"]
    assert ask(world, number)[1]["retry"]["status"] == "requested"


@pytest.mark.parametrize("will", ["", "CARD_DECLINED"])
def test_after_a_lost_answer_only_reading_tells(world: Recharge, will: str) -> None:
    number = failed(world)
    world.wire.simulator._control._dunning.ledger.charges[number].will = will  # type: ignore[attr-defined]
    ask(world, number)
    world.wire.lost = ["/process"]
    world.run("retry", 1)
    assert wish(world, number)["status"] == "processing"
    assert len(posts(world)) == 1
    world.wire.lost = []

    world.run("retry", 60)
    assert posts(world) == []
    shown = world.shown(number)
    assert wish(world, number)["status"] == ("failed" if will else "succeeded")
    assert shown["charge"]["attempts"] == 2


def test_a_call_that_never_arrived_is_a_persons_after_six_hours(
    world: Recharge, capsys: pytest.CaptureFixture[str]
) -> None:
    number = failed(world)
    ask(world, number)
    world.wire.simulator.faults({"error500": {"match": "process"}})
    world.run("retry", 1)
    for _ in range(12):
        world.run("retry", 3600)

    assert posts(world) == [f"POST /charges/{number}/process"]
    assert wish(world, number)["status"] == "needs_action"
    assert "ChargeRetryNeedsAction" in capsys.readouterr().out
    listed = world.api("GET", "/exceptions", query={})[1]["exceptions"]
    assert [one["kind"] for one in listed] == ["needs_action"]


def test_killed_before_the_call_it_is_never_made(world: Recharge, monkeypatch: pytest.MonkeyPatch) -> None:
    number = failed(world)
    ask(world, number)

    class Killed(BaseException):
        pass

    def kill(*_: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(retry.RetryJob, "_ask", kill)
        with pytest.raises(Killed):
            world.run("retry", 1)
    world.run("retry", 130)

    assert posts(world) == []
    assert wish(world, number)["status"] == "processing"


def test_what_succeeded_meanwhile_is_not_tried(world: Recharge) -> None:
    number = failed(world)
    ask(world, number)
    world.make("attempt", charge_id=number, will="")
    world.asked()
    world.run("retry", 1)

    assert posts(world) == []
    assert wish(world, number)["status"] == "succeeded"


def test_a_charge_that_has_not_failed_is_refused(world: Recharge) -> None:
    charge = world.make("charge", attempt=True)
    world.run("scan")

    status, content = ask(world, charge["id"])
    assert (status, content["code"], content["args"]) == (409, "charge_has_not_failed", {"status": "paid"})
    assert content["detail"] == "the charge is paid: there is nothing to try again"
    where = {"account": "store", "charge_id": str(charge["id"])}
    assert world.api("POST", ROUTE, where, {"lang": "zh"})[1]["detail"] == "这次扣款的状态为 paid：没有可重试的"
    assert ask(world, 1)[0] == 404


def test_outside_the_tokens_accounts_there_is_no_charge(world: Recharge) -> None:
    number = failed(world)
    event = http_event(
        "POST", ROUTE, {"account": "store", "charge_id": str(number)}, claims={"accounts": "[recharge/older]"}
    )

    assert world.cloud.invoke(MERCHANT_API, event)["statusCode"] == 404


class TestNotOffered:
    """Nothing here refunds or ships at Recharge: a wish for it would wait for ever."""

    @pytest.mark.parametrize(
        ("call", "body", "code"),
        [
            ("refunds", {"reason": "late"}, "refunds_not_offered"),
            ("shipments", {"carrier": "UPS", "tracking_no": "1Z999"}, "shipments_not_offered"),
        ],
    )
    def test_it_is_refused_with_a_code_and_nothing_is_recorded(
        self, world: Recharge, call: str, body: dict[str, Any], code: str
    ) -> None:
        charge = world.make("charge", attempt=True)
        world.run("scan")
        before = world.cloud.table()
        names = {"platform": "recharge", "account": "store", "order_id": str(charge["id"])}
        event = http_event("POST", "/orders/{platform}/{account}/{order_id}/" + call, names, body=json.dumps(body))

        answer = world.cloud.invoke(MERCHANT_API, event)

        content = json.loads(answer["body"])
        assert (answer["statusCode"], content["code"]) == (409, code)
        assert world.cloud.table() == before

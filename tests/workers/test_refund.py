"""What the refund worker owes every platform: one number, one refund, whatever the answers; and no dead end."""

from typing import Any

import pytest

from countersign.errors import InvalidSignatureError, MalformedError, NotFoundError, UnprocessableError
from countersign.money import Money
from countersign.orders.changes import Change, RefundReported, RefundResolved, Verified
from countersign.orders.reasons import because
from countersign.orders.sentences import sentence
from countersign.platforms.port import RefundRefusedError
from countersign.store import keys
from countersign.workers.refund import MOST_FAILED_CALLS
from tests.workers.world import ORDER, REFUND, World
from tests.workers.worlds.nowhere import Nowhere

ROW = keys.child_sk("refund", REFUND)


def connector(world: World) -> Any:
    return world.connectors("refund")(world.account)


def replace_call(world: World, monkeypatch: pytest.MonkeyPatch, call: str, error: Exception) -> None:
    """Let one call of the connector raise."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(type(connector(world)), call, refuse)


def problem(world: World) -> str:
    """Return what a person reads of the refund's problem."""
    return str(sentence(world.refund().problem))


def test_an_approved_refund_is_made_once_and_a_query_says_how_it_ended(world: World) -> None:
    world.buy()
    world.approve()

    world.work("refund")
    assert (world.refund().status, world.order().refunded) == ("processing", 0)
    world.end_refund()
    world.work("refund", 61)

    assert (world.refund().status, world.order().status) == ("succeeded", "partially_refunded")
    assert world.at_platform() == [(REFUND, 1000)]
    assert world.due_at(ROW) == 0


def test_D7_a_call_that_worked_without_an_answer_is_not_made_again(world: World) -> None:
    world.buy()
    world.approve()
    world.fail(after="refund")

    world.work("refund")
    assert (world.refund().status, world.due_at(ROW)) == ("approved", world.now + 60)
    world.work("refund", 61)

    assert world.refund().status == "processing"
    assert world.at_platform() == [(REFUND, 1000)]


def test_what_the_platform_refuses_needs_a_person_and_says_why(world: World) -> None:
    world.buy()
    world.approve()
    world.refuse_refunds()

    world.work("refund")

    refund = world.refund()
    assert (refund.status, refund.refused, world.due_at(ROW)) == ("needs_action", True, 0)
    assert "refused" in problem(world) or "forbids" in problem(world)


def test_what_our_own_check_refuses_needs_a_person_and_says_why(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.buy()
    world.approve()
    before = world.calls()
    replace_call(world, monkeypatch, "refund", UnprocessableError("a control character cannot be sent"))

    world.work("refund")

    assert (world.refund().status, problem(world)) == ("needs_action", "a control character cannot be sent")
    assert world.calls() == before
    assert world.at_platform() == []


def test_a_refund_of_an_account_that_is_gone_needs_a_person(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.buy()
    world.approve()

    def gone(name: str) -> Any:
        raise NotFoundError("no such account")

    monkeypatch.setattr(world.connectors("refund").accounts, "load", gone)
    world.work("refund")

    assert (world.refund().status, problem(world)) == ("needs_action", "no such account")


def test_a_refund_about_which_the_platform_refuses_to_be_asked_after_a_doubt_needs_a_person(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.buy()
    world.approve()
    world.fail(after="refund")
    world.work("refund")
    replace_call(world, monkeypatch, "query_refund", UnprocessableError("it refused: NOAUTH"))

    world.work("refund", 61)

    assert world.refund().status == "needs_action"
    assert "whether it was made (it refused: NOAUTH)" in problem(world)


@pytest.mark.parametrize("error", [MalformedError("it lacks its number"), InvalidSignatureError("not signed")])
def test_an_answer_that_cannot_be_read_or_believed_is_no_refusal(
    made_up: Nowhere, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    made_up.buy()
    made_up.approve()
    replace_call(made_up, monkeypatch, "refund", error)

    made_up.work("refund")

    assert (made_up.refund().status, made_up.due_at(ROW)) == ("approved", made_up.now + 60)


def test_to_be_slowed_down_is_no_refusal(world: World) -> None:
    world.buy()
    world.approve()
    world.slow_down(5)

    world.work("refund")

    assert (world.refund().status, world.due_at(ROW)) == ("approved", world.now + 60)


def test_a_refund_that_was_given_up_is_free_once_the_platform_has_none(world: World) -> None:
    world.buy()
    world.approve()
    world.refuse_refunds()
    world.work("refund")
    world.tell(RefundResolved(REFUND, "given_up", "the shopper keeps it", world.now), by="anna")
    assert world.order().reserved == 1000

    world.work("refund")

    assert (world.refund().status, world.order().reserved) == ("failed", 0)


def test_the_ceiling_is_looked_at_again_before_the_call(world: World) -> None:
    world.buy()
    world.approve(8800)
    made_there = RefundReported("c1", Money(100, world.currency), "succeeded", at=world.now)
    news = Change(world.key(), made_there, Verified("k"), "notify", system=world.order().terms.system)
    world.store.record(news, now=world.now)

    world.work("refund")

    assert world.at_platform() == []
    assert (world.refund().status, world.refund().refused) == ("needs_action", True)
    assert "taken what was left" in problem(world)


def test_refunds_of_one_order_are_as_far_apart_as_the_platform_wants(world: World) -> None:
    world.buy()
    numbers = [f"{REFUND}{number}" for number in (1, 2)]
    for number in numbers:
        world.approve(100, number)
    pause = connector(world).refund_pause

    world.work("refund")
    assert len(world.at_platform()) == (1 if pause else 2)
    world.work("refund", pause + 60)

    assert sorted(world.at_platform()) == [(number, 100) for number in numbers]


def test_E6_a_refund_that_cannot_be_read_backs_off_and_the_others_go_on(world: World) -> None:
    for number in (ORDER, "ORDER-0002"):
        world.buy(number)
    world.approve()
    world.approve(refund_id=f"{REFUND}2", order_id="ORDER-0002")
    world.spoil(ROW)

    world.work("refund")
    assert world.refund(f"{REFUND}2", "ORDER-0002").status == "processing"
    assert world.due_at(ROW) == world.now + 60
    for minutes in (2, 2, 5):  # ever more slowly, so that it never starves the others
        world.work("refund", 60 * minutes)
    assert world.due_at(ROW) >= world.now + 300


@pytest.mark.parametrize(("whole_account", "calls"), [(False, MOST_FAILED_CALLS), (True, 1)])
def test_an_account_whose_calls_only_fail_rests_for_a_minute(made_up: Nowhere, whole_account: bool, calls: int) -> None:
    world = made_up
    for number in range(7):
        world.buy(f"ORDER-{number}")
        world.approve(refund_id=f"rf{number}", order_id=f"ORDER-{number}")
    refuse = RefundRefusedError(because("said_by_the_platform", text="no"), whole_account=whole_account)
    with pytest.MonkeyPatch.context() as patch:
        replace_call(world, patch, "refund", refuse)
        world.work("refund")

    statuses = [world.refund(f"rf{number}", f"ORDER-{number}").status for number in range(7)]
    assert statuses.count("needs_action") == calls
    world.work("refund", 30)
    assert world.wire.calls.count("refund") == 0
    world.work("refund", 40)
    assert world.wire.calls.count("refund") == 7 - calls

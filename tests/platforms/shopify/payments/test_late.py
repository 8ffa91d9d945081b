"""Sessions where something comes late, twice or never: no money is kept twice, and none is undecided for ever."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from countersign.platforms.shopify import attempts
from sandbox.simulators.shopify.payments import Asked
from tests.cashiers.world import DOCUMENTS, stripe_document
from tests.functions.conftest import http_event
from tests.platforms.shopify.payments import world as worlds
from tests.platforms.shopify.payments.test_holds import ask, held, ledger
from tests.platforms.shopify.payments.world import APP, Checkout, checkout, reload

HOUR, DAY = 3600, 86_400


@pytest.fixture
def late(clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    with mock_aws(), checkout(clock, tmp_path, monkeypatch, cashier="hc1/late") as made:
        yield made


@pytest.fixture
def confirming(clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    with mock_aws(), checkout(clock, tmp_path, monkeypatch, confirm=True) as made:
        yield made


@pytest.fixture
def stripe(clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    kinds = ["sale", "authorization", "capture", "void", "refund"]
    monkeypatch.setattr(worlds, "DOCUMENTS", {**DOCUMENTS, "stripe/main": stripe_document(kinds=kinds)})
    with mock_aws(), checkout(clock, tmp_path, monkeypatch, cashier="stripe/main") as made:
        yield made


def opened(world: Checkout, **wanted: Any) -> Asked:
    asked = world.ask(**wanted)
    assert world.visit(asked)["statusCode"] == 303
    return asked


def paid_after_all(world: Checkout, asked: Asked, number: int, account: str = "hc1/main") -> None:
    """Let a cashier take money for what it had ended."""
    there = world.hosted.wire.simulator._hc1.ledger.find(account, world.attempts(asked)[number - 1])
    assert there is not None
    world.cloud.clock.shift(1)
    there.status, there.expires_at = "PENDING", world.now + 60
    world.pay(asked, number, account=account)


def refunds(world: Checkout, asked: Asked, number: int = 1) -> list[str]:
    return [one.status for one in world.store.refunds(world.attempt(asked, number).key)]


def exceptions(world: Checkout) -> str:
    return str(world.cloud.invoke("orders_api", http_event("GET", "/exceptions", {}))["body"])


class TestMoney:
    def test_C2_money_that_resolves_a_session_does_not_go_back_by_the_cashiers_policy(self, late: Checkout) -> None:
        asked = opened(late)
        late.cloud.clock.shift(1900)
        late.hosted.work("poll")
        assert late.attempt(asked).status == "closed"

        paid_after_all(late, asked, 1, "hc1/late")  # the account's own policy is "refund"
        late.told(asked, "order.paid_late")
        for _ in range(3):
            late.run(60)
            late.refunds(1)

        assert asked.told == ["Resolve"]
        assert (refunds(late, asked), late.order(asked).paid) == ([], 10000)

    @pytest.mark.parametrize("first", [1, 2])
    def test_of_two_attempts_of_one_session_that_are_paid_one_goes_back(self, world: Checkout, first: int) -> None:
        asked = opened(world)
        world.pay(asked, call="end", status="FAILED", code="declined")
        world.told(asked, "order.failed")
        assert world.visit(asked)["statusCode"] == 303
        if first == 1:
            paid_after_all(world, asked, 1)
            world.pay(asked, 2)
        else:
            world.pay(asked, 2)
            world.told(asked, number=2)
            paid_after_all(world, asked, 1)
        world.told(asked, number=3 - first)
        for _ in range(3):
            world.run(60)

        assert (asked.told, world.order(asked).paid) == (["Resolve"], 10000)
        assert sorted([refunds(world, asked, 1), refunds(world, asked, 2)]) == [[], ["requested"]]
        back = world.ask("refund", payment=asked.body["id"], amount="100.00")  # of the one that counts
        for _ in range(3):
            world.run(60)
            world.refunds(60)
        world.run(60)
        assert back.told == ["Resolve"]
        assert sorted([refunds(world, asked, 1), refunds(world, asked, 2)]) == [["requested"], ["succeeded"]]

    def test_C2_money_that_comes_while_shopify_has_not_taken_the_rejection_goes_back(self, world: Checkout) -> None:
        asked = opened(world)
        world.wire.simulator.faults({"error500": 100})
        world.run(DAY)
        assert (world.session(asked).operation, asked.told) == ("reject", [])

        paid_after_all(world, asked, 1)
        world.told(asked, "order.paid_late")
        world.wire.simulator.faults({"clear": True})
        world.run(HOUR)

        assert (asked.told, refunds(world, asked)) == (["Reject"], ["requested"])

    @pytest.mark.parametrize("amount", ["60.00", "150.00"])
    @pytest.mark.parametrize("seconds", [0, 5])
    def test_the_order_is_of_what_was_sold_whatever_another_window_would_cost(
        self, world: Checkout, amount: str, seconds: int
    ) -> None:
        asked = opened(world, group="g")
        world.cloud.clock.shift(seconds)
        world.ask(group="g", amount=amount)
        world.pay(asked)
        world.told(asked)

        order = world.order(asked)
        assert (asked.told, order.status, order.paid, order.terms.amount.minor) == (["Resolve"], "paid", 10000, 10000)

    def test_D8_a_refund_that_takes_days_is_resolved_when_the_money_has_arrived(self, world: Checkout) -> None:
        asked = opened(world)
        world.pay(asked)
        world.told(asked)
        world.hosted.wire.simulator.faults({"refund_pending": 1})
        back = world.ask("refund", payment=asked.body["id"], amount="30.00")
        for _ in range(50):
            world.run(HOUR)
            world.refunds(1)
        assert (back.told, refunds(world, asked)) == ([], ["processing"])

        (number,) = [one.refund_id for one in world.store.refunds(world.attempt(asked).key)]
        world.hosted.make("end_refund", refund_id=number)
        world.hosted.deliver()
        for _ in range(30):
            world.run(HOUR)
            world.refunds(1)
        assert (back.told, world.order(asked).refunded) == (["Resolve"], 3000)

    def test_a_part_that_stripe_captured_can_go_back_and_nothing_is_held_after_it(self, stripe: Checkout) -> None:
        asked = opened(stripe, kind="authorization")
        stripe.pay(asked, account="stripe/main", call="stripe_pay")
        stripe.run(60)
        capture = ask(stripe, "capture", asked, "60.00")
        stripe.run(1)
        assert (capture.told, stripe.order(asked).authorized) == (["Resolve"], 0)

        stripe.hosted.deliver()
        stripe.hosted.work("poll", 60)
        back, more = ask(stripe, "refund", asked, "50.00"), ask(stripe, "refund", asked, "10.01")
        rest = ask(stripe, "capture", asked, "40.00")
        stripe.run(60)
        assert (back.told, more.told, rest.told) == (["Resolve"], ["Reject"], ["Reject"])
        assert (stripe.order(asked).paid, stripe.order(asked).refunded) == (6000, 5000)


class TestRejected:
    def test_P2_a_checkout_whose_first_session_was_rejected_can_be_paid_by_another(self, confirming: Checkout) -> None:
        first = opened(confirming, group="g", confirms=False)
        confirming.pay(first)
        confirming.run(60)
        confirming.shopify.confirm(first)
        confirming.run(60)
        assert first.told == ["Confirm", "Reject"]

        confirming.cloud.clock.shift(30)
        second = confirming.ask(group="g", amount="90.00")
        assert "/hc1/pay/" in confirming.visit(second)["headers"]["location"]
        confirming.pay(second)
        confirming.run(60)
        confirming.shopify.confirm(second)
        confirming.run(60)

        assert second.told == ["Confirm", "Resolve"]
        order = confirming.order(second)
        assert (order.status, order.paid, order.terms.amount.minor) == ("paid", 9000, 9000)

    def test_C1_a_payment_that_ends_while_it_is_on_its_way_is_rejected_at_once(self, world: Checkout) -> None:
        asked = opened(world)
        world.pay(asked, call="process")
        world.run(60)
        world.pay(asked, call="end", status="EXPIRED")
        world.told(asked, "order.closed")

        assert asked.told == ["Pending", "Reject"]


class TestNobodyAnswers:
    @pytest.mark.parametrize("what", ["cashier is down", "cashier is gone", "app is gone"])
    def test_a_session_is_a_persons_once_its_time_is_over_and_nobody_can_say(self, world: Checkout, what: str) -> None:
        asked = opened(world)
        if what == "cashier is down":
            world.hosted.wire.simulator.faults({"error500": 100_000})
        else:
            name = "cashier/hc1/main" if what == "cashier is gone" else f"shopify/{APP}"
            world.cloud.secretsmanager.delete_secret(
                SecretId=f"countersign/test/{name}", ForceDeleteWithoutRecovery=True
            )
            reload()
        for _ in range(47):
            world.run(HOUR)
        assert world.session(asked).status == "open"
        for _ in range(3):
            world.run(HOUR)

        assert (world.session(asked).status, asked.told) == ("needs_action", [])
        assert world.order(asked).key.order_id in exceptions(world)
        assert "session_undecided" in json.dumps(world.shown(asked))

    @pytest.mark.parametrize("gone", [APP, f"{APP}/{worlds.SHOP}"], ids=["the app", "the shop"])
    def test_no_payment_begins_where_shopify_can_be_told_nothing_any_more(self, world: Checkout, gone: str) -> None:
        asked = world.ask()
        name = f"countersign/test/shopify/{gone}"
        world.cloud.secretsmanager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        reload()

        answer = world.visit(asked)
        assert (answer["statusCode"], "http-equiv" in answer["body"], world.attempts(asked)) == (200, False, [])

    def test_so_is_what_is_asked_about_a_payment_and_what_waits_for_it(self, world: Checkout) -> None:
        asked = held(world)
        capture, back = ask(world, "capture", asked, "60.00"), ask(world, "refund", asked, "10.00")
        world.hosted.wire.simulator.faults({"error500": 100_000})
        for _ in range(27):
            world.run(HOUR)

        assert {world.session(capture).status, world.session(back).status} == {"needs_action"}
        assert (capture.told, back.told) == ([], [])

    def test_a_capture_that_is_made_within_the_day_is_resolved_however_often_nobody_answered(
        self, world: Checkout
    ) -> None:
        asked = held(world)
        capture = ask(world, "capture", asked, "60.00")
        world.hosted.wire.simulator.faults({"error500": 100_000})
        for _ in range(20):
            world.run(HOUR)
        world.hosted.wire.simulator.faults({"clear": True})
        world.run(HOUR)

        assert (capture.told, ledger(world, asked).paid) == (["Resolve"], 6000)

    def test_held_money_that_cannot_be_let_go_without_shopifys_word_is_a_persons(self, confirming: Checkout) -> None:
        asked = opened(confirming, confirms=None)
        confirming.pay(asked)
        confirming.run(60)
        there = ledger(confirming, asked)
        with confirming.hosted.wire.simulator._hc1.ledger.lock:  # somebody captures on the cashier's own pages
            confirming.hosted.wire.simulator._hc1.ledger.take(there, "elsewhere", 6000, confirming.now)
        confirming.run(DAY)
        confirming.run(60)

        assert (confirming.session(asked).status, asked.told) == ("needs_action", ["Confirm"])

    def test_C1_money_on_its_way_resolves_also_where_shopify_was_down_for_longer_than_a_day(
        self, world: Checkout
    ) -> None:
        asked = opened(world)
        world.wire.simulator.faults({"error500": 100_000})
        world.pay(asked, call="process")
        for _ in range(30):
            world.run(HOUR)
        world.wire.simulator.faults({"clear": True})
        world.pay(asked)
        world.told(asked)

        assert (asked.told, world.order(asked).paid) == (["Resolve"], 10000)


class TestClocks:
    def test_D15_a_refund_and_a_capture_follow_what_was_captured_whatever_the_clock_says(self, world: Checkout) -> None:
        asked = held(world)
        world.cloud.clock.shift(600)
        first = world.ask("capture", payment=asked.body["id"], amount="60.00")
        world.run(1)
        world.cloud.clock.shift(-300)
        back = world.ask("refund", payment=asked.body["id"], amount="10.00")
        world.run(1)
        rest = world.ask("capture", payment=asked.body["id"], amount="40.00")
        world.run(1)

        assert [one.told for one in (first, back, rest)] == [["Resolve"]] * 3
        order = world.order(asked)
        assert (order.paid, order.refunded, order.authorized) == (10000, 1000, 0)

    def test_of_two_captures_of_one_second_the_second_one_knows_of_the_first(self, world: Checkout) -> None:
        asked = held(world)
        world.ask("capture", id="z", payment=asked.body["id"], amount="60.00")
        world.run()
        world.ask("capture", id="a", payment=asked.body["id"], amount="30.00")
        world.run()

        assert (world.order(asked).paid, world.order(asked).authorized) == (9000, 1000)


class TestNumbers:
    @pytest.mark.parametrize("cashier", ["hc1/main", "stripe/main"])
    def test_two_shops_whose_sessions_have_the_same_numbers_meet_at_no_cashier(
        self, stripe: Checkout, cashier: str
    ) -> None:
        other = worlds.documents()[f"{APP}/{worlds.SHOP}"] | {
            "shop": worlds.OTHER,
            "shop_id": "gid://shopify/Shop/70099887766",
            "access_token": "shpat_of_the_other_shop",
        }
        stripe.cloud.secretsmanager.create_secret(
            Name=f"countersign/test/shopify/{APP}/{worlds.OTHER}", SecretString=json.dumps(other)
        )
        stripe.choose(cashier)
        back = []
        for shop in (worlds.SHOP, worlds.OTHER):
            stripe.shopify.sessions.clear()  # each shop has its own
            asked = opened(stripe, shop=shop, id="P1", group="g")
            stripe.pay(asked, account=cashier, call="pay" if cashier == "hc1/main" else "stripe_pay")
            stripe.told(asked)
            back.append((asked, stripe.ask("refund", shop=shop, id="R1", payment="P1", amount="30.00")))
        for _ in range(4):
            stripe.run(60)
            stripe.refunds(60)
            stripe.hosted.deliver()

        assert [stripe.attempt(asked).refunded for asked, _ in back] == [3000, 3000]
        assert [stripe.session(one).operation for _, one in back] == ["resolve", "resolve"]

    def test_two_refunds_whose_long_numbers_begin_alike_are_two(self, world: Checkout) -> None:
        asked = opened(world)
        world.pay(asked)
        world.told(asked)
        for end, amount in (("aaaa", "10.00"), ("bbbb", "20.00")):
            world.ask("refund", id="x" * 60 + end, payment=asked.body["id"], amount=amount)
        for _ in range(3):
            world.run(60)
            world.refunds(60)

        assert world.attempt(asked).refunded == 3000

    def test_who_tries_too_often_begins_no_attempt_that_nobody_looks_for(
        self, world: Checkout, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attempts, "MOST", 3)
        asked = world.ask()
        for _ in range(3):
            assert world.visit(asked)["statusCode"] == 303
            world.pay(asked, call="end", status="FAILED", code="declined")
            world.told(asked, "order.failed")

        assert world.visit(asked)["statusCode"] == 200
        assert len(world.hosted.wire.simulator._hc1.ledger.payments()) == 3

"""A shopper pays an order of a store: from the page's call to the order's status there, whatever happens between."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from countersign.money import Money
from countersign.orders.changes import Change, Operator, Paid, Queried, RefundDecided, RefundRequested
from countersign.orders.state import Order
from tests.platforms.bigcommerce.world import OTHER, STORE, Shop, app_document, shop, store_document

CANCELLED, REFUNDED, AWAITING, FULFILLMENT, COMPLETED = 5, 4, 7, 11, 10


def attempt(world: Shop, order: dict[str, Any], number: int = 1) -> Order:
    return world.hosted.order(world.reference(order, number))


def puts(world: Shop, order: dict[str, Any]) -> list[int]:
    found: list[int] = world.there(order)["puts"]
    return found


class TestPaid:
    def test_a_payment_is_written_to_the_store_once(self, world: Shop) -> None:
        order, answer = world.start()
        assert answer["status"] == "CREATED"
        assert answer["cashier_url"].startswith("http")

        world.pay(order)
        world.told(order)
        world.told(order)
        world.run("sync", 60)
        world.run("poll", 60)
        world.run("sync", 60)

        assert puts(world, order) == [FULFILLMENT]
        assert world.order(order).status == "paid"
        assert attempt(world, order).money_of == ("bigcommerce", STORE, str(order["id"]))

    def test_a_digital_order_is_completed(self, world: Shop) -> None:
        order, _ = world.start(digital=True)
        world.pay(order)
        world.told(order)

        assert puts(world, order) == [COMPLETED]

    def test_without_any_event_of_the_bus_the_order_is_asked_about_and_the_store_told(self, world: Shop) -> None:
        order, _ = world.start()
        world.pay(order)
        world.run("poll", 60)
        world.run("sync", 1)

        assert puts(world, order) == [FULFILLMENT]

    def test_what_staff_move_by_hand_afterwards_is_not_moved_back(self, world: Shop) -> None:
        order, _ = world.start()
        world.pay(order)
        world.told(order)
        world.make("move", id=order["id"], status_id=AWAITING)
        world.told(order)
        world.run("sync", 60)

        assert puts(world, order) == [FULFILLMENT]
        assert world.order(order).status == "paid"

    def test_an_order_that_staff_shipped_meanwhile_stays_shipped(self, world: Shop) -> None:
        order, _ = world.start()
        world.make("move", id=order["id"], status_id=2)
        world.pay(order)
        world.told(order)

        assert puts(world, order) == []
        assert world.order(order).status == "paid"

    def test_the_stores_own_echo_of_our_status_changes_nothing(self, world: Shop) -> None:
        world.hook()
        order, _ = world.start()
        world.pay(order)
        world.told(order)
        world.deliver()
        world.run("poll")
        before = world.order(order)
        for _ in range(3):
            world.run("sync", 60)
            world.run("poll", 60)

        assert puts(world, order) == [FULFILLMENT]
        assert world.order(order).payments == before.payments
        assert world.order(order).review_items == ()

    def test_a_status_whose_answer_is_lost_is_not_written_again_once_it_is_there(self, world: Shop) -> None:
        order, _ = world.start()
        world.pay(order)
        world.wire.lost = ["PUT"]
        world.told(order)
        world.told(order)
        world.run("sync", 600)

        assert puts(world, order) == [FULFILLMENT]

    def test_a_status_of_which_nobody_knows_for_a_while_is_read_before_it_is_written_again(self, world: Shop) -> None:
        order, _ = world.start()
        world.pay(order)
        world.wire.lost = ["PUT", *["GET"] * 3]
        world.told(order)
        world.run("sync", 20)
        world.run("sync", 600)

        assert puts(world, order) == [FULFILLMENT]

    def test_a_store_in_maintenance_is_told_later(self, world: Shop) -> None:
        order, _ = world.start()
        world.pay(order)
        world.faults(unavailable={"count": 3})
        world.told(order)
        assert puts(world, order) == []
        assert attempt(world, order).status == "paid"

        world.run("sync", 60)

        assert puts(world, order) == [FULFILLMENT]

    def test_case_B1_orders_that_were_paid_while_the_token_was_gone_are_told_after_the_reinstall(
        self, world: Shop
    ) -> None:
        orders = [world.start()[0] for _ in range(3)]
        world.make("revoke")
        for order in orders:
            world.pay(order)
            world.told(order)
        for _ in range(4):
            world.run("sync", 1800)
        assert [puts(world, order) for order in orders] == [[]] * 3

        world.wire.simulator._api._stores.all[STORE].token = f"token-of-{STORE}"  # type: ignore[attr-defined]
        world.run("sync", 1800)

        assert [puts(world, order) for order in orders] == [[FULFILLMENT]] * 3


class TestClosed:
    def test_case_B4a_a_cancelled_order_cannot_be_paid_any_more(self, world: Shop) -> None:
        order = world.make("order")
        world.make("move", id=order["id"], status_id=CANCELLED)

        status, answer = world.ask(order)

        assert (status, answer) == (409, {"error": {"code": "order_closed"}})
        assert world.hosted.store.get(world.hosted.key(world.reference(order))) is None

    def test_case_B4b_an_order_that_is_cancelled_while_its_shopper_is_at_the_cashier_has_its_payment_ended(
        self, world: Shop
    ) -> None:
        world.hook()
        order, _ = world.start()
        world.make("move", id=order["id"], status_id=CANCELLED)
        world.deliver()
        world.run("poll")
        world.run("sync", 1)
        world.hosted.work("poll", 60)

        assert attempt(world, order).status == "closed"
        assert world.order(order).status == "closed"
        assert puts(world, order) == []

    @pytest.mark.parametrize("status", [CANCELLED, 6, REFUNDED, 14])
    def test_case_B4c_money_for_a_closed_order_goes_back_by_the_policy_and_its_status_stays(
        self, world: Shop, status: int
    ) -> None:
        order, _ = world.start()
        world.make("move", id=order["id"], status_id=status)
        world.pay(order)
        world.told(order)
        world.told(order)

        assert puts(world, order) == []
        assert world.there(order)["status_id"] == status
        assert world.order(order).paid == 6984
        [refund] = world.store.refunds(attempt(world, order).key)
        assert (refund.status, refund.amount.minor, refund.requested_by) == ("requested", 6984, "policy")

    def test_a_cancellation_between_our_reading_and_our_writing_is_found_by_its_echo(self, world: Shop) -> None:
        world.hook()
        order, _ = world.start()
        world.pay(order)
        world.posted.clear()
        world.faults(moved_meanwhile={"match": str(order["id"]), "status_id": CANCELLED})
        world.told(order)
        assert puts(world, order) == [FULFILLMENT]

        world.deliver()
        world.run("poll")

        assert [one.reason for one in world.order(order).anomalies] == ["closed_while_it_was_paid"]
        assert puts(world, order) == [FULFILLMENT]

    def test_an_expired_attempt_cancels_nothing_and_the_next_one_can_be_paid(self, world: Shop) -> None:
        order, _ = world.start()
        world.hosted.work("poll", 1900)
        world.told(order, "order.closed")
        assert world.there(order)["status_id"] == AWAITING

        status, answer = world.ask(order)
        assert (status, answer["status"]) == (200, "CREATED")
        world.pay(order, 2)
        world.told(order, attempt=2)

        assert puts(world, order) == [FULFILLMENT]
        assert world.order(order).paid == 6984


class TestMoney:
    def test_money_that_does_not_fit_is_a_question_and_nothing_is_written(self, world: Shop) -> None:
        order, _ = world.start()
        world.pay(order, minor=6983)
        world.told(order, "order.review")

        assert puts(world, order) == []
        assert world.order(order).status == "review"

    def test_case_C3_three_decimals_are_asked_for_and_compared_exactly(self, world: Shop) -> None:
        order, _ = world.start(total="18.6000", currency="KWD")
        assert attempt(world, order).terms.amount.minor == 18_600
        world.pay(order)
        world.told(order)

        assert puts(world, order) == [FULFILLMENT]
        assert (world.order(order).paid, world.order(order).terms.amount.currency) == (18_600, "KWD")

    def test_an_order_that_comes_to_something_else_gets_another_attempt(self, world: Shop) -> None:
        order, _ = world.start()
        world.make("reprice", id=order["id"], total="79.8400")

        status, _ = world.ask(order)

        assert status == 200
        assert attempt(world, order, 2).terms.amount.minor == 7984
        assert attempt(world, order).replaced_by

    def test_case_B5_five_tabs_and_three_reloads_make_one_payment_at_the_cashier(self, world: Shop) -> None:
        order = world.make("order")
        answers = [world.ask(order, ip=f"203.0.113.{number}") for number in range(8)]

        assert [status for status, _ in answers] == [200] * 8
        assert len({answer["cashier_url"] for _, answer in answers}) == 1
        assert world.hosted.store.get(world.hosted.key(world.reference(order, 2))) is None

    def test_case_C4_a_notification_that_comes_before_the_answer_is_the_payments_all_the_same(
        self, world: Shop
    ) -> None:
        world.hosted.at_once = True
        order, _ = world.start()
        world.pay(order)
        world.told(order)

        assert puts(world, order) == [FULFILLMENT]


class TestStatus:
    def test_a_page_sees_its_order_paid_although_the_notification_is_late(self, world: Shop) -> None:
        order, answer = world.start()
        assert world.status(answer["status_token"])[1]["status"] == "PENDING"
        world.hosted.make("pay", reference=world.reference(order), notify=False)
        world.cloud.clock.shift(6)

        status, told = world.status(answer["status_token"])

        assert (status, told["status"]) == (200, "PAID")

    def test_only_the_newest_token_of_an_order_is_answered(self, world: Shop) -> None:
        order, first = world.start()
        _, second = world.ask(order)

        assert world.status(first["status_token"])[0] == 401
        assert world.status(second["status_token"])[0] == 200

    def test_a_token_ends_after_two_hours_however_often_it_is_used(self, world: Shop) -> None:
        _, answer = world.start()
        for _ in range(5):
            assert world.status(answer["status_token"])[0] == 200
            world.cloud.clock.shift(1500)

        assert world.status(answer["status_token"])[0] == 401

    @pytest.mark.parametrize("token", ["", "0" * 64, "x", "../x"])
    def test_a_token_that_is_none_is_answered_nothing(self, world: Shop, token: str) -> None:
        world.start()

        assert world.status(token) == (401, {"error": {"code": "unauthorized"}})


class TestRefunds:
    def refund(self, world: Shop, order: dict[str, Any], minor: int = 6984) -> None:
        """Have the cashier refund a payment, and tell of it."""
        key = attempt(world, order).key
        for fact, by in (
            (RefundRequested("rf-1", Money(minor, "USD"), "too small", world.now), "anna"),
            (RefundDecided("rf-1", True, world.now), "ben"),
        ):
            world.store.record(Change(key, fact, Operator(by), "operator", system="hc1"), now=world.now)
        world.hosted.work("refund", 1)
        world.hosted.work("refund", 120)

    def test_a_refund_of_the_cashier_is_recorded_in_the_store_once(self, world: Shop) -> None:
        order, _ = world.start()
        world.pay(order)
        world.told(order)
        self.refund(world, order)
        for _ in range(3):
            world.told(order, "refund.succeeded")

        assert [one["total_amount"] for one in world.there(order)["refunds"]] == [69.84]
        assert world.there(order)["status_id"] == REFUNDED
        assert (world.order(order).status, world.order(order).refunded) == ("refunded", 6984)

    def test_case_B2_our_own_record_is_no_second_refund_however_the_store_tells_of_it(self, world: Shop) -> None:
        world.hook()
        order, _ = world.start()
        world.pay(order)
        world.told(order)
        self.refund(world, order, 2000)
        world.wire.lost = ["payment_actions/refunds"]
        world.told(order, "refund.succeeded")
        told = list(world.posted)
        for _ in range(3):
            world.deliver(*told)
            world.deliver(*reversed(told))
        world.run("poll")
        world.run("sync", 60)
        world.run("poll", 60)

        assert [one["total_amount"] for one in world.there(order)["refunds"]] == [20.0]
        assert world.order(order).refunded == 2000
        assert [one.status for one in world.store.refunds(world.key(order))] == ["succeeded"]

    def test_a_refund_that_closes_the_order_makes_its_payment_not_late(self, world: Shop) -> None:
        order, _ = world.start()
        world.pay(order)
        world.told(order)
        self.refund(world, order, 2000)
        world.told(order, "refund.succeeded")
        world.told(order, "refund.succeeded")
        world.make("refund", id=order["id"], amount=10.0)
        world.told(order, "refund.succeeded")

        assert world.there(order)["status_id"] == 14
        assert [one.refund_id for one in world.store.refunds(attempt(world, order).key)] == ["rf-1"]

    def test_case_B2_a_refund_of_the_control_panel_is_one_and_moves_no_money(self, world: Shop) -> None:
        world.hook()
        order, _ = world.start()
        world.pay(order)
        world.told(order)
        world.posted.clear()
        world.make("refund", id=order["id"], amount=10.0, reason="damaged")
        told = list(world.posted)
        for _ in range(2):
            world.deliver(*reversed(told))
            world.deliver(*told)
        world.run("poll")
        world.run("poll", 60)

        [refund] = world.store.refunds(world.key(order))
        assert (refund.status, refund.amount.minor, refund.platform_refund_id) == ("needs_action", 1000, "1")
        assert world.order(order).refunded == 0
        assert world.store.refunds(attempt(world, order).key) == ()

    def test_a_refund_of_the_control_panel_is_asked_for_at_the_cashier_where_the_merchant_wants_that(
        self, clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with mock_aws(), shop(clock, tmp_path, monkeypatch, app_document(control_panel_refund="request")) as world:
            world.hook()
            order, _ = world.start()
            world.pay(order)
            world.told(order)
            world.make("refund", id=order["id"], amount=10.0)
            world.deliver()
            world.run("poll")
            world.run("sync", 60)
            world.run("sync", 60)
            key = attempt(world, order).key
            [asked] = world.store.refunds(key)
            assert (asked.status, asked.amount.minor, asked.requested_by) == ("requested", 1000, "bigcommerce")

            judged = RefundDecided(asked.refund_id, True, world.now)
            world.store.record(Change(key, judged, Operator("ben"), "operator", system="hc1"), now=world.now)
            world.hosted.work("refund", 1)
            world.hosted.work("refund", 120)
            world.told(order, "refund.succeeded")

            assert len(world.there(order)["refunds"]) == 1
            assert world.order(order).refunded == 1000

    @pytest.mark.parametrize("cashier", ["hc1/main", "stripe/main"])
    def test_refunds_of_two_stores_that_have_one_number_are_two_at_the_cashier_that_both_have(
        self, clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cashier: str
    ) -> None:
        stores = {name: store_document(name) for name in (STORE, OTHER)}
        document = app_document(control_panel_refund="request", cashier=cashier)
        with mock_aws(), shop(clock, tmp_path, monkeypatch, document, stores) as world:
            orders = []
            for store in stores:
                world.hook(store)
                order = world.make("order", store)
                orders.append(order)
                assert world.ask(order)[0] == 200
                world.pay(order)
                world.told(order)
                assert world.make("refund", store, id=order["id"], amount=10.0)["id"] == 1
            world.deliver()
            world.run("poll")
            for seconds in (60, 60):
                world.run("sync", seconds)
            for order in orders:
                key = world.payment(order)
                [asked] = world.store.refunds(key)
                judged = RefundDecided(asked.refund_id, True, world.now)
                world.store.record(Change(key, judged, Operator("ben"), "operator", system="hc1"), now=world.now)
            world.hosted.work("refund", 1)
            world.hosted.work("refund", 120)
            for order in orders:
                world.told(order, "refund.succeeded")

            assert [one.status for order in orders for one in world.store.refunds(world.payment(order))] == [
                "succeeded"
            ] * 2
            assert [world.order(order).refunded for order in orders] == [1000] * 2
            assert [len(world.there(order)["refunds"]) for order in orders] == [1] * 2


class TestUnpaid:
    @pytest.fixture
    def cancelling(
        self, clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Shop]:
        with mock_aws(), shop(clock, tmp_path, monkeypatch, app_document(cancel_unpaid_after=3600)) as made:
            yield made

    def test_an_order_that_nobody_paid_is_cancelled_where_the_merchant_wants_that(self, cancelling: Shop) -> None:
        order, _ = cancelling.start()
        cancelling.hosted.work("poll", 1900)
        cancelling.run("poll")
        assert puts(cancelling, order) == []

        cancelling.run("poll", 3600)
        cancelling.run("poll", 3600)

        assert puts(cancelling, order) == [CANCELLED]
        assert cancelling.order(order).status == "closed"

    def test_an_order_with_a_payment_in_flight_is_not_cancelled(self, cancelling: Shop) -> None:
        order, _ = cancelling.start()
        cancelling.run("poll", 7300)
        assert puts(cancelling, order) == []

        cancelling.pay(order)
        cancelling.told(order)

        assert puts(cancelling, order) == [FULFILLMENT]

    def test_money_for_an_order_that_we_cancelled_goes_back_by_the_policy(self, cancelling: Shop) -> None:
        order, _ = cancelling.start()
        cancelling.hosted.work("poll", 1900)
        cancelling.run("poll", 3600)
        assert puts(cancelling, order) == [CANCELLED]
        late = Paid("pay_late", Money(6984, "USD"), cancelling.now)
        key = attempt(cancelling, order).key
        cancelling.store.record(Change(key, late, Queried(), "query", "m_tests", "hc1"), now=cancelling.now)
        cancelling.told(order)

        assert puts(cancelling, order) == [CANCELLED]
        assert {one.status for one in cancelling.store.refunds(key)} == {"requested"}

    def test_by_default_no_order_is_cancelled(self, world: Shop) -> None:
        order, _ = world.start()
        world.hosted.work("poll", 1900)
        for _ in range(3):
            world.run("poll", 3600)

        assert puts(world, order) == []

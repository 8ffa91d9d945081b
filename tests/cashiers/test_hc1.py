"""An HC1 cashier from the first call to the last refund, with everything on the way that gets lost or comes twice."""

import itertools
import json
import re
import time

import pytest

from countersign.cashiers.hc1 import messages
from countersign.cashiers.hc1.connector import wire_number
from countersign.errors import ConflictError, KeysUnavailableError, UnprocessableError
from countersign.money import Money
from countersign.orders.changes import Change, Operator, RefundDecided, RefundRequested
from countersign.store import keys
from tests.cashiers.world import Cashiers, hc1_document
from tests.functions.conftest import http_event

MINUTE = 60
EXPIRES = 1800


def ask_refund(world: Cashiers, refund_id: str, minor: int, currency: str = "USD", account: str = "hc1/main") -> None:
    """Have two people agree on a refund."""
    key = world.key(account=account)
    for by, fact in (
        ("ben", RefundRequested(refund_id, Money(minor, currency), "small", world.now)),
        ("anna", RefundDecided(refund_id, True, world.now)),
    ):
        assert world.store.record(Change(key, fact, Operator(by), "operator"), now=world.now).outcome == "applied"


def refunds(world: Cashiers, account: str = "hc1/main") -> dict[str, tuple[str, int]]:
    """Return the refunds that are known: their status and minor units."""
    found = world.store.refunds(world.key(account=account))
    return {one.refund_id: (one.status, one.amount.minor) for one in found}


class TestPaying:
    def test_a_shopper_is_sent_to_the_cashiers_page_and_the_notification_makes_the_payment_paid(
        self, world: Cashiers
    ) -> None:
        status, answer = world.create()

        assert status == 201, answer
        assert answer["client"] == {"cashier_url": "http://127.0.0.1:1/cashier/hc1/pay/pay_00000001"}
        assert answer["order"]["status"] == "pending"
        world.make("pay", reference="R-0001")
        assert world.deliver() == [200]
        shown = world.shown()
        assert (shown["status"], shown["transaction_id"]) == ("paid", "pay_00000001")
        assert world.emitted() == ["order.paid"]

    def test_what_is_told_twice_and_by_the_poll_as_well_is_one_transition(self, world: Cashiers) -> None:
        world.create()
        world.make("pay", reference="R-0001")
        world.make("tell", reference="R-0001", event="payment.succeeded")
        world.work("poll", 10)

        assert world.deliver() == [200, 200]
        assert world.emitted() == ["order.paid"]

    def test_a_lost_notification_is_made_up_for_by_asking(self, world: Cashiers) -> None:
        world.create()
        world.make("pay", reference="R-0001", notify=False)
        world.work("poll", 10)

        assert world.order().status == "paid"

    def test_C4_a_notification_before_the_create_answer_finds_its_payment(self, world: Cashiers) -> None:
        world.faults(notify_first=1)
        world.at_once = True
        status, _ = world.create()

        assert status == 201
        assert world.order().status == "paid"
        assert world.emitted() == ["order.paid"]

    def test_C4_a_lost_create_answer_is_asked_about_and_nothing_is_made_twice(self, world: Cashiers) -> None:
        world.wire.lost = ["POST /hc1/v1/payments"]
        status, answer = world.create()

        assert status == 201, answer
        assert world.asked() == [
            "POST /hc1/v1/payments",
            "GET /hc1/v1/payments/R-0001",
            "POST /hc1/v1/payments",
        ]
        assert len(world.make("ledger")["payments"]) == 1

    def test_C4_where_no_answer_comes_at_all_the_same_call_again_finds_the_payment(self, world: Cashiers) -> None:
        world.wire.lost = ["POST /hc1/v1/payments", "GET /hc1/v1/payments"]
        assert world.create()[0] == 502
        assert world.order().status == "created"
        again, answer = world.create()

        assert (again, len(world.make("ledger")["payments"])) == (200, 1)
        assert answer["client"]["cashier_url"].endswith("/pay_00000001")

    def test_what_was_paid_behind_a_lost_create_answer_is_found_by_the_poll(self, world: Cashiers) -> None:
        world.faults(notify_first=1, forge={"instead": True})
        world.wire.lost = ["POST /hc1/v1/payments", "GET /hc1/v1/payments"]
        assert world.create()[0] == 502
        world.posted.clear()
        world.work("poll", 10)

        assert world.order().status == "paid"

    def test_an_account_that_payments_are_created_for_is_listed_by_the_name_that_its_orders_have(
        self, world: Cashiers
    ) -> None:
        assert world.create()[0] == 201

        answer = world.cloud.invoke("accounts_api", http_event("GET", "/accounts", {}))
        rows = json.loads(answer["body"])["accounts"]
        assert [(row["account"], row["platform_name"]) for row in rows] == [("cashier/hc1.main", "cashier")]

    def test_what_a_cashier_cannot_be_told_is_offered_to_nobody_and_waits_on_no_list(self, world: Cashiers) -> None:
        world.create()
        world.make("pay", reference="R-0001")
        assert world.deliver() == [200]

        shown = world.shown()
        ship = shown["actions"]["ship"]
        assert (shown["status"], ship["allowed"], ship["code"]) == ("paid", False, "shipments_not_offered")
        query = {"account": "cashier/hc1.main", "work": "to_ship"}
        answer = world.cloud.invoke("orders_api", http_event("GET", "/orders", {}, queryStringParameters=query))
        assert json.loads(answer["body"])["orders"] == []

    def test_C4_a_notification_of_a_payment_that_is_nobodys_is_an_orphan_and_attaches_when_it_is_created(
        self, world: Cashiers
    ) -> None:
        world.create("OTHER")
        world.make("pay", reference="OTHER")
        (delivery,) = world.posted
        delivery.content["data"]["merchant_payment_id"] = "R-0001"  # type: ignore[attr-defined]
        assert world.deliver() == [200]
        assert world.store.get(world.key()) is None
        world.create()

        assert world.order().claims

    def test_the_same_payment_again_is_the_same_page_and_another_amount_is_refused(self, world: Cashiers) -> None:
        first = world.create()[1]
        status, again = world.create()

        assert (status, again["client"]) == (200, first["client"])
        status, answer = world.create(amount={"minor": 9900, "currency": "USD"})
        assert status == 409
        assert "amount differs" in answer["detail"]

    def test_a_key_that_the_cashier_does_not_know_is_no_answer(self, world: Cashiers) -> None:
        document = hc1_document(merchant_id="m_nobody", keys=[{"id": "ak_x", "secret": "y0" * 16 + "z"}])
        world.cloud.secretsmanager.create_secret(
            Name="countersign/test/cashier/hc1/nobody", SecretString=json.dumps(document)
        )

        assert world.create("R-0002", "hc1/nobody")[0] == 502  # an answer that nobody signed is none

    def test_a_create_that_the_cashier_refuses_spends_no_number(self, world: Cashiers) -> None:
        document = hc1_document(merchant_id="m_nobody")  # the key is somebody else's
        world.cloud.secretsmanager.create_secret(
            Name="countersign/test/cashier/hc1/nobody", SecretString=json.dumps(document)
        )
        status, answer = world.create("R-0002", "hc1/nobody")
        assert (status, answer["detail"]) == (422, "the cashier refused: forbidden")

        assert world.create("R-0002", "hc1/nobody", amount={"minor": 9900, "currency": "USD"})[0] == 422

    def test_an_answer_that_is_signed_for_another_request_is_not_believed(self, world: Cashiers) -> None:
        world.faults(answer_of_another=4)

        assert world.create()[0] == 502
        assert world.order().status == "created"


class TestEnds:
    def test_C2_paid_after_our_timer_is_paid_late_and_the_policy_applies_once(self, world: Cashiers) -> None:
        world.create(account="hc1/late")
        world.make("end", "hc1/late", reference="R-0001", status="EXPIRED")
        world.cloud.clock.shift(60)
        assert world.deliver() == [200]
        assert world.order(account="hc1/late").status == "closed"
        payment = world.wire.simulator._hc1.ledger.find("hc1/late", "R-0001")
        assert payment is not None
        payment.status = "PENDING"  # a cashier that breaks its own rule
        world.make("pay", "hc1/late", reference="R-0001")
        world.make("tell", "hc1/late", reference="R-0001", event="payment.succeeded")
        assert world.deliver() == [200, 200]
        order = world.order(account="hc1/late")

        assert (order.status, order.paid_late) == ("paid", True)
        (late,) = world.store.refunds(world.key(account="hc1/late"))
        assert (late.refund_id, late.status) == ("late-pay_00000001", "approved")
        world.work("refund")
        assert world.order(account="hc1/late").status == "refunded"

    def test_C2_before_it_is_ended_the_cashier_is_asked(self, world: Cashiers) -> None:
        world.create()
        world.make("pay", reference="R-0001", notify=False)
        world.work("poll", EXPIRES + MINUTE)

        assert world.order().status == "paid"
        assert not world.order().paid_late
        assert not [call for call in world.asked() if call.endswith("/cancel")]

    def test_C2_a_payment_that_nobody_made_is_ended_at_the_cashier(self, world: Cashiers) -> None:
        world.create(expires_at="2026-11-22T07:00:00Z")  # later than the simulator lets it expire by itself
        world.work("poll", 6 * 3600)

        assert world.order().status == "closed"

    def test_a_shopper_who_is_at_it_is_not_ended(self, world: Cashiers) -> None:
        world.create()
        world.make("process", reference="R-0001")
        world.work("poll", EXPIRES + MINUTE)
        assert world.order().status == "pending"
        payment = world.wire.simulator._hc1.ledger.find("hc1/main", "R-0001")
        assert payment is not None
        world.make("pay", reference="R-0001", notify=False)
        world.work("poll", MINUTE)

        assert world.order().status == "paid"

    def test_a_payment_that_failed_is_over_and_a_new_one_takes_its_place(self, world: Cashiers) -> None:
        world.create()
        world.make("end", reference="R-0001", status="FAILED", code="declined")
        assert world.deliver() == [200]
        assert world.order().status == "failed"
        status, answer = world.create("R-0002", replaces="R-0001")

        assert status == 201, answer
        assert world.order("R-0001").status == "closed"
        world.make("pay", reference="R-0002")
        assert world.deliver() == [200]
        assert world.order("R-0002").status == "paid"

    def test_one_open_attempt_the_next_one_is_refused_where_the_last_was_paid(self, world: Cashiers) -> None:
        world.create()
        world.make("pay", reference="R-0001", notify=False)
        status, answer = world.create("R-0002", replaces="R-0001")

        assert status == 409, answer
        assert world.order("R-0001").status == "paid"
        assert len(world.make("ledger")["payments"]) == 1

    @pytest.mark.parametrize("sequence", list(itertools.permutations(["paid", "expired", "timer"])))
    def test_C2_the_end_depends_on_the_cashiers_times_and_not_on_what_arrives_first(
        self, world: Cashiers, sequence: tuple[str, ...]
    ) -> None:
        world.create(account="hc1/late")
        world.cloud.clock.shift(EXPIRES - 5)
        world.make("pay", "hc1/late", reference="R-0001")
        world.cloud.clock.shift(10 * MINUTE)
        world.make("tell", "hc1/late", reference="R-0001", event="payment.expired")
        paid, expired = world.posted
        expired.content["data"] |= {"status": "EXPIRED", "version": 3}  # type: ignore[attr-defined]
        world.posted.clear()
        for what in sequence:
            if what == "timer":
                world.work("poll", MINUTE)
            else:
                world.posted.append({"paid": paid, "expired": expired}[what])
                assert world.deliver() == [200]
        order = world.order(account="hc1/late")

        assert (order.status, order.paid_late, order.reserved) == ("paid", False, 0)


class TestMoneyBack:
    def paid(self, world: Cashiers, **changes: object) -> None:
        world.create(**changes)
        world.make("pay", reference="R-0001")
        assert world.deliver() == [200]

    def test_a_refund_goes_through_the_desk_and_is_made_once(self, world: Cashiers) -> None:
        self.paid(world)
        ask_refund(world, "rf-1", 1000)
        world.wire.lost = ["/refunds", "/refunds"]
        world.work("refund")
        world.work("refund", 2 * MINUTE)

        assert refunds(world) == {"rf-1": ("succeeded", 1000)}
        assert world.order().status == "partially_refunded"
        (payment,) = world.make("ledger")["payments"]
        assert payment["refunded_amount"] == {"value": 1000, "currency": "USD"}

    def test_a_refund_that_the_cashier_has_not_ended_yet_is_asked_about(self, world: Cashiers) -> None:
        self.paid(world)
        world.faults(refund_pending=1)
        ask_refund(world, "rf-1", 1000)
        world.work("refund")
        assert refunds(world) == {"rf-1": ("processing", 1000)}
        world.make("end_refund", refund_id="rf-1", notify=False)
        world.work("refund", 2 * MINUTE)

        assert refunds(world) == {"rf-1": ("succeeded", 1000)}

    def test_a_refund_that_failed_frees_its_amount(self, world: Cashiers) -> None:
        self.paid(world)
        world.faults(refund_failed=1)
        ask_refund(world, "rf-1", 1000)
        world.work("refund")
        world.work("refund", 2 * MINUTE)

        assert refunds(world) == {"rf-1": ("failed", 1000)}
        assert world.order().refundable == 8800

    def test_a_refund_over_the_rest_is_refused_for_good(self, world: Cashiers) -> None:
        self.paid(world)
        world.make("refund", reference="R-0001", minor=8000, notify=False)
        ask_refund(world, "rf-1", 1000)
        world.work("refund")

        (refund,) = world.store.refunds(world.key())
        assert refund.status == "needs_action"
        assert refund.problem is not None
        assert "refund_exceeds_payment" in str(refund.problem.to_json())

    def test_refunds_on_the_cashiers_own_pages_become_known_one_by_one(self, world: Cashiers) -> None:
        self.paid(world)
        ask_refund(world, "rf-1", 1000)
        world.work("refund")
        for minor in (500, 300):
            world.make("refund", reference="R-0001", minor=minor)
            assert set(world.deliver()) == {200}
            world.work("poll", 5)

        assert refunds(world) == {
            "rf-1": ("succeeded", 1000),
            "console-500": ("succeeded", 500),
            "console-800": ("succeeded", 300),
        }
        assert world.order().refunded == 1800

    def test_a_number_that_the_contract_does_not_take_goes_as_its_digest(self) -> None:
        assert wire_number("late-pay_1") == "late-pay_1"
        assert wire_number("late-pay.1") == wire_number("late-pay.1")
        assert len(wire_number("x" * 65)) <= 64


class TestAmounts:
    @pytest.mark.parametrize(
        ("minor", "currency"),
        [(18_600, "KWD"), (18_605, "KWD"), (600, "BHD"), (1_605, "JOD"), (4480, "JPY"), (5000, "UGX"), (120, "ISK")],
    )
    def test_C3_an_amount_is_the_same_from_the_order_to_the_refund(
        self, world: Cashiers, minor: int, currency: str
    ) -> None:
        status, answer = world.create(amount={"minor": minor, "currency": currency})
        assert status == 201, answer
        (payment,) = world.make("ledger")["payments"]
        assert payment["amount"] == {"value": minor, "currency": currency}
        world.make("pay", reference="R-0001")
        assert world.deliver() == [200]
        assert world.shown()["paid"] == {"minor": minor, "currency": currency}
        ask_refund(world, "rf-1", 5, currency)
        world.work("refund")

        (payment,) = world.make("ledger")["payments"]
        assert payment["refunded_amount"] == {"value": 5, "currency": currency}
        assert world.order().refunded == 5

    @pytest.mark.parametrize("currency", ["XAU", "CLF", "ZZZ"])
    def test_C3_what_has_no_amount_that_can_be_believed_is_refused_before_anybody_is_sent_away(
        self, world: Cashiers, currency: str
    ) -> None:
        status, answer = world.create(amount={"minor": 100, "currency": currency})

        assert (status, answer["detail"].partition(":")[0]) == (422, "currency_not_supported")
        assert world.asked() == []
        assert world.store.get(world.key()) is None

    @pytest.mark.parametrize(
        ("minor", "currency", "question"),
        [
            (8799, "USD", "amount_mismatch"),
            (8801, "USD", "amount_mismatch"),
            (0, "USD", "amount_mismatch"),
            (880_000, "USD", "amount_mismatch"),
            (8800, "EUR", "currency_mismatch"),
        ],
    )
    def test_B10_money_that_does_not_fit_is_a_question_and_never_paid(
        self, world: Cashiers, minor: int, currency: str, question: str
    ) -> None:
        world.create()
        world.make("pay", reference="R-0001", minor=minor, currency=currency)
        assert world.deliver() == [200]
        shown = world.shown()

        assert shown["status"] == "review"
        assert [item["reason"] for item in shown["review"]] == [question]

    def test_B9_coming_back_from_the_cashier_proves_nothing(self, world: Cashiers) -> None:
        world.create()
        page = world.wire.simulator.handle("GET", "/hc1/pay/pay_00000001", "", {}, b"")
        back = world.wire.simulator.handle("POST", "/hc1/pay/pay_00000001", "", {}, b"do=cancel")

        assert page[0] == 200
        assert (back[0], back[1]["Location"]) == (303, "https://shop.example.com/thanks?order=1&hc_payment=R-0001")
        assert world.order().status == "pending"


class TestHeldMoney:
    """HC1 1.1: money is held first, and captured or let go later."""

    def held(self, world: Cashiers) -> object:
        status, answer = world.create(capture="manual")
        assert status == 201, answer
        world.make("pay", reference="R-0001")
        world.posted.clear()
        module = world.cloud.module("cashier_poll")
        return module.connect("hc1.main")

    def test_held_money_is_not_paid_until_all_of_it_is_captured(self, world: Cashiers) -> None:
        connector = self.held(world)
        world.work("poll", 10)
        assert world.order().status == "pending"
        first = connector.capture(world.order(), "cap-1", Money(3000, "USD"))  # type: ignore[attr-defined]
        again = connector.capture(world.order(), "cap-1", Money(3000, "USD"))  # type: ignore[attr-defined]
        assert first == again == ("cap-1", "succeeded", Money(3000, "USD"))
        world.work("poll", 30)
        assert world.order().status == "pending"
        connector.capture(world.order(), "cap-2", Money(5800, "USD"))  # type: ignore[attr-defined]
        assert world.deliver() == [200]

        assert world.order().status == "paid"

    def test_money_that_was_taken_in_part_is_a_question_when_its_time_is_over_and_no_order_waits_for_ever(
        self, world: Cashiers
    ) -> None:
        connector = self.held(world)
        connector.capture(world.order(), "cap-1", Money(3000, "USD"))  # type: ignore[attr-defined]
        world.work("poll", EXPIRES + MINUTE)

        order = world.order()
        assert (order.status, [one.total for one in order.claims]) == ("review", [Money(3000, "USD")])
        world.work("poll", 3600)
        assert world.order() == order

    def test_what_is_taken_of_the_rest_after_that_makes_the_payment_whole(self, world: Cashiers) -> None:
        connector = self.held(world)
        connector.capture(world.order(), "cap-1", Money(3000, "USD"))  # type: ignore[attr-defined]
        world.work("poll", EXPIRES + MINUTE)
        connector.capture(world.order(), "cap-2", Money(5800, "USD"))  # type: ignore[attr-defined]
        world.deliver()

        assert world.order().status == "paid"
        assert Money(8800, "USD") in [one.total for one in world.order().claims]

    def test_what_is_let_go_after_a_part_was_taken_is_a_question_at_once(self, world: Cashiers) -> None:
        connector = self.held(world)
        connector.capture(world.order(), "cap-1", Money(3000, "USD"))  # type: ignore[attr-defined]
        for change in connector.void(world.order()):  # type: ignore[attr-defined]
            world.store.record(change, now=world.now)

        assert world.order().status == "review"

    def test_more_than_is_held_cannot_be_captured_and_what_was_captured_cannot_be_let_go(self, world: Cashiers) -> None:
        connector = self.held(world)
        with pytest.raises(UnprocessableError, match="capture_exceeds_authorization"):
            connector.capture(world.order(), "cap-1", Money(8801, "USD"))  # type: ignore[attr-defined]
        connector.capture(world.order(), "cap-2", Money(8800, "USD"))  # type: ignore[attr-defined]
        with pytest.raises(ConflictError, match="not_voidable"):
            connector.void(world.order())  # type: ignore[attr-defined]

    def test_what_is_let_go_ends_the_payment(self, world: Cashiers) -> None:
        connector = self.held(world)
        for change in connector.void(world.order()):  # type: ignore[attr-defined]
            world.store.record(change, now=world.now)

        assert world.order().status == "closed"

    def test_an_account_that_states_no_authorization_is_refused_it(self, world: Cashiers) -> None:
        world.cloud.secretsmanager.create_secret(
            Name="countersign/test/cashier/hc1/sales",
            SecretString=json.dumps(hc1_document(kinds=["sale", "refund"])),
        )
        status, answer = world.create("R-0003", "hc1/sales", capture="manual")

        assert status == 422
        assert "no authorization" in answer["detail"]


class TestDoor:
    @pytest.mark.parametrize("spoil", ["forge", "stale", "other_merchant"])
    def test_what_is_not_genuine_is_refused_and_leaves_nothing(self, world: Cashiers, spoil: str) -> None:
        world.create()
        world.make("pay", reference="R-0001")
        before = sorted(map(str, world.cloud.table()))

        assert world.deliver(spoil=spoil) == [401]
        assert sorted(map(str, world.cloud.table())) == before

    def test_a_message_is_taken_once_and_what_is_said_again_under_a_new_nonce_changes_nothing(
        self, world: Cashiers
    ) -> None:
        world.create()
        world.make("pay", reference="R-0001")
        (delivery,) = world.posted
        message = delivery.message(world.now)
        assert world.send(message)["statusCode"] == 200
        before = sorted(map(str, world.cloud.table()))

        assert world.send(message)["statusCode"] == 401
        assert world.send(delivery.message(world.now))["statusCode"] == 200
        assert sorted(map(str, world.cloud.table())) == before

    def test_what_breaks_the_contract_is_refused_kept_and_asked_about(self, world: Cashiers) -> None:
        world.create()
        world.make("pay", reference="R-0001")

        assert world.deliver(spoil="unreadable") == [400]
        assert [item for item in world.cloud.table() if item["pk"]["S"].startswith("QUARANTINE")]
        world.work("poll", 1)
        assert world.order().status == "paid"

    def test_what_was_kept_is_taken_in_again_once_it_can_be_read(
        self, world: Cashiers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.create()
        world.make("pay", reference="R-0001")
        with monkeypatch.context() as patch:
            patch.setattr(messages, "_TIME", re.compile("never"))  # a fault of ours: no time can be read
            assert world.deliver() == [400]
        day = {"day": time.strftime("%Y-%m-%d", time.gmtime(world.now))}
        answer = world.cloud.invoke("cashier_redrive", day, remaining_ms=900_000)

        assert (answer["looked_at"], answer["redriven"], answer["still_refused"]) == (1, 1, [])
        assert world.order().status == "paid"

    def test_what_still_cannot_be_read_stays_where_it_is_and_says_why(self, world: Cashiers) -> None:
        world.create()
        world.make("pay", reference="R-0001")
        assert world.deliver(spoil="unreadable") == [400]
        day = {"day": time.strftime("%Y-%m-%d", time.gmtime(world.now))}
        answer = world.cloud.invoke("cashier_redrive", day, remaining_ms=900_000)

        assert answer["redriven"] == 0
        assert [one["reason"] for one in answer["still_refused"]] == ["amount.value is not an integer of minor units"]

    @pytest.mark.parametrize("path", ["/cashier/nobody/main/notify", "/cashier/hc1/nobody/notify"])
    def test_an_unknown_cashier_and_an_unknown_account_look_alike(self, world: Cashiers, path: str) -> None:
        world.create()
        world.make("pay", reference="R-0001")
        (delivery,) = world.posted

        assert world.send(delivery.message(world.now), path)["statusCode"] == 404

    def test_a_notification_for_another_merchants_account_is_refused(self, world: Cashiers) -> None:
        world.create()
        world.make("pay", reference="R-0001")
        (delivery,) = world.posted

        # Both accounts have the same key: what is signed is the merchant's id.
        assert world.send(delivery.message(world.now), "/cashier/hc1/other/notify")["statusCode"] == 401


class TestDocument:
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"keys": []}, "keys"),
            ({"keys": [{"id": "a", "secret": "short-secret-0123"}]}, "secret"),
            ({"keys": [{"id": "a b", "secret": "0123456789abcdef0123456789abcdef"}]}, "id"),
            ({"merchant_id": "two\nlines"}, "merchant_id"),
            ({"api_base": "", "base_url": "http://cashier.example.com"}, "base_url"),
            ({"api_base": "", "base_url": "https://user:pass@cashier.example.com"}, "base_url"),
            ({"cashier_hosts": ["https://cashier.example.com"]}, "cashier_hosts"),
            ({"kinds": ["sale", "everything"]}, "kinds"),
            ({"kinds": ["authorization"]}, "capture and void"),
        ],
    )
    def test_a_document_that_cannot_be_used_names_the_field(self, changes: dict[str, object], field: str) -> None:
        from countersign.cashiers.hc1 import settings

        with pytest.raises(KeysUnavailableError, match=field):
            settings.load(hc1_document(**changes))

    @pytest.mark.parametrize(
        ("url", "safe"),
        [
            ("https://cashier.example.com/c/1", True),
            ("https://CASHIER.example.com/c/1", True),
            ("https://cashier.example.com:8443/c/1", True),
            ("http://cashier.example.com/c/1", False),
            ("https://cashier.example.com.evil.example/c/1", False),
            ("https://cashier.example.com@evil.example/", False),
            ("https://evil.example\\@cashier.example.com/", False),
            ("https://cashier.example.com/a b", False),
            ("https://cashier.example.com:port/", False),
            ("//cashier.example.com/c/1", False),
            ("javascript:alert(1)//cashier.example.com", False),
        ],
    )
    def test_G1_a_browser_is_sent_to_the_cashiers_own_hosts_only(self, url: str, safe: bool) -> None:
        from countersign.cashiers.addresses import is_safe

        assert is_safe(url, frozenset({"cashier.example.com"})) is safe


def test_a_nonce_row_expires(world: Cashiers) -> None:
    world.create()
    world.make("pay", reference="R-0001")
    assert world.deliver() == [200]
    rows = [item for item in world.cloud.dynamodb.scan(TableName="Idempotency")["Items"] if "nonce" in item["id"]["S"]]

    assert [int(row["expiration"]["N"]) - world.now for row in rows] == [900]
    assert keys.order_pk(world.key()) == "cashier#hc1.main#R-0001"

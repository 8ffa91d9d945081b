"""What becomes of a checkout's sessions: at the cashier, here, and at Shopify."""

import json
from dataclasses import replace
from typing import Any

import pytest

from sandbox.simulators.shopify.payments import Asked
from tests.functions.conftest import http_event
from tests.platforms.shopify.payments.world import Checkout


def address(answer: dict[str, Any]) -> str:
    assert answer["statusCode"] == 303, answer["body"]
    return str(answer["headers"]["location"])


def paid(world: Checkout, **wanted: Any) -> Any:
    """Take a session, send its buyer to the cashier, have it paid and answered."""
    asked = world.ask(**wanted)
    address(world.visit(asked))
    world.pay(asked)
    world.told(asked)
    return asked


class TestStranger:
    @pytest.mark.parametrize(
        "odd",
        [{"shop": "\ud800"}, {"session": "\ud800"}, {"token": "\ud800"}, {"app": "no-app"}, {"session": "x" * 2000}],
    )
    def test_an_address_that_was_never_made_shows_what_an_unknown_one_does(
        self, world: Checkout, odd: dict[str, str]
    ) -> None:
        asked = world.ask()
        _, _, app, _, shop, session, token = asked.redirect_url.partition(".example.com")[2].split("/")
        named = {"app": app, "shop": shop, "session": session, "token": token} | odd
        rows = sorted(map(str, world.cloud.table()))
        event = http_event("GET", "/shopify/{app}/pay/{shop}/{session}/{token}", named)

        assert world.cloud.invoke("shopify_pay", event)["statusCode"] == 404
        assert sorted(map(str, world.cloud.table())) == rows


class TestSale:
    def test_a_sale_is_resolved_once_the_cashier_has_the_money_and_the_buyer_goes_on(self, world: Checkout) -> None:
        asked = world.ask(amount="123.00", currency="CAD")
        assert asked.redirect_url.startswith(f"https://pay.example.com/shopify/payments/pay/{asked.shop}/")

        assert "/hc1/pay/" in address(world.visit(asked))
        world.run()
        assert asked.told == []
        world.pay(asked)
        world.told(asked)

        assert (asked.state, asked.told, asked.refused) == ("resolved", ["Resolve"], [])
        assert asked.arguments == {"id": asked.body["gid"]}
        assert address(world.visit(asked, "back")) == f"https://{asked.shop}/checkouts/{asked.body['id']}/resolved"
        order = world.order(asked)
        assert (order.status, order.paid, order.key.order_id[:4]) == ("paid", 12300, "pay-")
        assert world.attempt(asked).money_of == ("shopify", asked.shop, order.key.order_id)

    def test_B16_a_session_that_comes_again_is_answered_the_same_and_is_one(self, world: Checkout) -> None:
        asked = world.ask(id="S0001")
        first, rows = asked.redirect_url, world.rows()

        again = world.ask(id="S0001")

        assert (again is asked, again.redirect_url) == (True, first)
        assert world.rows() == rows

    def test_one_that_comes_again_with_another_amount_stays_as_it_was(self, world: Checkout) -> None:
        asked = world.ask(id="S0001", amount="10.00")
        asked.body["amount"] = "1.00"
        rows = world.rows()

        world.ask(id="S0001")

        assert world.rows() == rows
        assert str(world.session(asked).amount) == "10.00 USD"

    def test_P1_an_answer_that_comes_too_early_is_repeated_and_never_becomes_another(self, world: Checkout) -> None:
        asked = world.ask()
        address(world.visit(asked))
        world.wire.simulator.faults({"unread": {"seconds": 40, "count": 100}})
        world.pay(asked)
        world.told(asked)
        assert (asked.state, set(asked.refused)) == ("open", {"Resolve"})
        assert address_or_page(world.visit(asked, "back")) == 200

        for seconds in (5, 5, 20, 15):
            world.run(seconds)

        assert (asked.state, asked.told) == ("resolved", ["Resolve"])
        assert "Reject" not in asked.refused
        assert address(world.visit(asked, "back")).endswith("/resolved")

    def test_an_answer_whose_reply_was_lost_is_repeated_byte_for_byte(self, world: Checkout) -> None:
        asked = world.ask()
        address(world.visit(asked))
        world.wire.simulator.faults({"error500": 1, "truncated": 1})
        world.pay(asked)
        world.told(asked)
        world.run(5)
        world.run(10)

        sent = [one for one in world.wire.sent if "paymentSession" in one.get("query", "")]
        assert asked.told == ["Resolve"]
        assert len(sent) > 1
        assert len({json.dumps(one) for one in sent}) == 1

    def test_one_that_shopify_never_takes_is_told_for_a_day_and_then_a_persons(self, world: Checkout) -> None:
        asked = world.ask()
        address(world.visit(asked))
        world.wire.simulator.faults({"unread": {"seconds": 10**7, "count": 10**4}})
        world.pay(asked)
        world.told(asked)

        for seconds in (5, 5, 20, 15, 15, 60, 180, 420, 1560, 1320, 3600, *[14_400] * 6):
            world.run(seconds)

        assert len(asked.refused) == 18
        assert world.session(asked).status == "needs_action"
        assert set(asked.refused) == {"Resolve"}
        assert any("needs_action" in str(item.get("exception")) for item in world.cloud.table())

    def test_one_of_a_test_never_meets_the_account_with_money(self, world: Checkout) -> None:
        live, trying = world.ask(group="g"), world.ask(group="g", test=True)

        address(world.visit(trying))

        assert world.session(trying).account == "hc1.try"
        assert world.key(live) != world.key(trying)
        world.pay(trying, account="hc1/try")
        world.told(trying)
        assert (trying.state, live.state) == ("resolved", "open")
        assert world.order(trying).test


def address_or_page(answer: dict[str, Any]) -> int:
    return int(answer["statusCode"])


def at_two_cashiers(world: Checkout) -> tuple[Asked, Asked]:
    """Let a checkout's first session be opened, and the app have another cashier when it asks for the second one."""
    first = world.ask(group="g")
    address(world.visit(first))
    world.choose("hc1/late")
    world.cloud.clock.shift(1)
    return first, world.ask(group="g")


class TestBuyers:
    def test_P2_who_cancels_goes_back_to_the_checkout_and_may_pay_later(self, world: Checkout) -> None:
        asked = world.ask()
        address(world.visit(asked))

        assert address(world.visit(asked, "cancel")) == asked.body["payment_method"]["data"]["cancel_url"]
        world.run(60)

        assert (asked.state, asked.refused) == ("open", [])
        world.pay(asked)
        world.told(asked)
        assert asked.told == ["Resolve"]

    def test_P2_one_try_that_fails_rejects_nothing_and_the_second_one_is_resolved(self, world: Checkout) -> None:
        asked = world.ask()
        address(world.visit(asked))
        world.pay(asked, call="end", status="FAILED", code="insufficient_funds")
        world.told(asked, "order.failed")
        assert asked.state == "open"
        assert world.visit(asked, "back")["statusCode"] == 200

        address(world.visit(asked))
        assert len(world.attempts(asked)) == 2
        world.pay(asked)
        world.told(asked)

        assert asked.told == ["Resolve"]

    def test_a_final_word_of_the_cashier_rejects(self, world: Checkout) -> None:
        asked = world.ask()
        address(world.visit(asked))
        world.pay(asked, call="end", status="FAILED", code="fraud_suspected")
        world.told(asked, "order.failed")

        assert asked.told == ["Reject"]
        assert asked.arguments["reason"]["code"] == "FRAUD_SUSPECTED"

    def test_who_never_comes_is_rejected_after_a_day(self, world: Checkout) -> None:
        asked = world.ask()
        address(world.visit(asked))
        for _ in range(26):
            world.run(3600)
            world.hosted.work("poll")

        assert asked.told == ["Reject"]
        assert asked.arguments["reason"]["code"] == "CANCELLED_PAYMENT"
        assert world.attempt(asked).status == "closed"

    def test_C2_what_can_be_paid_still_is_closed_before_the_session_ends(self, world: Checkout) -> None:
        asked = world.ask()
        world.cloud.clock.shift(86_400 - 600)
        address(world.visit(asked))  # ten minutes before the end, for half an hour
        world.run(601)

        assert (asked.told, world.attempt(asked).status) == (["Reject"], "closed")
        ledger = world.hosted.wire.simulator._hc1.ledger
        assert getattr(ledger.find("hc1/main", world.attempts(asked)[0]), "status", "") == "CANCELLED"

    def test_C2_money_that_comes_for_a_rejected_session_goes_back(self, world: Checkout) -> None:
        asked = world.ask()
        address(world.visit(asked))
        world.run(86_400)
        assert asked.told == ["Reject"]

        # A cashier that takes money for what it had closed.
        ledger = world.hosted.wire.simulator._hc1.ledger
        closed = ledger.find("hc1/main", world.attempts(asked)[0])
        assert closed is not None
        closed.status = "PENDING"
        world.pay(asked)
        world.told(asked, "order.paid_late")
        world.told(asked, "order.paid_late")

        assert asked.told == ["Reject"]
        assert [one.status for one in world.store.refunds(world.attempt(asked).key)] == ["requested"]
        assert world.order(asked).paid == 0

    def test_P2_a_second_window_closes_the_first_at_the_cashier_and_only_one_is_resolved(self, world: Checkout) -> None:
        first, second = world.ask(group="g"), world.ask(group="g")
        address(world.visit(first))
        address(world.visit(second))

        assert world.key(first) == world.key(second)
        assert world.attempt(first, 1).status == "closed"
        assert world.visit(first)["statusCode"] == 200  # it says where to go on
        world.pay(second, 2)
        world.told(second, number=2)

        assert (first.state, second.state) == ("open", "resolved")
        assert address(world.visit(first)).endswith(f"{second.body['id']}/resolved")
        for _ in range(26):
            world.run(3600)
        assert (first.told, second.told) == (["Reject"], ["Resolve"])

    def test_money_of_the_first_window_after_the_second_was_paid_goes_back(self, world: Checkout) -> None:
        first, second = world.ask(group="g"), world.ask(group="g")
        address(world.visit(first))
        address(world.visit(second))
        world.pay(second, 2)
        world.told(second, number=2)

        # A cashier that takes money for what it had closed.
        ledger = world.hosted.wire.simulator._hc1.ledger
        closed = ledger.find("hc1/main", world.attempts(first)[0])
        assert closed is not None
        closed.status = "PENDING"
        world.pay(first, 1)
        world.told(first, "order.paid_late", number=1)

        assert first.state == "open"
        assert second.told == ["Resolve"]
        refunds = world.store.refunds(world.attempt(first, 1).key)
        assert [one.status for one in refunds] == ["requested"]

    def test_P2_a_second_window_closes_the_first_also_where_the_app_has_another_cashier_since(
        self, world: Checkout
    ) -> None:
        first, second = at_two_cashiers(world)
        address(world.visit(second))

        assert (world.session(first).account, world.session(second).account) == ("hc1.main", "hc1.late")
        assert (world.attempt(first).status, world.attempt(second).status) == ("closed", "pending")
        ledger = world.hosted.wire.simulator._hc1.ledger
        assert getattr(ledger.find("hc1/main", world.attempts(first)[0]), "status", "") == "CANCELLED"
        assert world.visit(first)["statusCode"] == 200  # it says where to go on
        assert len(world.attempts(first)) == 1

        world.pay(second, account="hc1/late")
        world.told(second)
        assert (first.state, second.state) == ("open", "resolved")
        assert address(world.visit(first)).endswith(f"{second.body['id']}/resolved")

    def test_a_second_window_at_another_cashier_takes_no_payment_where_the_first_one_was_paid(
        self, world: Checkout
    ) -> None:
        first, second = at_two_cashiers(world)
        world.hosted.make("pay", "hc1/main", reference=world.attempts(first)[0])  # and nobody has heard of it

        assert world.visit(second)["statusCode"] == 200
        assert (world.attempt(first).status, world.attempts(second)) == ("paid", [])
        world.told(first)
        assert (first.told, second.told) == (["Resolve"], [])

    def test_a_second_window_begins_nothing_while_the_first_ones_cashier_does_not_answer(self, world: Checkout) -> None:
        first, second = at_two_cashiers(world)
        world.hosted.wire.lost.append("cancel")

        assert world.visit(second)["statusCode"] == 200
        assert world.attempts(second) == []
        world.hosted.wire.lost.clear()
        address(world.visit(second))
        assert (world.attempt(first).status, world.attempt(second).status) == ("closed", "pending")

    def test_a_try_that_failed_keeps_nobody_from_paying_at_another_cashier(self, world: Checkout) -> None:
        first = world.ask(group="g")
        address(world.visit(first))
        world.pay(first, call="end", status="FAILED", code="insufficient_funds")
        world.choose("hc1/late")
        world.cloud.clock.shift(1)
        second = world.ask(group="g")

        address(world.visit(second))
        assert (world.attempt(first).status, world.attempt(second).status) == ("closed", "pending")

    def test_a_cashier_that_is_gone_keeps_nobody_from_paying_at_another(self, world: Checkout) -> None:
        first = world.ask(group="g")
        address(world.visit(first))
        world.cloud.secretsmanager.delete_secret(
            SecretId="countersign/test/cashier/hc1/main", ForceDeleteWithoutRecovery=True
        )
        world.choose("hc1/late")
        second = world.ask(group="g")

        address(world.visit(second))
        assert world.attempt(second).status == "pending"

    def test_a_stranger_sees_nothing(self, world: Checkout) -> None:
        asked = world.ask()
        wrong = replace(asked, redirect_url=asked.redirect_url[:-1] + ("0" if asked.redirect_url[-1] != "0" else "1"))

        assert world.visit(wrong)["statusCode"] == 404


class TestAfterwards:
    def test_a_part_goes_back_and_is_resolved_once(self, world: Checkout) -> None:
        asked = paid(world)
        refund = world.ask("refund", payment=asked.body["id"], amount="30.00", copies=1)
        world.run(1)
        world.run(60)
        world.refunds(60)
        world.run(60)

        assert (refund.state, refund.told) == ("resolved", ["Resolve"])
        assert world.order(asked).refunded == 3000
        assert world.order(asked).status == "partially_refunded"

    def test_more_than_was_paid_is_rejected(self, world: Checkout) -> None:
        asked = paid(world)
        refund = world.ask("refund", payment=asked.body["id"], amount="100.01")
        world.run(1)

        assert (refund.state, refund.told) == ("rejected", ["Reject"])
        assert refund.arguments["reason"]["code"] == "PROCESSING_ERROR"

    def test_P1_a_refund_that_is_answered_too_early_is_answered_again(self, world: Checkout) -> None:
        asked = paid(world)
        refund = world.ask("refund", payment=asked.body["id"], amount="100.01")
        world.wire.simulator.faults({"unread": {"seconds": 40, "count": 100}})
        world.run(1)
        assert (refund.state, refund.refused) == ("open", ["Reject"])

        for seconds in (5, 5, 20, 15):
            world.run(seconds)

        assert (refund.state, refund.told) == ("rejected", ["Reject"])
        assert world.session(refund).status == "rejected"

    def test_a_refund_that_shopify_has_otherwise_is_a_persons(self, world: Checkout) -> None:
        asked = paid(world)
        refund = world.ask("refund", payment=asked.body["id"], amount="100.01")
        refund.state = "resolved"
        world.run(1)
        assert world.session(refund).status == "deciding"
        world.run(720)

        assert world.session(refund).status == "needs_action"

    def test_what_is_about_a_payment_that_nobody_knows_is_taken_and_rejected(self, world: Checkout) -> None:
        void = world.ask("void", payment="unknown0001")
        assert void.known_at is not None
        world.run(1)

        assert void.told == ["Reject"]

    def test_an_authorization_is_captured_in_parts_and_no_further(self, world: Checkout) -> None:
        asked = world.ask(kind="authorization")
        address(world.visit(asked))
        world.pay(asked, call="pay")
        world.run(60)

        assert asked.told == ["Resolve"]
        assert "authorizationExpiresAt" in asked.arguments
        assert world.order(asked).status == "authorized"
        captures = []
        for amount in ("60.00", "40.00", "0.01"):
            captures.append(world.ask("capture", payment=asked.body["id"], amount=amount))
            world.cloud.clock.shift(1)
        first, second, third = captures
        world.run(1)
        assert [one.state for one in (first, second, third)] == ["resolved", "resolved", "rejected"]
        order = world.order(asked)
        assert (order.status, order.paid) == ("paid", 10000)
        void = world.ask("void", payment=asked.body["id"])
        world.run(1)
        assert void.state == "rejected"

    def test_an_authorization_is_let_go_and_captured_no_more(self, world: Checkout) -> None:
        asked = world.ask(kind="authorization")
        address(world.visit(asked))
        world.pay(asked, call="pay")
        world.run(60)
        void = world.ask("void", payment=asked.body["id"])
        world.run(1)
        capture = world.ask("capture", payment=asked.body["id"], amount="1.00")
        world.run(1)

        assert (void.state, capture.state) == ("resolved", "rejected")
        assert world.order(asked).status == "closed"

    def test_what_is_captured_too_late_is_rejected_as_such(self, world: Checkout) -> None:
        asked = world.ask(kind="authorization")
        address(world.visit(asked))
        world.pay(asked, call="pay")
        world.run(60)
        world.cloud.clock.shift(8 * 86_400)
        capture = world.ask("capture", payment=asked.body["id"], amount="1.00")
        world.run(1)

        assert capture.arguments["reason"]["code"] == "AUTHORIZATION_EXPIRED"

    @pytest.mark.parametrize("ends", ["pay", "end"])
    def test_C1_money_on_its_way_is_pending_and_decided_after_days(self, world: Checkout, ends: str) -> None:
        asked = world.ask()
        address(world.visit(asked))
        world.pay(asked, call="process")
        world.run(60)
        assert (asked.state, asked.told) == ("pending", ["Pending"])

        world.cloud.clock.shift(2 * 86_400)
        how: dict[str, Any] = {} if ends == "pay" else {"status": "FAILED", "code": "declined"}
        world.pay(asked, call=ends, **how)
        world.told(asked, "order.paid" if ends == "pay" else "order.failed")

        assert asked.told == ["Pending", "Resolve" if ends == "pay" else "Reject"]

    @pytest.mark.parametrize("ends", ["pay", "end"])
    def test_C1_where_shopify_knows_no_waiting_money_on_its_way_is_waited_for_here_alone(
        self, world: Checkout, ends: str
    ) -> None:
        asked = world.ask()
        address(world.visit(asked))
        world.wire.simulator.faults({"no_pending": 1000})
        world.pay(asked, call="process")
        for seconds in (60, 60, 86_400):
            world.run(seconds)
        assert (asked.told, asked.refused) == ([], ["Pending"])

        how: dict[str, Any] = {} if ends == "pay" else {"status": "FAILED", "code": "declined"}
        world.pay(asked, call=ends, **how)
        world.told(asked, "order.paid" if ends == "pay" else "order.failed")

        assert asked.told == ["Resolve" if ends == "pay" else "Reject"]

    def test_P1_money_that_comes_while_shopify_has_not_taken_that_it_is_on_its_way_resolves_at_once(
        self, world: Checkout
    ) -> None:
        asked = world.ask()
        address(world.visit(asked))
        world.wire.simulator.faults({"error500": 1000})
        world.pay(asked, call="process")
        for seconds in (1, 600, 3600):
            world.run(seconds)
        assert (world.session(asked).status, world.session(asked).operation) == ("deciding", "pending")
        world.wire.simulator.faults({"clear": True})
        world.pay(asked)
        world.told(asked)

        assert asked.told == ["Resolve"]
        assert world.order(asked).paid == 10000

"""Stripe Checkout: completed is not paid, delayed payments, refunds that come back, amounts in Stripe's own steps."""

import dataclasses
import itertools
import json
import time

import pytest
import stripe as package
from hypothesis import given
from hypothesis import strategies as st

from conformance.signers.stripe import signature
from countersign.cashiers.stripe import amounts, settings, signing
from countersign.cashiers.stripe.connector import Connector
from countersign.errors import (
    ConflictError,
    CountersignError,
    KeysUnavailableError,
    MalformedError,
    PlatformUnavailableError,
    UnprocessableError,
)
from countersign.http import HttpRequest
from countersign.money import Money
from tests.cashiers.test_hc1 import ask_refund, refunds
from tests.cashiers.world import Cashiers, stripe_document

MAIN = "stripe/main"
DAY = 86_400
MINUTE = 60


def ask(world: Cashiers, refund_id: str, minor: int, currency: str = "USD") -> None:
    ask_refund(world, refund_id, minor, currency, account=MAIN)


def known(world: Cashiers) -> dict[str, tuple[str, int]]:
    return refunds(world, account=MAIN)


@pytest.fixture
def paid(world: Cashiers) -> Cashiers:
    status, answer = world.create(account=MAIN)
    assert status == 201, answer
    world.make("stripe_pay", MAIN, reference="R-0001")
    assert world.deliver() == [200]
    return world


class TestPaying:
    def test_a_shopper_goes_to_stripes_page_and_the_event_makes_the_payment_paid(self, paid: Cashiers) -> None:
        shown = paid.shown(account=MAIN)

        assert (shown["status"], shown["test"]) == ("paid", True)
        assert shown["transaction_id"].startswith("pi_")
        assert paid.emitted() == ["order.paid"]

    def test_the_version_of_the_api_is_pinned(self, world: Cashiers) -> None:
        world.create(account=MAIN)

        assert [call["version"] for call in world.wire.headers] == ["2026-10-28.endive"]
        assert package.api_version == "2026-10-28.endive"  # the package's own: its types are of the version that we say

    @pytest.mark.parametrize("sequence", list(itertools.permutations(["completed", "succeeded"])))
    def test_C1_completed_is_not_paid_and_a_success_three_days_later_is_whichever_comes_first(
        self, world: Cashiers, sequence: tuple[str, ...]
    ) -> None:
        world.create(account=MAIN)
        world.make("stripe_debit", MAIN, reference="R-0001")
        (completed,) = world.posted
        world.posted.clear()
        if sequence[0] == "completed":
            world.posted.append(completed)
            assert world.deliver() == [200]
            assert world.order(account=MAIN).status == "pending"
        for _ in range(3):  # past its expiry it is asked about, and not ended: the money is on its way
            world.work("poll", DAY)
        assert world.order(account=MAIN).status == "pending"
        world.make("stripe_settle", MAIN, reference="R-0001", succeeded=True)
        assert world.deliver() == [200]
        if sequence[1] == "completed":
            world.posted.append(completed)
            assert world.deliver() == [200]
        order = world.order(account=MAIN)

        assert (order.status, order.paid_late) == ("paid", False)
        assert world.emitted() == ["order.paid"]

    def test_C1_a_delayed_payment_that_fails_is_over_and_a_new_attempt_may_follow(self, world: Cashiers) -> None:
        world.create(account=MAIN)
        world.make("stripe_debit", MAIN, reference="R-0001")
        assert world.deliver() == [200]
        world.cloud.clock.shift(3 * DAY)
        world.make("stripe_settle", MAIN, reference="R-0001", succeeded=False)
        assert world.deliver() == [200]
        assert world.order(account=MAIN).status == "failed"
        status, answer = world.create("R-0002", MAIN, replaces="R-0001")

        assert status == 201, answer
        assert world.order("R-0001", MAIN).status == "closed"

    def test_C1_while_a_delayed_payment_is_on_its_way_no_other_attempt_is_made(self, world: Cashiers) -> None:
        world.create(account=MAIN)
        world.make("stripe_debit", MAIN, reference="R-0001", notify=False)
        world.create("R-0002", MAIN, replaces="R-0001")
        world.work("poll", 5)

        assert world.order("R-0001", MAIN).status == "pending"

    def test_C1_the_poll_alone_finds_a_delayed_success(self, world: Cashiers) -> None:
        world.create(account=MAIN)
        world.make("stripe_debit", MAIN, reference="R-0001", notify=False)
        world.work("poll", 10)
        world.cloud.clock.shift(3 * DAY)
        world.make("stripe_settle", MAIN, reference="R-0001", succeeded=True, notify=False)
        world.work("poll", 3600)

        assert world.order(account=MAIN).status == "paid"

    def test_C4_an_event_before_the_create_answer_finds_its_payment(self, world: Cashiers) -> None:
        world.faults(stripe_notify_first=1)
        world.at_once = True

        assert world.create(account=MAIN)[0] == 201
        assert world.order(account=MAIN).status == "paid"
        assert world.emitted() == ["order.paid"]

    def test_C4_a_lost_create_answer_makes_one_session_and_the_poll_finds_it(self, world: Cashiers) -> None:
        world.wire.lost = ["POST /stripe/v1/checkout/sessions"]
        assert world.create(account=MAIN)[0] == 502
        world.make("stripe_pay", MAIN, reference="R-0001", notify=False)
        world.work("poll", 10)

        assert world.order(account=MAIN).status == "paid"

    def test_C4_the_same_call_after_a_lost_answer_is_the_same_page(self, world: Cashiers) -> None:
        world.wire.lost = ["POST /stripe/v1/checkout/sessions"]
        assert world.create(account=MAIN)[0] == 502
        status, answer = world.create(account=MAIN)

        assert status == 200, answer
        assert len(world.make("stripe_ledger", MAIN)["sessions"]) == 1
        assert answer["client"]["cashier_url"].endswith("/stripe/pay/cs_test_0000000000000001")

    def test_what_the_shopper_saw_in_another_currency_is_information(self, world: Cashiers) -> None:
        world.create(account=MAIN)
        saw = {"presentment_amount": 8100, "presentment_currency": "eur"}
        world.make("stripe_pay", MAIN, reference="R-0001", presentment=saw)
        assert world.deliver() == [200]
        shown = world.shown(account=MAIN)

        assert (shown["status"], shown["paid"]) == ("paid", {"minor": 8800, "currency": "USD"})

    def test_C2_a_session_that_nobody_used_is_ended_at_stripe(self, world: Cashiers) -> None:
        world.create(account=MAIN)
        world.work("poll", 31 * MINUTE)

        assert world.order(account=MAIN).status == "closed"
        assert [one["status"] for one in world.make("stripe_ledger", MAIN)["sessions"]] == ["expired"]

    @pytest.mark.parametrize("sequence", list(itertools.permutations(["paid", "expired", "timer"])))
    def test_C2_the_end_depends_on_stripes_times_and_not_on_what_arrives_first(
        self, world: Cashiers, sequence: tuple[str, ...]
    ) -> None:
        world.create(account="stripe/late")
        world.cloud.clock.shift(25 * MINUTE)
        world.make("stripe_pay", "stripe/late", reference="R-0001")
        world.cloud.clock.shift(10 * MINUTE)
        world.make("stripe_tell", "stripe/late", reference="R-0001", event="checkout.session.expired")
        was_paid, expired = world.posted
        expired.event["data"]["object"] |= {"status": "expired", "payment_status": "unpaid"}  # type: ignore[attr-defined]
        world.posted.clear()
        for what in sequence:
            if what == "timer":
                world.work("poll", MINUTE)
            else:
                world.posted.append({"paid": was_paid, "expired": expired}[what])
                assert world.deliver() == [200]
        order = world.order(account="stripe/late")

        assert (order.status, order.paid_late, order.reserved) == ("paid", False, 0)


class TestMoneyBack:
    def test_a_refund_is_made_once_though_its_answer_is_lost(self, paid: Cashiers) -> None:
        ask(paid, "rf-1", 1000)
        paid.wire.lost = ["POST /stripe/v1/refunds"]
        paid.work("refund")
        paid.work("refund", 2 * MINUTE)

        assert known(paid) == {"rf-1": ("succeeded", 1000)}
        (session,) = paid.make("stripe_ledger", MAIN)["sessions"]
        assert [one["amount"] for one in session["refunds"]] == [1000]

    def test_a_refund_that_waits_for_the_balance_is_on_its_way(self, paid: Cashiers) -> None:
        paid.faults(stripe_refund_pending=1)
        ask(paid, "rf-1", 1000)
        paid.work("refund")
        assert known(paid) == {"rf-1": ("processing", 1000)}
        paid.make("stripe_end_refund", MAIN, reference="R-0001", status="succeeded", notify=False)
        paid.work("refund", 2 * MINUTE)

        assert known(paid) == {"rf-1": ("succeeded", 1000)}

    def test_a_refund_that_came_back_after_it_had_succeeded_is_failed_and_its_money_is_the_orders_again(
        self, paid: Cashiers
    ) -> None:
        ask(paid, "rf-1", 1000)
        paid.work("refund")
        paid.deliver()
        assert paid.order(account=MAIN).status == "partially_refunded"
        paid.cloud.clock.shift(5 * DAY)
        paid.make("stripe_end_refund", MAIN, reference="R-0001", status="failed", failure="lost_or_stolen_card")
        assert paid.deliver() == [200]
        paid.work("refund", MINUTE)  # a query confirms it: then the amount is free
        order = paid.order(account=MAIN)

        assert known(paid) == {"rf-1": ("failed", 1000)}
        assert (order.status, order.refunded, order.refundable) == ("paid", 0, 8800)
        assert "refund.failed" in paid.emitted()

    def test_news_of_its_success_that_comes_late_does_not_bring_it_back(self, paid: Cashiers) -> None:
        ask(paid, "rf-1", 1000)
        paid.work("refund")
        paid.make("stripe_end_refund", MAIN, reference="R-0001", status="succeeded")
        (_, late) = paid.posted
        paid.posted.clear()
        paid.make("stripe_end_refund", MAIN, reference="R-0001", status="failed", failure="unknown")
        assert paid.deliver() == [200]
        paid.posted.append(late)
        assert paid.deliver() == [200]

        assert known(paid) == {"rf-1": ("failed", 1000)}
        assert paid.order(account=MAIN).refunded == 0

    def test_a_refund_on_stripes_own_pages_names_no_reference_and_finds_its_payment(self, paid: Cashiers) -> None:
        paid.make("stripe_refund", MAIN, reference="R-0001", minor=700)
        assert paid.deliver() == [200]
        ((number, state),) = known(paid).items()

        assert number.startswith("re_")
        assert state == ("succeeded", 700)
        assert paid.order(account=MAIN).refunded == 700

    def test_a_lost_event_of_such_a_refund_is_made_up_for_by_asking(self, paid: Cashiers) -> None:
        paid.make("stripe_refund", MAIN, reference="R-0001", minor=700, notify=False)
        paid.make("stripe_tell", MAIN, reference="R-0001", event="checkout.session.completed", thin=True)
        assert paid.deliver() == [200]
        paid.work("poll", 1)

        assert paid.order(account=MAIN).refunded == 700

    def test_more_than_is_left_is_refused_for_good(self, paid: Cashiers) -> None:
        paid.make("stripe_refund", MAIN, reference="R-0001", minor=8500, notify=False)
        ask(paid, "rf-1", 1000)
        paid.work("refund")

        (refund,) = paid.store.refunds(paid.key(account=MAIN))
        assert (refund.status, str(refund.problem and refund.problem.to_json())) == (
            "needs_action",
            "{'code': 'said_by_the_platform', 'args': {'text': 'Stripe refused: amount_too_large'}}",
        )


class TestHeldMoney:
    """Manual capture: the money is held first, and captured or let go later."""

    def held(self, world: Cashiers, *, notify: bool = True) -> Connector:
        """Let a shopper pay by an account that holds money first; return its connector."""
        world.cloud.secretsmanager.put_secret_value(
            SecretId="countersign/test/cashier/stripe/main",
            SecretString=json.dumps(stripe_document(kinds=["sale", "refund", "authorization", "capture", "void"])),
        )
        status, answer = world.create(account=MAIN, capture="manual")
        assert status == 201, answer
        world.make("stripe_pay", MAIN, reference="R-0001", notify=notify)
        connector: Connector = world.cloud.module("cashier_poll").connect("stripe.main")
        return connector

    def session(self, world: Cashiers) -> dict[str, object]:
        (session,) = world.make("stripe_ledger", MAIN)["sessions"]
        found: dict[str, object] = session
        return found

    def test_held_money_is_not_paid_until_it_is_captured(self, world: Cashiers) -> None:
        connector = self.held(world)
        assert set(world.deliver()) == {200}
        world.work("poll", 10)
        order = world.order(account=MAIN)
        assert (order.status, order.paid) == ("pending", 0)
        made = connector.capture(order, "cap-1", Money(8800, "USD"))
        assert made == ("cap-1", "succeeded", Money(8800, "USD"))
        assert set(world.deliver()) == {200}
        world.work("poll", 10)

        assert world.order(account=MAIN).status == "paid"
        ask(world, "rf-1", 800)
        world.work("refund")
        assert known(world)["rf-1"] == ("succeeded", 800)

    @pytest.mark.parametrize("days", [0, 2])
    def test_a_capture_whose_answer_was_lost_is_made_once_also_when_stripe_forgot_its_key(
        self, world: Cashiers, days: int
    ) -> None:
        connector = self.held(world)
        world.wire.lost = ["/capture"]
        with pytest.raises(PlatformUnavailableError):
            connector.capture(world.order(account=MAIN), "cap-1", Money(8800, "USD"))
        if days:
            world.wire.simulator._stripe.ledger.kept.clear()
            world.cloud.clock.shift(days * DAY)
        made = connector.capture(world.order(account=MAIN), "cap-1", Money(8800, "USD"))

        assert made.status == "succeeded"
        assert len([call for call in world.asked() if call.endswith("/capture")]) == 1

    def test_a_part_that_was_captured_is_what_was_paid_and_a_question_and_no_second_capture_follows(
        self, world: Cashiers
    ) -> None:
        connector = self.held(world)
        connector.capture(world.order(account=MAIN), "cap-1", Money(3000, "USD"))
        world.deliver()
        for seconds in (10, 120, 3600):
            world.work("poll", seconds)

        order = world.order(account=MAIN)
        assert (order.status, order.paid) == ("review", 0)
        assert [one.total for one in order.claims] == [Money(3000, "USD")]
        assert known(world) == {}  # Stripe lists the rest as a refund, and nobody had paid it
        for number, minor in (("cap-2", 5800), ("cap-1", 3001)):
            with pytest.raises(ConflictError):
                connector.capture(order, number, Money(minor, "USD"))
        with pytest.raises(ConflictError):
            connector.void(order)

    def test_more_than_is_held_is_not_asked_for(self, world: Cashiers) -> None:
        connector = self.held(world)
        for amount in (Money(8801, "USD"), Money(8800, "EUR")):
            with pytest.raises(UnprocessableError, match="capture_exceeds_authorization"):
                connector.capture(world.order(account=MAIN), "cap-1", amount)
        assert not [call for call in world.asked() if call.endswith("/capture")]

    @pytest.mark.parametrize("lost", [False, True])
    def test_what_is_let_go_ends_the_payment_and_is_let_go_once(self, world: Cashiers, lost: bool) -> None:
        connector = self.held(world)
        if lost:
            world.wire.lost = ["/cancel"]
            with pytest.raises(PlatformUnavailableError):
                connector.void(world.order(account=MAIN))
        for change in connector.void(world.order(account=MAIN)):
            world.store.record(change, now=world.now)

        assert set(world.deliver()) == {200}
        for seconds in (30, 120, 3600):
            world.work("poll", seconds)
        assert (world.order(account=MAIN).status, known(world)) == ("closed", {})
        assert len([call for call in world.asked() if call.endswith("/cancel")]) == 1
        with pytest.raises(ConflictError):
            connector.capture(world.order(account=MAIN), "cap-1", Money(8800, "USD"))

    def test_our_timer_does_not_end_what_is_held_and_its_end_at_stripe_does(self, world: Cashiers) -> None:
        self.held(world, notify=False)
        for _ in range(3):
            world.work("poll", DAY)
        assert world.order(account=MAIN).status == "pending"
        world.cloud.clock.shift(5 * DAY)  # seven days in all
        world.work("poll", 3600)

        assert world.order(account=MAIN).status == "closed"
        assert self.session(world)["payment_status"] == "unpaid"

    def test_a_session_that_nobody_paid_holds_nothing(self, world: Cashiers) -> None:
        world.create(account=MAIN)
        world.make("stripe_pay", MAIN, reference="R-0001")
        connector = world.cloud.module("cashier_poll").connect("stripe.main")
        capable = dataclasses.replace(connector.settings, kinds=frozenset(settings.ALL_KINDS))
        connector = dataclasses.replace(connector, settings=capable)
        for call in (
            lambda: connector.capture(world.order(account=MAIN), "cap-1", Money(1, "USD")),
            lambda: connector.void(world.order(account=MAIN)),
        ):
            with pytest.raises(ConflictError, match="held"):
                call()

    def test_an_account_that_states_no_authorization_is_refused_it(self, world: Cashiers) -> None:
        status, answer = world.create(account=MAIN, capture="manual")

        assert (status, world.posted, world.asked()) == (422, [], [])
        assert "no authorization" in answer["detail"]

    def test_an_event_of_a_payment_that_is_taken_at_once_is_not_asked_about(self, paid: Cashiers) -> None:
        (session,) = paid.make("stripe_ledger", MAIN)["sessions"]
        found = paid.wire.simulator._stripe.ledger.sessions[session["id"]]
        paid.asked()
        paid.wire.simulator._stripe._send(found, "payment_intent.succeeded", found.payment())
        assert paid.deliver() == [200]
        paid.work("poll", 30)

        assert paid.asked() == []


class TestAmounts:
    @pytest.mark.parametrize(
        ("minor", "currency", "at_stripe", "back"),
        [
            (18_600, "KWD", 18_600, 600),
            (600, "BHD", 600, 10),
            (1_610, "JOD", 1_610, 1_000),
            (4480, "JPY", 4480, 80),
            (5000, "UGX", 500_000, 100),
            (120, "ISK", 12_000, 20),
        ],
    )
    def test_C3_an_amount_is_the_same_from_the_order_to_the_refund(
        self, world: Cashiers, minor: int, currency: str, at_stripe: int, back: int
    ) -> None:
        status, answer = world.create(account=MAIN, amount={"minor": minor, "currency": currency})
        assert status == 201, answer
        (session,) = world.make("stripe_ledger", MAIN)["sessions"]
        assert (session["amount_total"], session["currency"]) == (at_stripe, currency.lower())
        world.make("stripe_pay", MAIN, reference="R-0001")
        assert world.deliver() == [200]
        assert world.shown(account=MAIN)["paid"] == {"minor": minor, "currency": currency}
        ask(world, "rf-1", back, currency)
        world.work("refund")

        assert known(world) == {"rf-1": ("succeeded", back)}
        (session,) = world.make("stripe_ledger", MAIN)["sessions"]
        assert session["refunded"] * minor == back * at_stripe

    @pytest.mark.parametrize(
        ("minor", "currency", "reason"),
        [
            (18_605, "KWD", "amount_not_representable"),
            (605, "BHD", "amount_not_representable"),
            (1_601, "JOD", "amount_not_representable"),
            (1050, "MGA", "amount_not_representable"),
            (1000, "IQD", "currency_not_supported"),
            (1000, "LYD", "currency_not_supported"),
        ],
    )
    def test_C3_what_stripe_cannot_take_is_refused_before_anybody_is_sent_away(
        self, world: Cashiers, minor: int, currency: str, reason: str
    ) -> None:
        status, answer = world.create(account=MAIN, amount={"minor": minor, "currency": currency})

        assert (status, answer["detail"].partition(":")[0]) == (422, reason)
        assert world.asked() == []
        assert world.store.get(world.key(account=MAIN)) is None

    def test_C3_a_refund_obeys_the_same_rule(self, world: Cashiers) -> None:
        world.create(account=MAIN, amount={"minor": 18_600, "currency": "KWD"})
        world.make("stripe_pay", MAIN, reference="R-0001")
        assert world.deliver() == [200]
        ask(world, "rf-1", 605, "KWD")
        world.work("refund")

        (refund,) = world.store.refunds(world.key(account=MAIN))
        assert refund.status == "needs_action"
        assert "amount_not_representable" in str(refund.problem and refund.problem.to_json())

    @given(st.integers(0, 10**9), st.sampled_from(["USD", "JPY", "KWD", "ISK", "UGX", "MGA", "HUF", "TWD"]))
    def test_what_goes_to_stripe_comes_back_as_the_same(self, minor: int, currency: str) -> None:
        try:
            sent = amounts.to_stripe(Money(minor, currency))
        except UnprocessableError:
            return
        assert amounts.from_stripe(sent, currency.lower()) == Money(minor, currency)

    @pytest.mark.parametrize(
        ("value", "currency"),
        [(150, "isk"), (True, "usd"), (1.5, "usd"), ("15", "usd"), (-1, "usd"), (1, "zzz"), (1, None)],
    )
    def test_what_is_no_amount_is_not_read(self, value: object, currency: object) -> None:
        with pytest.raises(MalformedError):
            amounts.from_stripe(value, currency)


class TestEvents:
    """Our own check of signatures beside that of Stripe's package."""

    body = (
        b'{"id":"evt_1","object":"event","type":"charge.succeeded","created":1795328845,"data":{"object":{"id":"x"}}}'
    )
    now = 1_795_328_845
    account = settings.load(stripe_document(webhook_secrets=["whsec_current_0123456789", "whsec_previous_0123456789"]))

    def ours(self, body: bytes, header: str) -> bool:
        request = HttpRequest("POST", "/", {"stripe-signature": header}, body)
        try:
            signing.verify(request, self.account, now=self.now)
        except CountersignError:
            return False
        return True

    def theirs(self, body: bytes, header: str) -> bool:
        """Return the verdict of Stripe's package, of which anything that it raises is a refusal."""
        for secret in self.account.webhook_secrets:
            try:
                package.WebhookSignature.verify_header(body.decode(), header, secret.reveal(), tolerance=300)
            except (package.SignatureVerificationError, ValueError, TypeError):
                continue
            return True
        return False

    @pytest.mark.parametrize(
        "header",
        [
            signature("whsec_current_0123456789", body, now),
            signature("whsec_previous_0123456789", body, now),
            signature("whsec_current_0123456789", body, now - 299),
            signature("whsec_current_0123456789", body, now - 301),
            signature("whsec_another_0123456789", body, now),
            signature("whsec_current_0123456789", body + b" ", now),
            signature("whsec_current_0123456789", body, now).replace("v1=", "v2="),
            signature("whsec_current_0123456789", body, now).replace("t=", "x="),
            "v1=" + "0" * 64 + "," + signature("whsec_current_0123456789", body, now),
            "",
            "t=,v1=",
            f"t={now}",
            "nonsense",
        ],
    )
    def test_it_agrees_with_stripes_package(self, header: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "time", lambda: float(self.now))

        assert self.ours(self.body, header) is self.theirs(self.body, header)

    @pytest.mark.parametrize("ahead", [299, 301])
    def test_A15_it_is_stricter_about_times_to_come(self, ahead: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "time", lambda: float(self.now))
        header = signature("whsec_current_0123456789", self.body, self.now + ahead)

        assert self.theirs(self.body, header)
        assert self.ours(self.body, header) is (ahead < 300)

    @pytest.mark.parametrize("body", [b"\xff\xfe", b"[1]", b"null", b"{", b'{"type":5}', b'{"type":"charge.x"}'])
    def test_what_stripes_package_breaks_at_is_kept_and_acknowledged(self, world: Cashiers, body: bytes) -> None:
        message = signature("whsec_of_the_tests_0001", body, world.now)
        sent = world.send_raw(body, {"stripe-signature": message}, "/cashier/stripe/main/notify")

        assert sent["statusCode"] == 200
        assert [item for item in world.cloud.table() if item["pk"]["S"].startswith("QUARANTINE")]

    @pytest.mark.parametrize("header", ["t=1,v1=\u0661", "\ud800", "t=" + "9" * 400, ",".join(["v1=" + "0" * 64] * 50)])
    def test_a_header_that_is_none_is_refused(self, world: Cashiers, header: str) -> None:
        sent = world.send_raw(b"{}", {"stripe-signature": header}, "/cashier/stripe/main/notify")

        assert sent["statusCode"] == 400

    def test_a_thin_event_has_stripe_asked(self, world: Cashiers) -> None:
        world.create(account=MAIN)
        world.make("stripe_pay", MAIN, reference="R-0001", notify=False)
        world.make("stripe_tell", MAIN, reference="R-0001", event="v2.checkout.session.completed", thin=True)
        assert world.deliver() == [200]
        world.work("poll", 1)

        assert world.order(account=MAIN).status == "paid"

    def test_B12_an_event_of_live_mode_is_not_for_an_account_of_test_mode(self, world: Cashiers) -> None:
        world.create(account=MAIN)
        world.make("stripe_pay", MAIN, reference="R-0001")
        (delivery,) = world.posted
        delivery.event["livemode"] = True  # type: ignore[attr-defined]

        assert world.deliver() == [400]
        assert world.order(account=MAIN).status == "pending"

    @pytest.mark.parametrize("spoil", ["bad_v1", "old_event"])
    def test_what_is_not_genuine_is_refused_and_leaves_nothing(self, world: Cashiers, spoil: str) -> None:
        world.create(account=MAIN)
        world.make("stripe_pay", MAIN, reference="R-0001")
        before = sorted(map(str, world.cloud.table()))

        assert world.deliver(spoil=spoil) == [400]
        assert sorted(map(str, world.cloud.table())) == before

    def test_somebody_elses_session_in_the_same_account_is_evidence_and_nobodys_work(self, world: Cashiers) -> None:
        world.create(account=MAIN)
        world.make("stripe_pay", MAIN, reference="R-0001")
        (delivery,) = world.posted
        delivery.event["data"]["object"]["client_reference_id"] = None  # type: ignore[attr-defined]

        assert world.deliver() == [200]
        assert world.order(account=MAIN).status == "pending"

    def test_an_event_that_comes_again_changes_nothing(self, paid: Cashiers) -> None:
        paid.make("stripe_tell", MAIN, reference="R-0001", event="checkout.session.completed")
        before = paid.order(account=MAIN).version
        assert paid.deliver() == [200]

        assert paid.order(account=MAIN).version == before
        assert paid.emitted() == ["order.paid"]


class TestDocument:
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"api_key": "pk_test_0123456789abcdef"}, "api_key"),
            ({"api_key": "sk_test_your-key-goes-here"}, "api_key"),
            ({"webhook_secrets": []}, "webhook_secrets"),
            ({"webhook_secrets": ["we_0123456789abcdef"]}, "webhook_secrets"),
            ({"api_base": "http://api.stripe.com"}, "api_base"),
            ({"kinds": ["capture"]}, "kinds"),
            ({"kinds": ["sale", "chargeback"]}, "kinds"),
        ],
    )
    def test_a_document_that_cannot_be_used_names_the_field(self, changes: dict[str, object], field: str) -> None:
        with pytest.raises(KeysUnavailableError, match=field):
            settings.load(stripe_document(**changes))

    def test_a_live_key_is_told_from_a_test_key(self) -> None:
        assert settings.load(stripe_document()).is_test
        assert not settings.load(stripe_document(api_key="rk_live_0123456789abcdef")).is_test

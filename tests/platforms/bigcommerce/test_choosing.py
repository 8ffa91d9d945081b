"""Which cashier takes the money: each of the three, and one attempt for an order also while the merchant changes it."""

import pytest

from countersign.cashiers import attempts
from countersign.store.attempts import AttemptStore, Begun
from sandbox.events import shapes
from tests.platforms.bigcommerce.world import Shop

FULFILLMENT = 11
EXPIRES = 1800
AMOUNT = {"currency": "CNY", "total": "88.0000"}
BY_CODE = "wechat_native/qr"


@pytest.fixture
def by_code(world: Shop) -> Shop:
    world.choose(BY_CODE)
    return world


class TestByQrCode:
    def test_the_shopper_is_sent_to_our_own_page_and_what_she_scans_pays_the_order(self, by_code: Shop) -> None:
        order, answer = by_code.start(**AMOUNT)

        assert answer["status"] == "CREATED"
        assert answer["cashier_url"].startswith("https://pay.example.com/cashier/wechat_native/qr/pay/")
        assert set(answer) == {"status", "status_token", "cashier_url", "expires_at"}
        attempt = by_code.attempt(order)
        assert attempt is not None and attempt.money_of == ("bigcommerce", order["store"], str(order["id"]))
        by_code.pay(order)
        by_code.told(order)

        assert by_code.there(order)["puts"] == [FULFILLMENT]
        assert (by_code.order(order).status, by_code.order(order).paid) == ("paid", 8800)
        assert by_code.status(answer["status_token"])[1]["status"] == "PAID"

    def test_a_second_tab_is_about_the_same_payment(self, by_code: Shop) -> None:
        order, _ = by_code.start(**AMOUNT)
        status, again = by_code.ask(order)

        assert (status, again["status"]) == (200, "CREATED")
        assert len(AttemptStore(by_code.store.client, "Orders").of(by_code.key(order))) == 1

    def test_a_page_that_asks_has_wechat_asked(self, by_code: Shop) -> None:
        order, answer = by_code.start(**AMOUNT)
        by_code.scan_code(order, tell=False)
        by_code.cloud.clock.shift(6)

        assert by_code.status(answer["status_token"])[1]["status"] == "PAID"

    def test_another_currency_than_its_own_is_refused_before_anybody_is_sent_away(self, by_code: Shop) -> None:
        order = by_code.make("order", currency="USD")

        assert by_code.ask(order)[0] == 422
        assert by_code.attempt(order) is None

    def test_an_order_that_the_store_cancelled_has_its_money_asked_back(self, by_code: Shop) -> None:
        order, _ = by_code.start(**AMOUNT)
        by_code.make("move", id=order["id"], status_id=5)
        by_code.pay(order)
        by_code.told(order)

        assert by_code.there(order)["puts"] == []
        assert [one.status for one in by_code.store.refunds(by_code.payment(order))] == ["requested"]


class TestAnotherCashierMeanwhile:
    def test_an_open_attempt_stays_where_it_is(self, world: Shop) -> None:
        order, first = world.start()
        world.choose("stripe/main")
        status, again = world.ask(order)

        assert (status, again["cashier_url"]) == (200, first["cashier_url"])
        assert world.attempt(order) is None  # at Stripe
        world.choose("hc1/main")
        assert world.attempt(order) is not None

    def test_it_is_paid_there_and_the_store_is_told(self, world: Shop) -> None:
        order, _ = world.start()
        world.choose("stripe/main")
        world.hosted.make("pay", "hc1/main", reference=world.reference(order))
        world.hosted.deliver()
        status, answer = world.ask(order)

        assert (status, answer["status"]) == (200, "PAID")
        world.run("sync", 61)
        detail = {"platform": "cashier", "account": "hc1.main", "order_id": world.reference(order)}
        world.cloud.invoke("bigcommerce_sync", shapes.bus("order.paid", detail, world.now), remaining_ms=900_000)
        assert world.there(order)["puts"] == [FULFILLMENT]
        assert world.order(order).status == "paid"
        assert world.status(answer["status_token"])[1]["status"] == "PAID"

    @pytest.mark.parametrize("after", ["stripe/main", BY_CODE])
    def test_the_next_one_begins_at_the_other_once_the_last_is_ended_there(self, world: Shop, after: str) -> None:
        order, _ = world.start(**AMOUNT)
        old = world.payment(order)
        world.choose(after)
        world.cloud.clock.shift(EXPIRES + 1)
        status, answer = world.ask(order)

        assert (status, answer["status"]) == (200, "CREATED")
        ended, now = world.store.get(old), world.attempt(order, 2)
        assert ended is not None and ended.status == "closed"
        assert now is not None and now.terms.replaces == ""
        world.pay(order, 2)
        world.told(order, attempt=2)
        assert world.there(order)["puts"] == [FULFILLMENT]

    def test_what_was_paid_at_the_first_unheard_is_found_before_another_begins(self, world: Shop) -> None:
        order, _ = world.start()
        world.hosted.make("pay", "hc1/main", reference=world.reference(order), notify=False)
        world.choose("stripe/main")
        world.cloud.clock.shift(EXPIRES + 1)

        assert world.ask(order)[1]["status"] == "PAID"
        assert world.attempt(order, 2) is None

    def test_while_the_first_cannot_be_ended_no_other_begins(self, world: Shop) -> None:
        order, _ = world.start()
        world.hosted.make("process", "hc1/main", reference=world.reference(order), notify=False)
        world.choose("stripe/main")
        world.make("reprice", id=order["id"], total="70.0000")

        assert world.ask(order)[0] == 502
        assert world.attempt(order, 2) is None
        assert world.hosted.make("stripe_ledger", "stripe/main")["sessions"] == []

    def test_two_who_come_at_the_moment_of_the_change_come_to_one_cashier(self, world: Shop) -> None:
        order = world.make("order")
        rows, whole = AttemptStore(world.store.client, "Orders"), world.key(order)
        first = Begun(1, world.payment(order), "hc1.main")
        second = Begun(1, world.hosted.key(world.reference(order), "stripe/main"), "stripe.main")

        assert rows.begin(whole, first) == first
        assert rows.begin(whole, second) == first
        assert rows.of(whole) == (first,)
        assert attempts.of(world.store, whole) == ()  # chosen, and not begun

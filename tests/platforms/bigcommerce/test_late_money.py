"""Money that comes days later, or after its time, from the cashier to the store's order: cases C1 and C2 whole."""

import itertools

import pytest

from tests.platforms.bigcommerce.world import Shop

AWAITING, FULFILLMENT = 7, 11
EXPIRES, DAY = 1800, 86_400


@pytest.fixture
def by_stripe(world: Shop) -> Shop:
    world.choose("stripe/main")
    return world


def settle(world: Shop) -> None:
    world.hosted.deliver()
    world.run("poll", 61)
    world.run("sync", 61)


class TestADelayedMethod:
    """C1: a bank debit is completed at once and paid, or not, three days later."""

    @pytest.mark.parametrize("succeeded", [True, False])
    def test_C1_the_store_waits_until_the_bank_has_paid(self, by_stripe: Shop, succeeded: bool) -> None:
        order, answer = by_stripe.start()
        reference = by_stripe.reference(order)
        by_stripe.hosted.make("stripe_debit", "stripe/main", reference=reference)
        settle(by_stripe)
        assert (by_stripe.there(order)["status_id"], by_stripe.there(order)["puts"]) == (AWAITING, [])
        assert by_stripe.status(answer["status_token"])[1]["status"] == "PENDING"

        by_stripe.cloud.clock.shift(3 * DAY)
        by_stripe.hosted.make("stripe_settle", "stripe/main", reference=reference, succeeded=succeeded)
        settle(by_stripe)
        settle(by_stripe)
        attempt = by_stripe.attempt(order)
        assert attempt is not None and attempt.status == ("paid" if succeeded else "failed")
        assert by_stripe.there(order)["puts"] == ([FULFILLMENT] if succeeded else [])
        assert by_stripe.order(order).paid == (6984 if succeeded else 0)

    def test_C1_the_success_may_come_before_the_word_that_it_is_completed(self, by_stripe: Shop) -> None:
        order, _ = by_stripe.start()
        reference = by_stripe.reference(order)
        by_stripe.hosted.make("stripe_debit", "stripe/main", reference=reference)
        by_stripe.hosted.make("stripe_settle", "stripe/main", reference=reference, succeeded=True)
        by_stripe.hosted.posted.reverse()
        for _ in range(2):
            settle(by_stripe)

        assert by_stripe.there(order)["puts"] == [FULFILLMENT]
        assert by_stripe.order(order).paid == 6984


class TestPaidAfterItsTime:
    """C2: our timer, the cashier's word that it is over and its success, in every sequence."""

    @pytest.mark.parametrize("sequence", list(itertools.permutations(["paid", "told", "timer"])), ids="-".join)
    def test_C2_what_was_paid_in_time_is_paid_whatever_comes_first(
        self, world: Shop, sequence: tuple[str, ...]
    ) -> None:
        order, _ = world.start()
        # The shopper pays at the last moment: that is the cashier's own time, whatever arrives when.
        world.cloud.clock.shift(EXPIRES - 5)
        world.hosted.make("pay", reference=world.reference(order))
        [notice] = [one.message(world.now) for one in world.hosted.posted]
        world.hosted.posted.clear()
        steps = {
            "paid": lambda: world.hosted.send(notice),
            "told": lambda: world.told(order, "order.closed"),
            "timer": lambda: world.hosted.work("poll", 66),
        }
        for step in sequence:
            steps[step]()
        for _ in range(2):
            settle(world)

        assert world.there(order)["puts"] == [FULFILLMENT]
        assert (world.order(order).status, world.order(order).paid) == ("paid", 6984)
        assert world.store.refunds(world.payment(order)) == ()

    def test_C2_an_end_that_is_told_after_the_payment_cancels_nothing(self, world: Shop) -> None:
        order, _ = world.start()
        world.pay(order)
        world.told(order)
        world.hosted.make("tell", reference=world.reference(order), event="payment.expired")
        settle(world)

        assert world.there(order)["status_id"] == FULFILLMENT
        assert world.there(order)["puts"] == [FULFILLMENT]
        assert world.order(order).status == "paid"


class TestAnOrderThatIsGone:
    """B4, one step further: the store has the order no more, not even as cancelled."""

    @pytest.mark.parametrize("cashier", ["hc1/main", "stripe/main", "wechat_native/qr"])
    def test_B4_money_for_an_order_that_is_gone_is_not_lost_and_goes_back_by_the_policy(
        self, world: Shop, cashier: str
    ) -> None:
        world.choose(cashier)
        order, _ = world.start(currency="CNY")
        gone = world.wire.simulator._api._ledger.orders.pop((order["store"], order["id"]))
        world.pay(order)
        world.told(order)
        world.run("sync", 61)

        assert gone.puts == []
        assert world.order(order).paid == 6984
        assert [one.status for one in world.store.refunds(world.payment(order))] == ["requested"]

    def test_B4_what_is_still_open_for_it_is_ended(self, world: Shop) -> None:
        order, _ = world.start()
        world.wire.simulator._api._ledger.orders.pop((order["store"], order["id"]))
        world.told(order, "order.review")
        world.hosted.work("poll", 61)

        attempt = world.attempt(order)
        assert attempt is not None and attempt.status == "closed"

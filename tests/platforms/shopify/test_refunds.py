"""Refunds that people decide here and the shop makes: of which payments, in which currency, and once."""

from typing import Any

import pytest

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderKey, RefundDecided, RefundRequested, RefundResolved
from countersign.orders.refunds import Refund
from countersign.orders.sentences import sentence
from sandbox.simulators.shopify.orders import Order as Sold
from tests.platforms.shopify.world import SHOP, Shopify

RF = "rf" + "0" * 30
DAY = 86_400


def tell(world: Shopify, sold: Sold, fact: Any, by: str) -> str:
    change = Change(key(sold), fact, Operator(by), "operator")
    return world.store.record(change, now=world.now).outcome


def key(sold: Sold) -> OrderKey:
    return OrderKey("shopify", SHOP, str(sold.id))


def approve(world: Shopify, sold: Sold, minor: int, number: str = RF) -> None:
    """Have two people agree on a refund."""
    assert (
        tell(world, sold, RefundRequested(number, Money(minor, sold.currency), "broken", world.now), "ben") == "applied"
    )
    assert tell(world, sold, RefundDecided(number, True, world.now), "anna") == "applied"


def refund(world: Shopify, sold: Sold, number: str = RF) -> Refund:
    found = world.store.refund(key(sold), number)
    assert found is not None
    refund: Refund = found.child
    return refund


def children(world: Shopify, sold: Sold) -> dict[str, str]:
    """Return the order's refunds that count, with their states."""
    return {one.refund_id: one.status for one in world.store.refunds(key(sold)) if not one.part_of}


def accepted(world: Shopify) -> list[str]:
    """Return the mutations of money that the shop did something about."""
    return world.wire.simulator.apis["app", SHOP].till.accepted


@pytest.fixture
def told(world: Shopify) -> Shopify:
    world.subscribe_all()
    return world


def sold(world: Shopify, *payments: tuple[str, int], **how: Any) -> Sold:
    """Have an order that is paid by these (gateway, minor units), and known."""
    made = world.make("create", pay="none", minor=sum(minor for _, minor in payments), **how)
    for gateway, minor in payments:
        world.make("pay", order=made.id, minor=minor, gateway=gateway)
    world.carry()
    world.run("poll", 60)
    return made


def test_an_approved_refund_is_made_of_the_payment_that_the_shop_suggests(told: Shopify) -> None:
    made = sold(told, ("shopify_payments", 10_000))
    approve(told, made, 3000)

    told.run("refund")

    (movement,) = [one for one in made.movements if one.kind == "refund"]
    assert (refund(told, made).status, movement.amount, movement.parent) == ("succeeded", 3000, made.movements[0].id)
    told.run("poll", 60)
    told.agrees(made)
    assert told.order(str(made.id)).status == "partially_refunded"


def test_the_news_of_our_own_refund_is_no_second_refund_in_whatever_sequence_it_comes(told: Shopify) -> None:
    made = sold(told, ("shopify_payments", 10_000))
    approve(told, made, 3000)
    told.run("refund")

    deliveries = tuple(reversed(told.posted))
    told.posted.clear()
    assert set(told.carry(*deliveries)) == {200}
    told.run("scan", 700)
    told.run("poll", 60)

    assert children(told, made) == {RF: "succeeded"}
    told.agrees(made)


def test_D7_an_answer_that_is_lost_and_ten_days_make_exactly_one_refund(told: Shopify) -> None:
    made = sold(told, ("shopify_payments", 10_000))
    approve(told, made, 3000)
    told.wire.simulator.faults({"error500": {"match": "MakeRefund", "after": True, "count": 1}})
    told.run("refund")
    assert refund(told, made).status == "approved"
    told.posted.clear()

    told.run("refund", 10 * DAY)

    assert (refund(told, made).status, accepted(told)) == ("succeeded", ["refund"])
    told.run("poll", 60)
    told.agrees(made)


def test_D7_the_news_that_comes_before_a_lost_answer_is_asked_about_and_counts_once(told: Shopify) -> None:
    made = sold(told, ("shopify_payments", 10_000))
    approve(told, made, 6000)
    told.wire.simulator.faults({"error500": {"match": "MakeRefund", "after": True, "count": 1}})
    told.run("refund")

    movement = [one for one in told.posted if one.subscription.topic == "ORDER_TRANSACTIONS_CREATE"]
    assert set(told.carry(*movement)) == {200}
    assert children(told, made) == {RF: "approved"}  # whose it is the shop says
    told.run("poll", 60)

    assert children(told, made) == {RF: "succeeded"}
    told.run("refund", 120)
    assert accepted(told) == ["refund"]
    told.agrees(made)


def test_a_refund_goes_back_of_the_gift_card_first_and_of_the_card_then(told: Shopify) -> None:
    made = sold(told, ("shopify_payments", 7000), ("gift_card", 3000))
    approve(told, made, 5000)

    told.run("refund")

    back = [(one.gateway, one.amount) for one in made.movements if one.kind == "refund"]
    assert back == [("gift_card", 3000), ("shopify_payments", 2000)]
    assert (refund(told, made).status, children(told, made)) == ("succeeded", {RF: "succeeded"})
    told.run("poll", 60)
    told.agrees(made)


def test_a_refund_of_which_a_part_was_refused_needs_a_person_and_counts_for_nothing_yet(told: Shopify) -> None:
    made = sold(told, ("shopify_payments", 7000), ("gift_card", 3000))
    approve(told, made, 10_000)
    told.wire.simulator.faults({"refund_status": {"statuses": ["success", "failure"], "count": 1}})

    told.run("refund")

    found = refund(told, made)
    assert (found.status, str(sentence(found.problem))) == (
        "needs_action",
        "30.00 USD of 100.00 USD went back, the rest was refused: refund the rest in the shop, then resolve this one",
    )
    assert told.order(str(made.id)).refundable == 0


def test_D8_a_refund_that_has_not_moved_yet_is_on_its_way_and_ends_without_a_word(told: Shopify) -> None:
    made = sold(told, ("shopify_payments", 10_000))
    approve(told, made, 3000)
    told.wire.simulator.faults({"refund_status": {"status": "pending", "count": 1}})
    told.run("refund")
    assert (refund(told, made).status, told.order(str(made.id)).refunded) == ("processing", 0)

    told.make("settle", order=made.id, quiet=True)
    told.run("refund", 6 * 3600)

    assert refund(told, made).status == "succeeded"
    told.run("poll", 60)
    told.agrees(made)


@pytest.mark.parametrize(
    ("shop", "buyer", "shop_minor", "minor"), [("GBP", "ISK", 2_552, 4_400), ("USD", "KWD", 10_000, 3_075)]
)
def test_a_refund_is_made_in_the_currency_that_the_buyer_was_charged_in(
    told: Shopify, shop: str, buyer: str, shop_minor: int, minor: int
) -> None:
    made = sold(told, ("shopify_payments", minor), currency=buyer, shop_currency=shop, shop_minor=shop_minor)
    approve(told, made, 1000)
    told.run("refund")
    told.make("refund", order=made.id, minor=minor - 1000)
    told.carry()
    told.run("poll", 60)

    order = told.order(str(made.id))
    told.agrees(made)
    assert (order.refunded, order.shop_refunded) == (made.refunded, made.sum("refund", shop=True))
    assert order.shop_refunded == shop_minor


def test_D6_what_the_shop_gave_back_meanwhile_is_no_more_to_be_had(told: Shopify) -> None:
    made = sold(told, ("shopify_payments", 10_000))
    approve(told, made, 8000)
    told.make("refund", order=made.id, minor=5000)  # nobody has told of it yet

    told.run("refund")

    assert refund(told, made).status == "needs_action"
    assert str(sentence(refund(told, made).problem)) == (
        "the shop has no payment of which 80.00 USD could go back: at most 50.00 USD"
    )
    assert made.refunded == 5000
    told.carry()
    told.run("poll", 60)
    told.agrees(made)


def test_what_the_shop_objects_to_needs_a_person_who_may_have_it_tried_again(told: Shopify) -> None:
    made = sold(told, ("shopify_payments", 10_000))
    approve(told, made, 3000)
    told.wire.simulator.faults({"refund_refused": 1})

    told.run("refund")

    assert refund(told, made).refused
    assert "Refund is refused by the shop" in str(sentence(refund(told, made).problem))


def test_a_refund_that_was_given_up_and_was_made_all_the_same_is_counted_once(told: Shopify) -> None:
    made = sold(told, ("shopify_payments", 10_000))
    approve(told, made, 3000)
    told.wire.simulator.faults({"refund_refused": 1})
    told.run("refund")
    tell(told, made, RefundResolved(RF, "given_up", "never mind", told.now), "anna")
    told.run("refund", 120)
    assert told.order(str(made.id)).refundable == 10_000
    told.make("refund", order=made.id, minor=3000, note=f"countersign {RF}")

    movement = [one for one in told.posted if one.subscription.topic == "ORDER_TRANSACTIONS_CREATE"]
    assert set(told.carry(*movement)) == {200}
    assert told.order(str(made.id)).refunded == 3000  # by itself, as nobody says whose it is
    assert set(told.carry()) == {200}
    told.run("poll", 60)

    assert told.order(str(made.id)).refunded == 3000
    assert children(told, made) == {RF: "succeeded"}
    told.agrees(made)


def test_two_refunds_in_the_shop_that_say_to_be_one_of_ours_are_a_question(told: Shopify) -> None:
    made = sold(told, ("shopify_payments", 10_000))
    approve(told, made, 3000)
    told.run("refund")
    told.make("refund", order=made.id, minor=3000, note=f"countersign {RF}")

    told.carry()
    told.run("poll", 60)

    order = told.order(str(made.id))
    assert [question.reason for question in order.review_items] == ["refunded_twice"]
    told.agrees(made)

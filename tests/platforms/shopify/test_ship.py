"""What was sent is told to the shop as fulfilments, once; and what staff fulfil there is known here."""

import pytest

from countersign.orders.changes import Change, Operator, OrderKey, Parcel, ShipmentRequested
from countersign.orders.sentences import sentence
from countersign.orders.shipments import Shipment
from countersign.orders.work import work_list
from sandbox.simulators.shopify.orders import Order as Sold
from tests.platforms.shopify.world import APP, ORDER, SHOP, Shopify, order


def key(made: Sold) -> OrderKey:
    return OrderKey("shopify", SHOP, str(made.id))


def sold(world: Shopify, **how: int | bool) -> Sold:
    made = world.make("create", **how)
    world.run("scan", 600)
    return made


def send(world: Shopify, made: Sold, number: str, *tracking: str, complete: bool = True) -> None:
    parcels = tuple(Parcel("UPS" if one else "", one) for one in tracking)
    fact = ShipmentRequested(number, "express", parcels, complete, world.now)
    outcome = world.store.record(Change(key(made), fact, Operator("ben"), "operator"), now=world.now)
    assert outcome.outcome == "applied", outcome.reason


def shipment(world: Shopify, made: Sold, number: str) -> Shipment:
    (found,) = [one for one in world.store.shipments(key(made)) if one.shipment_id == number]
    shipment: Shipment = found
    return shipment


def told(made: Sold) -> list[list[str]]:
    """Return the numbers of each fulfilment that the shop has."""
    return [[one["number"] for one in fulfilment["trackingInfo"]] for fulfilment in made.fulfillments]


def work_of(world: Shopify, made: Sold) -> str:
    order = world.order(str(made.id))
    return work_list(order, order.status, in_review=False)


def problem(world: Shopify, made: Sold, number: str) -> str:
    return str(sentence(shipment(world, made, number).problem))


def test_a_shipment_fulfils_all_that_is_open_with_its_numbers(world: Shopify) -> None:
    made = sold(world)
    assert work_of(world, made) == "to_ship"
    send(world, made, "sh1", "1Z999", "1Z998")

    world.run("ship", 1)

    assert (shipment(world, made, "sh1").status, told(made)) == ("reported", [["1Z999", "1Z998"]])
    world.run("scan", 600)
    assert (world.order(str(made.id)).sent, work_of(world, made)) == ("sent", "done")


def test_goods_at_two_places_are_two_fulfilments_and_a_lost_answer_between_makes_no_third(world: Shopify) -> None:
    made = sold(world, places=2)
    send(world, made, "sh1", "1Z999")
    world.wire.simulator.faults({"error500": {"match": "fulfillmentCreate(", "after": True, "count": 1}})

    world.run("ship", 1)
    assert (shipment(world, made, "sh1").status, told(made)) == ("recorded", [["1Z999"]])
    world.run("ship", 15)

    assert (shipment(world, made, "sh1").status, told(made)) == ("reported", [["1Z999"], ["1Z999"]])
    assert world.wire.simulator.apis[APP, SHOP].till.accepted == ["fulfillmentCreate"] * 2


def test_a_part_waits_for_the_last_one_with_which_the_shop_hears_of_both(world: Shopify) -> None:
    made = sold(world)
    send(world, made, "sh1", "1Z001", complete=False)
    world.run("ship", 1)
    assert (shipment(world, made, "sh1").status, told(made)) == ("needs_action", [])
    assert "with the last one" in problem(world, made, "sh1")

    send(world, made, "sh2", "1Z002")
    world.run("ship", 1)

    assert (shipment(world, made, "sh2").status, told(made)) == ("reported", [["1Z001", "1Z002"]])
    assert shipment(world, made, "sh1").status == "superseded"


def test_what_staff_fulfilled_in_the_shop_is_known_and_not_fulfilled_again(world: Shopify) -> None:
    made = sold(world)
    send(world, made, "sh1", "1Z999")
    world.make("send", order=made.id, numbers=["1Z777"])

    world.run("ship", 1)
    world.run("scan", 600)

    assert (shipment(world, made, "sh1").status, told(made)) == ("superseded", [["1Z777"]])
    assert work_of(world, made) == "done"


def test_nothing_of_a_digital_order_is_to_be_sent(world: Shopify) -> None:
    made = sold(world, digital=True)
    assert work_of(world, made) == "done"
    send(world, made, "sh1", "1Z999")

    world.run("ship", 1)

    assert (shipment(world, made, "sh1").status, told(made)) == ("superseded", [])
    assert problem(world, made, "sh1") == "the shop says that nothing of this order is to be sent"


def test_what_is_held_there_needs_a_person_and_is_over_once_the_shop_has_sent_it(world: Shopify) -> None:
    made = sold(world)
    world.make("send", order=made.id, on_hold=True)
    send(world, made, "sh1", "1Z999")
    world.run("ship", 1)
    assert shipment(world, made, "sh1").status == "needs_action"
    assert problem(world, made, "sh1") == "the order is held there (on_hold): release it in the shop"

    world.make("send", order=made.id, numbers=["1Z999"])
    world.run("ship", 86_400)

    assert shipment(world, made, "sh1").status == "reported"


def test_what_the_shop_objects_to_is_said(world: Shopify) -> None:
    made = sold(world)
    send(world, made, "sh1", "1Z999")
    world.wire.simulator.faults({"money_refused": 1})

    world.run("ship", 1)

    assert (shipment(world, made, "sh1").status, problem(world, made, "sh1")) == (
        "needs_action",
        "The shop does not do that",
    )


@pytest.mark.parametrize("status", ["partial", "fulfilled"])
def test_how_far_an_order_is_sent_is_told_by_its_deliveries_too(world: Shopify, status: str) -> None:
    world.deliver(order(fulfillment_status=status), "orders/updated")

    assert world.order(ORDER).sent == {"partial": "part", "fulfilled": "sent"}[status]

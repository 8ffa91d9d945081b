"""What was sent is told to the shop as fulfilments, once; and what staff fulfil there is known here."""

import json

import pytest

from countersign.orders.changes import Change, Operator, OrderKey, Parcel, ShipmentRequested
from countersign.orders.sentences import sentence
from countersign.orders.shipments import Shipment
from countersign.orders.work import work_list
from sandbox.simulators.shopify.orders import Order as Sold
from tests.functions.conftest import http_event
from tests.platforms.shopify.world import APP, ORDER, SHOP, Shopify, order


def key(made: Sold) -> OrderKey:
    return OrderKey("shopify", SHOP, str(made.id))


def sold(world: Shopify, **how: int | bool | list[int]) -> Sold:
    made = world.make("create", **how)
    world.run("scan", 600)
    return made


def send(world: Shopify, made: Sold, number: str, *tracking: str | Parcel, complete: bool = True) -> None:
    parcels = tuple(one if isinstance(one, Parcel) else Parcel("UPS" if one else "", one) for one in tracking)
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


def parcel(made: Sold, tracking: str, *counts: int) -> Parcel:
    """Return a parcel with so many of the order's first line, of its second one, and so on."""
    goods = tuple((str(made.id + 1 + index), count) for index, count in enumerate(counts) if count)
    return Parcel("UPS" if tracking else "", tracking, goods=goods)


def goods_told(made: Sold) -> list[tuple[list[str], list[int]]]:
    """Return the numbers of each fulfilment that the shop has, and how many of each line it has."""
    counts = [[sent.get(made.id + 1 + index, 0) for index in range(max(sent) - made.id)] for sent in made.sent.values()]
    return list(zip(told(made), counts, strict=True))


class TestGoods:
    """Parcels that say what is in them: the shop is told of each when it is sent."""

    def test_a_part_whose_goods_are_named_is_told_at_once_and_the_rest_with_the_last_one(self, world: Shopify) -> None:
        made = sold(world, lines=[3, 1])
        send(world, made, "sh1", parcel(made, "1Z001", 2), complete=False)
        world.run("ship", 1)

        assert (shipment(world, made, "sh1").status, goods_told(made)) == ("reported", [(["1Z001"], [2])])
        world.run("scan", 600)
        assert world.order(str(made.id)).sent == "part"

        send(world, made, "sh2", "1Z002")
        world.run("ship", 1)

        assert shipment(world, made, "sh2").status == "reported"
        assert goods_told(made) == [(["1Z001"], [2]), (["1Z002"], [1, 1])]
        world.run("scan", 600)
        assert (world.order(str(made.id)).sent, work_of(world, made)) == ("sent", "done")

    def test_each_parcel_of_a_shipment_is_a_fulfilment_and_one_without_goods_has_the_rest(self, world: Shopify) -> None:
        made = sold(world, lines=[2, 2, 1])
        send(world, made, "sh1", parcel(made, "1Z001", 1, 1), parcel(made, "1Z002", 1), "1Z003")

        world.run("ship", 1)

        assert shipment(world, made, "sh1").status == "reported"
        assert goods_told(made) == [(["1Z001"], [1, 1]), (["1Z002"], [1]), (["1Z003"], [0, 1, 1])]

    @pytest.mark.parametrize("tracking", ["1Z001", ""])
    def test_a_lost_answer_makes_no_second_fulfilment_of_the_same_parcel(self, world: Shopify, tracking: str) -> None:
        made = sold(world, places=2, lines=[2, 2])
        send(world, made, "sh1", parcel(made, tracking, 1, 1), complete=False)
        world.wire.simulator.faults({"error500": {"match": "fulfillmentCreate(", "after": True, "count": 1}})

        world.run("ship", 1)
        world.run("ship", 15)

        numbers = [tracking] if tracking else []
        assert shipment(world, made, "sh1").status == "reported"
        assert [(number, sum(counts)) for number, counts in goods_told(made)] == [(numbers, 1), (numbers, 1)]

    @pytest.mark.parametrize("tracking", ["1Z001", ""])
    def test_two_shipments_of_the_same_goods_are_two_fulfilments(self, world: Shopify, tracking: str) -> None:
        made = sold(world, lines=[3])
        for number in ("sh1", "sh2"):
            send(world, made, number, parcel(made, tracking, 1), complete=False)
            world.run("ship", 1)

        assert [shipment(world, made, one).status for one in ("sh1", "sh2")] == ["reported"] * 2
        assert [counts for _, counts in goods_told(made)] == [[1], [1]]

    def test_what_the_shop_sent_of_a_part_by_itself_is_not_sent_again(self, world: Shopify) -> None:
        made = sold(world, lines=[3])
        world.make("send", order=made.id, numbers=["1Z777"], goods={str(made.id + 1): 2})
        world.run("scan", 600)
        assert world.order(str(made.id)).sent == "part"

        send(world, made, "sh1", parcel(made, "1Z001", 2), complete=False)
        world.run("ship", 1)

        assert goods_told(made) == [(["1Z777"], [2]), (["1Z001"], [1])]
        assert shipment(world, made, "sh1").status == "reported"

    def test_a_part_that_the_shop_sent_by_itself_is_superseded(self, world: Shopify) -> None:
        made = sold(world, lines=[2, 1])
        world.make("send", order=made.id, numbers=["1Z777"], goods={str(made.id + 1): 2})

        send(world, made, "sh1", parcel(made, "1Z001", 2), complete=False)
        world.run("ship", 1)

        assert (shipment(world, made, "sh1").status, len(told(made))) == ("superseded", 1)
        assert problem(world, made, "sh1") == "these goods were fulfilled in the shop, without this shipment"

    def test_goods_that_the_order_does_not_have_are_said_before_anything_is_told(self, world: Shopify) -> None:
        made = sold(world, lines=[2])
        strange = Parcel("UPS", "1Z002", goods=(("4711", 1),))
        send(world, made, "sh1", parcel(made, "1Z001", 1), strange, complete=False)

        world.run("ship", 1)

        assert (shipment(world, made, "sh1").status, told(made)) == ("needs_action", [])
        assert "4711" in problem(world, made, "sh1")

    def test_all_of_an_order_that_names_less_than_the_shop_has_needs_a_person(self, world: Shopify) -> None:
        made = sold(world, lines=[2])
        send(world, made, "sh1", parcel(made, "1Z001", 1))
        world.run("ship", 1)
        assert (shipment(world, made, "sh1").status, goods_told(made)) == ("needs_action", [(["1Z001"], [1])])

        send(world, made, "sh2", "1Z002")
        world.run("ship", 1)

        assert [shipment(world, made, one).status for one in ("sh1", "sh2")] == ["superseded", "reported"]
        assert goods_told(made) == [(["1Z001"], [1]), (["1Z002"], [1])]

    def test_goods_on_hold_wait_for_a_person(self, world: Shopify) -> None:
        made = sold(world, lines=[2])
        world.make("send", order=made.id, on_hold=True)
        send(world, made, "sh1", parcel(made, "1Z001", 1), complete=False)

        world.run("ship", 1)

        assert (shipment(world, made, "sh1").status, told(made)) == ("needs_action", [])

    def test_what_the_shop_objects_to_of_a_parcel_is_said(self, world: Shopify) -> None:
        made = sold(world, lines=[2])
        send(world, made, "sh1", parcel(made, "1Z001", 1), complete=False)
        world.wire.simulator.faults({"money_refused": 1})

        world.run("ship", 1)

        assert problem(world, made, "sh1") == "The shop does not do that"

    def test_the_call_names_goods_and_the_shipment_shows_them(self, world: Shopify) -> None:
        made = sold(world, lines=[2])
        parameters = {"platform": "shopify", "account": SHOP, "order_id": str(made.id)}
        goods = [{"line_id": f"gid://shopify/LineItem/{made.id + 1}", "quantity": 1}]
        body = {"carrier": "UPS", "tracking_no": "1Z001", "goods": goods, "complete": False}
        route = "/orders/{platform}/{account}/{order_id}/shipments"
        event = http_event("POST", route, parameters, body=json.dumps(body), headers={"idempotency-key": "K-1"})

        answers = [world.cloud.invoke("decisions_api", event) for _ in range(2)]
        world.run("ship", 1)

        assert [answer["statusCode"] for answer in answers] == [201, 201]
        assert goods_told(made) == [(["1Z001"], [1])]
        [shown] = world.shown(str(made.id))["shipments"]
        assert shown["parcels"][0]["goods"] == goods


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

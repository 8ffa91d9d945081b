"""A part of the demo: goods go out, and WeChat hears of it once, whatever it answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from sandbox.demo.payments import PAYER, bought

if TYPE_CHECKING:
    from clients.python.countersign_client import ShipmentWish
    from sandbox.demo_runtime import Stage

PLACE = 4
MINUTE = 60
Json = dict[str, Any]


def _ship(stage: Stage, order_id: str, parcel: Json) -> None:
    """Ship as somebody behind the counter does, with a phone."""
    token, wish = stage.token("orders:ship", subject="chen"), cast("ShipmentWish", parcel)
    stage.tell("chen", f"ships from a phone: {json.dumps(parcel, ensure_ascii=False)}")
    answer = stage.answer(lambda api: api.ship_order("wechat", "shop", order_id, wish), token)
    stage.expect("recorded", (answer.status, answer.body.get("status")), (201, "recorded"))


def _shipments(stage: Stage, order_id: str) -> list[Json]:
    return list(stage.order("wechat", "shop", order_id).get("shipments", []))


def _statuses(stage: Stage, order_id: str) -> list[str]:
    return [str(shipment["status"]) for shipment in _shipments(stage, order_id)]


def _at_wechat(stage: Stage, order_id: str) -> Json:
    """Return what WeChat's shipping management has."""
    number = stage.order("wechat", "shop", order_id)["transaction_id"]
    return dict(stage.happen("wechat", "shipping", {"account": "shop", "transaction_id": number})["shipping"] or {})


def _answers(stage: Stage) -> list[Any]:
    """Return the answers to the pushes so far."""
    pushes = stage.happen("wechat", "pushes", {"account": "shop"})["pushes"]
    return [attempt["status"] for letter in pushes for attempt in letter["attempts"]]


def shipped(stage: Stage) -> None:
    """Ship one parcel, whose upload is answered with nothing that can be read."""
    stage.scene("16. Shipped from a phone, WeChat's answer is lost, and the buyer hears of it once")
    bought(stage, "DEMO-0016")
    stage.faults(wechat={"error500": {"match": "upload_shipping_info", "after": True}})
    _ship(stage, "DEMO-0016", {"carrier": "YTO", "tracking_no": "YT7000000000001"})
    stage.expect_soon("WeChat has it", lambda: _at_wechat(stage, "DEMO-0016").get("uploads"), 1)
    stage.expect("and did not say so", _statuses(stage, "DEMO-0016"), ["recorded"])
    stage.advance(MINUTE, "the worker asks WeChat before it tells it again")
    stage.expect_soon("status", lambda: _statuses(stage, "DEMO-0016"), ["reported"])
    told = _at_wechat(stage, "DEMO-0016")
    stage.expect("told once", (told["uploads"], told["corrected"], told["delivered"]), (1, 0, True))
    stage.expect("with", told["parcels"][0]["tracking_no"], "YT7000000000001")
    wanted = ["order.paid", "shipment.created", "shipment.reported"]
    stage.expect_soon("on the bus", lambda: stage.bus("DEMO-0016"), wanted)

    def heard() -> list[Json]:
        messages = stage.inbox("message", "YT7000000000001")
        return [entry["data"] for entry in messages if entry["to"] == PAYER]

    stage.expect_soon("messages to the buyer", lambda: len(heard()), 1)
    stage.tell("buyer", f"sees in WeChat: {heard()[0]}")
    stage.explain("wechat", "shop", "DEMO-0016")


def refused(stage: Stage) -> None:
    """Ship by a carrier that wants a contact, without one."""
    stage.scene("17. A shipment that WeChat would not take says what to do")
    bought(stage, "DEMO-0017")
    _ship(stage, "DEMO-0017", {"carrier": "SF", "tracking_no": "SF7000000000002"})
    stage.expect_soon("status", lambda: _statuses(stage, "DEMO-0017"), ["needs_action"])
    stage.tell("shop", str(_shipments(stage, "DEMO-0017")[0]["problem"]))
    listed = stage.call("GET", "/exceptions").body.get("exceptions", [])
    waiting = [row["kind"] for row in listed if row["order_id"] == "DEMO-0017"]
    stage.expect("on the list of what waits for a person", waiting, ["needs_action"])
    stage.advance(MINUTE, "chen asks the receiver")
    _ship(stage, "DEMO-0017", {"carrier": "SF", "tracking_no": "SF7000000000002", "contact": "13800138000"})
    stage.expect_soon("status", lambda: sorted(_statuses(stage, "DEMO-0017")), ["reported", "superseded"])
    contact = _at_wechat(stage, "DEMO-0017")["parcels"][0]["contact"]
    stage.expect("of the number WeChat sees", contact, {"receiver_contact": "138****8000"})


def sold_in_the_mini_store(stage: Stage) -> None:
    """Sell in the mini store, where WeChat makes the order: a push names it, everything else is asked for."""
    stage.scene("18. Sold in the mini store: a push names the order, the store tells the rest, the receipt is printed")
    made = stage.happen("wechat", "store_order", {"account": "shop"})
    number = str(made["order_id"])
    stage.tell("WeChat", f"pushes that store order {number} was made, and no more than that")
    stage.expect_soon("acknowledged", lambda: _answers(stage), [200])
    stage.advance(MINUTE, "the store is asked about it")
    stage.expect_soon("status", lambda: stage.order("wechat", "shop", number).get("status"), "pending")
    stage.happen("wechat", "store_pay", {"account": "shop", "order_id": number})
    stage.expect_soon("acknowledged", lambda: _answers(stage), [200, 200])
    stage.advance(MINUTE, "the buyer has paid, and WeChat has pushed that something happened to the order")
    stage.expect_soon("status", lambda: stage.order("wechat", "shop", number).get("status"), "paid")
    stage.expect(
        "paid", stage.order("wechat", "shop", number).get("paid"), {"minor": made["amount"], "currency": "CNY"}
    )

    def notices() -> Json:
        return {row["name"]: row["status"] for row in stage.order("wechat", "shop", number).get("notices", [])}

    stage.expect_soon("its notices", notices, {"erp": "sent", "receipt": "sent", "staff": "sent"})
    _ship(stage, number, {"carrier": "YTO", "tracking_no": "YT7000000000018"})
    stage.expect_soon("status", lambda: _statuses(stage, number), ["reported"])
    there = stage.happen("wechat", "store_show", {"account": "shop", "order_id": number})
    stage.expect("the store has the parcel", [one["waybill_id"] for one in there["deliveries"]], ["YT7000000000018"])
    stage.explain("wechat", "shop", number)


SCENES = (shipped, refused, sold_in_the_mini_store)

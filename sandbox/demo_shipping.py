"""A part of the demo: goods go out, and WeChat hears of it once, whatever it answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.stage import Stage

PRICE = 8800
MINUTE = 60
Json = dict[str, Any]


def _bought(stage: Stage, order_id: str) -> None:
    """Let somebody buy and pay."""
    body = {
        "order_id": order_id,
        "amount": {"minor": PRICE, "currency": "CNY"},
        "description": "奶茶 Milk tea",
        "payer": {"openid": "oDemoPayer000000000000000001"},
    }
    created = stage.call("POST", "/wechat/shop/payments", body)
    stage.wechat("pay", {"account": "shop", "out_trade_no": order_id})
    stage.tell("payer", f"{order_id} over {PRICE / 100:.2f} CNY is created and paid")
    stage.expect("bought", (created.status, stage.order(order_id).get("status")), (201, "paid"))


def _ship(stage: Stage, order_id: str, parcel: Json) -> None:
    """Ship as somebody behind the counter does, with a phone."""
    granted = stage.control("POST", "/token", {"scopes": ["orders:ship"], "subject": "chen"})
    headers = {"token": str(granted.body["access_token"])}
    stage.tell("chen", f"ships from a phone: {json.dumps(parcel, ensure_ascii=False)}")
    answer = stage.call("POST", f"/orders/wechat/shop/{order_id}/shipments", parcel, headers=headers)
    stage.expect("recorded", (answer.status, answer.body.get("status")), (201, "recorded"))


def _shipments(stage: Stage, order_id: str) -> list[Json]:
    return list(stage.order(order_id).get("shipments", []))


def _statuses(stage: Stage, order_id: str) -> list[str]:
    return [str(shipment["status"]) for shipment in _shipments(stage, order_id)]


def _at_wechat(stage: Stage, order_id: str) -> Json:
    """Return what WeChat's shipping management has."""
    number = stage.order(order_id)["transaction_id"]
    return dict(stage.wechat("shipping", {"account": "shop", "transaction_id": number})["shipping"] or {})


def shipped(stage: Stage) -> None:
    """Ship one parcel, whose upload is answered with nothing that can be read."""
    stage.scene("Shipped from a phone, and WeChat's answer is lost")
    _bought(stage, "DEMO-SHIP-1")
    stage.control("POST", "/faults", {"wechat": {"error500": {"match": "upload_shipping_info", "after": True}}})
    _ship(stage, "DEMO-SHIP-1", {"carrier": "YTO", "tracking_no": "YT7000000000001"})
    stage.expect_soon("WeChat has it", lambda: _at_wechat(stage, "DEMO-SHIP-1").get("uploads"), 1)
    stage.expect("and did not say so", _statuses(stage, "DEMO-SHIP-1"), ["recorded"])
    stage.advance(MINUTE, "the worker asks WeChat before it tells it again")
    stage.expect_soon("status", lambda: _statuses(stage, "DEMO-SHIP-1"), ["reported"])
    told = _at_wechat(stage, "DEMO-SHIP-1")
    stage.expect("told once", (told["uploads"], told["corrected"], told["delivered"]), (1, 0, True))
    stage.expect("with", told["parcels"][0]["tracking_no"], "YT7000000000001")
    wanted = ["order.paid", "shipment.created", "shipment.reported"]
    stage.expect_soon("on the bus", lambda: stage.bus("DEMO-SHIP-1"), wanted)
    stage.explain("DEMO-SHIP-1")


def refused(stage: Stage) -> None:
    """Ship by a carrier that wants a contact, without one."""
    stage.scene("A shipment that WeChat would not take says what to do")
    _bought(stage, "DEMO-SHIP-2")
    _ship(stage, "DEMO-SHIP-2", {"carrier": "SF", "tracking_no": "SF7000000000002"})
    stage.expect_soon("status", lambda: _statuses(stage, "DEMO-SHIP-2"), ["needs_action"])
    stage.tell("shop", str(_shipments(stage, "DEMO-SHIP-2")[0]["problem"]))
    listed = stage.call("GET", "/exceptions").body.get("exceptions", [])
    waiting = [row["kind"] for row in listed if row["order_id"] == "DEMO-SHIP-2"]
    stage.expect("on the list of what waits for a person", waiting, ["needs_action"])
    stage.advance(MINUTE, "chen asks the receiver")
    _ship(stage, "DEMO-SHIP-2", {"carrier": "SF", "tracking_no": "SF7000000000002", "contact": "13800138000"})
    stage.expect_soon("status", lambda: sorted(_statuses(stage, "DEMO-SHIP-2")), ["reported", "superseded"])
    contact = _at_wechat(stage, "DEMO-SHIP-2")["parcels"][0]["contact"]
    stage.expect("of the number WeChat sees", contact, {"receiver_contact": "138****8000"})


SCENES = (shipped, refused)

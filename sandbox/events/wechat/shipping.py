"""What a person sends from a phone who ships, and what the bus and the clock send to the worker that tells WeChat."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sandbox.events import shapes
from sandbox.events.shared import Case, Event

if TYPE_CHECKING:
    from sandbox.events.wechat.maker import Maker

SHIPMENTS = "POST /orders/{platform}/{account}/{order_id}/shipments"
KEY = "3a7c2f60-parcel"
PAID = "wechat_notify.paid-v3"


def cases(maker: Maker) -> dict[str, Case]:
    """Return the cases of shipments."""
    order = {"platform": "wechat", "account": "shop", "order_id": str(maker.order("paid-v3")["order_id"])}
    known = maker.order("paid-v3")

    def ship(**body: object) -> Event:
        return shapes.http(
            SHIPMENTS,
            maker.now,
            parameters=order,
            headers={"Content-Type": "application/json", "Idempotency-Key": KEY},
            body=json.dumps(body, ensure_ascii=False),
            claims=shapes.claims(maker.now, "orders:ship"),
        )

    parcel = ship(carrier="YTO", tracking_no="YT1000000000001")
    detail = {"id": f"shipment.created.{'f' * 64}", **order, "version": 4, "event_id": "f" * 64}
    return {
        "decisions_api.ship": Case(parcel, 201, "one parcel with everything in it", known, after=(PAID,)),
        "decisions_api.ship-pickup": Case(ship(method="pickup"), 201, "fetched at the counter", known, after=(PAID,)),
        "decisions_api.ship-no-carrier": Case(
            ship(tracking_no="YT1000000000001"), 422, "a number of no carrier", known, after=(PAID,)
        ),
        "decisions_api.ship-unpaid": Case(parcel, 409, "nobody has paid yet", known),
        "wechat_ship.created": Case(
            shapes.bus("shipment.created", detail, maker.now), None, "a shipment is told to WeChat at once", known,
            becomes="paid", after=(PAID, "decisions_api.ship"), needs_platform=True,
        ),
        "wechat_ship.schedule": Case(
            shapes.schedule("WechatShipEveryMinute", maker.now), None,
            "shipments that WeChat has not taken yet are told again", known,
            becomes="paid", after=(PAID, "decisions_api.ship"), needs_platform=True,
        ),
    }  # fmt: skip

"""What the bus and the clock send to the function that sends notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.events import shapes
from sandbox.events.shared import Case

if TYPE_CHECKING:
    from sandbox.events.wechat.maker import Maker

PAID = "wechat_notify.paid-v3"


def cases(maker: Maker) -> dict[str, Case]:
    """Return the cases of notices."""
    known = maker.order("paid-v3")
    order = {"platform": "wechat", "account": "shop", "order_id": str(known["order_id"])}
    event_id = f"paid.notify.{'f' * 64}"
    detail = {"id": f"order.paid.{event_id}", **order, "version": 3, "event_id": event_id}
    detail["recorded_at"] = "2026-11-22T06:27:25Z"
    paid = shapes.bus("order.paid", detail, maker.now)
    gone = shapes.bus("order.paid", {**detail, "account": "gone"}, maker.now)
    minute = shapes.schedule("NotifyEveryMinute", maker.now)
    return {
        "notify.paid": Case(
            paid, None, "a paid order is told to its buyer and to staff", known, after=(PAID,), needs_platform=True
        ),
        "notify.gone": Case(gone, None, "an account that is gone has nobody to tell"),
        "notify.schedule": Case(minute, None, "what is due is tried again"),
    }

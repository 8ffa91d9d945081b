"""What people send to the refund desk, and what the bus and the clock send to those who carry refunds and bills out."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sandbox.events import shapes
from sandbox.events.shared import Case, Event
from sandbox.events.wechat.maker import Maker, number

REFUNDS = "/orders/{platform}/{account}/{order_id}/refunds"
BEN, ANNA = "9b2d6a11-ben", "3f0c7d0e-anna"
KEY = "3a7c2f60-refund"
PAID = "wechat_notify.paid-v3"


def cases(maker: Maker) -> dict[str, Case]:
    """Return the cases of refunds and bills."""
    return {**_desk(maker), **_workers(maker)}


def _order(maker: Maker) -> dict[str, str]:
    return {"platform": "wechat", "account": "shop", "order_id": str(maker.order("paid-v3")["order_id"])}


def _refund_id() -> str:
    """Return the number that the desk makes of ben's Idempotency-Key."""
    content = ["wechat", "shop", number("paid-v3"), BEN, KEY]
    return f"rf{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]}"


def _desk(maker: Maker) -> dict[str, Case]:
    def call(route: str, subject: str, scopes: str, **shape: Any) -> Event:
        headers = {"Content-Type": "application/json", **shape.pop("headers", {})}
        claims = shapes.claims(maker.now, scopes, subject=subject)
        return shapes.http(route, maker.now, claims=claims, headers=headers, **shape)

    order = _order(maker)
    refund = order | {"refund_id": _refund_id()}
    wish = json.dumps({"amount": {"minor": 1000, "currency": "CNY"}, "reason": "the cup leaked"})
    too_much = json.dumps({"amount": {"minor": 8801, "currency": "CNY"}})
    key = {"Idempotency-Key": KEY}
    asked = (PAID, "decisions_api.refund-request")
    known = maker.order("paid-v3")
    request = call(f"POST {REFUNDS}", BEN, "refunds:request", parameters=order, body=wish, headers=key)
    beyond = call(f"POST {REFUNDS}", BEN, "refunds:request", parameters=order, body=too_much)
    approve = f"POST {REFUNDS}/{{refund_id}}/approve"
    by_anna, by_ben = (call(approve, who, "refunds:approve", parameters=refund) for who in (ANNA, BEN))
    waiting = call("GET /refunds", ANNA, "orders:read", query="status=requested&account=wechat/shop")
    day = {"account": "shop", "date": "2026-11-21"}
    report = call("GET /reconciliation/{account}/{date}", ANNA, "orders:read", parameters=day)
    lines = call(
        "GET /reconciliation/{account}/{date}/lines", ANNA, "orders:read", parameters=day, query="platform=wechat"
    )
    return {
        "decisions_api.refund-request": Case(request, 201, "ben asks for a part back", known, after=(PAID,)),
        "decisions_api.refund-too-much": Case(beyond, 409, "more than was paid", known, after=(PAID,)),
        "decisions_api.refund-approve": Case(by_anna, 200, "anna approves what ben asked for", known, after=asked),
        "decisions_api.refund-self-approve": Case(by_ben, 403, "ben may not approve it himself", known, after=asked),
        "orders_api.refunds": Case(waiting, 200, "what waits for approval", known, after=asked),
        "orders_api.reconciliation": Case(report, 404, "no bill of that day was compared yet"),
        "orders_api.reconciliation-lines": Case(lines, 404, "nor has it lines"),
    }


def _workers(maker: Maker) -> dict[str, Case]:
    detail = {"id": f"refund.approved.{'e' * 64}", **_order(maker), "version": 5, "event_id": "e" * 64}
    approved = shapes.bus("refund.approved", detail, maker.now)
    return {
        "wechat_refund.approved": Case(
            approved, None, "an approved refund is made at once", needs_platform=True
        ),
        "wechat_refund.schedule": Case(
            shapes.schedule("WechatRefundEveryMinute", maker.now), None,
            "refunds that are due are made or asked about", needs_platform=True,
        ),
        "wechat_bill.schedule": Case(
            shapes.schedule("WechatBillFromTenInBeijing", maker.now), None,
            "yesterday's bills of all accounts are compared", needs_platform=True,
        ),
        "wechat_bill.again": Case(
            {"compare": {"account": "shop", "date": "2026-11-20"}}, None,
            "a person has one day compared again", needs_platform=True,
        ),
    }  # fmt: skip

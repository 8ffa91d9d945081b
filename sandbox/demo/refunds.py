"""A part of the demo: money that goes back."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from sandbox.demo.payments import body, bought
from sandbox.demo_runtime import BEIJING

if TYPE_CHECKING:
    from clients.python.countersign_client import RefundWish
    from sandbox.demo_runtime import Answer, Stage

PLACE = 2
MINUTE = 60
Json = dict[str, Any]


def _as(stage: Stage, subject: str) -> dict[str, str]:
    """Return the headers of a call by this person."""
    scopes = ("refunds:request", "refunds:approve", "orders:read")
    return {"token": stage.token(*scopes, subject=subject)}


def _ask(stage: Stage, order_id: str, minor: int, account: str = "shop", by: str = "ben") -> Json:
    """Ask for a refund."""
    wish: RefundWish = {"amount": {"minor": minor, "currency": "CNY"}, "reason": "the cup leaked"}
    answer = stage.answer(lambda api: api.request_refund("wechat", account, order_id, wish), _as(stage, by)["token"])
    stage.tell(by, f"asks for {minor / 100:.2f} CNY back")
    stage.expect("recorded", (answer.status, answer.body.get("status")), (201, "requested"))
    return dict(answer.body)


def _decide(stage: Stage, refund: Json, word: str, by: str = "anna", content: Json | None = None) -> Answer:
    path = f"/orders/{refund['platform']}/{refund['account']}/{refund['order_id']}/refunds/{refund['refund_id']}/{word}"
    return stage.call("POST", path, content, headers=_as(stage, by))


def _status(stage: Stage, refund: Json) -> object:
    refunds = stage.order("wechat", refund["account"], refund["order_id"]).get("refunds", [])
    return next((row["status"] for row in refunds if row["refund_id"] == refund["refund_id"]), None)


def _calls(stage: Stage, refund_id: str) -> int:
    """Count the refund calls that WeChat got for a number; queries are no calls of this kind."""
    entries = stage.sandbox.inbox("wechat")
    makes = ("/v3/refund/domestic/refunds", "/secapi/pay/refund")
    return len([entry for entry in entries if entry.get("out_refund_no") == refund_id and entry["path"] in makes])


def partly_back(stage: Stage) -> None:
    """One person asks, another approves, a worker carries it out, WeChat's notice ends it."""
    stage.scene("10. A partial refund: asked for by ben, approved by anna")
    bought(stage, "DEMO-0010")
    refund = _ask(stage, "DEMO-0010", 3000)
    stage.expect("ben may not approve it himself", _decide(stage, refund, "approve", by="ben").status, 403)
    stage.expect("anna may", _decide(stage, refund, "approve").status, 200)
    stage.expect_soon("accepted is not refunded", lambda: _status(stage, refund), "processing")
    stage.advance(6, "the money is back in the payer's wallet, and WeChat says so")
    stage.expect_soon("status", lambda: stage.order("wechat", "shop", "DEMO-0010").get("status"), "partially_refunded")
    stage.expect("calls of WeChat", _calls(stage, refund["refund_id"]), 1)
    too_much = {"amount": {"minor": 5801, "currency": "CNY"}}
    path = "/orders/wechat/shop/DEMO-0010/refunds"
    stage.expect(
        "more than is left is refused", stage.call("POST", path, too_much, headers=_as(stage, "ben")).status, 409
    )
    wanted = ["order.paid", "refund.approved", "refund.requested", "refund.succeeded"]
    stage.expect_soon("on the bus", lambda: stage.bus("DEMO-0010"), wanted)
    stage.explain("wechat", "shop", "DEMO-0010")


def accepted_then_failed(stage: Stage) -> None:
    """Let WeChat take a refund that it cannot pay out, and refuse another for want of money."""
    stage.scene("11. Accepted, then failed: a person must act, and is told what to do")
    bought(stage, "DEMO-0011")
    stage.faults(wechat={"refund_result": {"status": "ABNORMAL"}})
    refund = _ask(stage, "DEMO-0011", 1000)
    _decide(stage, refund, "approve")
    stage.expect_soon("accepted", lambda: _status(stage, refund), "processing")
    stage.advance(6, "the payer's account is gone: WeChat reports ABNORMAL")
    stage.expect_soon("status", lambda: _status(stage, refund), "needs_action")
    listed = stage.call("GET", "/refunds?status=needs_action").body.get("refunds", [])
    stage.tell(
        "desk", next((str(row["problem"]) for row in listed if row["order_id"] == "DEMO-0011"), "nothing listed")
    )
    stage.happen("wechat", "settle", {"account": "shop", "out_refund_no": refund["refund_id"]})
    stage.tell("console", "anna sends it to another account in WeChat's merchant console")
    stage.expect_soon("status", lambda: _status(stage, refund), "succeeded")

    stage.faults(wechat={"refund_refused": {"code": "NOT_ENOUGH"}})
    stage.advance(2 * MINUTE, "another refund of the same order")
    second = _ask(stage, "DEMO-0011", 2000)
    _decide(stage, second, "approve")
    stage.expect_soon("the balance is too low", lambda: _status(stage, second), "needs_action")
    stage.tell("anna", "tops the balance up and has it tried again, under the same number")
    stage.expect("retry", _decide(stage, second, "retry").status, 200)
    stage.advance(2 * MINUTE, "WeChat wants a minute between two refunds of an order")
    stage.expect_soon("accepted", lambda: _status(stage, second), "processing")
    stage.advance(MINUTE, "the money is back")
    stage.expect_soon("status", lambda: _status(stage, second), "succeeded")
    stage.expect("calls of WeChat", _calls(stage, second["refund_id"]), 2)


def late_money_back(stage: Stage) -> None:
    """Refund money that comes after the close without anybody's doing, as the account's policy says."""
    stage.scene("12. Paid after it was closed: refunded once, by the account's policy")
    ends = datetime.datetime.fromtimestamp(stage.now() + 10 * MINUTE, BEIJING).isoformat()
    stage.expect(
        "created", stage.call("POST", "/wechat/classic/payments", body("DEMO-0012", expires_at=ends)).status, 201
    )
    stage.advance(11 * MINUTE, "its ten minutes are over")
    stage.expect_soon("status", lambda: stage.order("wechat", "classic", "DEMO-0012").get("status"), "closed")
    stage.advance(20, "the payer, who stood on the password page all the time, confirms; the notice comes three times")
    stage.happen("wechat", "pay", {"account": "classic", "out_trade_no": "DEMO-0012", "late": True, "times": 3})

    def refunds() -> object:
        order = stage.order("wechat", "classic", "DEMO-0012")
        return [(refund["source"], refund["status"]) for refund in order.get("refunds", [])]

    stage.expect_soon("accepted by WeChat", refunds, [("policy", "processing")])
    stage.advance(6, "the money is back; the notice of API v2 is not signed, so WeChat is asked")
    stage.advance(MINUTE, "the query is due")
    stage.expect_soon("status", refunds, [("policy", "succeeded")])
    stage.expect("refunds at WeChat", len(_at_wechat(stage, "classic", "DEMO-0012")), 1)
    stage.explain("wechat", "classic", "DEMO-0012")


def _at_wechat(stage: Stage, account: str, order_id: str) -> list[Json]:
    trade = stage.happen("wechat", "ledger", {"account": account, "out_trade_no": order_id})["transactions"][0]
    return list(trade["refunds"])


SCENES = (partly_back, accepted_then_failed, late_money_back)

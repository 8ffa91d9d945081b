"""The second half of the demo: money that goes back, and the bill that proves it all."""

from __future__ import annotations

import datetime
from typing import Any

from sandbox.stage import BEIJING, Answer, Stage

PRICE = 8800
MINUTE, HOUR = 60, 3600
Json = dict[str, Any]


def _bought(stage: Stage, order_id: str, account: str = "shop") -> None:
    """Let somebody buy and pay."""
    body = {
        "order_id": order_id,
        "amount": {"minor": PRICE, "currency": "CNY"},
        "description": "奶茶 Milk tea",
        "payer": {"openid": "oDemoPayer000000000000000001"},
        "client_ip": "203.0.113.7",
    }
    created = stage.call("POST", f"/wechat/{account}/payments", body)
    stage.wechat("pay", {"account": account, "out_trade_no": order_id})
    stage.tell("payer", f"{order_id} over {PRICE / 100:.2f} CNY is created and paid ({account})")
    stage.expect("bought", (created.status, stage.order(order_id, account).get("status")), (201, "paid"))


def _as(stage: Stage, subject: str) -> dict[str, str]:
    """Return the headers of a call by this person."""
    scopes = ("refunds:request", "refunds:approve", "orders:read")
    granted = stage.control("POST", "/token", {"scopes": scopes, "subject": subject})
    return {"token": str(granted.body["access_token"])}


def _ask(stage: Stage, order_id: str, minor: int, account: str = "shop", by: str = "ben") -> Json:
    """Ask for a refund."""
    wish = {"amount": {"minor": minor, "currency": "CNY"}, "reason": "the cup leaked"}
    answer = stage.call("POST", f"/orders/wechat/{account}/{order_id}/refunds", wish, headers=_as(stage, by))
    stage.tell(by, f"asks for {minor / 100:.2f} CNY back")
    stage.expect("recorded", (answer.status, answer.body.get("status")), (201, "requested"))
    return dict(answer.body)


def _decide(stage: Stage, refund: Json, word: str, by: str = "anna", body: Json | None = None) -> Answer:
    path = f"/orders/{refund['platform']}/{refund['account']}/{refund['order_id']}/refunds/{refund['refund_id']}/{word}"
    return stage.call("POST", path, body, headers=_as(stage, by))


def _status(stage: Stage, refund: Json) -> object:
    refunds = stage.order(refund["order_id"], refund["account"]).get("refunds", [])
    return next((row["status"] for row in refunds if row["refund_id"] == refund["refund_id"]), None)


def _calls(stage: Stage, refund_id: str) -> int:
    """Count the refund calls that WeChat got for a number; queries are no calls of this kind."""
    entries = stage.control("GET", "/inbox?kind=wechat").body
    makes = ("/v3/refund/domestic/refunds", "/secapi/pay/refund")
    return len([entry for entry in entries if entry.get("out_refund_no") == refund_id and entry["path"] in makes])


def partly_back(stage: Stage) -> None:
    """One person asks, another approves, a worker carries it out, WeChat's notice ends it."""
    stage.scene("10. A partial refund: asked for by ben, approved by anna")
    _bought(stage, "DEMO-0010")
    refund = _ask(stage, "DEMO-0010", 3000)
    stage.expect("ben may not approve it himself", _decide(stage, refund, "approve", by="ben").status, 403)
    stage.expect("anna may", _decide(stage, refund, "approve").status, 200)
    stage.expect_soon("accepted is not refunded", lambda: _status(stage, refund), "processing")
    stage.advance(6, "the money is back in the payer's wallet, and WeChat says so")
    stage.expect_soon("status", lambda: stage.order("DEMO-0010").get("status"), "partially_refunded")
    stage.expect("calls of WeChat", _calls(stage, refund["refund_id"]), 1)
    too_much = {"amount": {"minor": 5801, "currency": "CNY"}}
    path = "/orders/wechat/shop/DEMO-0010/refunds"
    stage.expect(
        "more than is left is refused", stage.call("POST", path, too_much, headers=_as(stage, "ben")).status, 409
    )
    wanted = ["order.paid", "refund.approved", "refund.requested", "refund.succeeded"]
    stage.expect_soon("on the bus", lambda: stage.bus("DEMO-0010"), wanted)
    stage.explain("DEMO-0010")


def accepted_then_failed(stage: Stage) -> None:
    """Let WeChat take a refund that it cannot pay out, and refuse another for want of money."""
    stage.scene("11. Accepted, then failed: a person must act, and is told what to do")
    _bought(stage, "DEMO-0011")
    stage.control("POST", "/faults", {"wechat": {"refund_result": {"status": "ABNORMAL"}}})
    refund = _ask(stage, "DEMO-0011", 1000)
    _decide(stage, refund, "approve")
    stage.expect_soon("accepted", lambda: _status(stage, refund), "processing")
    stage.advance(6, "the payer's account is gone: WeChat reports ABNORMAL")
    stage.expect_soon("status", lambda: _status(stage, refund), "needs_action")
    listed = stage.call("GET", "/refunds?status=needs_action").body.get("refunds", [])
    stage.tell(
        "desk", next((str(row["problem"]) for row in listed if row["order_id"] == "DEMO-0011"), "nothing listed")
    )
    stage.wechat("settle", {"account": "shop", "out_refund_no": refund["refund_id"]})
    stage.tell("console", "anna sends it to another account in WeChat's merchant console")
    stage.expect_soon("status", lambda: _status(stage, refund), "succeeded")

    stage.control("POST", "/faults", {"wechat": {"refund_refused": {"code": "NOT_ENOUGH"}}})
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
    body = {
        "order_id": "DEMO-0012",
        "amount": {"minor": PRICE, "currency": "CNY"},
        "description": "奶茶 Milk tea",
        "payer": {"openid": "oDemoPayer000000000000000001"},
        "client_ip": "203.0.113.7",
        "expires_at": ends,
    }
    stage.expect("created", stage.call("POST", "/wechat/classic/payments", body).status, 201)
    stage.advance(11 * MINUTE, "its ten minutes are over")
    stage.expect_soon("status", lambda: stage.order("DEMO-0012", "classic").get("status"), "closed")
    stage.advance(20, "the payer, who stood on the password page all the time, confirms; the notice comes three times")
    stage.wechat("pay", {"account": "classic", "out_trade_no": "DEMO-0012", "late": True, "times": 3})

    def refunds() -> object:
        order = stage.order("DEMO-0012", "classic")
        return [(refund["source"], refund["status"]) for refund in order.get("refunds", [])]

    stage.expect_soon("accepted by WeChat", refunds, [("policy", "processing")])
    stage.advance(6, "the money is back; the notice of API v2 is not signed, so WeChat is asked")
    stage.advance(MINUTE, "the query is due")
    stage.expect_soon("status", refunds, [("policy", "succeeded")])
    stage.expect("refunds at WeChat", len(_at_wechat(stage, "classic", "DEMO-0012")), 1)
    stage.explain("DEMO-0012", "classic")


def _at_wechat(stage: Stage, account: str, order_id: str) -> list[Json]:
    trade = stage.wechat("ledger", {"account": account, "out_trade_no": order_id})["transactions"][0]
    return list(trade["refunds"])


def the_bill(stage: Stage) -> None:
    """Compare yesterday's bill, in which one thing is wrong."""
    stage.scene("19. The bill of the day, with one planted difference")
    today = datetime.datetime.fromtimestamp(stage.now(), BEIJING)
    stage.wechat("bill", {"account": "shop", "date": f"{today:%Y-%m-%d}", "amounts": {"DEMO-0010": PRICE + 1}})
    stage.tell("WeChat", "writes 88.01 instead of 88.00 for DEMO-0010 into its bill")
    tomorrow = (today + datetime.timedelta(days=1)).replace(hour=10, minute=1)
    stage.advance((tomorrow - today).total_seconds(), "ten o'clock of the next day: the bill is there")
    path = f"/reconciliation/shop/{today:%Y-%m-%d}"

    def status() -> object:
        reports = stage.call("GET", path).body.get("reports", [])
        return [report["status"] for report in reports]

    stage.expect_soon("compared", status, ["done"])
    differences = stage.call("GET", path).body["reports"][0]["differences"]
    found = [(row["what"], row["order_id"], row["status"]) for row in differences]
    planted = ("payment_amount", "DEMO-0010", "open")
    stage.expect("found", [row for row in found if row[1] == "DEMO-0010"], [planted])
    for row in differences:
        told = f"bill {row['bill']}; here {row['ours']}; asked: {row['platform']}"
        stage.tell("differs", f"{row['what']} {row['order_id']}: {told} ({row['resolution'] or row['status']})")
    text = stage.call("GET", f"{path}?format=csv").body
    stage.expect("as CSV", str(text).splitlines()[0].split(",")[:4], ["platform", "account", "date", "what"])
    stage.expect_soon("on the bus", lambda: "reconciliation.difference" in stage.bus("DEMO-0010"), wanted=True)


SCENES = (partly_back, accepted_then_failed, late_money_back)

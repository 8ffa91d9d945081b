"""The first part of the demo: what becomes of a payment at WeChat, whatever its notices do."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, cast

from sandbox.demo_runtime import BEIJING

if TYPE_CHECKING:
    from clients.python.countersign_client import WechatPaymentBody
    from sandbox.demo_runtime import Stage

Json = dict[str, Any]
PLACE = 1
PRICE: Json = {"minor": 8800, "currency": "CNY"}
PAYER = "oDemoPayer000000000000000001"
MINUTE, HOUR = 60, 3600


def body(order_id: str, **changes: Any) -> Json:
    """Return what the merchant asks for."""
    return {
        "order_id": order_id,
        "amount": PRICE,
        "description": "奶茶 Milk tea",
        "payer": {"openid": PAYER},
        "client_ip": "203.0.113.7",
    } | changes


def create(stage: Stage, order_id: str, account: str = "shop", **changes: Any) -> Json:
    """Create a payment that must succeed."""
    wanted = body(order_id, **changes)
    answer = stage.answer(lambda api: api.create_wechat_payment(account, cast("WechatPaymentBody", wanted)))
    instead = f", instead of {changes['replaces']}" if "replaces" in changes else ""
    stage.tell("merchant", f"creates {order_id} over {wanted['amount']['minor'] / 100:.2f} CNY ({account}){instead}")
    stage.expect("created", answer.status, 201)
    return answer.body if isinstance(answer.body, dict) else {}


def pay(stage: Stage, order_id: str, account: str = "shop", **how: Any) -> list[Any]:
    """Let the payer pay; return the product's answers to the notices so far."""
    trade = stage.happen("wechat", "pay", {"account": account, "out_trade_no": order_id} | how)
    answers = [attempt["status"] for attempt in trade["deliveries"]]
    stage.tell("payer", f"pays {order_id}: {trade['total'] / 100:.2f} {trade['currency']}, {trade['transaction_id']}")
    times = "once" if len(answers) == 1 else f"{len(answers)} times"
    stage.tell("WeChat", f"notifies {times}, answered {answers}" if answers else "notifies, and the notice is lost")
    return answers


def bought(stage: Stage, order_id: str, account: str = "shop", **changes: Any) -> None:
    """Let somebody buy and pay."""
    created = stage.call("POST", f"/wechat/{account}/payments", body(order_id, **changes))
    stage.happen("wechat", "pay", {"account": account, "out_trade_no": order_id})
    shown = f" ({account})" if account != "shop" else ""
    stage.tell("payer", f"{order_id} over {PRICE['minor'] / 100:.2f} CNY is created and paid{shown}")
    status = stage.order("wechat", account, order_id).get("status")
    stage.expect("bought", (created.status, status), (201, "paid"))


def version(stage: Stage, order_id: str) -> Any:
    """Return the order's version: it counts transitions."""
    return stage.order("wechat", "shop", order_id).get("version")


def paid_transitions(order: Json) -> int:
    """Count how often a payment was taken."""
    return sum(event["kind"] == "paid" and event["decision"] == "applied" for event in order.get("events", []))


def created_once(stage: Stage) -> None:
    """Create a payment, and repeat every part of the call."""
    stage.scene("1. Create: once, however often it is asked for")
    headers = {"Idempotency-Key": "demo-0001"}
    first = stage.call("POST", "/wechat/shop/payments", body("DEMO-0001"), headers=dict(headers))
    stage.tell("merchant", "creates DEMO-0001 over 88.00 CNY, with an Idempotency-Key")
    stage.expect("created", first.status, 201)
    client = first.body.get("client", {})
    stage.expect(
        "what wx.requestPayment wants", sorted(client), ["nonceStr", "package", "paySign", "signType", "timeStamp"]
    )
    stage.expect("the order waits for its payer", first.body.get("order", {}).get("status"), "pending")
    again = stage.call("POST", "/wechat/shop/payments", body("DEMO-0001"), headers=dict(headers))
    stage.tell("merchant", "the same call again, with the same key")
    stage.expect("the same answer is replayed", (again.status, again.body == first.body), (201, True))
    other = stage.call("POST", "/wechat/shop/payments", body("DEMO-0009"), headers=dict(headers))
    stage.expect("the key with another body", other.status, 422)
    bare = stage.call("POST", "/wechat/shop/payments", body("DEMO-0001"))
    stage.tell("merchant", "the same terms without a key: an unpaid order gets a fresh prepay id")
    stage.expect("same order, fresh client", (bare.status, bare.body.get("client") == client), (200, False))
    dearer = stage.call("POST", "/wechat/shop/payments", body("DEMO-0001", amount={"minor": 1, "currency": "CNY"}))
    stage.expect("another price under the same number", dearer.status, 409)


def paid_five_times(stage: Stage) -> None:
    """Pay; WeChat tells five times, and once more much later."""
    stage.scene("2. Paid: five notices, one transition")
    before = version(stage, "DEMO-0001")
    answers = pay(stage, "DEMO-0001", times=5)
    stage.expect("all five are acknowledged", answers, [204] * 5)
    order = stage.order("wechat", "shop", "DEMO-0001")
    stage.expect("status", order.get("status"), "paid")
    stage.expect("paid", order.get("paid"), PRICE)
    stage.expect("transitions", (order.get("version", 0) - before, paid_transitions(order)), (1, 1))
    stage.expect_soon("on the bus", lambda: stage.bus("DEMO-0001"), ["order.paid"])
    stage.advance(47 * HOUR, "the same notice once more, signed anew")
    late = stage.happen("wechat", "notify", {"account": "shop", "out_trade_no": "DEMO-0001"})
    stage.expect("the late duplicate is acknowledged", late["status"], 204)
    stage.expect("and changes nothing", version(stage, "DEMO-0001"), order.get("version"))
    stage.explain("wechat", "shop", "DEMO-0001")


def not_ours(stage: Stage) -> None:
    """Send forged, stale, probing and misdirected notices."""
    stage.scene("3. Not genuine, not now, not ours: refused, and nothing is written")
    create(stage, "DEMO-0003")
    before = version(stage, "DEMO-0003")
    for kind, what in (
        ("forge", "signed with a stranger's key"),
        ("stale", "signed 301 seconds ago"),
        ("signtest", "that is WeChat's own probe, wrongly signed"),
        ("other_merchant", "of another merchant's payment, genuinely signed"),
    ):
        answer = stage.happen("wechat", "notify", {"account": "shop", "out_trade_no": "DEMO-0003", "spoil": kind})
        stage.tell("network", f"a notice {what}")
        stage.expect(kind, answer["status"], 401)
    order = stage.order("wechat", "shop", "DEMO-0003")
    stage.expect("the order has not moved", (order.get("status"), order.get("version")), ("pending", before))


def wrong_amount(stage: Stage) -> None:
    """Pay another amount: a question for a person."""
    stage.scene("4. Another amount: a question, and a person answers it")
    create(stage, "DEMO-0004")
    stage.expect("acknowledged", pay(stage, "DEMO-0004", amount=8801), [204])
    order = stage.order("wechat", "shop", "DEMO-0004")
    stage.expect("status", (order.get("status"), order.get("paid")), ("review", None))
    review: Json = next(iter(order.get("review", [])), {})
    stage.expect("the question", review.get("reason"), "amount_mismatch")
    stage.explain("wechat", "shop", "DEMO-0004")
    exceptions = stage.call("GET", "/exceptions").body.get("exceptions", [])
    listed = [row["kind"] for row in exceptions if row.get("order_id") == "DEMO-0004"]
    stage.expect("on the exceptions list", listed, ["review"])
    path = f"/orders/wechat/shop/DEMO-0004/review/{review.get('review_id')}/resolve"
    decision = {"decision": "accept", "note": "the shopper rounded up"}
    machine = stage.call("POST", path, decision, headers={"token": stage.token(machine=True)})
    stage.expect("a machine may not answer it", machine.status, 403)
    stage.tell("anna", "accepts the 88.01")
    stage.expect("one person alone is heard", stage.call("POST", path, decision).status, 202)
    stage.expect("and decides nothing", stage.order("wechat", "shop", "DEMO-0004").get("status"), "review")
    stage.tell("ben", "accepts it too")
    second = stage.call("POST", path, decision, headers={"token": stage.token(subject="ben")})
    stage.expect("two people may", second.status, 200)
    order = stage.order("wechat", "shop", "DEMO-0004")
    stage.expect("status", (order.get("status"), order.get("review")), ("paid", []))
    stage.expect_soon("on the bus", lambda: stage.bus("DEMO-0004"), ["order.paid", "order.review"])


def lost_notice(stage: Stage) -> None:
    """Lose the notice; the product asks by itself."""
    stage.scene("5. The notice is lost: the poll finds the payment")
    create(stage, "DEMO-0005")
    pay(stage, "DEMO-0005", notify=False)
    stage.expect("nothing known yet", stage.order("wechat", "shop", "DEMO-0005").get("status"), "pending")
    stage.advance(11, "the first look of the poll is due")
    stage.expect_soon("status", lambda: stage.order("wechat", "shop", "DEMO-0005").get("status"), "paid")
    stage.expect_soon("on the bus", lambda: stage.bus("DEMO-0005"), ["order.paid"])
    stage.explain("wechat", "shop", "DEMO-0005")


def closed_then_paid(stage: Stage) -> None:
    """Let an order run out, and pay it all the same."""
    stage.scene("6. Closed when its time is over, and paid too late")
    ends = datetime.datetime.fromtimestamp(stage.now() + 10 * MINUTE, BEIJING).isoformat()
    create(stage, "DEMO-0006", expires_at=ends)
    stage.advance(11 * MINUTE, "its ten minutes are over")
    stage.expect_soon("status", lambda: stage.order("wechat", "shop", "DEMO-0006").get("status"), "closed")
    wanted = {"account": "shop", "out_trade_no": "DEMO-0006"}
    stage.expect("closed at WeChat too", stage.happen("wechat", "ledger", wanted)["transactions"][0]["state"], "CLOSED")
    stage.advance(20, "the payer, who stood on the password page all the time, confirms")
    stage.expect("acknowledged", pay(stage, "DEMO-0006", late=True), [204])
    order = stage.order("wechat", "shop", "DEMO-0006")
    stage.expect("status", (order.get("status"), order.get("paid_late")), ("paid", True))
    refunds = [(refund["refund_id"].split("-")[0], refund["status"]) for refund in order.get("refunds", [])]
    stage.expect("a refund waits for a decision", refunds, [("late", "requested")])
    wanted_events = ["order.closed", "order.paid", "order.paid_late", "refund.requested"]
    stage.expect_soon("on the bus", lambda: stage.bus("DEMO-0006"), wanted_events)
    stage.explain("wechat", "shop", "DEMO-0006")


def over_v2(stage: Stage) -> None:
    """Use the old API, and refund in the merchant's console, which nothing signs."""
    stage.scene("7. API v2: the same story in XML")
    client = create(stage, "DEMO-0007", "classic").get("client", {})
    stage.expect("signed as v2 wants", client.get("signType"), "HMAC-SHA256")
    stage.expect("acknowledged", pay(stage, "DEMO-0007", "classic", times=3), [200] * 3)
    order = stage.order("wechat", "classic", "DEMO-0007")
    stage.expect("status", (order.get("status"), paid_transitions(order)), ("paid", 1))
    refund = {"account": "classic", "out_trade_no": "DEMO-0007", "amount": 800}
    trade = stage.happen("wechat", "refund", refund)
    stage.tell("console", "8.00 CNY are refunded by hand")
    told = [attempt["status"] for attempt in trade["refunds"][0]["deliveries"]]
    stage.expect("the unsigned refund notice is acknowledged", told, [200])
    stage.expect("and believed by nobody", stage.order("wechat", "classic", "DEMO-0007").get("status"), "paid")
    stage.advance(2 * MINUTE, "the refund is asked about")

    def shown() -> object:
        order = stage.order("wechat", "classic", "DEMO-0007")
        refunds = [
            (refund["source"], refund["status"], refund["amount"]["minor"]) for refund in order.get("refunds", [])
        ]
        return order.get("status"), refunds

    stage.expect_soon("status", shown, ("partially_refunded", [("console", "succeeded", 800)]))
    stage.explain("wechat", "classic", "DEMO-0007")


def replaced(stage: Stage) -> None:
    """Change the price: that is a new order."""
    stage.scene("8. A new price: one order replaces another")
    create(stage, "DEMO-0008")
    stage.advance(6 * MINUTE, "the shopper takes something out of the basket")
    create(stage, "DEMO-0008b", amount={"minor": 6600, "currency": "CNY"}, replaces="DEMO-0008")
    stage.expect_soon("the old order", lambda: stage.order("wechat", "shop", "DEMO-0008").get("status"), "closed")
    stage.expect("acknowledged", pay(stage, "DEMO-0008b"), [204])
    new = stage.order("wechat", "shop", "DEMO-0008b")
    stage.expect("the new order", (new.get("status"), new.get("paid")), ("paid", {"minor": 6600, "currency": "CNY"}))
    stage.tell("payer", "had the old order's password page open, and confirms that too")
    stage.expect("acknowledged", pay(stage, "DEMO-0008", late=True), [204])
    asked = [
        (number, review["reason"])
        for number in ("DEMO-0008", "DEMO-0008b")
        for review in stage.order("wechat", "shop", number).get("review", [])
    ]
    # The old payment was made at the moment of the close, before the new one: the later of the two is the question.
    stage.expect("both are paid: a person must look", asked, [("DEMO-0008b", "double_payment")])


def nobodys_order(stage: Stage) -> None:
    """Pay an order that the product has never seen."""
    stage.scene("9. A payment nobody knows: kept, asked about, shown")
    answer = stage.happen("wechat", "notify", {"account": "shop", "out_trade_no": "DEMO-0099", "amount": 100})
    stage.tell("WeChat", "notifies the payment of DEMO-0099, which was not created here")
    stage.expect("acknowledged", answer["status"], 204)
    for _ in range(3):
        stage.advance(6 * MINUTE, "still nobody has created it")

    def listed() -> bool:
        rows = stage.call("GET", "/exceptions").body.get("exceptions", [])
        return any(row.get("order_id") == "DEMO-0099" and row.get("kind") == "orphan" for row in rows)

    stage.expect_soon("on the exceptions list", listed, wanted=True)
    stage.expect_soon("on the bus", lambda: stage.bus("DEMO-0099"), ["order.orphan"])


SCENES = (
    created_once,
    paid_five_times,
    not_ours,
    wrong_amount,
    lost_notice,
    closed_then_paid,
    over_v2,
    replaced,
    nobodys_order,
)

"""The cashiers' part of the story: a shopper pays on somebody else's page, by every road that goes wrong."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.demo_runtime import Answer, Stage

HC1, STRIPE, QR = "hc1/main", "stripe/main", "wechat_native/qr"
MINUTE, DAY = 60, 86_400
COLD_START = 60  # real seconds
Json = dict[str, Any]


def create(stage: Stage, cashier: str, reference: str, **changes: Any) -> Answer:
    """Have a cashier take a payment."""
    body = {
        "order_id": reference,
        "amount": {"minor": 6984, "currency": "USD"},
        "description": f"Order {reference}",
        "return_url": "https://shop.example.com/thanks",
    } | changes
    answer = stage.call("POST", f"/cashier/{cashier}/payments", body)
    stage.tell(
        "shop", f"has {cashier} take {reference}: {body['amount']['minor']} {body['amount']['currency']} (minor)"
    )
    return answer


def browse(url: str, form: str = "") -> str:
    """Open a page as a browser does, or press a button on it; returns the page."""
    request = urllib.request.Request(url, data=form.encode() if form else None)  # noqa: S310 - a page of the sandbox
    opener = urllib.request.build_opener(_Stay)
    with opener.open(request, timeout=30) as reply:
        return str(reply.read().decode())


class _Stay(urllib.request.HTTPRedirectHandler):
    """Stops before the shop's own page, which is not of this world."""

    def http_error_303(self, _request: Any, reply: Any, _code: int, _message: str, _headers: Any) -> Any:
        return reply


def status(stage: Stage, cashier: str, reference: str) -> str:
    """Return a payment's status as the merchant API shows it."""
    return str(stage.order("cashier", cashier.replace("/", "."), reference).get("status"))


def hosted_page(stage: Stage) -> None:
    """Let a shopper pay on an HC1 cashier's page, and another one before our call is answered."""
    stage.scene("Cashiers: a page of somebody else's")
    answer = create(stage, HC1, "web-1001")
    stage.expect("created", answer.status, 201)
    stage.tell("shopper", "opens the cashier's page and presses Pay")
    browse(answer.body["client"]["cashier_url"], "do=pay")
    stage.expect_soon("paid", lambda: status(stage, HC1, "web-1001"), "paid")
    stage.faults(cashier={"notify_first": 1})
    answer = create(stage, HC1, "web-1002")
    stage.tell("cashier", "notifies before it answers the call that creates the payment")
    stage.expect_soon("paid all the same", lambda: status(stage, HC1, "web-1002"), "paid")
    stage.expect_soon("told once", lambda: stage.bus("web-1002").count("order.paid"), 1)


def lost(stage: Stage) -> None:
    """Lose the answer to the create call and the notification: the poll finds what was paid."""
    stage.scene("Cashiers: no answer, no notification")
    stage.faults(cashier={"error500": {"match": "POST /hc1/v1/payments", "after": True, "count": 2}, "drop": 1})
    answer = create(stage, HC1, "web-1003")
    stage.expect("nobody knows", answer.status, 502)
    stage.faults(cashier={"clear": True, "drop": 1})
    stage.happen("cashier", "pay", {"account": HC1, "reference": "web-1003"})
    stage.tell("shopper", "pays all the same, and the notification is lost")
    stage.advance(MINUTE, "the cashier is asked by our own reference")
    end = time.monotonic() + COLD_START
    while status(stage, HC1, "web-1003") != "paid" and time.monotonic() < end:  # the poll's first run here
        time.sleep(0.5)
    stage.expect_soon("found", lambda: status(stage, HC1, "web-1003"), "paid")
    stage.faults(cashier={"clear": True})


def three_decimals(stage: Stage) -> None:
    """Money that a cashier cannot take exactly is refused before anybody is sent away."""
    stage.scene("Cashiers: three decimals")
    refused = create(stage, STRIPE, "web-1004", amount={"minor": 18_605, "currency": "KWD"})
    stage.expect(
        "refused", (refused.status, refused.body["title"].partition(":")[0]), (422, "amount_not_representable")
    )
    taken = create(stage, STRIPE, "web-1005", amount={"minor": 18_600, "currency": "KWD"})
    stage.expect("taken", taken.status, 201)
    browse(taken.body["client"]["cashier_url"], "do=pay")
    stage.expect_soon("paid", lambda: status(stage, STRIPE, "web-1005"), "paid")


def delayed(stage: Stage) -> None:
    """Completed by bank debit, paid three days later; a refund of it comes back."""
    stage.scene("Cashiers: completed is not paid")
    answer = create(stage, STRIPE, "web-1006")
    browse(answer.body["client"]["cashier_url"], "do=debit")
    stage.tell("shopper", "pays by bank debit: Stripe's session is complete, and not paid")
    stage.expect_soon("waits", lambda: status(stage, STRIPE, "web-1006"), "pending")
    stage.advance(3 * DAY, "the bank pays")
    stage.happen("cashier", "stripe_settle", {"account": STRIPE, "reference": "web-1006", "succeeded": True})
    stage.expect_soon("paid", lambda: status(stage, STRIPE, "web-1006"), "paid")
    path = "/orders/cashier/stripe.main/web-1006/refunds"
    asking = {"token": stage.token("refunds:request", subject="ben")}
    asked = stage.call("POST", path, {"amount": {"minor": 1000, "currency": "USD"}}, headers=asking)
    number = asked.body["refund"]["refund_id"] if "refund" in asked.body else asked.body["refund_id"]
    stage.call("POST", f"{path}/{number}/approve")
    stage.tell("staff", "two of them give 10.00 back")
    stage.expect_soon("refunded", lambda: status(stage, STRIPE, "web-1006"), "partially_refunded")
    back = {"account": STRIPE, "reference": "web-1006", "status": "failed", "failure": "lost_or_stolen_card"}
    stage.happen("cashier", "stripe_end_refund", back)
    stage.tell("Stripe", "says days later that the bank sent it back")
    stage.expect_soon("the money is the order's again", lambda: status(stage, STRIPE, "web-1006"), "paid")


def by_code(stage: Stage) -> None:
    """Show a QR code over our own WeChat account, on a page of ours."""
    stage.scene("Cashiers: a QR code over our own WeChat account")
    whole = {"platform": "bigcommerce", "account": "g5cd38wq1", "order_id": "10401"}
    answer = create(stage, QR, "bc-10401-1", amount={"minor": 8800, "currency": "CNY"}, part_of=whole)
    url = str(answer.body["client"]["cashier_url"])
    page = browse(url)
    stage.expect("the page", ("<svg" in page, "¥88.00" in page, len(page.encode()) <= 40_960), (True, True, True))
    stage.happen("wechat", "pay", {"account": "shop", "out_trade_no": "bc-10401-1"})
    stage.tell("shopper", "scans it with WeChat and pays")
    state = lambda: json.loads(browse(f"{url}/status"))["state"]  # noqa: E731 - one look
    stage.expect_soon("the page knows", state, "paid")
    order = stage.order("wechat", "shop", "bc-10401-1")
    stage.expect("part of the shop's order", (order.get("part_of") or {}).get("order_id"), "10401")


SCENES = [hosted_page, lost, three_decimals, delayed, by_code]

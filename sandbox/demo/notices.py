"""The part of the demo about notices: who hears of an order, and what happens where one cannot be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.stage import Stage

PRICE = 8800
MINUTE = 60
Json = dict[str, Any]


def _bought(stage: Stage, order_id: str) -> None:
    """Let somebody buy two things and pay."""
    body = {
        "order_id": order_id,
        "amount": {"minor": PRICE, "currency": "CNY"},
        "description": "奶茶 Milk tea",
        "items": [
            {"sku_id": "tea", "title": "珍珠奶茶", "price": 3000, "quantity": 2},
            {"sku_id": "cake", "title": "Cheesecake", "price": 2800, "quantity": 1},
        ],
        "payer": {"openid": "oDemoPayer000000000000000001"},
        "client_ip": "203.0.113.7",
    }
    created = stage.call("POST", "/wechat/shop/payments", body)
    stage.wechat("pay", {"account": "shop", "out_trade_no": order_id})
    stage.tell("payer", f"{order_id} over {PRICE / 100:.2f} CNY is created and paid")
    stage.expect("bought", (created.status, stage.order(order_id).get("status")), (201, "paid"))


def _notices(stage: Stage, order_id: str) -> dict[str, str]:
    return {row["name"]: row["status"] for row in stage.order(order_id).get("notices", [])}


def _seen(stage: Stage, kind: str, order_id: str) -> list[Json]:
    """Return what of a kind was shown about an order."""
    return [entry for entry in stage.control("GET", f"/inbox?kind={kind}").body if order_id in str(entry)]


def everybody_hears(stage: Stage) -> None:
    """Tell staff, print the receipt and call the merchant's system, each once."""
    stage.scene("13. Paid: staff get a message, the counter a receipt, the merchant's system a webhook")
    _bought(stage, "DEMO-0013")
    told = {"erp": "sent", "receipt": "sent", "staff": "sent"}
    stage.expect_soon("its notices", lambda: _notices(stage, "DEMO-0013"), told)
    for message in _seen(stage, "message", "DEMO-0013"):
        stage.tell("staff", f"sees in WeChat: {message['data']}")
    receipts = _seen(stage, "receipt", "DEMO-0013")
    stage.expect("receipts printed", [receipt["printer"] for receipt in receipts], ["counter"])
    for receipt in receipts:
        print("\n".join(f"{'':16}| {line}" for line in str(receipt["text"]).splitlines()))
    hooks = _seen(stage, "webhook", "DEMO-0013")
    stage.expect("webhooks", [(hook["status"], hook["verified"]) for hook in hooks], [(200, True)])


def consents_run_dry(stage: Stage) -> None:
    """Let the last consent be used up: an e-mail takes over."""
    stage.scene(
        "14. Staff have no consent left: the e-mail takes over, the counter's printer is off: the kitchen's prints"
    )
    consent = {"openid": "oSandboxStaff00000000000001", "template_id": "SandboxTemplateOfNewOrders", "count": 0}
    stage.wechat("consents", {"account": "shop", **consent})
    stage.control("POST", "/printers/_control/printer", {"name": "counter", "state": "offline"})
    stage.tell("staff", "used the last consent, and nobody has switched the counter's printer on")
    _bought(stage, "DEMO-0014")
    told = {"erp": "sent", "receipt": "sent", "staff": "failed", "staff-mail": "sent"}
    stage.expect_soon("its notices", lambda: _notices(stage, "DEMO-0014"), told)
    rows = {row["name"]: row for row in stage.order("DEMO-0014").get("notices", [])}
    stage.tell("staff", f"message: {rows.get('staff', {}).get('reason')}")
    for mail in _seen(stage, "email", "DEMO-0014"):
        stage.tell("mail", f"{mail['subject']}: {str(mail['text']).splitlines()[0]}")
    stage.expect("e-mails", len(_seen(stage, "email", "DEMO-0014")), 1)
    printed = [receipt["printer"] for receipt in _seen(stage, "receipt", "DEMO-0014")]
    stage.expect("receipts printed", printed, ["kitchen"])
    stage.control("POST", "/printers/_control/printer", {"name": "counter", "state": "ok"})
    stage.wechat("consents", {"account": "shop", **consent, "count": 1000})


def the_merchants_system_is_down(stage: Stage) -> None:
    """Let the merchant's endpoint fail for half an hour; payments do not notice."""
    stage.scene("15. The merchant's system is down for half an hour: the webhook comes again, under the same id")
    stage.control("POST", "/faults", {"merchant": {"status": {"count": 3, "status": 503}}})
    _bought(stage, "DEMO-0015")
    stage.expect_soon("the webhook waits", lambda: _notices(stage, "DEMO-0015").get("erp"), "pending")
    waits = ((MINUTE, "again in vain"), (6 * MINUTE, "and again"), (31 * MINUTE, "it is up again"))
    for tries, (seconds, why) in enumerate(waits, 2):
        stage.advance(seconds, why)
        stage.expect_soon("tried", lambda: len(_seen(stage, "webhook", "DEMO-0015")), tries)
    stage.expect_soon("the webhook", lambda: _notices(stage, "DEMO-0015").get("erp"), "sent")
    hooks = _seen(stage, "webhook", "DEMO-0015")
    stage.expect("answers", [hook["status"] for hook in hooks], [503, 503, 503, 200])
    stage.expect("ids", len({hook["id"] for hook in hooks}), 1)
    for row in stage.order("DEMO-0015").get("notices", []):
        stage.tell(
            "notice",
            f"{row['name']} by {row['channel']}: {row['status']} after {row['attempts']} attempts ({row['via']})",
        )


SCENES = (everybody_hears, consents_run_dry, the_merchants_system_is_down)

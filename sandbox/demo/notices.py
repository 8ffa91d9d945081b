"""The part of the demo about notices: who hears of an order, and what happens where one cannot be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.demo.payments import bought

if TYPE_CHECKING:
    from sandbox.demo_runtime import Stage

PLACE = 3
MINUTE = 60
ITEMS = [
    {"sku_id": "tea", "title": "珍珠奶茶", "price": 3000, "quantity": 2},
    {"sku_id": "cake", "title": "Cheesecake", "price": 2800, "quantity": 1},
]
Json = dict[str, Any]


def _notices(stage: Stage, order_id: str) -> dict[str, str]:
    return {row["name"]: row["status"] for row in stage.order("wechat", "shop", order_id).get("notices", [])}


def everybody_hears(stage: Stage) -> None:
    """Tell staff, print the receipt and call the merchant's system, each once."""
    stage.scene("13. Paid: staff get a message, the counter a receipt, the merchant's system a webhook")
    bought(stage, "DEMO-0013", items=ITEMS)
    told = {"erp": "sent", "receipt": "sent", "staff": "sent"}
    stage.expect_soon("its notices", lambda: _notices(stage, "DEMO-0013"), told)
    for message in stage.inbox("message", "DEMO-0013"):
        stage.tell("staff", f"sees in WeChat: {message['data']}")
    receipts = stage.inbox("receipt", "DEMO-0013")
    stage.expect("receipts printed", [receipt["printer"] for receipt in receipts], ["counter"])
    for receipt in receipts:
        print("\n".join(f"{'':16}| {line}" for line in str(receipt["text"]).splitlines()))
    hooks = stage.inbox("webhook", "DEMO-0013")
    stage.expect("webhooks", [(hook["status"], hook["verified"]) for hook in hooks], [(200, True)])


def consents_run_dry(stage: Stage) -> None:
    """Let the last consent be used up: an e-mail takes over."""
    stage.scene(
        "14. Staff have no consent left: the e-mail takes over, the counter's printer is off: the kitchen's prints"
    )
    consent = {"openid": "oSandboxStaff00000000000001", "template_id": "SandboxTemplateOfNewOrders", "count": 0}
    stage.happen("wechat", "consents", {"account": "shop", **consent})
    stage.happen("printers", "printer", {"name": "counter", "state": "offline"})
    stage.tell("staff", "used the last consent, and nobody has switched the counter's printer on")
    bought(stage, "DEMO-0014", items=ITEMS)
    told = {"erp": "sent", "receipt": "sent", "staff": "failed", "staff-mail": "sent"}
    stage.expect_soon("its notices", lambda: _notices(stage, "DEMO-0014"), told)
    rows = {row["name"]: row for row in stage.order("wechat", "shop", "DEMO-0014").get("notices", [])}
    stage.tell("staff", f"message: {rows.get('staff', {}).get('reason')}")
    for mail in stage.inbox("email", "DEMO-0014"):
        stage.tell("mail", f"{mail['subject']}: {str(mail['text']).splitlines()[0]}")
    stage.expect("e-mails", len(stage.inbox("email", "DEMO-0014")), 1)
    printed = [receipt["printer"] for receipt in stage.inbox("receipt", "DEMO-0014")]
    stage.expect("receipts printed", printed, ["kitchen"])
    stage.happen("printers", "printer", {"name": "counter", "state": "ok"})
    stage.happen("wechat", "consents", {"account": "shop", **consent, "count": 1000})


def the_merchants_system_is_down(stage: Stage) -> None:
    """Let the merchant's endpoint fail for half an hour; payments do not notice."""
    stage.scene("15. The merchant's system is down for half an hour: the webhook comes again, under the same id")
    stage.faults(merchant={"status": {"count": 3, "status": 503}})
    bought(stage, "DEMO-0015", items=ITEMS)

    def tried() -> tuple[int, int]:
        """Return how often the merchant was called, and how often that was noted: only then is the next time known."""
        rows = stage.order("wechat", "shop", "DEMO-0015").get("notices", [])
        return len(stage.inbox("webhook", "DEMO-0015")), sum(row["attempts"] for row in rows if row["name"] == "erp")

    stage.expect_soon("tried", tried, (1, 1))
    stage.expect("the webhook waits", _notices(stage, "DEMO-0015").get("erp"), "pending")
    waits = ((MINUTE, "again in vain"), (6 * MINUTE, "and again"), (31 * MINUTE, "it is up again"))
    for tries, (seconds, why) in enumerate(waits, 2):
        stage.advance(seconds, why)
        stage.expect_soon("tried", tried, (tries, tries))
    stage.expect_soon("the webhook", lambda: _notices(stage, "DEMO-0015").get("erp"), "sent")
    hooks = stage.inbox("webhook", "DEMO-0015")
    stage.expect("answers", [hook["status"] for hook in hooks], [503, 503, 503, 200])
    stage.expect("ids", len({hook["id"] for hook in hooks}), 1)
    for row in stage.order("wechat", "shop", "DEMO-0015").get("notices", []):
        stage.tell(
            "notice",
            f"{row['name']} by {row['channel']}: {row['status']} after {row['attempts']} attempts ({row['via']})",
        )


SCENES = (everybody_hears, consents_run_dry, the_merchants_system_is_down)

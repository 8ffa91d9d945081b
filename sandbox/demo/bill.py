"""A part of the demo: the bill of the day, which proves all that was paid and refunded before."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from sandbox.demo_runtime import BEIJING

if TYPE_CHECKING:
    from sandbox.demo_runtime import Stage

PLACE = 5


def the_bill(stage: Stage) -> None:
    """Compare yesterday's bill, in which one thing is wrong."""
    stage.scene("19. The bill of the day, with one planted difference")
    today = datetime.datetime.fromtimestamp(stage.now(), BEIJING)
    stage.happen("wechat", "bill", {"account": "shop", "date": f"{today:%Y-%m-%d}", "amounts": {"DEMO-0010": 8801}})
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
    stage.expect(
        "as CSV",
        str(text).removeprefix("\ufeff").splitlines()[0].split(",")[:4],
        ["platform", "account", "date", "what"],
    )
    stage.expect_soon("on the bus", lambda: "reconciliation.difference" in stage.bus("DEMO-0010"), wanted=True)


SCENES = (the_bill,)

"""A phone number that an order is found by: in no row, no log, no event, and no call to a platform."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sandbox.testing import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Shop

PHONE = "13812345678"


def test_M3_a_phone_number_finds_its_order_and_is_kept_nowhere(shop: Shop, eventually: Callable[..., Any]) -> None:
    written = f"+86 {PHONE[:3]} {PHONE[3:7]} {PHONE[7:]}"
    assert shop.create("LOOK-0001", lookup=[PHONE, "table 7"]).status == 201
    assert shop.create("LOOK-0002", lookup=["13987654321"]).status == 201
    shop.pay("LOOK-0001")
    eventually(lambda: shop.bus("LOOK-0001"))
    token = shop.sandbox.token("orders:read", subject="sue")

    answer = shop.sandbox.api("POST", "/lookup", {"account": "wechat/shop", "value": written}, token=token)

    assert [row["order"]["order_id"] for row in answer.json()["found"]] == ["LOOK-0001"]
    state = ROOT / ".sandbox" / str(shop.sandbox.port)
    held = {path.name: path.read_text(encoding="utf-8") for path in sorted((state / "logs").iterdir())}
    held |= {kind: json.dumps(shop.sandbox.inbox(kind), ensure_ascii=False) for kind in ("bus", "wechat", "receipt")}
    held |= {table: "\n".join(rows) for table, rows in shop.tables().items()}
    assert {"decisions_api.log", "wechat_create_payment.log"} <= set(held)
    assert "LOOKUP#wechat#shop#" in held["sandbox-OrdersTable"]
    for name, text in held.items():
        assert PHONE not in text, name
        assert written not in text, name

"""Douyin's simulator behind the contract suites, by either of its systems."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from tests.functions.conftest import ROOT
from tests.functions.test_douyin import NEW, OLD, Douyin
from tests.workers.world import ORDER, REFUND, Made, World

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pytest

    from tests.functions.conftest import Cloud


class DouyinWorld(World):
    """Douyin's simulator, by either of its systems."""

    platform, settles, closable_after = "douyin", True, None

    def __init__(self, douyin: Douyin, account: str) -> None:
        super().__init__(douyin.cloud, account)
        self.douyin = douyin
        self.checks_itself = account != NEW  # the trade system takes any text
        self.phones: dict[str, Any] = {}

    def create(self, order_id: str = ORDER, minor: int = 8800) -> None:
        status, answer = self.douyin.create(self.account, order_id, minor)
        assert status == 201, answer
        self.phones[order_id] = answer["client"] if self.account == NEW else {}
        if self.account == NEW:  # the payer's phone makes the order
            self.douyin.control("order", self.account, order_id, **self.phones[order_id])

    def pay(self, order_id: str = ORDER) -> None:
        self.douyin.control("pay", self.account, order_id, notify=False, **self.phones[order_id])

    def end_refund(self, refund_id: str = REFUND) -> None:
        self.douyin.pass_time(12)
        self.douyin.posted = []

    def refuse_refunds(self) -> None:
        for trade in self.douyin.platform.ledger.trades():
            trade.state = "PROCESSING"  # Douyin refuses while it does not see the payment

    def fail(self, count: int = 1000, *, after: str = "") -> None:
        match = {"refund": "refund_amount", "settle": "settle_desc"}.get(after)
        fault = {"match": match, "after": True} if match else {"count": count}
        self.douyin.wire.simulator.faults({"error500": fault})

    def slow_down(self, count: int) -> None:
        self.douyin.wire.simulator.faults({"rate_limited": {"count": count}})

    def at_platform(self, order_id: str = ORDER) -> list[tuple[str, int]]:
        (trade,) = self.douyin.control("ledger", self.account, order_id)["orders"]
        return [(one["out_refund_no"], one["amount"]) for one in trade["refunds"]]

    def calls(self) -> int:
        return len(self.douyin.wire.sent)


def for_events(request: pytest.FixtureRequest) -> AbstractContextManager[Cloud]:
    """Return the functions, with the account that the sample events are for."""
    stack: Douyin = request.getfixturevalue("douyin")
    stack.put_account("app", json.loads((ROOT / "tests/accounts/douyin/app.json").read_text(encoding="utf-8")))
    return nullcontext(stack.cloud)


WORLDS = {
    "douyin-ecpay": Made(DouyinWorld, lambda request: nullcontext(DouyinWorld(request.getfixturevalue("douyin"), OLD))),
    "douyin-trade": Made(DouyinWorld, lambda request: nullcontext(DouyinWorld(request.getfixturevalue("douyin"), NEW))),
}

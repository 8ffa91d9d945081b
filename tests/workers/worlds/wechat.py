"""WeChat's simulator behind the contract suites, by either version of its API."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from tests.functions.test_refund_work import Shop
from tests.workers.world import ORDER, REFUND, Made, World

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pytest

    from tests.functions.conftest import Cloud


class Wechat(World):
    """WeChat's simulator, by either version of its API."""

    platform, closable_after = "wechat", 300

    def __init__(self, cloud: Cloud, account: str) -> None:
        super().__init__(cloud, account)
        cloud.wechat.simulator.faults({"refund_result": {"status": "PROCESSING", "count": 1000}})

    def shop(self, order_id: str = ORDER) -> Shop:
        return Shop(self.cloud, self.account, order_id)

    def create(self, order_id: str = ORDER, minor: int = 8800) -> None:
        self.shop(order_id).create(minor)

    def pay(self, order_id: str = ORDER) -> None:
        self.shop(order_id).wechat("pay", notify=False)

    def end_refund(self, refund_id: str = REFUND) -> None:
        self.shop().settle(refund_id=refund_id)

    def refuse_refunds(self) -> None:
        self.shop().faults(refund_refused={"code": "TRADE_ERROR"})

    def fail(self, count: int = 1000, *, after: str = "") -> None:
        path = "/secapi/pay/refund" if self.account == "classic" else "POST /v3/refund"
        self.shop().faults(error500={"match": path, "after": True} if after else {"count": count})

    def slow_down(self, count: int) -> None:
        self.shop().faults(rate_limited={"count": count})

    def at_platform(self, order_id: str = ORDER) -> list[tuple[str, int]]:
        trade = self.shop(order_id).wechat("ledger")["transactions"][0]
        return [(refund["out_refund_no"], refund["amount"]) for refund in trade["refunds"]]

    def calls(self) -> int:
        return len(self.cloud.wechat.sent)


def for_events(request: pytest.FixtureRequest) -> AbstractContextManager[Cloud]:
    """Return the functions, with the accounts that the sample events are for."""
    return nullcontext(request.getfixturevalue("cloud"))


WORLDS = {
    "wechat-v3": Made(Wechat, lambda request: nullcontext(Wechat(request.getfixturevalue("cloud"), "shop"))),
    "wechat-v2": Made(Wechat, lambda request: nullcontext(Wechat(request.getfixturevalue("cloud"), "classic"))),
}

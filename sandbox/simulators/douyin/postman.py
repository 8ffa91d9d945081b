"""How Douyin delivers callbacks: each system's retry table, and the answer that takes one."""

from __future__ import annotations

import http
import json
from typing import TYPE_CHECKING, Any

from sandbox.simulating import postman
from sandbox.simulators.douyin.callbacks import FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.simulating.postman import Message
    from sandbox.simulators.douyin.callbacks import Callback

RETRIES = {
    "ecpay": (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600),
    "trade": (12, 12, 33, 60, 120, 180, 240, 300, 360, 420),
}


class Delivery(postman.Delivery):
    """One callback on its way, signed anew at each attempt; `answered` hears the data of the answer that took it."""

    def __init__(self, callback: Callback, token: str) -> None:
        trade = callback.trade
        super().__init__(callback.url, trade.out_order_no, RETRIES[trade.system], trade.deliveries, tuple(FAULTS))
        self.callback, self.token = callback, token
        self.answered: Callable[[dict[str, Any]], None] | None = None

    def message(
        self, now: float, *, spoil: str = "", parameters: Mapping[str, Any] | None = None, copy: int = 0
    ) -> Message:
        """Write the callback."""
        return self.callback.request(now, self.token, spoil)

    def takes(self, status: int | None, answer: bytes) -> bool:
        """Say whether Douyin is content, and hand on what it was told."""
        try:
            content = json.loads(answer)
        except ValueError:
            return False
        if status != http.HTTPStatus.OK or not isinstance(content, dict) or content.get("err_no") != 0:
            return False
        if self.answered is not None:
            self.answered(content.get("data") or {})
        return True

    def labels(self) -> dict[str, Any]:
        """Return what kind of callback it is."""
        return {"kind": self.callback.kind}

"""What both systems do with an order: refunds and settlements end some time after they were accepted."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from sandbox.simulators.douyin import callbacks, crypto
from sandbox.simulators.douyin.ledger import Ledger, Refund, RefusedError, Settlement, Trade
from sandbox.simulators.douyin.postman import Delivery

if TYPE_CHECKING:
    from sandbox.simulating.faults import Faults
    from sandbox.simulating.postman import Clock, Postman
    from sandbox.simulators.douyin.accounts import App, Apps

REFUND_TAKES = 12.0
SETTLE_TAKES = 6.0
QUERIES_PER_SECOND = 30


class Meter:
    """How often each app asked, in real time: the most within any second, and all together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[str, deque[float]] = {}
        self._most: dict[str, int] = {}
        self._total: dict[str, int] = {}

    def count(self, app_id: str) -> int:
        """Count one query; returns how many came within the second that it ends."""
        with self._lock:
            now = time.monotonic()
            times = self._times.setdefault(app_id, deque())
            times.append(now)
            while times[0] <= now - 1:
                times.popleft()
            self._most[app_id] = max(self._most.get(app_id, 0), len(times))
            self._total[app_id] = self._total.get(app_id, 0) + 1
            return len(times)

    def shown(self) -> dict[str, Any]:
        """Return the counts, and begin anew."""
        with self._lock:
            shown = {app: {"most_in_a_second": self._most[app], "total": self._total[app]} for app in self._total}
            self._most, self._total = {}, {}
            return shown


class Platform:
    """The apps, their orders, and what happens to those by and by."""

    def __init__(self, clock: Clock, apps: Apps, ledger: Ledger, postman: Postman, faults: Faults) -> None:
        self.clock, self.apps, self.ledger = clock, apps, ledger
        self.meter = Meter()
        self.postman, self._faults = postman, faults

    def query(self, app: App) -> None:
        """Count a query; too many within a second are refused."""
        if self.meter.count(app.app_id) > QUERIES_PER_SECOND:
            raise RefusedError(12001, "too frequent")

    def post(self, delivery: Delivery) -> None:
        """Send a callback."""
        self.postman.post(delivery)

    def delivery(self, callback: callbacks.Callback, app: App) -> Delivery:
        """Return a callback ready to go."""
        return Delivery(callback, app.token)

    def accept_refund(self, app: App, trade: Trade, wanted: Refund) -> Refund:
        """Take a refund that the developer asks for."""
        refund = self.ledger.refund(trade, wanted)
        if refund is wanted:
            self.carry_out(app, trade, refund)
        return refund

    def carry_out(self, app: App, trade: Trade, refund: Refund) -> None:
        """End a refund a while later, and say so another while later."""
        status, message = self._end("refund_result", trade, "可提现余额不足")

        def end() -> None:
            refund.status, refund.message, refund.ended_at = status, message, self.clock.now()
            self.post(self.delivery(callbacks.refund(trade, refund), app))

        self.postman.later(REFUND_TAKES, end)

    def accept_settlement(self, app: App, trade: Trade, wanted: Settlement) -> Settlement:
        """Take a settlement."""
        settlement = self.ledger.settle(trade, wanted, self.clock.now())
        if settlement is wanted:
            self.end_settlement(app, trade, settlement)
        return settlement

    def end_settlement(self, app: App, trade: Trade, settlement: Settlement) -> None:
        """End a settlement a while later."""
        status, message = self._end("settle_result", trade, "failed")

        def end() -> None:
            settlement.status, settlement.message, settlement.ended_at = status, message, self.clock.now()
            self.post(self.delivery(callbacks.settlement(trade, settlement, app.merchant_uid), app))

        self.postman.later(SETTLE_TAKES, end)

    def _end(self, knob: str, trade: Trade, why: str) -> tuple[str, str]:
        """Return the state and the message with which something ends: well, unless a knob says otherwise."""
        wanted = self._faults.take(knob, trade.out_order_no)
        if wanted is None:
            return "SUCCESS", ""
        return str(wanted.get("status", "FAIL")), str(wanted.get("message", why))

    def user_refund(self, app: App, trade: Trade, amount: int, reason: str) -> Refund:
        """Let the user ask: the product is asked for its number, then for its decision; silence is consent."""
        now = self.clock.now()
        deadline = now + 3 * 86_400
        wanted = Refund(
            "", f"otr{crypto.digits(20)}", amount, 1, now, trade.notify_url, audit="INIT", deadline=deadline
        )
        refund = self.ledger.refund(trade, wanted)

        def numbered(data: dict[str, Any]) -> None:
            refund.out_refund_no = str(data.get("out_refund_no") or "")
            refund.audit = "TOAUDIT" if refund.out_refund_no else "INIT"

        delivery = self.delivery(callbacks.user_refund(trade, refund, reason), app)
        delivery.answered = numbered
        self.post(delivery)
        self.postman.later(deadline - now, lambda: self.audit(app, trade, refund, "OVERTIME"))
        delivery.first_done.wait(10)
        return refund

    def audit(self, app: App, trade: Trade, refund: Refund, word: str) -> None:
        """Take the merchant's decision, or its silence."""
        with self.ledger.lock:
            if refund.audit not in ("TOAUDIT", "INIT"):
                if refund.audit == word:
                    return
                if word == "OVERTIME":
                    return
                raise RefusedError(20001, "the refund is decided")
            refund.audit = word
        if word == "DENY":
            refund.status, refund.ended_at = "FAIL", self.clock.now()
            self.post(self.delivery(callbacks.refund(trade, refund), app))
        else:
            self.carry_out(app, trade, refund)

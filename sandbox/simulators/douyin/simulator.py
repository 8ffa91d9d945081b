"""Douyin as the product meets it: takes its calls in both systems, answers as it does, sends the callbacks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from sandbox.simulating import simulator
from sandbox.simulators.douyin import accounts, callbacks
from sandbox.simulators.douyin.accounts import App, Apps
from sandbox.simulators.douyin.control import DouyinControl
from sandbox.simulators.douyin.ecpay import Ecpay
from sandbox.simulators.douyin.ledger import Ledger, RefusedError
from sandbox.simulators.douyin.order_sync import OrderSync
from sandbox.simulators.douyin.platform import Platform
from sandbox.simulators.douyin.trade import TradeSystem

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.simulating.postman import Clock
    from sandbox.simulating.simulator import Call, Inbox, Reply

NUMBERS = ("out_order_no", "out_refund_no", "out_settle_no", "order_id", "refund_id")
SHOWN = (*NUMBERS, "refund_audit_status", "order_status", "to_status")
Json = dict[str, Any]


class Simulator(simulator.Simulator):
    """Guaranteed payment and the trade system."""

    NAME = "douyin"
    FAULTS: ClassVar[dict[str, str]] = callbacks.FAULTS | {
        "system_error": "answer err_no 1000",
        "bad_token": "answer that the access token is not valid",
        "refund_result": "refunds end as `status` (FAIL) with `message`",
        "settle_result": "settlements end as `status` (FAIL) with `message`",
    }
    FAILURES: ClassVar[dict[str, Any]] = {
        "rate_limited": (200, {"err_no": 12001, "err_tips": "rate_limited"}),
        "system_error": (200, {"err_no": 1000, "err_tips": "system_error"}),
        "bad_token": (200, {"err_no": 11002, "err_tips": "bad_token"}),
    }
    prepare_account = staticmethod(accounts.prepare)
    throwaway_accounts = staticmethod(accounts.throwaway)

    def __init__(
        self, clock: Clock, accounts: dict[str, Json], inbox: Inbox, public_base_url: str, state_dir: Path
    ) -> None:
        super().__init__(clock, accounts, inbox, public_base_url, state_dir)
        self._platform = Platform(clock, Apps(accounts), Ledger(), self._postman, self._faults)
        self._ecpay, self._trade = Ecpay(self._platform), TradeSystem(self._platform)
        self._sync = OrderSync(self._platform)
        self._control = DouyinControl(self._platform, self._trade)

    def answer(self, call: Call) -> tuple[Reply, str | None]:
        """Answer a call of either system; errors are codes in an HTTP 200."""
        try:
            reply, app = self._answer(call.path, call.query, call.headers, call.body)
        except RefusedError as refused:
            return self._error(refused.code, refused.message), None
        except (KeyError, TypeError, ValueError) as error:
            return self._error(10000, str(error)), None
        return reply, app.account if app else None

    def seen(self, call: Call) -> Json:
        """Pick the numbers out of a call."""
        try:
            fields = json.loads(call.body)
        except ValueError:
            return {}
        return {name: fields[name] for name in SHOWN if isinstance(fields, dict) and fields.get(name)}

    def problem(self, reply: Reply) -> Json:
        """Pick the error of an answer."""
        try:
            code = json.loads(reply[2]).get("err_no", 0)
        except (ValueError, AttributeError):
            return {}
        return {"err_no": code} if code else {}

    def _answer(self, path: str, query: str, headers: dict[str, str], body: bytes) -> tuple[Reply, App | None]:
        csv = {"Content-Type": "text/csv"}
        if self._ecpay.knows(path):
            answer, app = self._ecpay.answer(path, query, body)
            return ((200, csv, answer) if isinstance(answer, bytes) else self.json_reply(200, answer)), app
        if self._trade.knows(path):
            content, app = self._trade.answer(path, headers, body)
            return self.json_reply(200, content), app
        if self._sync.knows(path):
            told, teller = self._sync.answer(path, body)
            return self.json_reply(200, told), teller
        if (table := self._trade.download(path)) is not None:
            return (200, csv, table), None
        return (404, {}, b"not found"), None

    def _error(self, code: int, message: str) -> Reply:
        return self.json_reply(200, {"err_no": code, "err_tips": message, "err_msg": message})

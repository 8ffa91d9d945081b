"""Douyin as the product meets it: takes its calls in both systems, answers as it does, sends the callbacks."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, Protocol

from sandbox.simulators.douyin import accounts
from sandbox.simulators.douyin.accounts import App, Apps
from sandbox.simulators.douyin.control import Control
from sandbox.simulators.douyin.ecpay import Ecpay
from sandbox.simulators.douyin.faults import Faults
from sandbox.simulators.douyin.ledger import Ledger, RefusedError
from sandbox.simulators.douyin.order_sync import OrderSync
from sandbox.simulators.douyin.platform import Platform
from sandbox.simulators.douyin.postman import Clock, Postman
from sandbox.simulators.douyin.trade import TradeSystem

Headers = dict[str, str]
Reply = tuple[int, Headers, bytes]


class Inbox(Protocol):
    """Where everything that a platform received is shown."""

    def add(self, kind: str, entry: dict[str, Any]) -> None:
        """Keep one entry."""
        ...


class Simulator:
    """Guaranteed payment and the trade system; see the package `sandbox.simulators` for the interface."""

    def __init__(
        self, clock: Clock, accounts: dict[str, dict[str, Any]], inbox: Inbox, public_base_url: str, state_dir: Path
    ) -> None:
        self._clock, self._inbox, self._state_dir = clock, inbox, Path(state_dir)
        self._stopped = threading.Event()
        self._faults = Faults()
        self._postman = Postman(clock, self._faults, public_base_url)
        self._platform = Platform(clock, Apps(accounts), Ledger(), self._postman, self._faults)
        self._ecpay, self._trade = Ecpay(self._platform), TradeSystem(self._platform)
        self._sync = OrderSync(self._platform)
        self._control = Control(self._platform, self._trade)

    @staticmethod
    def prepare_account(document: dict[str, Any], api_base: str) -> dict[str, Any]:
        """Complete an account document so that the product can use it against this simulator."""
        return accounts.prepare(document, api_base)

    @staticmethod
    def throwaway_accounts() -> dict[str, dict[str, Any]]:
        """Make accounts for a sandbox that was given none."""
        return accounts.throwaway()

    def start(self) -> None:
        """Begin to deliver callbacks."""
        self._postman.start()

    def stop(self) -> None:
        """Stop delivering, let hanging answers go, and leave the ledger on disk."""
        self._stopped.set()
        self._postman.stop()
        self._state_dir.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self._control.ledger({}), ensure_ascii=False, indent=1)
        (self._state_dir / "douyin-ledger.json").write_text(text, encoding="utf-8")

    def faults(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Turn the misbehaviour knobs; returns those that are set."""
        return self._faults.set(wanted)

    def control(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Carry out a control call; the path may come with or without `/_control/`."""
        return self._control.call(path.rpartition("_control/")[2].strip("/"), body or {})

    def handle(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Reply:
        """Answer one call of the product."""
        subject = f"{method} {path}?{query} {body.decode('utf-8', 'replace')}"
        failure, done = self._failure(subject)
        app: App | None = None
        reply: Reply = failure or (200, {}, b"")
        if failure is None or done:
            answered, app = self._answer(path, query, {name.lower(): value for name, value in headers.items()}, body)
            reply = failure or answered
        slow = self._faults.take("timeout", subject)
        call = {"at": self._clock.now(), "method": method, "path": path, "account": app.account if app else None}
        self._inbox.add("douyin", {**call, "status": reply[0], **_seen(body), **_code(reply[2])})
        if slow is not None:
            self._stopped.wait(float(slow.get("seconds", 12)))
        return reply

    def _failure(self, subject: str) -> tuple[Reply | None, bool]:
        """Return the failure the knobs want, and whether the work is done all the same."""
        if (failure := self._faults.take("error500", subject)) is not None:
            return (500, {}, b""), bool(failure.get("after"))
        if self._faults.take("not_json", subject) is not None:
            return (502, {"Content-Type": "text/html"}, b"<html><h1>502 Bad Gateway</h1></html>"), False
        for name, code in (("rate_limited", 12001), ("system_error", 1000), ("bad_token", 11002)):
            if self._faults.take(name, subject) is not None:
                return _json({"err_no": code, "err_tips": name}), False
        return None, False

    def _answer(self, path: str, query: str, headers: Headers, body: bytes) -> tuple[Reply, App | None]:
        try:
            if self._ecpay.knows(path):
                answer, app = self._ecpay.answer(path, query, body)
                return (
                    (200, {"Content-Type": "text/csv"}, answer) if isinstance(answer, bytes) else _json(answer)
                ), app
            if self._trade.knows(path):
                content, app = self._trade.answer(path, headers, body)
                return _json(content), app
            if self._sync.knows(path):
                told, teller = self._sync.answer(path, body)
                return _json(told), teller
            if (table := self._trade.download(path)) is not None:
                return (200, {"Content-Type": "text/csv"}, table), None
        except RefusedError as refused:
            return _json({"err_no": refused.code, "err_tips": refused.message, "err_msg": refused.message}), None
        except (KeyError, TypeError, ValueError) as error:
            return _json({"err_no": 10000, "err_tips": str(error), "err_msg": str(error)}), None
        return (404, {}, b"not found"), None


def _json(content: Any) -> Reply:
    return 200, {"Content-Type": "application/json"}, json.dumps(content, ensure_ascii=False).encode()


def _seen(body: bytes) -> dict[str, Any]:
    """Pick the numbers out of a call, for the inbox; no secret and no token."""
    try:
        fields = json.loads(body)
    except ValueError:
        return {}
    numbers = ("out_order_no", "out_refund_no", "out_settle_no", "order_id", "refund_id")
    names = (*numbers, "refund_audit_status", "order_status", "to_status")
    return {name: fields[name] for name in names if isinstance(fields, dict) and fields.get(name)}


def _code(body: bytes) -> dict[str, Any]:
    """Pick the error of an answer."""
    try:
        code = json.loads(body).get("err_no", 0)
    except (ValueError, AttributeError):
        return {}
    return {"err_no": code} if code else {}

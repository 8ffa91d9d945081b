"""WeChat as the product meets it: takes its calls, answers as the platform does, and sends the notices."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sandbox.simulators.wechat import accounts, crypto
from sandbox.simulators.wechat.accounts import Merchant, Merchants
from sandbox.simulators.wechat.api_v2 import BILL, ApiV2
from sandbox.simulators.wechat.api_v3 import ApiV3, Download
from sandbox.simulators.wechat.bills import Bills
from sandbox.simulators.wechat.control import Control
from sandbox.simulators.wechat.faults import Faults
from sandbox.simulators.wechat.ledger import Ledger, Refund, Trade
from sandbox.simulators.wechat.mini_program import MiniProgramApi
from sandbox.simulators.wechat.notices import request_id
from sandbox.simulators.wechat.postman import Clock, Postman
from sandbox.simulators.wechat.pushes import Pushes
from sandbox.simulators.wechat.store_orders import StoreOrder, StoreOrders

if TYPE_CHECKING:
    from collections.abc import Callable

REFUND_TAKES = 5.0
Headers = dict[str, str]
Reply = tuple[int, Headers, bytes]


class Inbox(Protocol):
    """Where everything that a platform received is shown."""

    def add(self, kind: str, entry: dict[str, Any]) -> None:
        """Keep one entry."""
        ...


class Simulator:
    """WeChat Pay v2 and v3 and the mini-program log-in; see the package `sandbox.simulators` for the interface."""

    def __init__(
        self, clock: Clock, accounts: dict[str, dict[str, Any]], inbox: Inbox, public_base_url: str, state_dir: Path
    ) -> None:
        self._clock, self._inbox, self._state_dir = clock, inbox, Path(state_dir)
        self._stopped = threading.Event()
        self._merchants, self._ledger, self._faults = Merchants(accounts), Ledger(), Faults()
        self._postman = Postman(clock, self._faults, public_base_url)
        bills = Bills(self._ledger)
        self._control = Control(clock, self._merchants, self._ledger, self._postman, bills)
        self._v3 = ApiV3(self._merchants, self._ledger, public_base_url, self._refund_accepted, bills)
        self._v2 = ApiV2(self._merchants, self._ledger, public_base_url, self._refund_accepted, bills)
        self._ledger.refuse_refund = self._refund_refused
        bills.creating = lambda which: self._faults.take("bill_creating", which) is not None
        self._used_codes: set[str] = set()
        self._store_orders = StoreOrders()
        self._pushes = Pushes(clock, self._faults, self._postman)
        self._store_orders.told = self._pushes.told
        self._mini = MiniProgramApi(self._merchants, self._ledger, self._faults, inbox, self._store_orders)
        self._control.offer(self._mini_calls())

    @staticmethod
    def prepare_account(document: dict[str, Any], api_base: str) -> dict[str, Any]:
        """Complete an account document so that the product can use it against this simulator."""
        return accounts.prepare(document, api_base)

    @staticmethod
    def throwaway_accounts() -> dict[str, dict[str, Any]]:
        """Make accounts for a sandbox that was given none."""
        return accounts.throwaway()

    def start(self) -> None:
        """Begin to deliver notices."""
        self._postman.start()

    def stop(self) -> None:
        """Stop delivering, let hanging answers go, and leave the ledger on disk."""
        self._stopped.set()
        self._postman.stop()
        self._state_dir.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self._control.ledger({}), ensure_ascii=False, indent=1)
        (self._state_dir / "wechat-ledger.json").write_text(text, encoding="utf-8")

    def faults(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Turn the misbehaviour knobs; returns those that are set."""
        return self._faults.set(wanted)

    def control(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Carry out a control call; the path may come with or without `/_control/`."""
        return self._control.call(path.rpartition("_control/")[2].strip("/"), body or {})

    def handle(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Reply:
        """Answer one call of the product."""
        headers = {name.lower(): value for name, value in headers.items()}
        subject = f"{method} {path}?{query} {body.decode('utf-8', 'replace')}"
        call = {"at": self._clock.now(), "method": method, "path": path, **_named(body)}
        if (hang := self._faults.take("hang", subject)) is not None:
            self._inbox.add("wechat", call | {"status": None, "fault": "hang"})
            self._stopped.wait(float(hang.get("seconds", 60)))
            return 503, {}, b""
        failure, done = self._failure(subject)
        merchant: Merchant | None = None
        if failure is None or done:
            reply, merchant = self._answer(method, path, query, headers, body, subject)
        if failure is not None:
            reply = failure
        if self._faults.take("truncated", subject) is not None:
            reply = (reply[0], reply[1], reply[2][: len(reply[2]) // 2])
        slow = self._faults.take("timeout", subject)
        outcome = {"account": merchant.account if merchant else None, "status": reply[0], **_code(reply[2])}
        self._inbox.add("wechat", call | outcome | ({"fault": "timeout"} if slow is not None else {}))
        if slow is not None:
            self._stopped.wait(float(slow.get("seconds", 12)))
        return reply

    def _failure(self, subject: str) -> tuple[Reply | None, bool]:
        """Return the failure the knobs want, and whether the work is done all the same."""
        if self._faults.take("rate_limited", subject) is not None:
            return _json(429, {"code": "RATELIMIT_EXCEEDED", "message": "请求超过频率限制"}), False
        if self._faults.take("not_json", subject) is not None:
            return (502, {"Content-Type": "text/html"}, b"<html><h1>502 Bad Gateway</h1></html>"), False
        failure = self._faults.take("error500", subject)
        if failure is None:
            return None, False
        return _json(500, {"code": "SYSTEM_ERROR", "message": "系统异常，请稍后重试"}), bool(failure.get("after"))

    def _answer(
        self, method: str, path: str, query: str, headers: Headers, body: bytes, subject: str
    ) -> tuple[Reply, Merchant | None]:
        now = self._clock.now()
        if path == "/sns/jscode2session":
            return self._log_in(dict(urllib.parse.parse_qsl(query)))
        if self._mini.knows(path):
            mini, merchant = self._mini.answer(path, query, body, now)
            return _json(200, mini), merchant
        if path == BILL:
            content, merchant = self._v2.bill(method, body, now)
            return (200, {"Content-Type": "text/plain"}, content), merchant
        unsigned = self._faults.take("unsigned_response", subject) is not None
        forged = self._faults.take("forged_response", subject) is not None
        if self._v2.knows(path):
            fields, merchant, write = self._v2.answer(method, path, body, now)
            signed = merchant is not None and "result_code" in fields
            key = crypto.nonce() if forged or merchant is None else merchant.api_v2_key
            text = write(fields, key) if signed and not unsigned else self._v2.write_unsigned(fields)
            return (200, {"Content-Type": "text/plain"}, text), merchant
        answer, merchant = self._v3.answer(method, path, query, headers, body, now)
        if isinstance(answer, Download):
            return (200, {"Content-Type": "application/octet-stream"}, answer.content), merchant
        reply = _json(*answer)
        if not unsigned:
            probe = self._faults.take("signtest_response", subject) is not None
            key_ = self._signing_key(headers.get("wechatpay-serial"))
            key_ = crypto.forger(key_.serial) if forged else key_
            reply[1].update(crypto.signature_headers(key_, reply[2], now, probe=probe))
        return reply, merchant

    def _mini_calls(self) -> dict[str, Callable[[Merchant, dict[str, Any]], dict[str, Any]]]:
        """Return what can be made to happen in mini programs and mini stores.

        store_order, store_pay, store_cancel, store_show: as `store_orders.py` says; shipping {"transaction_id"}: what
        was uploaded; console_shipping {"transaction_id", "tracking_no"}: staff ships it there; consents {"openid",
        "template_id", "count"}: messages that a person still allows; revoke_tokens; push, pushes: as `pushes.py` says.
        """

        def shown(work: Callable[..., StoreOrder]) -> Callable[[Merchant, dict[str, Any]], dict[str, Any]]:
            return lambda merchant, body: StoreOrders.shown(work(merchant, body, self._clock.now()))

        def shipping(_: Merchant, body: dict[str, Any]) -> dict[str, Any]:
            known = self._mini.shipping(str(body["transaction_id"]))
            return {"shipping": vars(known) if known else None}

        def console(_: Merchant, body: dict[str, Any]) -> dict[str, Any]:
            return {"shipping": vars(self._mini.ship_in_console(str(body["transaction_id"]), str(body["tracking_no"])))}

        def consents(_: Merchant, body: dict[str, Any]) -> dict[str, Any]:
            self._mini.allow(str(body["openid"]), str(body["template_id"]), int(body["count"]))
            return {"allowed": body["count"]}

        def revoke(_: Merchant, __: dict[str, Any]) -> dict[str, Any]:
            self._mini.revoke_tokens()
            return {"revoked": True}

        orders = self._store_orders
        works = {"order": orders.make, "pay": orders.pay, "cancel": orders.cancel, "show": orders.numbered}
        calls = {f"store_{name}": shown(work) for name, work in works.items()}
        calls |= {"shipping": shipping, "console_shipping": console}
        calls |= {"push": self._pushes.push, "pushes": self._pushes.pushes}
        return {**calls, "consents": consents, "revoke_tokens": revoke}

    def _signing_key(self, wanted: str | None) -> crypto.SigningKey:
        """Choose the key as the platform does: who does not ask for a public key gets the certificate's signature."""
        if wanted is None or wanted.upper() == crypto.platform_certificate().serial:
            return crypto.platform_certificate()
        return crypto.public_key_pair()

    def _log_in(self, parameters: dict[str, str]) -> tuple[Reply, Merchant | None]:
        """Exchange a mini program's log-in code, once."""
        merchant = self._merchants.with_appid(parameters.get("appid", ""))
        code = parameters.get("js_code", "")
        if merchant is None:
            answer: dict[str, Any] = {"errcode": 40013, "errmsg": "invalid appid"}
        elif not merchant.mini_program_secret or parameters.get("secret") != merchant.mini_program_secret:
            answer = {"errcode": 40125, "errmsg": "invalid appsecret"}
        elif parameters.get("grant_type") != "authorization_code" or not code or code.startswith("bad"):
            answer = {"errcode": 40029, "errmsg": "invalid code"}
        elif code in self._used_codes:
            answer = {"errcode": 40163, "errmsg": "code been used"}
        else:
            self._used_codes.add(code)
            digest = hashlib.sha256(f"{parameters['appid']} {code}".encode()).hexdigest()
            answer = {"openid": f"o{digest[:27]}", "session_key": crypto.push_key()[:22] + "=="}
        return _json(200, answer), merchant

    def _refund_accepted(self, merchant: Merchant, trade: Trade, refund: Refund) -> None:
        """Send an accepted refund on its way: it ends a little later, well unless a knob says otherwise."""
        wanted = self._faults.take("refund_result", f"{trade.out_trade_no} {refund.out_refund_no}")
        status = str(wanted.get("status", "ABNORMAL")) if wanted is not None else "SUCCESS"
        if status == "PROCESSING":
            return
        body = {"wait": False}
        self._postman.later(REFUND_TAKES, lambda: self._control.settle_refund(merchant, trade, refund, status, body))

    def _refund_refused(self, trade: Trade, refund: Refund) -> str:
        """Return the word by which a knob refuses a refund, or nothing."""
        refused = self._faults.take("refund_refused", f"{trade.out_trade_no} {refund.out_refund_no}")
        return str(refused.get("code", "NOT_ENOUGH")) if refused is not None else ""


def _json(status: int, answer: dict[str, Any] | None) -> Reply:
    """Write a JSON answer; none at all for 204."""
    body = b"" if answer is None else json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    return status, {"Content-Type": "application/json; charset=utf-8", "Request-ID": request_id()}, body


def _named(body: bytes) -> dict[str, str]:
    """Pick the numbers that tell which order a call is about; nothing personal or secret goes into the inbox."""
    text = body.decode("utf-8", "replace")
    found = {}
    for name in ("out_trade_no", "out_refund_no"):
        match = re.search(rf'"{name}":\s*"([^"]*)"|<{name}>(?:<!\[CDATA\[)?([^<\]]*)', text)
        if match:
            found[name] = match.group(1) or match.group(2) or ""
    return found


def _code(body: bytes) -> dict[str, str]:
    """Pick the error code of an answer."""
    match = re.search(rb'"(?:code|errcode)":"?(\w+)|<(?:err_code|return_msg)>(?:<!\[CDATA\[)?([^<\]]*)', body)
    code = (match.group(1) or match.group(2)).decode("utf-8", "replace") if match else ""
    return {"code": code} if code and code != "OK" else {}

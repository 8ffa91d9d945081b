"""WeChat as the product meets it: takes its calls, answers as the platform does, and sends the notices."""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from typing import TYPE_CHECKING, Any, ClassVar

from sandbox.simulating import simulator
from sandbox.simulators.wechat import accounts, crypto, notices
from sandbox.simulators.wechat.accounts import Merchant, Merchants
from sandbox.simulators.wechat.api_v2 import BILL, ApiV2
from sandbox.simulators.wechat.api_v3 import ApiV3, Download
from sandbox.simulators.wechat.bills import Bills
from sandbox.simulators.wechat.control import WechatControl
from sandbox.simulators.wechat.ledger import Ledger, Refund, Trade
from sandbox.simulators.wechat.mini_program import MiniProgramApi
from sandbox.simulators.wechat.pushes import Pushes
from sandbox.simulators.wechat.store_orders import StoreOrder, StoreOrders

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.simulating.postman import Clock
    from sandbox.simulating.simulator import Call, Inbox, Reply

REFUND_TAKES = 5.0
Json = dict[str, Any]


class Simulator(simulator.Simulator):
    """WeChat Pay v2 and v3, mini programs and mini stores."""

    NAME = "wechat"
    FAULTS: ClassVar[dict[str, str]] = notices.FAULTS | {
        "unsigned_response": "leave out the signature",
        "forged_response": "sign the answer with a key that is not ours",
        "signtest_response": "answer with a signature probe (v3)",
        "refund_result": "refunds end as `status` (ABNORMAL); PROCESSING leaves them on their way",
        "bill_creating": "the bill of a day is still being made",
        "errcode": "answer a mini-program call with errcode `code` (-1); with `after` the work was done",
        "shipping_lag": "shipping does not know a payment for `seconds` (30) after it, each time it is asked",
        "refund_refused": "refuse a refund with `code` (NOT_ENOUGH)",
    }
    FAILURES: ClassVar[dict[str, Any]] = {
        "error500": (500, {"code": "SYSTEM_ERROR", "message": "系统异常，请稍后重试"}),
        "rate_limited": (429, {"code": "RATELIMIT_EXCEEDED", "message": "请求超过频率限制"}),
    }
    prepare_account = staticmethod(accounts.prepare)
    throwaway_accounts = staticmethod(accounts.throwaway)

    def __init__(
        self, clock: Clock, accounts: dict[str, Json], inbox: Inbox, public_base_url: str, state_dir: Path
    ) -> None:
        super().__init__(clock, accounts, inbox, public_base_url, state_dir)
        self._merchants, self._ledger = Merchants(accounts), Ledger()
        bills = Bills(self._ledger)
        self._control = self._wechat_control = WechatControl(clock, self._merchants, self._ledger, self._postman, bills)
        self._v3 = ApiV3(self._merchants, self._ledger, public_base_url, self._refund_accepted, bills)
        self._v2 = ApiV2(self._merchants, self._ledger, public_base_url, self._refund_accepted, bills)
        self._ledger.refuse_refund = self._refund_refused
        bills.creating = lambda which: self._faults.take("bill_creating", which) is not None
        self._used_codes: set[str] = set()
        self._store_orders = StoreOrders()
        self._pushes = Pushes(clock, self._postman)
        self._store_orders.told = self._pushes.told
        self._mini = MiniProgramApi(self._merchants, self._ledger, self._faults, inbox, self._store_orders)
        self._wechat_control.offer_by_account(self._mini_calls())

    def answer(self, call: Call) -> tuple[Reply, str | None]:
        """Answer a call of one of the APIs."""
        reply, merchant = self._answer(call)
        return reply, merchant.account if merchant else None

    def _answer(self, call: Call) -> tuple[Reply, Merchant | None]:
        method, path, query, headers, body = call.method, call.path, call.query, call.headers, call.body
        now, subject = self._clock.now(), call.subject
        if path == "/sns/jscode2session":
            return self._log_in(dict(urllib.parse.parse_qsl(query)))
        if self._mini.knows(path):
            mini, merchant = self._mini.answer(path, query, body, now)
            return self.json_reply(200, mini), merchant
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
        reply = self.json_reply(*answer)
        if not unsigned:
            probe = self._faults.take("signtest_response", subject) is not None
            key_ = self._signing_key(headers.get("wechatpay-serial"))
            key_ = crypto.forger(key_.serial) if forged else key_
            reply[1].update(crypto.signature_headers(key_, reply[2], now, probe=probe))
        return reply, merchant

    def json_reply(self, status: int, content: Any) -> Reply:
        """Write a JSON answer under a number of its own."""
        headers = {"Content-Type": "application/json; charset=utf-8", "Request-ID": notices.request_id()}
        return status, headers, super().json_reply(status, content)[2]

    def seen(self, call: Call) -> Json:
        """Pick the numbers that tell which order a call is about."""
        text = call.body.decode("utf-8", "replace")
        found = {}
        for name in ("out_trade_no", "out_refund_no"):
            match = re.search(rf'"{name}":\s*"([^"]*)"|<{name}>(?:<!\[CDATA\[)?([^<\]]*)', text)
            if match:
                found[name] = match.group(1) or match.group(2) or ""
        return found

    def problem(self, reply: Reply) -> Json:
        """Pick the error code of an answer in any of the APIs' forms."""
        match = re.search(rb'"(?:code|errcode)":"?(\w+)|<(?:err_code|return_msg)>(?:<!\[CDATA\[)?([^<\]]*)', reply[2])
        code = (match.group(1) or match.group(2)).decode("utf-8", "replace") if match else ""
        return {"code": code} if code and code != "OK" else {}

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
        return self.json_reply(200, answer), merchant

    def _refund_accepted(self, merchant: Merchant, trade: Trade, refund: Refund) -> None:
        """Send an accepted refund on its way: it ends a little later, well unless a knob says otherwise."""
        wanted = self._faults.take("refund_result", f"{trade.out_trade_no} {refund.out_refund_no}")
        status = str(wanted.get("status", "ABNORMAL")) if wanted is not None else "SUCCESS"
        if status == "PROCESSING":
            return
        body = {"wait": False}
        self._postman.later(
            REFUND_TAKES, lambda: self._wechat_control.settle_refund(merchant, trade, refund, status, body)
        )

    def _refund_refused(self, trade: Trade, refund: Refund) -> str:
        """Return the word by which a knob refuses a refund, or nothing."""
        refused = self._faults.take("refund_refused", f"{trade.out_trade_no} {refund.out_refund_no}")
        return str(refused.get("code", "NOT_ENOUGH")) if refused is not None else ""

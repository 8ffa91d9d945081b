"""The general trade system as the product meets it: an access token authorises calls, RSA the orders themselves."""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING, Any

from conformance.signers import douyin as signer
from sandbox.simulators.douyin import bills, crypto
from sandbox.simulators.douyin.ledger import Refund, RefusedError, Settlement, Trade, order_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulators.douyin.accounts import App
    from sandbox.simulators.douyin.platform import Platform

ROOT = "/api/trade_basic/v1/developer/"
BILLS = "/api/apps/v3/bills"
TOKEN_PATH = "/oauth/client_token/"  # noqa: S105 - an address
TOKEN_LIVES, OLD_TOKEN_LIVES = 7200, 300
SIGNED_FOR = 3600
AUTHORIZATION = re.compile(
    r"SHA256-RSA2048 appid=([^,]+),nonce_str=([^,]+),timestamp=(\d+),key_version=([^,]+),signature=([^,]+)"
)
FULFILMENTS = ("FULFILLING", "FULFILLED")
AUDITS = {1: "AGREE", 2: "DENY"}
Fields = dict[str, Any]


class TradeSystem:
    """The endpoints, and what the payer's phone does."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._tokens: dict[str, tuple[str, float]] = {}  # token -> app id and the end of its life
        self.tokens_given = 0
        self._calls: dict[str, Callable[[App, Fields], Any]] = {
            "order_query": self._query,
            "refund_create": self._refund,
            "refund_query": self._query_refund,
            "refund_audit_callback": self._audit,
            "fulfill_push_status": self._fulfil,
            "settle_create": self._settle,
            "settle_query": self._query_settle,
            BILLS: self._bills,
        }

    def knows(self, path: str) -> bool:
        """Say whether the path is one of these endpoints."""
        return path in (TOKEN_PATH, f"{BILLS}/") or path.removeprefix(ROOT).rstrip("/") in self._calls

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[Fields, App]:
        """Answer a call."""
        fields = json.loads(body)
        if path == TOKEN_PATH:
            return self._token(fields)
        app_id, ends = self._tokens.get(headers.get("access-token", ""), ("", 0.0))
        app = self._platform.apps.numbered(app_id)
        if app is None or ends <= self._platform.clock.now():
            raise RefusedError(11002, "bad access token")
        if not path.endswith("/"):
            raise RefusedError(10000, "the address ends with /")
        data = self._calls[path.removeprefix(ROOT).rstrip("/")](app, fields)
        return {"err_no": 0, "err_msg": "", "log_id": secrets.token_hex(16), "data": data}, app

    def download(self, path: str) -> bytes | None:
        """Give what lies behind one of the links to bills: whoever has the link may fetch it."""
        account = path.removeprefix(bills.DOWNLOAD).partition("/")[0]
        app = self._platform.apps.named(account) if path.startswith(bills.DOWNLOAD) else None
        return bills.download(self._platform.ledger.trades(), app, path) if app else None

    def _bills(self, app: App, fields: Fields) -> Fields:
        return bills.trade(self._platform.ledger.trades(), app, fields)

    def request_order(self, data: str, authorization: str) -> Trade:
        """Do what `tt.requestOrder` does on the payer's phone: check the signature and make the order."""
        match = AUTHORIZATION.fullmatch(authorization)
        app = self._platform.apps.numbered(match[1]) if match else None
        now = self._platform.clock.now()
        if match is None or app is None or app.public_key is None or match[4] != app.key_version:
            raise RefusedError(11004, "requestOrder:fail signature")
        lines = ("POST", "/requestOrder", match[3], match[2], data)
        if abs(now - int(match[3])) > SIGNED_FOR or not signer.is_signed(app.public_key, match[5], *lines):
            raise RefusedError(11004, "requestOrder:fail signature")
        order = json.loads(data)
        (sku,) = order["skuList"]
        needed = (sku["skuId"], sku["title"], sku["type"], sku["tagGroupId"], *sku["imageList"])
        needed = (*needed, order["orderEntrySchema"]["path"])
        if not all(needed) or not sku["imageList"] or sku["price"] * sku["quantity"] != order["totalAmount"]:
            raise RefusedError(11004, "requestOrder:fail signature")
        wanted = Trade(
            account=app.account,
            app_id=app.app_id,
            system="trade",
            out_order_no=order["outOrderNo"],
            order_id=order_number("trade"),
            total=order["totalAmount"],
            notify_url=order["payNotifyUrl"],
            created_at=now,
            expires_at=now + order.get("payExpireSeconds", 300),
        )
        return self._platform.ledger.place(wanted)

    def _token(self, fields: Fields) -> tuple[Fields, App]:
        app = self._platform.apps.numbered(str(fields.get("client_key", "")))
        if app is None or fields.get("client_secret") != app.secret or not app.secret:
            raise RefusedError(10003, "bad client_secret")
        now = self._platform.clock.now()
        for token, (app_id, ends) in self._tokens.items():
            if app_id == app.app_id:
                self._tokens[token] = (app_id, min(ends, now + OLD_TOKEN_LIVES))
        token = f"clt.{secrets.token_hex(24)}"
        self._tokens[token] = (app.app_id, now + TOKEN_LIVES)
        self.tokens_given += 1
        data = {"access_token": token, "expires_in": TOKEN_LIVES, "error_code": 0, "description": ""}
        return {"data": data, "message": "success"}, app

    def _query(self, app: App, fields: Fields) -> Fields:
        self._platform.query(app)
        trade = self._trade(app, fields)
        paid = trade.state == "SUCCESS"
        return {
            "order_id": trade.order_id,
            "out_order_no": trade.out_order_no,
            "app_id": app.app_id,
            "pay_status": "PROCESS" if trade.state == "PROCESSING" else trade.state,
            "pay_time": int(trade.paid_at or 0) * 1000,
            "pay_channel": 1 if paid else 0,
            "channel_pay_id": trade.channel_no,
            "trade_time": int(trade.created_at) * 1000,
            "total_amount": str(trade.total),
            "discount_amount": trade.discount,
            "merchant_uid": app.merchant_uid,
            "currency": "CNY",
            "item_order_list": [{"item_order_id": trade.item_id, "sku_id": "sku", "item_order_amount": trade.total}],
        }

    def _refund(self, app: App, fields: Fields) -> Fields:
        trade = self._trade(app, fields)
        lines = fields["item_order_detail"]
        amount = fields["refund_total_amount"]
        if [line["item_order_id"] for line in lines] != [trade.item_id] or lines[0]["refund_amount"] != amount:
            raise RefusedError(21000, "item and order do not fit")
        if not fields["refund_reason"] or not fields["order_entry_schema"]["path"]:
            raise RefusedError(10000, "refund_reason or order_entry_schema is missing")
        wanted = Refund(
            str(fields["out_refund_no"]),
            f"otr{crypto.digits(20)}",
            amount,
            2,
            self._platform.clock.now(),
            str(fields.get("notify_url") or trade.notify_url),
        )
        return {"refund_id": self._platform.accept_refund(app, trade, wanted).refund_id}

    def _query_refund(self, app: App, fields: Fields) -> Fields:
        self._platform.query(app)
        name = "refund_id" if fields.get("refund_id") else "out_refund_no"
        found = self._platform.ledger.find_refund(app.app_id, name, str(fields.get(name, "")))
        if found is None:
            return {"refund_list": []}
        trade, refund = found
        row = {
            "refund_id": refund.refund_id,
            "out_refund_no": refund.out_refund_no,
            "order_id": trade.order_id,
            "refund_status": refund.status,
            "refund_total_amount": refund.amount,
            "message": refund.message,
            "create_at": int(refund.created_at) * 1000,
            "refund_at": int(refund.ended_at or 0) * 1000,
            "refund_source": refund.source,
            "merchant_audit_detail": {
                "audit_status": refund.audit,
                "need_refund_audit": 1 if refund.source == 1 else 2,
                "refund_audit_deadline": int(refund.deadline) * 1000,
            },
        }
        return {"refund_list": [row]}

    def _audit(self, app: App, fields: Fields) -> Fields:
        found = self._platform.ledger.find_refund(app.app_id, "refund_id", str(fields.get("refund_id", "")))
        word = AUDITS.get(fields.get("refund_audit_status", 0))
        if found is None or word is None or (word == "DENY" and not fields.get("deny_message")):
            raise RefusedError(10000, "refund_id, refund_audit_status or deny_message is missing")
        self._platform.audit(app, *found, word)
        return {}

    def _fulfil(self, app: App, fields: Fields) -> Fields:
        trade, word = self._trade(app, fields), fields["to_status"]
        if fields["item_order_id_list"] != [trade.item_id]:
            raise RefusedError(21000, "item and order do not fit")
        if trade.state != "SUCCESS" or word not in FULFILMENTS:
            raise RefusedError(20001, "the order is in another state")
        if trade.fulfilled[-1:] != [word]:
            trade.fulfilled.append(word)
        return {}

    def _settle(self, app: App, fields: Fields) -> Fields:
        trade = self._trade(app, fields)
        if fields.get("app_id") != app.app_id or not fields.get("settle_desc"):
            raise RefusedError(10000, "app_id or settle_desc is missing")
        wanted = Settlement(
            str(fields["out_settle_no"]),
            f"oset{crypto.digits(20)}",
            trade.total - trade.refunded,
            json.loads(fields.get("settle_params") or "[]"),
            self._platform.clock.now(),
            str(fields.get("notify_url") or trade.notify_url),
        )
        settlement = self._platform.accept_settlement(app, trade, wanted)
        return {"settle_id": settlement.settle_id, "wallet_settle_id": f"w{settlement.settle_id}"}

    def _query_settle(self, app: App, fields: Fields) -> list[Fields]:
        self._platform.query(app)
        number = str(fields.get("order_id") or fields.get("out_order_no", ""))
        trade = self._platform.ledger.find(app.app_id, number, self._platform.clock.now())
        if trade is None:
            return []
        return [
            {
                "settle_id": one.settle_id,
                "out_settle_no": one.out_settle_no,
                "order_id": trade.order_id,
                "settle_status": one.status,
                "settle_amount": one.amount,
                "rake": one.amount * 60 // 10_000,
                "commission": 0,
                "settle_at": int(one.ended_at or 0) * 1000,
            }
            for one in trade.settlements
        ]

    def _trade(self, app: App, fields: Fields) -> Trade:
        number = str(fields.get("order_id") or fields.get("out_order_no", ""))
        trade = self._platform.ledger.find(app.app_id, number, self._platform.clock.now())
        if trade is None or trade.system != "trade":
            raise RefusedError(20000, "no such order")
        return trade

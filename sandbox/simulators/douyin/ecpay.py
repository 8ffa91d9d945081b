"""Guaranteed payment as the product meets it: every call signed with the SALT."""

from __future__ import annotations

import json
import urllib.parse
from typing import TYPE_CHECKING, Any

from sandbox.simulators.douyin import bills, crypto
from sandbox.simulators.douyin.ledger import Refund, RefusedError, Settlement, Trade, beijing, order_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulators.douyin.accounts import App
    from sandbox.simulators.douyin.platform import Platform

ROOT = "/api/apps/ecpay/v1/"
SHORTEST, LONGEST = 300, 172_800
ALLOWED = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-*")
Fields = dict[str, Any]


class Ecpay:
    """The endpoints."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._calls: dict[str, Callable[[App, Fields], Fields]] = {
            "create_order": self._create,
            "query_order": self._query,
            "create_refund": self._refund,
            "query_refund": self._query_refund,
            "settle": self._settle,
            "query_settle": self._query_settle,
            "query_platform_order": self._platform_order,
        }

    def knows(self, path: str) -> bool:
        """Say whether the path is one of these endpoints."""
        return path.removeprefix(ROOT) in self._calls or path == "/api/apps/bills"

    def answer(self, path: str, query: str, body: bytes) -> tuple[Fields | bytes, App]:
        """Answer a call: JSON, or a bill's text."""
        fields: Fields = dict(urllib.parse.parse_qsl(query)) if path == "/api/apps/bills" else _object(body)
        app = self._platform.apps.numbered(str(fields.get("app_id", "")))
        if app is None or not app.salt or fields.get("sign") != crypto.request_sign(fields, app.salt):
            raise RefusedError(2008, "签名校验失败")
        if path == "/api/apps/bills":
            return bills.ecpay(self._platform.ledger.trades(), app, fields), app
        return {"err_no": 0, "err_tips": "", **self._calls[path.removeprefix(ROOT)](app, fields)}, app

    def _create(self, app: App, fields: Fields) -> Fields:
        number, total, lifetime = _number(fields, "out_order_no"), _fen(fields, "total_amount"), fields["valid_time"]
        for name in ("subject", "body"):
            if not fields.get(name) or len(fields[name]) > 42 or len(fields[name].encode()) > 128:
                raise RefusedError(10000, f"{name} is missing or too long")
        notify_url = str(fields.get("notify_url", ""))
        now = self._platform.clock.now()
        wanted = Trade(
            account=app.account,
            app_id=app.app_id,
            system="ecpay",
            out_order_no=number,
            order_id=order_number("ecpay"),
            total=total,
            notify_url=notify_url,
            created_at=now,
            expires_at=now + min(max(int(lifetime), SHORTEST), LONGEST),
            order_token=f"CgwIARD{crypto.digits(40)}",
            cp_extra=str(fields.get("cp_extra", "")),
        )
        trade = self._platform.ledger.place(wanted)
        return {"data": {"order_id": trade.order_id, "order_token": trade.order_token}}

    def _query(self, app: App, fields: Fields) -> Fields:
        self._platform.query(app)
        trade = self._trade(app, fields)
        paid = trade.state == "SUCCESS"
        return {
            "out_order_no": trade.out_order_no,
            "order_id": trade.order_id,
            "payment_info": {
                "total_fee": trade.total,
                "order_status": trade.state,
                "pay_time": beijing(trade.paid_at or 0) if paid else "",
                "way": 1 if paid else 0,
                "channel_no": trade.channel_no,
                "channel_gateway_no": "",
                "seller_uid": app.merchant_uid,
                "item_id": "",
                "cp_extra": trade.cp_extra,
            },
        }

    def _refund(self, app: App, fields: Fields) -> Fields:
        trade = self._trade(app, fields)
        if not fields.get("reason"):
            raise RefusedError(10000, "reason is missing")
        wanted = Refund(
            _number(fields, "out_refund_no"),
            f"N{crypto.digits(19)}",
            _fen(fields, "refund_amount"),
            2,
            self._platform.clock.now(),
            str(fields.get("notify_url") or trade.notify_url),
            settled=fields.get("all_settle") == 1,
        )
        return {"refund_no": self._platform.accept_refund(app, trade, wanted).refund_id}

    def _query_refund(self, app: App, fields: Fields) -> Fields:
        self._platform.query(app)
        found = self._platform.ledger.find_refund(app.app_id, "out_refund_no", _number(fields, "out_refund_no"))
        if found is None:
            raise RefusedError(20000, "no such refund")
        refund = found[1]
        return {
            "refundInfo": {
                "refund_no": refund.refund_id,
                "refund_amount": refund.amount,
                "refund_status": refund.status,
                "refunded_at": int(refund.ended_at or 0),
                "is_all_settled": refund.settled,
                "cp_extra": "",
                "msg": refund.message,
            }
        }

    def _settle(self, app: App, fields: Fields) -> Fields:
        trade = self._trade(app, fields)
        shares = json.loads(fields.get("settle_params") or "[]")
        wanted = Settlement(
            _number(fields, "out_settle_no"),
            f"N{crypto.digits(19)}",
            trade.total - trade.refunded,
            shares,
            self._platform.clock.now(),
            str(fields.get("notify_url") or trade.notify_url),
        )
        return {"settle_no": self._platform.accept_settlement(app, trade, wanted).settle_id}

    def _query_settle(self, app: App, fields: Fields) -> Fields:
        self._platform.query(app)
        found = self._platform.ledger.find_settlement(app.app_id, _number(fields, "out_settle_no"))
        if found is None:
            raise RefusedError(20000, "no such settlement")
        one = found[1]
        info = {"settle_no": one.settle_id, "settle_amount": one.amount, "settle_status": one.status}
        return {"settle_info": info}

    def _platform_order(self, app: App, fields: Fields) -> Fields:
        self._platform.query(app)
        trade = self._trade(app, fields)
        rows = []
        for one in trade.settlements:
            rest = one.amount - sum(share["amount"] for share in one.shares)
            parts = [*one.shares, {"merchant_uid": app.merchant_uid, "amount": rest}]
            rows.append(
                {
                    "out_settle_no": one.out_settle_no,
                    "settle_no": one.settle_id,
                    "settle_param_list": parts,
                    "settle_way": "AUTO" if one.automatic else "MANUAL",
                    "settle_status": one.status,
                    "service_charge": one.amount * 60 // 10_000,
                    "created_at": int(one.created_at),
                    "settled_at": int(one.ended_at or 0),
                }
            )
        return {"platform_order": {"settle_info_list": rows}}

    def _trade(self, app: App, fields: Fields) -> Trade:
        trade = self._platform.ledger.find(app.app_id, _number(fields, "out_order_no"), self._platform.clock.now())
        if trade is None or trade.system != "ecpay":
            raise RefusedError(20000, "no such order")
        return trade


def _object(body: bytes) -> Fields:
    try:
        fields = json.loads(body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise RefusedError(10002, "not JSON")
    if not all(isinstance(value, str) or type(value) is int for value in fields.values()):
        raise RefusedError(2008, "only text and whole numbers can be signed")
    return fields


def _number(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 64 or not set(value) <= ALLOWED:
        raise RefusedError(10000, f"{name} is not 1 to 64 characters of digits, letters, _ - *")
    return value


def _fen(fields: Fields, name: str) -> int:
    value = fields.get(name)
    if type(value) is not int or not 1 <= value <= 10_000_000_000:
        raise RefusedError(10000, f"{name} is not an amount")
    return value

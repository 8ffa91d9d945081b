"""What Douyin sends to a callback address, in both systems, genuine or spoilt on purpose."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance.signers import douyin as signer
from sandbox.simulating.postman import Message
from sandbox.simulators.douyin import crypto

if TYPE_CHECKING:
    from sandbox.simulators.douyin.ledger import Refund, Settlement, Trade

FAULTS = {
    "type": "a callback whose unsigned `type` (refund) is changed comes first (ecpay)",
    "extra": "a callback with an extra outer field comes first (ecpay)",
    "shifted": "a callback with digits moved from the timestamp to the nonce comes first (ecpay)",
    "swapped": "a callback with timestamp and nonce swapped comes first (ecpay)",
    "forge": "a callback signed with a key that is not Douyin's comes first",
    "wrong_amount": "a signed payment callback of one fen more comes first",
}


@dataclass
class Callback:
    """One result to deliver; every delivery is signed anew."""

    trade: Trade
    kind: str
    message: dict[str, Any]
    url: str

    def request(self, now: float, token: str, spoilt: str = "") -> Message:
        """Compose a request; guaranteed payment signs with the token of the day on which the order was paid."""
        message = dict(self.message)
        if spoilt == "wrong_amount" and "total_amount" in message:
            message["total_amount"] += 1
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        if self.trade.system == "trade":
            return self._trade(text, now, spoilt)
        return self._ecpay(text, now, self.trade.token or token, spoilt)

    def _ecpay(self, text: str, now: float, token: str, spoilt: str) -> Message:
        timestamp, nonce = str(int(now)), f"{secrets.randbelow(9000) + 1000}"
        if spoilt == "forge":
            token = secrets.token_hex(8)
        outer = {
            "timestamp": timestamp,
            "nonce": nonce,
            "msg": text,
            "msg_signature": signer.callback_sign(token, timestamp, nonce, text),
            "type": self.kind,
        }
        if spoilt == "type":
            outer["type"] = "refund" if self.kind != "refund" else "payment"
        elif spoilt == "extra":
            outer["amount"] = "1"
        elif spoilt == "shifted":
            outer["timestamp"], outer["nonce"] = timestamp[:-1], timestamp[-1] + nonce
        elif spoilt == "swapped":
            outer["timestamp"], outer["nonce"] = nonce, timestamp
        return Message({"Content-Type": "application/json"}, json.dumps(outer, ensure_ascii=False).encode())

    def _trade(self, text: str, now: float, spoilt: str) -> Message:
        body = json.dumps({"version": "3.0", "type": self.kind, "msg": text}, ensure_ascii=False, separators=(",", ":"))
        timestamp, nonce = str(int(now)), secrets.token_hex(4)
        key = crypto.forger() if spoilt == "forge" else crypto.platform_key()
        headers = {
            "Content-Type": "application/json",
            "Byte-Identifyname": "/common",
            "Byte-Logid": secrets.token_hex(16),
            "Byte-Timestamp": timestamp,
            "Byte-Nonce-Str": nonce,
            "Byte-Signature": signer.sign(key, timestamp, nonce, body),
        }
        return Message(headers, body.encode())


def payment(trade: Trade, merchant_uid: str) -> Callback:
    """Tell of a payment."""
    common = {"cp_extra": trade.cp_extra, "message": "", "order_id": trade.order_id}
    if trade.system == "ecpay":
        message: dict[str, Any] = {
            "appid": trade.app_id,
            "cp_orderno": trade.out_order_no,
            "way": "1",
            "channel_no": trade.channel_no,
            "channel_gateway_no": "",
            "payment_order_no": f"PCP{trade.channel_no[4:]}",
            "out_channel_order_no": trade.channel_no,
            "total_amount": trade.total,
            "status": "SUCCESS",
            "seller_uid": merchant_uid,
            "extra": "",
            "item_id": "",
            "paid_at": int(trade.paid_at or 0),
            **common,
        }
    else:
        message = {
            "app_id": trade.app_id,
            "out_order_no": trade.out_order_no,
            "status": "SUCCESS",
            "total_amount": trade.total,
            "discount_amount": trade.discount,
            "pay_channel": 1,
            "channel_pay_id": trade.channel_no,
            "merchant_uid": merchant_uid,
            "event_time": int(trade.paid_at or 0) * 1000,
            **common,
        }
    return Callback(trade, "payment", message, trade.notify_url)


def cancelled(trade: Trade, now: float, word: str) -> Callback:
    """Tell that an order of the trade system can no longer be paid."""
    message = {
        "app_id": trade.app_id,
        "out_order_no": trade.out_order_no,
        "order_id": trade.order_id,
        "status": "CANCEL",
        "total_amount": trade.total,
        "discount_amount": 0,
        "message": word,
        "event_time": int(now * 1000),
        "cp_extra": trade.cp_extra,
    }
    return Callback(trade, "payment", message, trade.notify_url)


def refund(trade: Trade, one: Refund) -> Callback:
    """Tell how a refund ended; neither system names the merchant's order."""
    at = int(one.ended_at or 0)
    common = {"cp_extra": "", "status": one.status, "message": one.message, "order_id": trade.order_id}
    if trade.system == "ecpay":
        message: dict[str, Any] = {
            "appid": trade.app_id,
            "cp_refundno": one.out_refund_no,
            "refund_amount": one.amount,
            "is_all_settled": one.settled,
            "refunded_at": at if one.status == "SUCCESS" else 0,
            "refund_no": one.refund_id,
            **common,
        }
    else:
        message = {
            "app_id": trade.app_id,
            "event_time": at * 1000,
            "refund_id": one.refund_id,
            "out_refund_no": one.out_refund_no,
            "refund_total_amount": one.amount,
            "is_all_settled": one.settled,
            "refund_type": one.source,
            "refund_item_detail": _lines(trade, one.amount),
            **common,
        }
    return Callback(trade, "refund", message, one.notify_url)


def user_refund(trade: Trade, one: Refund, reason: str) -> Callback:
    """Ask for our number of a refund that the user wants."""
    message = {
        "app_id": trade.app_id,
        "open_id": "ffwqeqgyqwe312",
        "refund_id": one.refund_id,
        "order_id": trade.order_id,
        "out_order_no": trade.out_order_no,
        "refund_total_amount": one.amount,
        "need_refund_audit": 1,
        "refund_audit_deadline": int(one.deadline) * 1000,
        "create_refund_time": int(one.created_at) * 1000,
        "refund_source": one.source,
        "refund_reason": [reason],
        "refund_description": "",
        "cp_extra": trade.cp_extra,
        "refund_item_detail": _lines(trade, one.amount),
    }
    return Callback(trade, "pre_create_refund", message, trade.notify_url)


def settlement(trade: Trade, one: Settlement, merchant_uid: str) -> Callback:
    """Tell how a settlement ended."""
    at, rake = int(one.ended_at or 0), one.amount * 60 // 10_000
    rest = one.amount - rake - sum(share["amount"] for share in one.shares)
    common = {
        "app_id": trade.app_id,
        "status": one.status,
        "cp_extra": "",
        "message": one.message,
        "rake": rake,
        "commission": 0,
        "settle_amount": one.amount,
        "order_id": trade.order_id,
        "is_auto_settle": one.automatic,
    }
    if trade.system == "ecpay":
        message: dict[str, Any] = {
            **common,
            "cp_settle_no": one.out_settle_no,
            "settle_detail": f"{merchant_uid}:{rest}",
            "settled_at": at if one.status == "SUCCESS" else 0,
            "channel_settle_id": f"3{crypto.digits(19)}",
            "settle_no": one.settle_id,
            "out_order_no": "",
        }
    else:
        message = {
            **common,
            "settle_id": one.settle_id,
            "out_settle_no": one.out_settle_no,
            "settle_detail": f"{merchant_uid}-{rest}",
            "event_time": at * 1000,
            "item_order_id": "",
        }
    return Callback(trade, "settle", message, one.notify_url)


def _lines(trade: Trade, amount: int) -> dict[str, Any]:
    line = {"item_order_id": trade.item_id, "refund_amount": amount}
    return {"item_order_quantity": 1, "item_order_detail": [line]}

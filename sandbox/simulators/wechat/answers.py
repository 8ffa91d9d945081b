"""What a created order and an accepted refund hand out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.simulators.wechat import crypto
from sandbox.simulators.wechat.ledger import beijing

if TYPE_CHECKING:
    from sandbox.simulators.wechat.ledger import Refund, Trade


def client_parameters(kind: str, now: float) -> dict[str, Any]:
    """Hand out what the payer's phone needs; each call a fresh one."""
    if kind == "native":
        return {"code_url": f"weixin://wxpay/bizpayurl?pr={crypto.nonce(9)}"}
    prepay_id = f"wx{beijing(now):%d%H%M%S}{crypto.nonce(26).lower()}"
    if kind == "h5":
        token = crypto.nonce(32)
        return {"h5_url": f"https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={prepay_id}&package={token}"}
    return {"prepay_id": prepay_id}


def refund_answer(trade: Trade, refund: Refund) -> dict[str, Any]:
    """Write a refund as the call and its query answer it."""
    shown: dict[str, Any] = {
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": trade.transaction_id,
        "out_trade_no": trade.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": beijing(refund.created_at).isoformat(),
        "status": refund.status,
        "funds_account": "AVAILABLE",
        "amount": {
            "total": trade.total,
            "refund": refund.amount,
            "payer_total": trade.total - trade.coupon,
            "payer_refund": refund.amount,
            "settlement_refund": refund.amount,
            "settlement_total": trade.total - trade.coupon,
            "discount_refund": 0,
            "currency": "CNY",
        },
        "promotion_detail": [],
    }
    if refund.success_at is not None:
        shown["success_time"] = beijing(refund.success_at).isoformat()
    return shown

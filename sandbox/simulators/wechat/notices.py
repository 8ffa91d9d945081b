"""What WeChat sends to a notify_url: payment and refund results in both versions, genuine or spoilt on purpose."""

from __future__ import annotations

import http
import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance.signers import wechat as signer
from sandbox.simulating.postman import Delivery, Message
from sandbox.simulators.wechat import crypto, xml
from sandbox.simulators.wechat.ledger import STATES, Refund, Trade, beijing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.simulators.wechat.accounts import Merchant

REFUND_EVENTS = {"SUCCESS": "REFUND.SUCCESS", "ABNORMAL": "REFUND.ABNORMAL", "CLOSED": "REFUND.CLOSED"}
REFUND_V2 = {"SUCCESS": "SUCCESS", "ABNORMAL": "CHANGE", "CLOSED": "REFUNDCLOSE", "PROCESSING": "PROCESSING"}
RETRIES = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
SUCCESS_V2 = b"<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"
FAULTS = {
    "forge": "a notice signed with a key that is not ours comes first",
    "wrong_amount": "a signed notice of another `amount` (one fen more) comes first",
    "wrong_currency": "a signed notice in `currency` (USD) comes first",
    "other_merchant": "a signed notice for merchant `mchid` comes first",
    "stale": "a signed notice `seconds` (301) old comes first (v3)",
    "signtest": "a signature probe comes first (v3)",
}
SPOILING = tuple(FAULTS)
# v2 has no timestamp and no probes, its refund notices no signature and no currency.
IMPOSSIBLE = {"v2": {"stale", "signtest"}, "v2 refund": {"stale", "signtest", "forge", "wrong_currency"}}


@dataclass
class Spoiling:
    """What is wrong with a notice: one of SPOILING with its parameters, and fields that a person replaced."""

    kind: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    event_type: str = ""

    def amount(self, genuine: int) -> int:
        """Return the amount this notice names."""
        return int(self.parameters.get("amount", genuine + 1)) if self.kind == "wrong_amount" else genuine

    def currency(self, genuine: str) -> str:
        """Return the currency this notice names."""
        return str(self.parameters.get("currency", "USD")) if self.kind == "wrong_currency" else genuine

    def mchid(self, genuine: str) -> str:
        """Return the merchant this notice names."""
        return str(self.parameters.get("mchid", "1900009999")) if self.kind == "other_merchant" else genuine


class Notice:
    """One result to deliver; repeated deliveries may carry the same bytes or be sealed anew under another id."""

    def __init__(self, merchant: Merchant, trade: Trade, refund: Refund | None = None) -> None:
        self.merchant, self.trade, self.refund = merchant, trade, refund
        self._body: bytes | None = None

    @property
    def summary(self) -> str:
        """Name the result as the ledger shows it."""
        if self.refund is not None:
            return REFUND_EVENTS.get(self.refund.status, self.refund.status)
        return "TRANSACTION.SUCCESS"

    def message(
        self, now: float, *, fresh: bool, spoiling: Spoiling | None = None, certificate: bool = False
    ) -> Message:
        """Compose a request; `fresh` seals the result anew, otherwise a redelivery repeats the bytes."""
        if spoiling is None and self._body is not None and not fresh:
            body = self._body
        else:
            body = self._compose(now, spoiling or Spoiling())
            self._body = body if spoiling is None else self._body
        return Message(self._headers(now, body, spoiling or Spoiling(), certificate=certificate), body)

    def _compose(self, now: float, spoiling: Spoiling) -> bytes:
        if self.trade.api == "v3":
            return self._compose_v3(now, spoiling)
        return self._refund_v2(spoiling) if self.refund else self._payment_v2(spoiling)

    def _headers(self, now: float, body: bytes, spoiling: Spoiling, *, certificate: bool) -> dict[str, str]:
        headers = {"User-Agent": "Mozilla/4.0", "Pragma": "no-cache", "Accept": "*/*"}
        if self.trade.api == "v2":
            return headers | {"Content-Type": "text/xml"}
        key = crypto.platform_certificate() if certificate else crypto.public_key_pair()
        if spoiling.kind == "forge":
            key = crypto.forger(key.serial)
        at = now - float(spoiling.parameters.get("seconds", 301)) if spoiling.kind == "stale" else now
        return (
            headers
            | {"Content-Type": "application/json", "Request-ID": request_id()}
            | crypto.signature_headers(key, body, at, probe=spoiling.kind == "signtest")
        )

    def _compose_v3(self, now: float, spoiling: Spoiling) -> bytes:
        resource = refund_resource(self.trade, self.refund) if self.refund else transaction(self.trade)
        resource["sp_mchid" if self.trade.sub_mchid else "mchid"] = spoiling.mchid(self.trade.mchid)
        resource["amount"]["total"] = spoiling.amount(self.trade.total)
        if "currency" in resource["amount"]:
            resource["amount"]["currency"] = spoiling.currency(self.trade.currency)
        resource |= spoiling.fields
        envelope = {
            "id": str(uuid.uuid4()),
            "create_time": beijing(now).isoformat(),
            "resource_type": "encrypt-resource",
            "event_type": spoiling.event_type or self.summary,
            "summary": "退款成功" if self.refund else "支付成功",
            "resource": crypto.seal(self.merchant.api_v3_key, "refund" if self.refund else "transaction", resource),
        }
        return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()

    def _payment_v2(self, spoiling: Spoiling) -> bytes:
        trade = self.trade
        fields = {
            "return_code": "SUCCESS",
            "result_code": "SUCCESS",
            "appid": trade.appid,
            "mch_id": spoiling.mchid(trade.mchid),
            **sub_merchant_v2(trade),
            "nonce_str": crypto.nonce(),
            **payment_fields_v2(trade),
            "total_fee": str(spoiling.amount(trade.total)),
            "fee_type": spoiling.currency(trade.currency),
            **spoiling.fields,
        }
        key = crypto.nonce() if spoiling.kind == "forge" else self.merchant.api_v2_key
        # WeChat repeats sign_type only sometimes; here in every second notice.
        if len(trade.deliveries) % 2:
            fields["sign_type"] = trade.sign_type
        return xml.write(fields | {"sign": crypto.sign_v2(fields, key, trade.sign_type)})

    def _refund_v2(self, spoiling: Spoiling) -> bytes:
        trade, refund = self.trade, self.refund
        assert refund is not None  # noqa: S101 - only called for refunds
        inner = {
            "out_refund_no": refund.out_refund_no,
            "out_trade_no": trade.out_trade_no,
            "refund_account": "REFUND_SOURCE_RECHARGE_FUNDS",
            "refund_fee": str(refund.amount),
            "refund_id": refund.refund_id,
            "refund_recv_accout": "支付用户零钱",
            "refund_request_source": refund.source,
            "refund_status": REFUND_V2[refund.status],
            "settlement_refund_fee": str(refund.amount),
            "settlement_total_fee": str(trade.total - trade.coupon),
            "success_time": f"{beijing(refund.success_at):%Y-%m-%d %H:%M:%S}" if refund.success_at else "",
            "total_fee": str(spoiling.amount(trade.total)),
            "transaction_id": trade.transaction_id,
            **spoiling.fields,
        }
        return xml.write(
            {
                "return_code": "SUCCESS",
                "appid": trade.appid,
                "mch_id": spoiling.mchid(trade.mchid),
                **sub_merchant_v2(trade),
                "nonce_str": crypto.nonce(),
                "req_info": signer.seal_refund(self.merchant.api_v2_key, xml.write(inner, "root")),
            }
        )


class NoticeDelivery(Delivery):
    """A notice on its way; every second copy is sealed anew under another id."""

    def __init__(self, notice: Notice, url: str, attempts: list[dict[str, Any]] | None = None) -> None:
        api = notice.trade.api
        impossible = IMPOSSIBLE.get("v2 refund" if api == "v2" and notice.refund else api, set())
        spoiling = [kind for kind in SPOILING if kind not in impossible]
        kept = [] if attempts is None else attempts
        super().__init__(url, notice.trade.out_trade_no, RETRIES, kept, spoiling)
        self.notice = notice

    def message(
        self, now: float, *, spoil: str = "", parameters: Mapping[str, Any] | None = None, copy: int = 0
    ) -> Message:
        """Write the notice."""
        if spoil:
            return self.notice.message(now, fresh=True, spoiling=Spoiling(spoil, dict(parameters or {})))
        return self.notice.message(now, fresh=copy % 2 == 1)

    def takes(self, status: int | None, answer: bytes) -> bool:
        """Say whether WeChat is content: v2 wants its own words, v3 a status."""
        if self.notice.trade.api == "v2":
            return status == http.HTTPStatus.OK and answer.strip() == SUCCESS_V2
        return status in (http.HTTPStatus.OK, http.HTTPStatus.NO_CONTENT)


def merchant_fields(trade: Trade) -> dict[str, str]:
    """Name the merchant, or the service provider and its sub-merchant."""
    return {"sp_mchid": trade.mchid, "sub_mchid": trade.sub_mchid} if trade.sub_mchid else {"mchid": trade.mchid}


def sub_merchant_v2(trade: Trade) -> dict[str, str]:
    """Name the sub-merchant as v2 does, if there is one."""
    return {"sub_mch_id": trade.sub_mchid} if trade.sub_mchid else {}


def transaction(trade: Trade) -> dict[str, Any]:
    """Write a v3 transaction as queries and notices carry it; unpaid, most fields are empty strings."""
    paid = trade.paid
    shown: dict[str, Any] = {
        **merchant_fields(trade),
        ("sp_appid" if trade.sub_mchid else "appid"): trade.appid,
        "out_trade_no": trade.out_trade_no,
        "transaction_id": trade.transaction_id if paid else "",
        "trade_type": trade.trade_type if paid else "",
        "trade_state": trade.state,
        "trade_state_desc": STATES[trade.state],
        "bank_type": "OTHERS" if paid else "",
        "attach": trade.attach,
        "success_time": beijing(trade.paid_at).isoformat() if paid and trade.paid_at is not None else "",
        "payer": {("sp_openid" if trade.sub_mchid else "openid"): trade.openid} if paid else {},
        "amount": {"total": trade.total, "currency": trade.currency, "payer_currency": trade.currency},
        "promotion_detail": [],
    }
    if paid:
        shown["amount"]["payer_total"] = trade.total - trade.coupon
    if paid and trade.coupon:
        coupon = {"coupon_id": "109519", "scope": "GLOBAL", "type": "NOCASH", "amount": trade.coupon}
        shown["promotion_detail"] = [coupon | {"currency": trade.currency}]
    return shown


def refund_resource(trade: Trade, refund: Refund) -> dict[str, Any]:
    """Write a v3 refund notice's resource: no appid and no currency in it."""
    shown: dict[str, Any] = {
        **merchant_fields(trade),
        "out_trade_no": trade.out_trade_no,
        "transaction_id": trade.transaction_id,
        "out_refund_no": refund.out_refund_no,
        "refund_id": refund.refund_id,
        "refund_status": refund.status,
        "amount": {
            "total": trade.total,
            "refund": refund.amount,
            "payer_total": trade.total - trade.coupon,
            "payer_refund": refund.amount,
        },
        "user_received_account": "支付用户零钱",
    }
    if refund.success_at is not None:
        shown["success_time"] = beijing(refund.success_at).isoformat()
    return shown


def payment_fields_v2(trade: Trade) -> dict[str, str]:
    """Write what v2 says of a paid order, in queries and notices alike."""
    coupons = {"coupon_fee": str(trade.coupon), "coupon_count": "1"} if trade.coupon else {}
    if trade.coupon:
        coupons |= {"coupon_type_0": "NO_CASH", "coupon_id_0": "10000", "coupon_fee_0": str(trade.coupon)}
        coupons["settlement_total_fee"] = str(trade.total - trade.coupon)
    return {
        "openid": trade.openid,
        "is_subscribe": "N",
        "trade_type": trade.trade_type,
        "bank_type": "OTHERS",
        "total_fee": str(trade.total),
        "fee_type": trade.currency,
        "cash_fee": str(trade.total - trade.coupon),
        **coupons,
        "transaction_id": trade.transaction_id,
        "out_trade_no": trade.out_trade_no,
        "attach": trade.attach,
        "time_end": f"{beijing(trade.paid_at):%Y%m%d%H%M%S}" if trade.paid_at is not None else "",
    }


def request_id() -> str:
    """Make a Request-ID as WeChat's gateways do."""
    return f"{uuid.uuid4().hex.upper()}{uuid.uuid4().hex[:8].upper()}-0"

"""Notices of WeChat, v3 and v2, genuine and not."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from conformance.signers import wechat as scheme
from sandbox.events import shapes
from sandbox.events.shared import Case, Event
from sandbox.events.wechat.maker import CLASSIC_KEY, OPENID, Maker, number, transaction_id
from sandbox.simulators.wechat import crypto, xml
from sandbox.simulators.wechat.ledger import beijing

NOTIFY = "POST /wechat/{account}/notify"


# Notices of API v3


def _transaction(maker: Maker, case: str, **changes: Any) -> dict[str, Any]:
    return {
        "mchid": maker.documents["shop"]["mchid"],
        "appid": maker.documents["shop"]["appid"],
        "out_trade_no": number(case),
        "transaction_id": transaction_id(case),
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "OTHERS",
        "attach": "",
        "success_time": beijing(maker.now - 20).isoformat(),
        "payer": {"openid": OPENID},
        "amount": {"total": 8800, "payer_total": 8800, "currency": "CNY", "payer_currency": "CNY"},
    } | changes


def _envelope(maker: Maker, case: str, event_type: str, kind: str, resource: dict[str, Any]) -> bytes:
    nonce = maker.text(f"{case} seal", 12)
    plain = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
    sealed = AESGCM(maker.keys.api_v3_key.encode()).encrypt(nonce.encode(), plain, kind.encode())
    envelope = {
        "id": shapes.stable_uuid(case),
        "create_time": beijing(maker.now).isoformat(),
        "resource_type": "encrypt-resource",
        "event_type": event_type,
        "summary": "退款成功" if kind == "refund" else "支付成功",
        "resource": {
            "original_type": kind,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64.b64encode(sealed).decode(),
            "associated_data": kind,
            "nonce": nonce,
        },
    }
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


def _v3(
    maker: Maker,
    case: str,
    body: bytes,
    *,
    age: int = 0,
    key: crypto.SigningKey | None = None,
    probe: bool = False,
    account: str = "shop",
    **shape: Any,
) -> Event:
    signer, timestamp, nonce = key or maker.keys.public, str(maker.now - age), maker.text(f"{case} nonce", 32)
    signature = signer.sign(timestamp, nonce, body)
    head = "WECHATPAY/SIGNTEST/"
    headers = {
        "Content-Type": "application/json",
        "Accept": "*/*",
        "User-Agent": "Mozilla/4.0",
        "Request-ID": f"{shapes.stable_uuid(case + ' id').replace('-', '').upper()}-0",
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": signer.serial,
        "Wechatpay-Signature": head + signature[len(head) :] if probe else signature,
        "Wechatpay-Signature-Type": scheme.SIGNATURE_TYPE,
    } | shape.pop("headers", {})
    sent = shape.pop("sent", body)
    return shapes.http(NOTIFY, maker.now, parameters={"account": account}, headers=headers, body=sent, **shape)


def _payment(maker: Maker, case: str, event_type: str = "TRANSACTION.SUCCESS", **changes: Any) -> bytes:
    return _envelope(maker, case, event_type, "transaction", _transaction(maker, case, **changes))


def cases(maker: Maker) -> dict[str, Case]:
    """Return the notices' cases."""
    amount = _transaction(maker, "x")["amount"]
    good = _payment(maker, "tampered")
    doubled = _payment(maker, "duplicate-json-key").replace(b'{"id":', b'{"id":"0","id":')
    refund = {
        "mchid": maker.documents["shop"]["mchid"],
        "out_trade_no": number("paid-v3"),
        "transaction_id": transaction_id("paid-v3"),
        "out_refund_no": "CONSOLE-20261122-1",
        "refund_id": "50302101202611221520000001",
        "refund_status": "SUCCESS",
        "amount": {"total": 8800, "refund": 800, "payer_total": 8800, "payer_refund": 800},
        "user_received_account": "支付用户零钱",
        "success_time": beijing(maker.now - 5).isoformat(),
    }
    made: dict[str, tuple[Event, int, str, str]] = {
        "paid-v3": (_v3(maker, "paid-v3", _payment(maker, "paid-v3")), 204, "paid", "a genuine payment"),
        "paid-v3-base64": (
            _v3(maker, "paid-v3-base64", _payment(maker, "paid-v3-base64"), encoded=True), 204, "paid",
            "the gateway encoded the body; the signature is over the bytes",
        ),
        "paid-v3-certificate": (
            _v3(maker, "paid-v3-certificate", _payment(maker, "paid-v3-certificate"), key=maker.keys.certificate), 204,
            "paid", "signed with the platform certificate, as older merchants still get them",
        ),
        "tampered": (
            _v3(maker, "tampered", good, sent=good.replace(b"TRANSACTION.SUCCESS", b"TRANSACTION.SUCCESs")), 401, "",
            "one byte differs from what was signed",
        ),
        "stale": (_v3(maker, "stale", _payment(maker, "stale"), age=301), 401, "", "signed 301 seconds ago"),
        "signtest": (
            _v3(maker, "signtest", _payment(maker, "signtest"), probe=True), 401, "", "WeChat's signature probe",
        ),
        "other-merchant": (
            _v3(maker, "other-merchant", _payment(maker, "other-merchant", mchid="1900099009")), 401, "",
            "genuine, but another merchant's",
        ),
        "wrong-amount": (
            _v3(maker, "wrong-amount", _payment(maker, "wrong-amount", amount=amount | {"total": 8801})), 204, "review",
            "genuine, but one fen more than the order",
        ),
        "wrong-currency": (
            _v3(maker, "wrong-currency", _payment(maker, "wrong-currency", amount=amount | {"currency": "USD"})), 204,
            "review", "genuine, but not in the order's currency",
        ),
        "unknown-status": (
            _v3(maker, "unknown-status", _payment(maker, "unknown-status", "TRANSACTION.TELEPORTED")), 204, "pending",
            "an event type that nobody has told us about: kept, changes nothing",
        ),
        "duplicate-json-key": (
            _v3(maker, "duplicate-json-key", doubled), 400, "", "signed, but one name twice in the JSON",
        ),
        "gzip": (
            _v3(maker, "gzip", _payment(maker, "gzip"), headers={"Content-Encoding": "gzip"}), 415, "",
            "a compressed body is not taken",
        ),
        "unknown-account": (
            _v3(maker, "unknown-account", _payment(maker, "unknown-account"), account="nobody"), 404, "",
            "no account of that name",
        ),
    }  # fmt: skip
    made_v3 = {
        f"wechat_notify.{name}": Case(event, status, why, maker.order(name) if becomes else {}, becomes)
        for name, (event, status, becomes, why) in made.items()
    }
    made_v3["wechat_notify.refund-v3"] = Case(
        _v3(maker, "refund-v3", _envelope(maker, "refund-v3", "REFUND.SUCCESS", "refund", refund)), 204,
        "a refund from the merchant's console becomes a child of its order", maker.order("paid-v3"),
        "partially_refunded", after=("wechat_notify.paid-v3",),
    )  # fmt: skip
    return made_v3 | _notify_v2(maker)


# Notices of API v2


def _v2(maker: Maker, fields: dict[str, str]) -> bytes:
    return xml.write(fields | {"sign": crypto.sign_v2(fields, CLASSIC_KEY, "HMAC-SHA256")})


def _post_v2(maker: Maker, body: bytes) -> Event:
    headers = {"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0", "Pragma": "no-cache", "Accept": "*/*"}
    return shapes.http(NOTIFY, maker.now, parameters={"account": "classic"}, headers=headers, body=body)


def _paid_v2(maker: Maker, case: str) -> dict[str, str]:
    return {
        "return_code": "SUCCESS",
        "result_code": "SUCCESS",
        "appid": maker.documents["classic"]["appid"],
        "mch_id": maker.documents["classic"]["mchid"],
        "nonce_str": maker.text(case, 32),
        "openid": OPENID,
        "is_subscribe": "N",
        "trade_type": "JSAPI",
        "bank_type": "OTHERS",
        "total_fee": "8800",
        "fee_type": "CNY",
        "cash_fee": "8800",
        "transaction_id": transaction_id(case),
        "out_trade_no": number(case),
        "attach": "门店:深圳湾#3",
        "time_end": f"{beijing(maker.now - 20):%Y%m%d%H%M%S}",
    }


def _notify_v2(maker: Maker) -> dict[str, Case]:
    paid = _v2(maker, _paid_v2(maker, "paid-v2"))
    refund = {
        "out_refund_no": "CONSOLE-20261122-2",
        "out_trade_no": number("paid-v2"),
        "refund_account": "REFUND_SOURCE_RECHARGE_FUNDS",
        "refund_fee": "800",
        "refund_id": "50302101202611221520000002",
        "refund_recv_accout": "支付用户零钱",
        "refund_request_source": "VENDOR_PLATFORM",
        "refund_status": "SUCCESS",
        "settlement_refund_fee": "800",
        "settlement_total_fee": "8800",
        "success_time": f"{beijing(maker.now - 5):%Y-%m-%d %H:%M:%S}",
        "total_fee": "8800",
        "transaction_id": transaction_id("paid-v2"),
    }
    hint = {
        "return_code": "SUCCESS",
        "appid": maker.documents["classic"]["appid"],
        "mch_id": maker.documents["classic"]["mchid"],
        "nonce_str": maker.text("refund-v2", 32),
        "req_info": scheme.seal_refund(CLASSIC_KEY, xml.write(refund, "root")),
    }
    order = maker.order("paid-v2", account="classic")
    typed = b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/evil.dtd">'
    return {
        "wechat_notify.paid-v2": Case(_post_v2(maker, paid), 200, "a genuine payment", order, "paid"),
        "wechat_notify.tampered-v2": Case(
            _post_v2(maker, paid.replace(b"<total_fee>8800", b"<total_fee>8801")), 401, "one signed field differs",
        ),
        "wechat_notify.doctype": Case(
            _post_v2(maker, typed + paid), 400, "a document type is refused before the document is parsed",
        ),
        "wechat_notify.refund-v2-hint": Case(
            _post_v2(maker, xml.write(hint)), 200, "nothing signs it: only a query of the refund follows", order,
            "paid", after=("wechat_notify.paid-v2",),
        ),
    }  # fmt: skip

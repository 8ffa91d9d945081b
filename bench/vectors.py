"""What WeChat would send, signed with keys made for this run, and the account document that fits it."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import ipaddress
import json
import secrets
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

ACCOUNT = "shop"
MCHID = "1230000109"
APPID = "wxd678efh567hg6787"
KEY_ID = "PUB_KEY_ID_0114232134912410000000000000"
NONCE = "EyMKyuaLzwhH1Rl6ClnDnKSjSeYyXGAi"
AMOUNT = 100


@dataclass(frozen=True)
class Notice:
    """One signed v3 notification."""

    order_id: str
    body: str
    headers: dict[str, str]

    def event(self, path: str) -> dict[str, Any]:
        """Return the API Gateway event (payload 2.0) that brings it to `path`."""
        domain = "abc123.execute-api.ap-southeast-1.amazonaws.com"
        gateway = {
            "accept": "*/*",
            "content-length": str(len(self.body.encode())),
            "content-type": "application/json",
            "host": domain,
            "user-agent": "Mozilla/4.0",
            "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
            "x-forwarded-for": "203.0.113.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        }
        http = {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.1", "userAgent": "-"}
        return {
            "version": "2.0",
            "routeKey": "POST /wechat/{account}/notify",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {**gateway, **self.headers},
            "pathParameters": {"account": ACCOUNT},
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "abc123",
                "domainName": domain,
                "domainPrefix": "abc123",
                "http": http,
                "requestId": "JKJaXmPLvHcESHA=",
                "routeKey": "POST /wechat/{account}/notify",
                "stage": "$default",
                "time": "22/Nov/2026:06:00:00 +0000",
                "timeEpoch": 1795327200000,
            },
            "body": self.body,
            "isBase64Encoded": False,
        }


@dataclass(frozen=True)
class Vectors:
    """One merchant's keys and messages; nothing here outlives the run."""

    wechat_key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    merchant_key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    api_v3_key: str = field(default_factory=lambda: secrets.token_hex(16))
    api_v2_key: str = field(default_factory=lambda: secrets.token_hex(16))

    @cached_property
    def wechat_public_pem(self) -> str:
        """The key that notices verify with."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.wechat_key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    @cached_property
    def merchant_private_pem(self) -> str:
        """The merchant's own key; a notice needs none, most libraries want it all the same."""
        pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.merchant_key.private_bytes(serialization.Encoding.PEM, pkcs8, plain).decode()

    @cached_property
    def document(self) -> dict[str, Any]:
        """The account document, as Secrets Manager holds it."""
        certificate_pem, _ = self_signed(self.merchant_key, MCHID)
        return {
            "mchid": MCHID,
            "appid": APPID,
            "api": "v3",
            "api_v3_keys": [self.api_v3_key],
            "api_v2_keys": [self.api_v2_key],
            "v2_sign_type": "MD5",
            "merchant_private_key_pem": self.merchant_private_pem,
            "merchant_serial": "5157F09EFDC096DE15EBE81A47057A7200000001",
            "merchant_cert_pem": certificate_pem,
            "wechatpay_public_keys": [{"id": KEY_ID, "pem": self.wechat_public_pem}],
            "platform_certificates": [],
            "mini_program_secret": secrets.token_hex(16),
            "push": {"mode": "secure", "token": secrets.token_hex(8), "encoding_aes_keys": []},
            "printers": [],
            "notices": {},
            "paid_late_policy": "ask",
        }

    def notice(self, number: int) -> Notice:
        """Return a v3 notification of a payment, signed now."""
        order_id = f"T20261122{number:012d}"
        resource = {
            "mchid": MCHID,
            "appid": APPID,
            "out_trade_no": order_id,
            "transaction_id": f"4200001234{number:018d}",
            "trade_type": "JSAPI",
            "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功",
            "bank_type": "OTHERS",
            "attach": "",
            "success_time": time.strftime("%Y-%m-%dT%H:%M:%S+08:00", time.gmtime(time.time() + 8 * 3600)),
            "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
            "amount": {"total": AMOUNT, "payer_total": AMOUNT, "currency": "CNY", "payer_currency": "CNY"},
            "scene_info": {"device_id": "013467007045764"},
            "promotion_detail": [
                {
                    "coupon_id": "109519",
                    "name": "单品惠-6",
                    "scope": "SINGLE",
                    "type": "CASH",
                    "amount": 100,
                    "stock_id": "931386",
                    "wechatpay_contribute": 0,
                    "merchant_contribute": 0,
                    "other_contribute": 0,
                    "currency": "CNY",
                    "goods_detail": [
                        {
                            "goods_id": "M1006",
                            "quantity": 1,
                            "unit_price": 100,
                            "discount_amount": 0,
                            "goods_remark": "商品备注信息",
                        }
                    ],
                }
            ],
        }
        nonce = secrets.token_hex(6)
        sealed = AESGCM(self.api_v3_key.encode()).encrypt(nonce.encode(), _compact(resource).encode(), b"transaction")
        envelope = {
            "id": f"EV-2026112214{number:015d}",
            "create_time": "2026-11-22T14:00:01+08:00",
            "resource_type": "encrypt-resource",
            "event_type": "TRANSACTION.SUCCESS",
            "summary": "支付成功",
            "resource": {
                "original_type": "transaction",
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": base64.b64encode(sealed).decode(),
                "associated_data": "transaction",
                "nonce": nonce,
            },
        }
        body, timestamp = _compact(envelope), str(int(time.time()))
        signed = f"{timestamp}\n{NONCE}\n{body}\n".encode()
        signature = self.wechat_key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        headers = {
            "wechatpay-signature": base64.b64encode(signature).decode(),
            "wechatpay-timestamp": timestamp,
            "wechatpay-nonce": NONCE,
            "wechatpay-serial": KEY_ID,
            "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
        }
        return Notice(order_id, body, headers)

    def notice_v2(self, sign_type: str) -> bytes:
        """Return a v2 notification of a payment: 22 fields and their `sign`."""
        fields = {
            "appid": APPID,
            "attach": "支付测试",
            "bank_type": "CFT",
            "fee_type": "CNY",
            "is_subscribe": "Y",
            "mch_id": MCHID,
            "nonce_str": "5d2b6c2a8db53831f7eda20af46e531c",
            "openid": "oUpF8uMEb4qRXf22hE3X68TekukE",
            "out_trade_no": "1409811653",
            "result_code": "SUCCESS",
            "return_code": "SUCCESS",
            "time_end": "20261122131540",
            "total_fee": str(AMOUNT),
            "cash_fee": "90",
            "trade_type": "JSAPI",
            "transaction_id": "1004400740201409030005092168",
            "coupon_fee": "10",
            "coupon_count": "1",
            "coupon_type_0": "CASH",
            "coupon_id_0": "10000",
            "coupon_fee_0": "10",
        }
        if sign_type != "MD5":
            fields["sign_type"] = sign_type
        text = "&".join(f"{name}={fields[name]}" for name in sorted(fields)) + f"&key={self.api_v2_key}"
        if sign_type == "MD5":
            fields["sign"] = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()
        else:
            fields["sign"] = hmac.digest(self.api_v2_key.encode(), text.encode(), "sha256").hex().upper()
        rows = "\n".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())
        return f"<xml>{rows}\n</xml>".encode()


def self_signed(key: rsa.RSAPrivateKey, name: str) -> tuple[str, str]:
    """Return a certificate for `name` (and this machine's loopback) and its private key, both in PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    loopback = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(loopback), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    return certificate.public_bytes(pem).decode(), key.private_bytes(pem, pkcs8, plain).decode()


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

"""The other side of the wire for tests: notices and answers signed without our code."""

import base64
import hashlib
import hmac
import json
from functools import cache
from pathlib import Path
from typing import Any
from xml.parsers import expat

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countersign.http import HttpRequest
from countersign.platforms.wechat import settings as wechat_settings
from countersign.platforms.wechat.settings import Settings

FILE: dict[str, Any] = json.loads(Path("tests/vectors/wechat_public.json").read_text(encoding="utf-8"))
VECTORS: dict[str, dict[str, Any]] = {entry["name"]: entry for entry in FILE["vectors"]}
THROWAWAY = FILE["throwaway_platform_private_keys"]
MERCHANT = THROWAWAY["merchant"]
PUBLIC_KEY = THROWAWAY["wechatpay_public_key"]
CERTIFICATE = THROWAWAY["platform_certificate"]

NOW = 1_795_328_845
MCHID = "1900099001"
APPID = "wxa1b2c3d4e5f60718"
API_V3_KEY = "coNfW1UAKjLl0MbrswGW7CATEZTlUuPZ"
API_V2_KEY = "JBoFS6wzh2aH1hXO2PbWOworXmE4fy6i"
OLD_API_V3_KEY = "Q1w2E3r4T5y6U7i8O9p0A1s2D3f4G5h6"
OLD_API_V2_KEY = "Zq3v9Lk2Xw8Rt5Yb7Nc4Md6Pf1Hs0JgA"

TRANSACTION: dict[str, Any] = {
    "mchid": MCHID,
    "appid": APPID,
    "out_trade_no": "T-0001",
    "transaction_id": "4200002901202611221403050001",
    "trade_type": "JSAPI",
    "trade_state": "SUCCESS",
    "success_time": "2026-11-22T14:03:05+08:00",
    "payer": {"openid": "oThrow4wayOpenid_public-000001"},
    "amount": {"total": 8800, "payer_total": 8000, "currency": "CNY", "payer_currency": "CNY"},
}
PAID_AT = 1_795_327_385
REFUND: dict[str, Any] = {
    "mchid": MCHID,
    "out_trade_no": "T-0001",
    "transaction_id": "4200002901202611221403050001",
    "out_refund_no": "R-0001",
    "refund_id": "50302101202611221520000001",
    "refund_status": "SUCCESS",
    "success_time": "2026-11-22T15:20:00+08:00",
    "amount": {"total": 8800, "refund": 800, "payer_total": 8000, "payer_refund": 727},
}
REFUNDED_AT = 1_795_332_000
V2_PAYMENT = {
    "return_code": "SUCCESS",
    "result_code": "SUCCESS",
    "appid": APPID,
    "mch_id": MCHID,
    "nonce_str": "UlRbSngBb402wxHCLIUR2VRVkMMIi5YA",
    "openid": "oThrow4wayOpenid_public-000001",
    "trade_type": "JSAPI",
    "bank_type": "OTHERS",
    "total_fee": "8800",
    "cash_fee": "8000",
    "fee_type": "CNY",
    "transaction_id": "4200002901202611221403050001",
    "out_trade_no": "T-0001",
    "time_end": "20261122140305",
}


def document(**changes: Any) -> dict[str, Any]:
    """Return an account document with every key; None takes a field out."""
    full = {
        "mchid": MCHID,
        "appid": APPID,
        "api": "v3",
        "api_v3_keys": [API_V3_KEY],
        "api_v2_keys": [API_V2_KEY],
        "v2_sign_type": "MD5",
        "merchant_private_key_pem": MERCHANT["private_pem"],
        "merchant_serial": MERCHANT["serial"],
        "merchant_cert_pem": MERCHANT["cert_pem"],
        "wechatpay_public_keys": [{"id": PUBLIC_KEY["id"], "pem": PUBLIC_KEY["public_pem"]}],
        "platform_certificates": [CERTIFICATE["cert_pem"]],
        "mini_program_secret": "f0e1d2c3b4a5968778695a4b3c2d1e0f",
        **changes,
    }
    return {name: value for name, value in full.items() if value is not None}


def settings(**changes: Any) -> Settings:
    """Return a loaded account."""
    return wechat_settings.load(document(**changes))


@cache
def private_key(pem: str) -> rsa.RSAPrivateKey:
    """Read a throwaway key."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def merchant_public_key() -> rsa.RSAPublicKey:
    """Return what WeChat checks our signatures with."""
    key = x509.load_pem_x509_certificate(MERCHANT["cert_pem"].encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def seal(
    resource: Any, *, key: str = API_V3_KEY, aad: str = "transaction", nonce: str = "c9EKOeyGOZab"
) -> dict[str, Any]:
    """Encrypt a resource; text goes in as it is."""
    plain = resource if isinstance(resource, str) else json.dumps(resource, ensure_ascii=False)
    sealed = AESGCM(key.encode()).encrypt(nonce.encode(), plain.encode(), aad.encode())
    return {
        "original_type": "transaction",
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": aad,
        "nonce": nonce,
    }


def signature_headers(
    body: bytes,
    *,
    at: int | str = NOW,
    by: dict[str, str] = PUBLIC_KEY,
    serial: str = "",
    nonce: str = "YbGh7l7i5gxExeE8",
) -> dict[str, str]:
    """Sign a body as WeChat does; header names are in lower case, as API Gateway gives them."""
    message = f"{at}\n{nonce}\n".encode() + body + b"\n"
    made = private_key(by["private_pem"]).sign(message, padding.PKCS1v15(), hashes.SHA256())
    return {
        "wechatpay-timestamp": str(at),
        "wechatpay-nonce": nonce,
        "wechatpay-serial": serial or by.get("id") or by["serial"],
        "wechatpay-signature": base64.b64encode(made).decode(),
        "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
    }


def envelope(
    resource: Any = TRANSACTION, event_type: str = "TRANSACTION.SUCCESS", *, sealed: dict[str, Any] | None = None
) -> bytes:
    """Return the body of a v3 notice."""
    content = {
        "id": "40910694-8afc-5168-af15-943036ed28f4",
        "create_time": "2026-11-22T14:27:25+08:00",
        "resource_type": "encrypt-resource",
        "event_type": event_type,
        "summary": "支付成功",
        "resource": sealed or seal(resource),
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def request(body: bytes, headers: dict[str, str] | None = None) -> HttpRequest:
    """Return a callback as functions see it."""
    return HttpRequest("POST", "/wechat/shop/notify", headers or {}, body)


def notice_v3(resource: Any = TRANSACTION, event_type: str = "TRANSACTION.SUCCESS", **signing: Any) -> HttpRequest:
    """Return a whole v3 notice."""
    body = envelope(resource, event_type)
    return request(body, signature_headers(body, **signing))


def sign_v2(fields: dict[str, str], key: str = API_V2_KEY, sign_type: str = "MD5") -> str:
    """Sign as the v2 documents say."""
    row = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value and name != "sign")
    text = f"{row}&key={key}".encode()
    if sign_type == "MD5":
        return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()
    return hmac.new(key.encode(), text, hashlib.sha256).hexdigest().upper()


def xml(fields: dict[str, str], root: str = "xml") -> bytes:
    """Write flat XML."""
    rows = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())
    return f"<{root}>{rows}</{root}>".encode()


def expat_read(document: bytes) -> dict[str, str]:
    """Read a document that is known to be flat, with the parser that most readers stand on."""
    fields: dict[str, str] = {}
    path: list[str] = []

    def start(name: str, _: object) -> None:
        path.append(name)
        if len(path) == 2:
            fields[name] = ""

    def text(part: str) -> None:
        if len(path) == 2:
            fields[path[1]] += part

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: path.pop()
    parser.CharacterDataHandler = text
    parser.Parse(document, True)
    return fields


def signed_v2(fields: dict[str, str], key: str = API_V2_KEY, sign_type: str = "MD5") -> bytes:
    """Write and sign a v2 message."""
    return xml({**fields, "sign": sign_v2(fields, key, sign_type)})


def notice_v2(**changes: str) -> HttpRequest:
    """Return a v2 payment notice with some fields changed before signing; an empty value takes the field out."""
    fields = {name: value for name, value in {**V2_PAYMENT, **changes}.items() if value}
    return request(signed_v2(fields))


def seal_v2(plain: bytes, key: str = API_V2_KEY) -> str:
    """Encrypt what a v2 refund notice holds."""
    aes_key = hashlib.md5(key.encode(), usedforsecurity=False).hexdigest().encode()
    count = 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES(aes_key), modes.ECB()).encryptor()  # noqa: S305 - WeChat's v2 format
    sealed = encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()
    return base64.b64encode(sealed).decode()


V2_REFUND = {
    "out_trade_no": "T-0001",
    "transaction_id": "4200002901202611221403050001",
    "out_refund_no": "R-0001",
    "refund_id": "50302101202611221520000001",
    "total_fee": "8800",
    "refund_fee": "800",
    "refund_status": "SUCCESS",
    "success_time": "2026-11-22 15:20:00",
}


def refund_notice_v2(inner: bytes | None = None, *, key: str = API_V2_KEY, **outer: str) -> HttpRequest:
    """Return a v2 refund notice; nothing signs it."""
    sealed = seal_v2(xml(V2_REFUND, "root") if inner is None else inner, key)
    fields = {"return_code": "SUCCESS", "appid": APPID, "mch_id": MCHID, "nonce_str": "x" * 16, "req_info": sealed}
    return request(xml({**fields, **outer}))

"""WeChat Pay, API v3 and v2: signatures, sealed resources, and the flat XML of v2.

https://pay.weixin.qq.com/doc/v3/merchant/4012365342 (v3), https://pay.weixin.qq.com/doc/v2/merchant/4011985891 (v2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .rsa_keys import sign

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

SIGNATURE_TYPE = "WECHATPAY2-SHA256-RSA2048"


def signed_text(timestamp: str, nonce: str, body: bytes) -> bytes:
    """Return what v3 signs: three lines, each with its newline."""
    return f"{timestamp}\n{nonce}\n".encode() + body + b"\n"


def headers(
    key: rsa.RSAPrivateKey, serial: str, body: bytes, timestamp: str, nonce: str, *, probe: bool = False
) -> dict[str, str]:
    """Return the five headers of a v3 answer or notice; a probe carries the announced wrong signature."""
    signature = sign(key, signed_text(timestamp, nonce, body))
    if probe:
        head = "WECHATPAY/SIGNTEST/"
        signature = head + signature[len(head) :]
    return {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature": signature,
        "Wechatpay-Signature-Type": SIGNATURE_TYPE,
    }


def seal(api_v3_key: str, original_type: str, plain: bytes, nonce: str) -> dict[str, str]:
    """Encrypt a notice's resource with the merchant's APIv3 key; the nonce has 12 characters."""
    sealed = AESGCM(api_v3_key.encode()).encrypt(nonce.encode(), plain, original_type.encode())
    return {
        "original_type": original_type,
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": original_type,
        "nonce": nonce,
    }


def open_sealed(api_v3_key: str, resource: dict[str, str]) -> bytes:
    """Decrypt a notice's resource."""
    sealed = base64.b64decode(resource["ciphertext"])
    data = str(resource.get("associated_data") or "").encode()
    return AESGCM(api_v3_key.encode()).decrypt(resource["nonce"].encode(), sealed, data)


def sign_v2(fields: dict[str, str], api_v2_key: str, sign_type: str) -> str:
    """Compute a v2 signature, over everything but `sign` that is not empty."""
    signed = sorted((name, value) for name, value in fields.items() if name != "sign" and value != "")
    text = "&".join(f"{name}={value}" for name, value in [*signed, ("key", api_v2_key)]).encode()
    if sign_type == "HMAC-SHA256":
        return hmac.new(api_v2_key.encode(), text, hashlib.sha256).hexdigest().upper()
    return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()


def _refund_cipher(api_v2_key: str) -> Cipher[modes.ECB]:
    key = hashlib.md5(api_v2_key.encode(), usedforsecurity=False).hexdigest().encode()
    return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - this is WeChat's v2 format


def seal_refund(api_v2_key: str, plain: bytes) -> str:
    """Encrypt a v2 refund notice's `req_info`: AES-256-ECB under the hexadecimal MD5 of the API key."""
    padder, encryptor = padding.PKCS7(128).padder(), _refund_cipher(api_v2_key).encryptor()
    return base64.b64encode(encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()).decode()


def open_refund(api_v2_key: str, sealed: str) -> bytes:
    """Decrypt a v2 refund notice's `req_info`."""
    unpadder, decryptor = padding.PKCS7(128).unpadder(), _refund_cipher(api_v2_key).decryptor()
    padded = decryptor.update(base64.b64decode(sealed)) + decryptor.finalize()
    return unpadder.update(padded) + unpadder.finalize()


def xml(fields: dict[str, str], root: str = "xml") -> bytes:
    """Write a flat document as WeChat does: CDATA for everything but numbers."""
    lines = [f"<{root}>"]
    for name, value in fields.items():
        text = (
            value if value.isascii() and value.isdigit() else f"<![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]>"
        )
        lines.append(f"<{name}>{text}</{name}>")
    lines.append(f"</{root}>")
    return "\n".join(lines).encode()

"""WeChat's keys and signatures: ours to sign with, other people's libraries to check with."""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import json
import secrets
import string
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID
from wechatpayv3.utils import rsa_verify  # type: ignore[import-untyped]
from wechatpy.pay.utils import calculate_signature, calculate_signature_hmac  # type: ignore[import-untyped]

SIGNATURE_TYPE = "WECHATPAY2-SHA256-RSA2048"
PUBLIC_KEY_ID = "PUB_KEY_ID_0119000000012026112200000001"
_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class SigningKey:
    """A key that signs answers and notices, under the name that goes into `Wechatpay-Serial`."""

    serial: str
    private_key: rsa.RSAPrivateKey
    pem: str

    def sign(self, timestamp: str, nonce: str, body: bytes) -> str:
        """Sign what WeChat signs: three lines, each with its newline."""
        text = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
        return base64.b64encode(self.private_key.sign(text, rsa_padding.PKCS1v15(), hashes.SHA256())).decode()


def nonce(length: int = 32) -> str:
    """Return that many letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def digits(length: int) -> str:
    """Return that many digits."""
    return "".join(secrets.choice(string.digits) for _ in range(length))


def push_key() -> str:
    """Return an EncodingAESKey: 32 bytes in base64 without the padding sign, never like a placeholder (`xxxxxx`)."""
    key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    return key.replace("x", "y").replace("X", "Y")


def new_private_key() -> rsa.RSAPrivateKey:
    """Make an RSA-2048 key as merchants and platform have."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    """Write a private key as the merchant's `apiclient_key.pem` is written."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem(key: rsa.RSAPublicKey) -> str:
    """Write a public key as the merchant console shows it."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def certificate(key: rsa.RSAPrivateKey, name: str) -> tuple[str, str]:
    """Return a self-signed certificate's serial (40 hex digits) and PEM; long-lived, as the sandbox moves years."""
    serial = secrets.randbits(158) | 1 << 157
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), serial)
        .not_valid_before(datetime.datetime(2015, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2065, 1, 1, tzinfo=datetime.UTC))
        .sign(key, hashes.SHA256())
    )
    return f"{serial:040X}", made.public_bytes(serialization.Encoding.PEM).decode()


@functools.cache
def public_key_pair() -> SigningKey:
    """Return the WeChat Pay public-key mode's pair: new in each process, so nothing made here is worth stealing."""
    key = new_private_key()
    return SigningKey(PUBLIC_KEY_ID, key, public_pem(key.public_key()))


@functools.cache
def platform_certificate() -> SigningKey:
    """Return the platform certificate that older merchants still verify with."""
    key = new_private_key()
    serial, pem = certificate(key, "Tenpay.com sign")
    return SigningKey(serial, key, pem)


@functools.cache
def forger(serial: str = PUBLIC_KEY_ID) -> SigningKey:
    """Return a stranger's key that claims the platform's serial."""
    key = new_private_key()
    return SigningKey(serial, key, public_pem(key.public_key()))


def signature_headers(key: SigningKey, body: bytes, now: float, *, probe: bool = False) -> dict[str, str]:
    """Sign a v3 answer or notice; a probe carries the announced wrong signature."""
    timestamp, text = str(int(now)), nonce()
    signature = key.sign(timestamp, text, body)
    if probe:
        head = "WECHATPAY/SIGNTEST/"
        signature = head + signature[len(head) :]
    return {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": text,
        "Wechatpay-Serial": key.serial,
        "Wechatpay-Signature": signature,
        "Wechatpay-Signature-Type": SIGNATURE_TYPE,
    }


def request_is_genuine(
    public_key: rsa.RSAPublicKey, method: str, target: str, timestamp: str, text: str, body: str, signature: str
) -> bool:
    """Check a merchant's v3 signature with wechatpayv3; its verifier joins the last three of the five lines itself."""
    return bool(rsa_verify(f"{method}\n{target}\n{timestamp}", text, body, signature, public_key))


def seal(api_v3_key: str, original_type: str, resource: dict[str, Any]) -> dict[str, str]:
    """Encrypt a notice's resource with the merchant's APIv3 key."""
    text = nonce(12)
    plain = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
    sealed = AESGCM(api_v3_key.encode()).encrypt(text.encode(), plain, original_type.encode())
    return {
        "original_type": original_type,
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": original_type,
        "nonce": text,
    }


def seal_refund(api_v2_key: str, plain: bytes) -> str:
    """Encrypt a v2 refund notice's `req_info`: AES-256-ECB under the hexadecimal MD5 of the API key."""
    key = hashlib.md5(api_v2_key.encode(), usedforsecurity=False).hexdigest().encode()
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - this is WeChat's v2 format
    return base64.b64encode(encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()).decode()


def sign_v2(fields: dict[str, str], api_v2_key: str, sign_type: str) -> str:
    """Compute a v2 signature with wechatpy, over everything but `sign` that is not empty."""
    signed = {name: value for name, value in fields.items() if name != "sign" and value != ""}
    calculate = calculate_signature_hmac if sign_type == "HMAC-SHA256" else calculate_signature
    return str(calculate(signed, api_v2_key))

"""WeChat's keys and signatures: ours to sign with, other people's libraries to check with."""

from __future__ import annotations

import base64
import datetime
import functools
import json
import secrets
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from wechatpayv3.utils import rsa_verify  # type: ignore[import-untyped]
from wechatpy.pay.utils import calculate_signature, calculate_signature_hmac  # type: ignore[import-untyped]

from conformance.signers import rsa_keys
from conformance.signers import wechat as signer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

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
        return rsa_keys.sign(self.private_key, signer.signed_text(timestamp, nonce, body))


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
    key = rsa_keys.new_private_key()
    return SigningKey(PUBLIC_KEY_ID, key, rsa_keys.public_pem(key.public_key()))


@functools.cache
def platform_certificate() -> SigningKey:
    """Return the platform certificate that older merchants still verify with."""
    key = rsa_keys.new_private_key()
    serial, pem = certificate(key, "Tenpay.com sign")
    return SigningKey(serial, key, pem)


@functools.cache
def forger(serial: str = PUBLIC_KEY_ID) -> SigningKey:
    """Return a stranger's key that claims the platform's serial."""
    key = rsa_keys.new_private_key()
    return SigningKey(serial, key, rsa_keys.public_pem(key.public_key()))


def signature_headers(key: SigningKey, body: bytes, now: float, *, probe: bool = False) -> dict[str, str]:
    """Sign a v3 answer or notice; a probe carries the announced wrong signature."""
    return signer.headers(key.private_key, key.serial, body, str(int(now)), nonce(), probe=probe)


def request_is_genuine(
    public_key: rsa.RSAPublicKey, method: str, target: str, timestamp: str, text: str, body: str, signature: str
) -> bool:
    """Check a merchant's v3 signature with wechatpayv3; its verifier joins the last three of the five lines itself."""
    return bool(rsa_verify(f"{method}\n{target}\n{timestamp}", text, body, signature, public_key))


def seal(api_v3_key: str, original_type: str, resource: dict[str, Any]) -> dict[str, str]:
    """Encrypt a notice's resource with the merchant's APIv3 key."""
    plain = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
    return signer.seal(api_v3_key, original_type, plain, nonce(12))


def sign_v2(fields: dict[str, str], api_v2_key: str, sign_type: str) -> str:
    """Compute a v2 signature with wechatpy, over everything but `sign` that is not empty."""
    signed = {name: value for name, value in fields.items() if name != "sign" and value != ""}
    calculate = calculate_signature_hmac if sign_type == "HMAC-SHA256" else calculate_signature
    return str(calculate(signed, api_v2_key))

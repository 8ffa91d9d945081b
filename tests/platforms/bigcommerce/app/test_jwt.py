"""Whose JWT opens the app's page: BigCommerce's own, by one algorithm, and nobody's who makes one up."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from countersign.errors import InvalidSignatureError
from countersign.platforms.bigcommerce.app_calls import Visit, read_visit
from countersign.signing.credentials import Secret

NOW = 1_795_328_845
CLIENT, SECRET = "7xq0l2k5m8c1v4b9n3z6a0s8d1f5g2h", b"secret-of-the-app-under-test-4c1d"
CLAIMS = {
    "aud": CLIENT,
    "iss": "bc",
    "iat": NOW - 5,
    "nbf": NOW - 5,
    "exp": NOW + 86_400,
    "sub": "stores/abc123",
    "user": {"id": 7, "email": "owner@example.com"},
    "owner": {"id": 7, "email": "owner@example.com"},
    "url": "/",
}
KEY = rsa.generate_private_key(65537, 2048)
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def part(content: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")


def hs(signed: bytes, key: bytes = SECRET, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    mac = hmac.HMAC(key, algorithm or hashes.SHA256())
    mac.update(signed)
    return mac.finalize()


def token(head: dict[str, Any] | None = None, sign: Any = hs, **claims: Any) -> str:
    content = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    signed = part({"alg": "HS256", "typ": "JWT"} | (head or {})) + b"." + part(content)
    return (signed + b"." + base64.urlsafe_b64encode(sign(signed)).rstrip(b"=")).decode()


def visit(given: str) -> Visit:
    return read_visit(f"signed_payload_jwt={given}", CLIENT, [Secret(SECRET.decode())], legacy=True, now=NOW)


def rs256(signed: bytes) -> bytes:
    return KEY.sign(signed, padding.PKCS1v15(), hashes.SHA256())


def test_the_genuine_one_opens_the_page() -> None:
    assert visit(token()).store_hash == "abc123"


@pytest.mark.parametrize(
    "forged",
    [
        token({"alg": "none"}, lambda signed: b""),
        token({"alg": "None"}, lambda signed: b""),
        token(sign=lambda signed: b""),
        token({"alg": "RS256"}, lambda signed: hs(signed, PUBLIC)),
        token({"alg": "HS256"}, lambda signed: hs(signed, PUBLIC)),
        token({"alg": "RS256"}, rs256),
        token({"alg": "HS512"}, lambda signed: hs(signed, algorithm=hashes.SHA512())),
        token(sign=lambda signed: hs(signed, b"\0")),
        token({"crit": ["exp"]}),
        token({"crit": ["b64"], "b64": False}),
        token({"alg": "RS256", "jku": "https://attacker.example/keys"}, rs256),
        token({"alg": "RS256", "jwk": {"kty": "RSA"}}, rs256),
        token({"kid": "../../dev/null"}, lambda signed: hs(signed, b"\0")),
        token(aud="another-client"),
        token(aud=["another-client"]),
        token(aud=None),
        token(iss="bc/apps"),
        token(iss=None),
        token(sub="stores/../abc123"),
        token(sub=None),
        token(exp=NOW - 3600),
        token(exp=None),
        token(exp="never"),
        token(nbf=NOW + 3600),
        token(iat=NOW + 3600),
        token()[:-2] + "AA",
        token().replace(".", "..", 1),
        token() + ".e30",
    ],
)
def test_A9_what_nobody_at_bigcommerce_signed_for_this_app_now_opens_nothing(forged: str) -> None:
    with pytest.raises(InvalidSignatureError):
        visit(forged)

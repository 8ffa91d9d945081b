"""Douyin's side of the signatures, written from the rule text and apart from the product's own."""

from __future__ import annotations

import base64
import functools
import hashlib
import secrets

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

NOT_SIGNED = ("app_id", "thirdparty_id", "sign", "other_settle_params")


def request_sign(fields: dict[str, object], salt: str) -> str:
    """Sign the fields of a call as guaranteed payment does: sorted values and the SALT, joined, MD5."""
    values = [salt]
    for name, value in fields.items():
        if name in NOT_SIGNED:
            continue
        text = str(value).strip()
        if len(text) > 1 and text.startswith('"') and text.endswith('"'):
            text = text[1:-1].strip()
        if text and text != "null":
            values.append(text)
    values.sort(key=lambda text: text.encode())
    return hashlib.md5("&".join(values).encode(), usedforsecurity=False).hexdigest()


def callback_sign(token: str, timestamp: str, nonce: str, message: str) -> str:
    """Sign a callback of guaranteed payment: four sorted texts in a row, SHA-1."""
    joined = "".join(sorted([token, timestamp, nonce, message], key=lambda text: text.encode()))
    return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()


@functools.cache
def platform_key() -> rsa.RSAPrivateKey:
    """Return the platform's private key: new in each process, so nothing made here is worth stealing."""
    return new_private_key()


@functools.cache
def forger() -> rsa.RSAPrivateKey:
    """Return a stranger's key."""
    return new_private_key()


def new_private_key() -> rsa.RSAPrivateKey:
    """Make an RSA key."""
    return rsa.generate_private_key(65537, 2048)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    """Write a private key as PKCS #8."""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    """Write the public half of a key."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def sign(key: rsa.RSAPrivateKey, *lines: str) -> str:
    """Sign lines, each with its line feed."""
    message = "".join(f"{line}\n" for line in lines).encode()
    return base64.b64encode(key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def is_signed(key: rsa.RSAPublicKey, signature: str, *lines: str) -> bool:
    """Say whether the lines are signed with that key."""
    message = "".join(f"{line}\n" for line in lines).encode()
    try:
        key.verify(base64.b64decode(signature), message, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def digits(count: int) -> str:
    """Make a number of that many digits that does not begin with 0."""
    return str(secrets.randbelow(9 * 10 ** (count - 1)) + 10 ** (count - 1))

"""Douyin's side of the signatures, written from the rule text and apart from the product's own."""

from __future__ import annotations

import functools
import hashlib
import secrets
from typing import TYPE_CHECKING

from conformance.signers import rsa_keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

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


@functools.cache
def platform_key() -> rsa.RSAPrivateKey:
    """Return the platform's private key: new in each process, so nothing made here is worth stealing."""
    return rsa_keys.new_private_key()


@functools.cache
def forger() -> rsa.RSAPrivateKey:
    """Return a stranger's key."""
    return rsa_keys.new_private_key()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    """Write the public half of a key."""
    return rsa_keys.public_pem(key.public_key())


def digits(count: int) -> str:
    """Make a number of that many digits that does not begin with 0."""
    return str(secrets.randbelow(9 * 10 ** (count - 1)) + 10 ** (count - 1))

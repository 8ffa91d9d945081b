"""Douyin: guaranteed payment signs four sorted texts, the trade system signs lines with RSA.

https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/ecpay/APIlist/callback
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from .rsa_keys import is_signed as is_signed_message
from .rsa_keys import sign as sign_message

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa


def callback_sign(token: str, timestamp: str, nonce: str, message: str) -> str:
    """Sign a callback of guaranteed payment: four sorted texts in a row, SHA-1."""
    joined = "".join(sorted([token, timestamp, nonce, message], key=lambda text: text.encode()))
    return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()


def _lines(lines: tuple[str, ...]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def sign(key: rsa.RSAPrivateKey, *lines: str) -> str:
    """Sign lines, each with its line feed."""
    return sign_message(key, _lines(lines))


def is_signed(key: rsa.RSAPublicKey, signature: str, *lines: str) -> bool:
    """Say whether the lines are signed with that key."""
    return is_signed_message(key, signature, _lines(lines))

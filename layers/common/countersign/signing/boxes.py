"""Sealed boxes: texts that the table keeps, and that only who has the account's own secret can read there."""

import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countersign.errors import UndecryptableError
from countersign.signing import aead, digests
from countersign.signing.credentials import Secret
from countersign.signing.encoding import from_base64, to_base64

_NONCE = 12
_PURPOSE = b"countersign sealed box 1"  # a key that signs something must not encrypt: each use has a key of its own


def seal(key: Secret, content: str, *, context: str) -> str:
    """Return a text sealed by AES-256-GCM under a key made of a secret; it opens in the same `context` only."""
    nonce = secrets.token_bytes(_NONCE)
    return to_base64(nonce + AESGCM(_key(key)).encrypt(nonce, content.encode(), context.encode()))


def unseal(keys: Sequence[Secret], box: str, *, context: str) -> str:
    """Return what was sealed with one of the secrets; UndecryptableError where none of them opens it.

    MalformedError for what is no box.
    """
    raw = from_base64(box)
    for key in keys:
        try:
            return aead.open_gcm(_key(key), raw[:_NONCE], raw[_NONCE:], context.encode()).decode()
        except UndecryptableError:
            continue
    raise UndecryptableError("no secret of the account opens the box")


def _key(key: Secret) -> bytes:
    return bytes.fromhex(digests.hmac_sha256(key.reveal().encode(), _PURPOSE))

"""Digests of bytes, and the only comparison of secrets that is allowed."""

import hashlib
import hmac
from collections.abc import Iterable


def md5(data: bytes) -> str:
    """Return the MD5 in lower-case hex; only for platforms whose format asks for it."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def sha1(data: bytes) -> str:
    """Return the SHA-1 in lower-case hex; only for platforms whose format asks for it."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def sha1_of(chunks: Iterable[bytes]) -> str:
    """Return the SHA-1, in lower-case hex, of what is too large to hold; only where a platform's format asks for it."""
    digest = hashlib.sha1(usedforsecurity=False)
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def sha256(data: bytes) -> str:
    """Return the SHA-256 in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def hmac_sha256(key: bytes, data: bytes) -> str:
    """Return the HMAC-SHA256 in lower-case hex."""
    return hmac.digest(key, data, "sha256").hex()


def hmac_sha512(key: bytes, data: bytes) -> str:
    """Return the HMAC-SHA512 in lower-case hex."""
    return hmac.digest(key, data, "sha512").hex()


def equal(given: str, expected: str) -> bool:
    """Compare in constant time; text outside ASCII is only unequal, never an error."""
    # compare_digest refuses non-ASCII text, and a lone surrogate has no UTF-8.
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))

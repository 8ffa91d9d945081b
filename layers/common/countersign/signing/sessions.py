"""What a browser's session is kept by: one secret in its cookie, of which the table has the digest alone.

Whoever reads the table finds no token that works, and whoever finds a cookie in a log finds no session's content there:
the tokens are sealed under a key made of the cookie, for this one session, person and end.
"""

import hashlib
import hmac
import json
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from countersign.signing import aead
from countersign.signing.encoding import to_base64

_NONCE = 12
_SEALS = b"countersign session 1"


def new_cookie() -> str:
    """Return 32 bytes of chance as 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def session_id(cookie: str) -> str:
    """Return the name that a cookie's session has in the table."""
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()


def seal(cookie: str, content: bytes, *, name: str, person: str, expires_at: int) -> bytes:
    """Return what opens with the same cookie, for the same row, person and end (epoch seconds) only."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(_key(cookie)).encrypt(nonce, content, _bound(name, person, expires_at))


def unseal(cookie: str, box: bytes, *, name: str, person: str, expires_at: int) -> bytes:
    """Return what was sealed; UndecryptableError where anything of it, or of what it is bound to, was changed."""
    return aead.open_gcm(_key(cookie), box[:_NONCE], box[_NONCE:], _bound(name, person, expires_at))


def derived(cookie: str, purpose: str) -> str:
    """Return a text that only who has the cookie can make, another for each purpose: 43 characters of base64url."""
    return _url_safe(hmac.digest(cookie.encode("utf-8", "surrogatepass"), purpose.encode(), "sha256"))


def challenge(verifier: str) -> str:
    """Return a verifier's S256 challenge (RFC 7636, 4.2)."""
    return _url_safe(hashlib.sha256(verifier.encode()).digest())


def _key(cookie: str) -> bytes:
    material = cookie.encode("utf-8", "surrogatepass")
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_SEALS).derive(material)


def _bound(name: str, person: str, expires_at: int) -> bytes:
    return json.dumps([name, person, expires_at]).encode()


def _url_safe(data: bytes) -> str:
    return to_base64(data).replace("+", "-").replace("/", "_").rstrip("=")

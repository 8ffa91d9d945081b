"""Opening of ciphertexts: AES-256-GCM, and AES-256-ECB for platforms that still send it."""

from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countersign.errors import UndecryptableError

_BLOCK = 16
_KEY_SIZE = 32


@lru_cache(maxsize=32)
def _gcm(key: bytes) -> AESGCM:
    return AESGCM(key)


def open_gcm(key: bytes, nonce: bytes, ciphertext: bytes, associated_data: bytes) -> bytes:
    """Open AES-256-GCM whose tag follows the ciphertext; the nonce has 12 bytes."""
    if len(key) != _KEY_SIZE or len(nonce) != 12:
        raise UndecryptableError("the key or the nonce has the wrong size")
    try:
        return _gcm(key).decrypt(nonce, ciphertext, associated_data)
    except InvalidTag:
        raise UndecryptableError("the ciphertext does not open with this key") from None


def open_ecb(key: bytes, ciphertext: bytes) -> bytes:
    """Open AES-256-ECB with PKCS#7 padding.

    Nothing authenticates it: whoever holds old messages can mix their blocks.
    """
    # Rarely needed, and not by callers that only use GCM: imported here.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if len(key) != _KEY_SIZE or not ciphertext or len(ciphertext) % _BLOCK:
        raise UndecryptableError("not a whole number of blocks")
    decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()  # noqa: S305 - the platform's format
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    count = padded[-1]
    if not 1 <= count <= _BLOCK or padded[-count:] != bytes([count]) * count:
        raise UndecryptableError("the padding is wrong")
    return padded[:-count]

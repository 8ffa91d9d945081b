"""Opening of AES-256-CBC, for platforms that still send it: nothing in it authenticates, a signature beside it must."""

from countersign.errors import UndecryptableError

_BLOCK = 16
KEY_SIZE = 32


def open_cbc(key: bytes, iv: bytes, ciphertext: bytes, *, padded_to: int) -> bytes:
    """Open AES-256-CBC with PKCS#7 padding to a multiple of `padded_to` bytes, of which every byte is checked."""
    # Only messages that are encrypted pay for the import.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if len(key) != KEY_SIZE or len(iv) != _BLOCK or not ciphertext or len(ciphertext) % padded_to:
        raise UndecryptableError("the key, the initial vector or the ciphertext has the wrong size")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    count = padded[-1]
    if not 1 <= count <= padded_to or padded[-count:] != bytes([count]) * count:
        raise UndecryptableError("the padding is wrong")
    return padded[:-count]

"""AES-256-CBC with PKCS#7: every byte of the padding is checked, and sizes before anything."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from countersign.errors import UndecryptableError
from countersign.signing.cbc import open_cbc

# NIST SP 800-38A, F.2.5 CBC-AES256.Encrypt, the first block.
KEY = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
IV = bytes(range(16))
PLAIN = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
CIPHER = bytes.fromhex("f58c4c04d6e5f1ba779eabfb5f7bfbd6")


def encrypted(plain: bytes) -> bytes:
    """Encrypt bytes that are padded already."""
    encryptor = Cipher(algorithms.AES(KEY), modes.CBC(IV)).encryptor()
    return encryptor.update(plain) + encryptor.finalize()


def test_the_published_vector_is_opened() -> None:
    ciphertext = encrypted(PLAIN + bytes([16]) * 16)

    assert ciphertext[:16] == CIPHER
    assert open_cbc(KEY, IV, ciphertext, padded_to=16) == PLAIN


@pytest.mark.parametrize("count", range(1, 33))
def test_every_length_of_padding_is_taken_off(count: int) -> None:
    plain = b"x" * (64 - count)

    assert open_cbc(KEY, IV, encrypted(plain + bytes([count]) * count), padded_to=32) == plain


@pytest.mark.parametrize(
    "plain",
    [
        b"x" * 31 + b"\x00",
        b"x" * 30 + b"\x01\x02",
        b"\x02" + b"\x20" * 31,
        b"x" * 32 + b"\x21" * 32,
        b"x" * 30 + b"\x21\x21",
        b"x" * 32 + b"\x20" * 30 + b"\x1f\x20",
        b"\xff" * 32,
    ],
)
def test_a_wrong_padding_is_refused(plain: bytes) -> None:
    with pytest.raises(UndecryptableError):
        open_cbc(KEY, IV, encrypted(plain), padded_to=32)


@pytest.mark.parametrize(
    ("key", "iv", "ciphertext"),
    [
        (KEY[:16], IV, CIPHER * 2),
        (KEY + b"x", IV, CIPHER * 2),
        (KEY, IV[:15], CIPHER * 2),
        (KEY, IV, b""),
        (KEY, IV, CIPHER),
        (KEY, IV, CIPHER * 3),
        (KEY, IV, CIPHER * 2 + b"x"),
    ],
)
def test_wrong_sizes_are_refused(key: bytes, iv: bytes, ciphertext: bytes) -> None:
    with pytest.raises(UndecryptableError, match="wrong size"):
        open_cbc(key, iv, ciphertext, padded_to=32)

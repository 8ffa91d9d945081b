"""AES-256-GCM and AES-256-ECB against published test values."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from countersign.errors import UndecryptableError
from countersign.signing import aead

# The GCM specification (McGrew, Viega), test case 16, of the 256-bit keys with a 96-bit nonce.
GCM_KEY = bytes.fromhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
GCM_NONCE = bytes.fromhex("cafebabefacedbaddecaf888")
GCM_AAD = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
GCM_PLAIN = bytes.fromhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
GCM_SEALED = bytes.fromhex(
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
    "76fc6ece0f4e1768cddf8853bb2d551b"
)
# NIST SP 800-38A, F.1.5 (ECB-AES256), first block.
ECB_KEY = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
ECB_BLOCK = bytes.fromhex("f3eed1bdb5d2a03c064b5a7e3db181f8")


def test_the_published_gcm_case_opens() -> None:
    assert aead.open_gcm(GCM_KEY, GCM_NONCE, GCM_SEALED, GCM_AAD) == GCM_PLAIN


@pytest.mark.parametrize("bit", range(len(GCM_SEALED) * 8))
def test_A2_any_changed_bit_is_refused(bit: int) -> None:
    sealed = bytearray(GCM_SEALED)
    sealed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(UndecryptableError):
        aead.open_gcm(GCM_KEY, GCM_NONCE, bytes(sealed), GCM_AAD)


@pytest.mark.parametrize(
    ("key", "nonce", "sealed", "aad"),
    [
        (GCM_KEY[::-1], GCM_NONCE, GCM_SEALED, GCM_AAD),
        (GCM_KEY[:16], GCM_NONCE, GCM_SEALED, GCM_AAD),
        (GCM_KEY + b"\0", GCM_NONCE, GCM_SEALED, GCM_AAD),
        (b"", GCM_NONCE, GCM_SEALED, GCM_AAD),
        (GCM_KEY, GCM_NONCE[::-1], GCM_SEALED, GCM_AAD),
        (GCM_KEY, b"", GCM_SEALED, GCM_AAD),
        (GCM_KEY, GCM_NONCE + b"\0", GCM_SEALED, GCM_AAD),
        (GCM_KEY, GCM_NONCE, b"", GCM_AAD),
        (GCM_KEY, GCM_NONCE, GCM_SEALED[:15], GCM_AAD),
        (GCM_KEY, GCM_NONCE, GCM_SEALED[:-1], GCM_AAD),
        (GCM_KEY, GCM_NONCE, GCM_SEALED, b""),
    ],
)
def test_any_other_key_nonce_tag_or_associated_data_is_refused(
    key: bytes, nonce: bytes, sealed: bytes, aad: bytes
) -> None:
    with pytest.raises(UndecryptableError):
        aead.open_gcm(key, nonce, sealed, aad)


def test_the_published_ecb_block_decrypts_and_its_missing_padding_is_refused() -> None:
    # The plaintext ends in 0x2a, which is no length of padding.
    with pytest.raises(UndecryptableError, match="padding"):
        aead.open_ecb(ECB_KEY, ECB_BLOCK)


def ecb_sealed(padded: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(ECB_KEY), modes.ECB()).encryptor()  # noqa: S305 - the form to be read
    return encryptor.update(padded) + encryptor.finalize()


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 31, 32])
def test_ecb_with_padding_opens(length: int) -> None:
    plain = bytes(range(65, 65 + length))
    count = 16 - length % 16

    assert aead.open_ecb(ECB_KEY, ecb_sealed(plain + bytes([count]) * count)) == plain


@pytest.mark.parametrize(
    "padded",
    [
        b"fifteen bytes..\0",
        b"fifteen bytes..\x11",
        b"fourteen bytes\x01\x02",
        b"thirteen byte\x03\x02\x03",
        b"\x10" * 15 + b"\x0f\x10"[:1],
        bytes([17]) * 32,
    ],
)
def test_ecb_with_wrong_padding_is_refused(padded: bytes) -> None:
    with pytest.raises(UndecryptableError, match="padding"):
        aead.open_ecb(ECB_KEY, ecb_sealed(padded))


@pytest.mark.parametrize("count", [0, 1, 15, 17, 255])
def test_ecb_of_a_part_of_a_block_is_refused(count: int) -> None:
    with pytest.raises(UndecryptableError, match="blocks"):
        aead.open_ecb(ECB_KEY, bytes(count))


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_ecb_takes_only_256_bit_keys(size: int) -> None:
    with pytest.raises(UndecryptableError):
        aead.open_ecb(ECB_KEY[:1] * size, ECB_BLOCK)

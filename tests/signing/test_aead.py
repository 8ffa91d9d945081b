"""AES-256-GCM and AES-256-ECB against published test values."""

import pytest

from countersign.errors import UndecryptableError
from countersign.signing import aead

# The GCM specification (McGrew, Viega), test case 16, shortened to its 96-bit nonce form.
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
ECB_PLAIN = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")


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
    from Crypto.Cipher import AES  # noqa: PLC0415

    return bytes(AES.new(ECB_KEY, AES.MODE_ECB).encrypt(padded))


@pytest.mark.parametrize("count", [0, 17, 255])
def test_ecb_of_wrong_size_is_refused(count: int) -> None:
    with pytest.raises(UndecryptableError, match="blocks"):
        aead.open_ecb(ECB_KEY, bytes(count))

"""Digests against published test values, and the comparison that never raises."""

import pytest

from countersign.signing import digests


def test_md5_of_the_rfc() -> None:
    assert digests.md5(b"abc") == "900150983cd24fb0d6963f7d28e17f72"  # RFC 1321, A.5


def test_sha1_of_the_standard() -> None:
    assert digests.sha1(b"abc") == "a9993e364706816aba3e25717850c26c9cd0d89d"  # FIPS 180


def test_sha256_of_the_standard() -> None:
    assert digests.sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180


def test_hmac_sha256_of_the_rfc() -> None:
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"  # RFC 4231, test case 2

    assert digests.hmac_sha256(b"Jefe", b"what do ya want for nothing?") == expected


def test_hmac_sha512_of_the_rfc() -> None:
    expected = (  # RFC 4231, test case 2
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
    )

    assert digests.hmac_sha512(b"Jefe", b"what do ya want for nothing?") == expected


def test_one_changed_bit_is_another_digest() -> None:
    assert digests.sha256(b"abc") != digests.sha256(b"abb")


def test_equal_text_is_equal() -> None:
    assert digests.equal("9A0A8659", "9A0A8659")


@pytest.mark.parametrize("given", ["", "9A0A8658", "9a0a8659", "9A0A8659\n", "９A0A8659", "9A0A8659\ud800", "\x00"])
def test_A5_any_other_text_is_unequal_and_never_an_error(given: str) -> None:
    assert not digests.equal(given, "9A0A8659")

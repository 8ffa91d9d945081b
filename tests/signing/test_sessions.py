"""What a session is sealed by, against the same made by hand of the library's parts."""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countersign.errors import UndecryptableError
from countersign.signing import sessions

COOKIE = "c" * 43
NAMES = {"name": "SESSION#1", "person": "ann", "expires_at": 1_700_000_000}


def hkdf(material: bytes, info: bytes) -> bytes:
    """RFC 5869 with SHA-256 and without salt, for one block."""
    extracted = hmac.digest(bytes(32), material, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def test_a_session_is_sealed_under_a_key_of_its_cookie_and_bound_to_its_row() -> None:
    box = sessions.seal(COOKIE, b"tokens", **NAMES)
    bound = json.dumps(["SESSION#1", "ann", 1_700_000_000]).encode()

    opened = AESGCM(hkdf(COOKIE.encode(), b"countersign session 1")).decrypt(box[:12], box[12:], bound)

    assert opened == b"tokens" == sessions.unseal(COOKIE, box, **NAMES)


@pytest.mark.parametrize("changed", [{"name": "SESSION#2"}, {"person": "bob"}, {"expires_at": 1_700_000_001}])
def test_it_opens_for_no_other_row_person_or_end(changed: dict[str, object]) -> None:
    box = sessions.seal(COOKIE, b"tokens", **NAMES)

    with pytest.raises(UndecryptableError):
        sessions.unseal(COOKIE, box, **{**NAMES, **changed})


def test_it_opens_with_no_other_cookie_and_not_when_a_bit_was_changed() -> None:
    box = sessions.seal(COOKIE, b"tokens", **NAMES)

    with pytest.raises(UndecryptableError):
        sessions.unseal("d" * 43, box, **NAMES)
    for place in (0, 12, len(box) - 1):
        forged = bytearray(box)
        forged[place] ^= 1
        with pytest.raises(UndecryptableError):
            sessions.unseal(COOKIE, bytes(forged), **NAMES)
    with pytest.raises(UndecryptableError):
        sessions.unseal(COOKIE, b"", **NAMES)


def test_the_same_content_is_sealed_differently_each_time() -> None:
    assert len({sessions.seal(COOKIE, b"tokens", **NAMES) for _ in range(20)}) == 20


def test_a_cookie_is_32_bytes_of_chance_and_the_table_knows_its_digest() -> None:
    cookies = {sessions.new_cookie() for _ in range(100)}

    assert len(cookies) == 100
    assert {len(base64.urlsafe_b64decode(one + "=")) for one in cookies} == {32}
    assert sessions.session_id(COOKIE) == hashlib.sha256(COOKIE.encode()).hexdigest()


def test_what_is_made_of_a_cookie_differs_for_each_purpose_and_fits_a_verifier() -> None:
    made = {sessions.derived(COOKIE, purpose) for purpose in ("csrf", "verifier", "state /")}

    assert len(made) == 3
    assert all(
        len(one) == 43 and set(one) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        for one in made
    )
    assert sessions.derived(COOKIE, "csrf") == base64.urlsafe_b64encode(
        hmac.digest(COOKIE.encode(), b"csrf", "sha256")
    ).decode().rstrip("=")


def test_the_challenge_is_that_of_the_standards_own_example() -> None:
    # RFC 7636, appendix B
    assert (
        sessions.challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )

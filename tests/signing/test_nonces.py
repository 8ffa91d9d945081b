"""Nonces are fresh each time and fit what platforms take."""

import re

from countersign.signing.nonces import nonce


def test_a_nonce_has_32_letters_and_digits() -> None:
    assert re.fullmatch(r"[0-9A-Za-z]{32}", nonce())


def test_no_two_nonces_are_equal() -> None:
    assert len({nonce() for _ in range(1000)}) == 1000

"""Base64: the accepted text of a signature is unique."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.errors import MalformedError
from countersign.signing.encoding import from_base64, from_canonical_base64, to_base64


@given(st.binary(max_size=300))
def test_what_others_encode_is_decoded(data: bytes) -> None:
    text = base64.b64encode(data).decode()

    assert from_canonical_base64(text) == from_base64(text) == data
    assert to_base64(data) == text


@pytest.mark.parametrize(
    "text", ["Zm9v!", "Zm9v\n", " Zm9v", "Zm 9v", "Zm9v====", "Zg", "Zg=", "=Zg=", "Zm9-", "Zm9_", "Z", "é", "\ud800"]
)
def test_A6_junk_is_refused(text: str) -> None:
    for decode in (from_base64, from_canonical_base64):
        with pytest.raises(MalformedError):
            decode(text)


def test_A6_bits_after_the_last_byte_make_a_second_spelling_that_is_refused() -> None:
    assert base64.b64decode("Zh==") == base64.b64decode("Zg==") == b"f"

    with pytest.raises(MalformedError):
        from_canonical_base64("Zh==")


@given(st.text(alphabet="AZaz09+/=\n ", max_size=12))
def test_A6_no_two_texts_give_the_same_bytes(text: str) -> None:
    try:
        data = from_canonical_base64(text)
    except MalformedError:
        return
    assert base64.b64encode(data).decode() == text

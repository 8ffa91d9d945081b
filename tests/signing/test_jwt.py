"""Tokens that others signed: each rule by itself, and that no two texts are the same token."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from countersign.errors import InvalidSignatureError, StaleTimestampError
from countersign.signing import jwt

KEY, NOW = b"a secret that two sides share", 1_800_000_000
SAID = {"aud": "us", "iss": "them", "exp": NOW + 60, "iat": NOW, "sub": "somebody"}


def segment(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def token(said: Any, *, alg: str = "HS256", key: bytes = KEY) -> str:
    content = f"{segment({'alg': alg, 'typ': 'JWT'})}.{segment(said)}"
    digest = hmac.new(key, content.encode(), {"HS512": hashlib.sha512}.get(alg, hashlib.sha256)).digest()
    return f"{content}.{segment(digest)}"


def read(text: str, *, now: int = NOW, algorithms: tuple[str, ...] = (jwt.HS256,), audience: str = "us") -> Any:
    return jwt.claims(text, [b"the next secret", KEY], algorithms=algorithms, needed=SAID, audience=audience, now=now)


def test_what_was_signed_is_returned_with_the_key_that_signed_it() -> None:
    assert read(token(SAID)) == (SAID, 1)
    assert read(token(SAID, key=b"the next secret"))[1] == 0


def test_a_token_of_the_longer_digest_counts_only_where_the_caller_takes_it() -> None:
    assert read(token(SAID, alg="HS512"), algorithms=(jwt.HS256, jwt.HS512))[0] == SAID
    with pytest.raises(InvalidSignatureError, match="bad_alg"):
        read(token(SAID, alg="HS512"))


@pytest.mark.parametrize("name", SAID)
def test_A5_a_claim_that_is_needed_and_not_there_refuses_the_token(name: str) -> None:
    for without in ({key: value for key, value in SAID.items() if key != name}, {**SAID, name: None}):
        with pytest.raises(InvalidSignatureError, match=f"missing_claim {name}"):
            read(token(without))


@pytest.mark.parametrize("said", [{**SAID, "exp": "9999999999"}, {**SAID, "exp": True}, {**SAID, "nbf": [NOW]}])
def test_A5_a_time_that_is_no_number_refuses_the_token(said: Any) -> None:
    with pytest.raises(InvalidSignatureError, match="malformed"):
        read(token(said))


def test_A5_clocks_may_differ_by_a_minute_and_no_more() -> None:
    read(token(SAID), now=NOW + 60 + jwt.LEEWAY - 1)
    read(token({**SAID, "nbf": NOW + jwt.LEEWAY, "iat": NOW + jwt.LEEWAY}))
    with pytest.raises(StaleTimestampError, match="expired"):
        read(token(SAID), now=NOW + 60 + jwt.LEEWAY)
    for name in ("nbf", "iat"):
        with pytest.raises(StaleTimestampError, match="not_yet_valid"):
            read(token({**SAID, name: NOW + jwt.LEEWAY + 1}))


@pytest.mark.parametrize(("said", "audience"), [("them", "us"), (["them", "all"], "us"), ({"us": 1}, "us"), ("us", "")])
def test_A5_a_token_for_somebody_else_is_refused(said: Any, audience: str) -> None:
    with pytest.raises(InvalidSignatureError, match="wrong_audience"):
        read(token({**SAID, "aud": said}), audience=audience)


def test_one_of_several_audiences_is_enough() -> None:
    assert read(token({**SAID, "aud": ["all", "us"]}))[1] == 1


def test_A5_no_second_text_is_the_same_token() -> None:
    genuine = token(SAID)
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = {genuine[:-1] + letter for letter in last} - {genuine}
    others |= {genuine + "=", genuine + "\n", " " + genuine, genuine.replace(".", "..", 1), genuine[:-1]}

    for other in others:
        with pytest.raises(InvalidSignatureError):
            read(other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "a.b.c",
        f"{segment(b'[]')}.{segment(SAID)}.",
        f"{segment(b'{}' * 2)}.{segment(SAID)}.",
        f"{segment(b'{%s' % bytes([0xFF]))}.e30.e30",
        "é.e30.e30",
        "x" * 20_000,
    ],
)
def test_A5_junk_is_refused_and_never_an_error(text: str) -> None:
    with pytest.raises(InvalidSignatureError):
        read(text)


def test_A5_a_name_that_stands_twice_in_a_signed_text_refuses_it() -> None:
    with pytest.raises(InvalidSignatureError, match="malformed"):
        read(token(json.dumps(SAID)[:-1].encode() + b',"aud":"us"}'))

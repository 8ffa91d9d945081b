"""Calls to a mini program's back end: its token, its errors, and what may not be believed."""

import json
from typing import Any

import pytest

from countersign.errors import KeysUnavailableError, PlatformUnavailableError
from countersign.platforms.wechat.miniprogram import MiniProgram, MiniProgramRefusedError, fetch_token
from countersign.platforms.wechat.settings import Settings
from countersign.signing.credentials import Secret

SETTINGS = Settings("1900000101", "wx0123456789abcdef", api_base="http://wechat.test")


class Session:
    """Answers what it was given, one after another, and keeps what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Any]] = []

    def request(self, method: str, url: str, *, data: bytes = b"", headers: Any = None) -> Any:
        assert method == "POST"
        self.asked.append((url, json.loads(data)))
        answer = self.answers.pop(0)
        status, body = answer if isinstance(answer, tuple) else (200, json.dumps(answer).encode())
        return type("Response", (), {"status_code": status, "content": body, "headers": {}})()


class Token:
    """Hands out t1, and after each refusal the next."""

    def __init__(self) -> None:
        self.number = 1

    def get(self, refused: str = "") -> str:
        self.number += bool(refused)
        return f"t{self.number}"


def program(*answers: Any) -> tuple[MiniProgram, Session]:
    session = Session(*answers)
    return MiniProgram(session, SETTINGS, Token()), session  # type: ignore[arg-type]


def test_a_call_carries_the_token_and_its_text_as_it_is():
    mini, session = program({"errcode": 0, "errmsg": "ok", "msgid": 7})

    assert mini.call("/cgi-bin/message/subscribe/send", {"thing1": "奶茶"})["msgid"] == 7
    assert session.asked == [("http://wechat.test/cgi-bin/message/subscribe/send?access_token=t1", {"thing1": "奶茶"})]


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_a_token_that_is_not_taken_is_replaced_once(code):
    mini, session = program({"errcode": code}, {"errcode": 0})
    mini.call("/x", {})
    assert [url.rpartition("=")[2] for url, _ in session.asked] == ["t1", "t2"]

    mini, session = program({"errcode": code}, {"errcode": code})
    with pytest.raises(PlatformUnavailableError):
        mini.call("/x", {})


@pytest.mark.parametrize("answer", [{"errcode": -1}, {"errcode": 44990}, {"errcode": 45009}, {"errcode": "0"}])
def test_an_outcome_that_is_not_known_is_no_refusal(answer):
    mini, _ = program(answer)
    with pytest.raises(PlatformUnavailableError):
        mini.call("/x", {})


@pytest.mark.parametrize("answer", [(500, b"{}"), (302, b""), (200, b"<html>"), (200, b"[]"), (200, b"x" * 300_000)])
def test_what_is_no_answer_is_not_believed(answer):
    mini, _ = program(answer)
    with pytest.raises(PlatformUnavailableError):
        mini.call("/x", {})


def test_a_refusal_names_its_code_and_never_repeats_what_was_sent():
    mini, _ = program({"errcode": 43101, "errmsg": "user refuse to accept the msg oPayer1234"})
    with pytest.raises(MiniProgramRefusedError) as refused:
        mini.call("/x", {"touser": "oPayer1234"})
    assert refused.value.code == 43101
    assert "oPayer" not in str(refused.value)


def test_the_token_is_the_stable_one_and_needs_the_apps_secret():
    session = Session({"access_token": "t" * 512, "expires_in": 7200})

    assert fetch_token(session, SETTINGS, "wxapp", Secret("9f8e7d6c5b4a39281706f5e4d3c2b1a0")) == ("t" * 512, 7200)  # type: ignore[arg-type]
    url, body = session.asked[0]
    assert url == "http://wechat.test/cgi-bin/stable_token"
    assert (body["appid"], body["grant_type"], body["force_refresh"]) == ("wxapp", "client_credential", False)
    with pytest.raises(KeysUnavailableError):
        fetch_token(session, SETTINGS, "wxapp", None)  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [{"expires_in": 7200}, {"access_token": "t"}, {"access_token": "", "expires_in": 1}])
def test_an_answer_without_a_token_is_none(answer):
    with pytest.raises(PlatformUnavailableError):
        fetch_token(Session(answer), SETTINGS, "wxapp", Secret("9f8e7d6c5b4a39281706f5e4d3c2b1a0"))  # type: ignore[arg-type]

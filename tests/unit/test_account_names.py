"""Listing a platform's accounts: all pages, and only what is one."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from countersign import accounts
from countersign.accounts import Accounts
from countersign.errors import KeysUnavailableError


def listing(monkeypatch: pytest.MonkeyPatch, answer: Any) -> Accounts:
    monkeypatch.setenv("STAGE", "test")
    monkeypatch.setattr(accounts.aws, "client", lambda _: SimpleNamespace(list_secrets=answer))
    return Accounts("wechat", lambda document: document)


def test_every_page_is_read_and_strangers_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {
        None: {"SecretList": [{"Name": "countersign/test/wechat/main"}], "NextToken": "2"},
        "2": {
            "SecretList": [
                {"Name": "countersign/test/wechat/second"},
                {"Name": "countersign/test/wechat/Not An Account"},
                {"Name": "other/countersign/test/wechat/x"},
                {"Name": "countersign/test/wechat/a/b"},
            ]
        },
    }
    asked: list[Any] = []

    def list_secrets(**query: Any) -> Any:
        asked.append(query["Filters"])
        return pages[query.get("NextToken")]

    assert list(listing(monkeypatch, list_secrets).names()) == ["main", "second"]
    assert asked == [[{"Key": "name", "Values": ["countersign/test/wechat/"]}]] * 2


def test_a_refusal_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def list_secrets(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "ListSecrets")

    with pytest.raises(KeysUnavailableError):
        list(listing(monkeypatch, list_secrets).names())

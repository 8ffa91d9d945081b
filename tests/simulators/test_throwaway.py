"""Throwaway account documents: what chance draws is never taken for something that a person left in a document."""

import re
from typing import Any

import pytest

from countersign.signing.credentials import secret
from sandbox.simulators.douyin import accounts as douyin
from sandbox.simulators.wechat import accounts as wechat

SECRETS = (
    "salts",
    "tokens",
    "app_secret",
    "api_v2_keys",
    "api_v3_keys",
    "mini_program_secret",
    "secret",
    "token",
    "ukey",
)
KEYS = ("encoding_aes_keys",)


def drawn(document: Any, names: tuple[str, ...]) -> list[str]:
    """Return the values under these names, however deep they are."""
    if isinstance(document, list):
        return [value for one in document for value in drawn(one, names)]
    if not isinstance(document, dict):
        return []
    found = [value for name in names for value in _values(document.get(name))]
    return found + [value for one in document.values() for value in drawn(one, names)]


def _values(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else [one for one in given or () if isinstance(one, str)]


@pytest.mark.parametrize("documents", [douyin.throwaway(), wechat.throwaway()], ids=["douyin", "wechat"])
def test_throwaway_secrets_hold_no_letters_that_a_placeholder_could_be_made_of(documents: dict[str, Any]) -> None:
    found = drawn(documents, SECRETS)

    assert found
    assert [value for value in found if not re.fullmatch("[0-9a-f]{16,}", value)] == []
    assert all(secret(value, "drawn").reveal() == value for value in found)
    assert [value for value in drawn(documents, KEYS) if not re.fullmatch("[0-9A-WYZa-wyz+/]{43}", value)] == []

"""Secrets that nothing shows, and values that are never used as one."""

import copy
import json
import pickle
from dataclasses import asdict, dataclass

import pytest

from countersign.errors import KeysUnavailableError
from countersign.signing.credentials import Secret, secret

KEY = "JBoFS6wzh2aH1hXO2PbWOworXmE4fy6i"


def test_a_good_key_is_kept() -> None:
    assert secret(KEY, "api_v2_keys[0]").reveal() == KEY


@dataclass
class Document:
    key: Secret


@pytest.mark.parametrize("shown", [repr, str, "{}".format, "%s".__mod__, lambda value: repr(Document(value))])
def test_H1_no_text_form_shows_the_value(shown: object) -> None:
    assert KEY not in shown(Secret(KEY))  # type: ignore[operator]


def test_H1_no_copy_of_a_document_shows_the_value() -> None:
    assert KEY not in repr(asdict(Document(Secret(KEY))))
    with pytest.raises(TypeError):
        json.dumps(Secret(KEY))
    assert copy.deepcopy(Secret(KEY)).reveal() == KEY
    assert KEY not in repr(pickle.loads(pickle.dumps(Secret(KEY))))  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "not text"),
        (12345678901234567890, "not text"),
        ([KEY], "not text"),
        ("", "empty"),
        ("   \t\n", "empty"),
        (f" {KEY}", "space"),
        (f"{KEY}\n", "space"),
        ("<your APIv3 key goes here>", "placeholder"),
        ("${WECHAT_API_V3_KEY_FROM_ENV}", "placeholder"),
        ("{{ wechat_api_v3_key_value }}", "placeholder"),
        ("changeme-changeme-changeme-123456", "placeholder"),
        ("CHANGE_ME_CHANGE_ME_CHANGE_ME_12", "placeholder"),
        ("your-api-v2-key-of-32-characters", "placeholder"),
        ("YOUR_API_V2_KEY_OF_32_CHARACTERS", "placeholder"),
        ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "placeholder"),
        ("XXXXXXXX-XXXXXXXX-XXXXXXXX-XXXXX", "placeholder"),
        ("********************************", "placeholder"),
        ("00000000000000000000000000000000", "placeholder"),
        ("tiny-key", "shorter than 16"),
        ("123456789012345", "shorter than 16"),
    ],
)
def test_A4_what_is_no_key_is_refused_by_name_and_reason(value: object, reason: str) -> None:
    with pytest.raises(KeysUnavailableError, match=reason) as refusal:
        secret(value, "api_v2_keys[0]")
    assert "api_v2_keys[0]" in str(refusal.value)
    if isinstance(value, str) and value.strip():
        assert value not in str(refusal.value)


def test_A4_a_published_sample_is_refused() -> None:
    with pytest.raises(KeysUnavailableError, match="sample"):
        secret("192006250b4c09247ec02edce69f6a2d", "k", refused=frozenset({"192006250b4c09247ec02edce69f6a2d"}))


@pytest.mark.parametrize("value", [KEY[:-1], KEY + "x", "密钥文件" * 8])
def test_a_size_counts_bytes(value: str) -> None:
    with pytest.raises(KeysUnavailableError, match="exactly 32 bytes"):
        secret(value, "api_v3_keys[0]", size=32)

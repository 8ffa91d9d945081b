"""The keys of this project's own tests work against this machine alone."""

import json
import re
from functools import cache
from pathlib import Path

import pytest

from countersign.signing import published
from countersign.signing.published import fingerprint, published_key, texts

ROOT = Path(__file__).parents[2]
# Fields of account documents and of the vectors whose values are keys; what only names a key is none.
KEY = re.compile(
    r"(?:^|\.)(?:salts?|tokens?|app_secret|secret|client_secrets?|api_token|access_token|mini_program_secret|ukey|encoding_aes_keys?|aes_key_ascii"
    r"|api_v[23]_keys?|apiv3_key|platform_public_keys|platform_certificates|PUB_KEY_ID_\w+\.pem|pem|[a-z_]*_pem"
    r"|[0-9A-F]{40}\.pem)(?:\[\d+\])?$"
)


@cache
def keys() -> frozenset[str]:
    """Return every key in the committed account documents and vectors."""
    files = [*(ROOT / "tests/accounts").rglob("*.json"), *(ROOT / "tests/vectors").glob("*.json")]
    found = [one for path in files for one in texts(json.loads(path.read_bytes()))]
    return frozenset(value for name, value in found if KEY.search(name) and len(value) >= 8)


def account(platform: str, name: str) -> dict[str, object]:
    document: dict[str, object] = json.loads((ROOT / f"tests/accounts/{platform}/{name}.json").read_text())
    return document


def test_every_published_key_is_known_and_nothing_else_is() -> None:
    assert {fingerprint(key) for key in keys()} == published._DIGESTS


@pytest.mark.parametrize(("platform", "name"), [("wechat", "shop"), ("wechat", "classic"), ("douyin", "app")])
@pytest.mark.parametrize(
    "api_base",
    [
        *(None, "", "https://api.mch.weixin.qq.com", "http://127.0.0.1.example.com", "http://localhost.example.com/x"),
        *("http://1127.0.0.1", "http://shop@127.0.0.1.example.com:80", "ftp://127.0.0.1", "http://10.0.0.1/wechat"),
    ],
)
def test_a_published_key_is_refused_anywhere_but_beside_an_address_of_this_machine(
    platform: str, name: str, api_base: str | None
) -> None:
    assert published_key({**account(platform, name), "api_base": api_base})


@pytest.mark.parametrize("api_base", ["http://127.0.0.1:8481/wechat", "http://localhost:1", "http://[::1]:9/x"])
def test_it_works_beside_one(api_base: str) -> None:
    assert published_key({**account("wechat", "shop"), "api_base": api_base}) == ""


def test_the_field_is_named_and_never_the_key() -> None:
    document = {"store": {"push": {"token": account("wechat", "classic")["push"]["token"]}}}  # type: ignore[index] # JSON

    assert published_key(document) == "store.push.token"


def test_a_key_wrapped_in_another_way_is_the_same_key() -> None:
    pem = str(account("wechat", "shop")["merchant_private_key_pem"])
    wrapped = pem.replace("\n", "").replace("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\r\n")

    assert published_key({"merchant_private_key_pem": wrapped}) == "merchant_private_key_pem"
    assert published_key({"merchant_private_key_pem": "another"}) == ""

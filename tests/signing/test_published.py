"""The keys of this project's own tests work against this machine alone."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from countersign.signing import published
from countersign.signing.credentials import Secret
from countersign.signing.published import PREFIX, fingerprint, is_published, published_key, texts
from sandbox import make_events

ROOT = Path(__file__).parents[2]


@cache
def texts_published() -> frozenset[str]:
    """Return every text in the committed account documents and vectors."""
    files = [*(ROOT / "tests/accounts").rglob("*.json"), *(ROOT / "tests/vectors").glob("*.json")]
    return frozenset(text for path in files for _, text in texts(json.loads(path.read_bytes())))


def keys_of(platform: str, name: str, document: dict[str, Any]) -> set[str]:
    """Return the keys in a document: what its platform's settings hold as a secret, and whatever is written as PEM."""
    room = f"cashiers.{name.partition('/')[0]}" if platform == "cashier" else f"platforms.{platform}"
    settings = import_module(f"countersign.{room}.settings")
    load = settings.load_installation if "store_hash" in document else settings.load
    held = set(_secrets(load(document | {"api_base": "http://127.0.0.1:1"})))
    return {text for _, text in texts(document) if text in held or text.startswith("-----BEGIN")}


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, Secret):
        yield value.reveal()
    elif is_dataclass(value):
        for field in fields(value):
            yield from _secrets(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _secrets(member)
    elif isinstance(value, list | tuple | set | frozenset):
        for member in value:
            yield from _secrets(member)


def account(platform: str, name: str) -> dict[str, object]:
    document: dict[str, object] = json.loads((ROOT / f"tests/accounts/{platform}/{name}.json").read_text())
    return document


@pytest.mark.parametrize("platform", sorted(make_events.of_platforms(make_events.NOON)))
def test_each_key_of_the_accounts_that_events_are_made_for_is_known(platform: str) -> None:
    accounts = make_events.of_platforms(make_events.NOON)[platform].accounts
    keys = {key for name, document in accounts.items() for key in keys_of(platform, name, document)}

    assert keys
    unknown = {fingerprint(key) for key in keys if not is_published(key)}
    assert not unknown, f"let the keys begin with {PREFIX}, or add these to signing/published.py"


def test_each_private_key_of_the_vectors_is_known() -> None:
    keys = {text for text in texts_published() if "PRIVATE KEY-----" in text}

    assert keys
    assert {fingerprint(key) for key in keys} <= published._DIGESTS


def test_what_is_known_is_published_here_and_nothing_else_is() -> None:
    assert {fingerprint(text) for text in texts_published()} >= published._DIGESTS


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


@pytest.mark.parametrize("api_base", ["", "https://api.example.com"])
def test_a_key_that_says_itself_that_it_is_published_is_known_without_its_digest(api_base: str) -> None:
    document = {"keys": [{"secret": f"{PREFIX}of-a-platform-to-come-0001"}], "api_base": api_base}

    assert published_key(document) == "keys[0].secret"
    assert published_key({**document, "api_base": "http://127.0.0.1:1"}) == ""
    assert published_key({**document, "keys": [{"secret": f"not-{PREFIX}0001"}]}) == ""


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

"""Which account documents can be used, and what is refused by name and reason."""

import pytest

from countersign.errors import KeysUnavailableError
from countersign.platforms.douyin import settings as douyin_settings
from tests.platforms.douyin.support import KEYS, document, settings


def test_a_document_with_the_keys_of_both_systems_is_read() -> None:
    read = settings(settle={"after_days": 3, "receivers": [{"merchant_uid": "7", "basis_points": 1500}]})

    assert (read.system, read.salt.reveal()[:7], read.key_version) == ("ecpay", "pubSALT", "1")
    assert [(one.merchant_uid, one.basis_points) for one in read.settle.receivers] == [("7", 1500)]
    assert read.goods.entry_path == "pages/order/index"


def test_keys_may_come_as_the_console_shows_them() -> None:
    body = "".join(KEYS["pub_platform_pub"].strip().splitlines()[1:-1])

    assert settings(platform_public_keys=[body]).platform_public_keys[0].startswith("-----BEGIN PUBLIC KEY-----\nMII")


def test_a_word_for_fulfilment_replaces_the_usual_one() -> None:
    usual, own = settings().fulfil, settings(fulfil={"whole": "DONE"}).fulfil

    assert own.whole == "DONE"
    assert own.part == usual.part


def test_a_short_token_is_used_with_a_warning() -> None:
    assert "tokens[0] is shorter than 16 bytes" in settings().warnings[0]
    assert settings(tokens=["long-enough-token-2026"]).warnings == ()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"app_id": ""}, "app_id is missing"),
        ({"system": "v3"}, "system is not one of"),
        ({"salts": []}, "salts or tokens is empty"),
        ({"tokens": []}, "salts or tokens is empty"),
        ({"tokens": [""]}, "tokens[0] is empty"),
        ({"tokens": [" "]}, "tokens[0] is empty"),
        ({"salts": ["short"]}, "salts[0] is shorter than 16 bytes"),
        ({"salts": ["your_payment_salt_here"]}, "salts[0] is a placeholder"),
        ({"salts": "text"}, "salts is not a list"),
        ({"system": "trade", "platform_public_keys": []}, "platform_public_keys is empty"),
        ({"system": "trade", "platform_public_keys": [""]}, "platform_public_keys holds something empty"),
        ({"system": "trade", "platform_public_keys": ["no key at all"]}, "platform_public_keys[0] is damaged"),
        ({"goods": {"type": "301"}}, "goods.type is not a whole number"),
        ({"goods": [1]}, "goods is not an object"),
        ({"settle": {"after_days": 151}}, "settle.after_days"),
        ({"settle": {"receivers": [{"merchant_uid": "7", "basis_points": 3001}]}}, "basis_points"),
        ({"settle": {"receivers": [{"merchant_uid": str(n), "basis_points": 2000} for n in (1, 2)]}}, "30 %"),
        ({"order_sync": "no"}, "order_sync is not true or false"),
        ({"fulfil": "DONE"}, "fulfil is not an object"),
        ({"fulfil": {"whole": 4}}, "whole is not text"),
        ({"paid_late_policy": "maybe"}, "paid_late_policy is not one of"),
        ({"review_refund": "nobody"}, "review_refund is not one of"),
    ],
)
def test_A4_what_cannot_be_used_is_refused_by_name(changes: dict[str, object], named: str) -> None:
    with pytest.raises(KeysUnavailableError) as error:
        douyin_settings.load(document(**changes))

    assert named in str(error.value)


OPENSSL = """Bag Attributes
    friendlyName: \u5c0f\u5e97
    localKeyID: 4C 55 2B
Key Attributes: <No Attributes>
"""


def test_a_key_is_read_with_what_openssl_prints_around_it_and_several_from_one_text() -> None:
    pem = settings().platform_public_keys[0]
    private = document()["app_private_key_pem"]

    loaded = settings(platform_public_keys=[f"{OPENSSL}{pem}\n{OPENSSL}{pem}trailing words"])
    ours = settings(app_private_key_pem=f"{OPENSSL}{private}\n{pem}")

    assert loaded.platform_public_keys == (pem, pem)
    assert ours.private_key.reveal().strip() == private.strip()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"platform_public_keys": [""]}, "platform_public_keys holds something empty"),
        ({"platform_public_keys": "text"}, "platform_public_keys is not a list"),
        ({"app_secret": "short"}, "app_secret is shorter than 16 bytes"),
        ({"app_secret": 7}, "app_secret is not text"),
        ({"app_private_key_pem": 7}, "app_private_key_pem is not text"),
        ({"salts": ["throwaway-salt-of-tests-0001", ""]}, "salts[1] is empty"),
        ({"tokens": ["throwaway-token-of-tests-001", " "]}, "tokens[1] is empty"),
        ({"system": "trade", "salts": ["short"]}, "salts[0] is shorter than 16 bytes"),
        ({"system": "trade", "tokens": [""]}, "tokens[0] is empty"),
    ],
)
def test_one_bad_key_that_few_need_is_named_and_the_account_works(changes: dict[str, object], named: str) -> None:
    loaded = settings(**changes)

    assert any(named in warning and "it is not used" in warning for warning in loaded.warnings)
    assert all(secret.reveal().strip() for secret in (*loaded.salts, *loaded.tokens))


@pytest.mark.parametrize("name", ["salt", "secret", "private_key"])
def test_what_only_one_function_needs_is_missed_when_it_is_used(name: str) -> None:
    lean = settings(system="trade", salts=[], app_secret="", app_private_key_pem="")

    with pytest.raises(KeysUnavailableError):
        getattr(lean, name)

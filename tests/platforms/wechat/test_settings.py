"""The account document: what is typed, what is refused, and that nothing shows a key."""

import re
from typing import Any

import pytest

from countersign.errors import KeysUnavailableError, UnknownKeyError
from countersign.platforms.wechat import push, signing, v3
from countersign.platforms.wechat import settings as wechat_settings
from tests.platforms.wechat.support import (
    API_V2_KEY,
    API_V3_KEY,
    APPID,
    CERTIFICATE,
    MCHID,
    MERCHANT,
    NOW,
    OLD_API_V3_KEY,
    PUBLIC_KEY,
    document,
    merchant_public_key,
    notice_v2,
    notice_v3,
    private_key,
    settings,
)
from tests.signing.keys import certificate_pem, key_pem


def test_every_field_of_the_contract_is_typed() -> None:
    loaded = settings(
        appids=["wx0000000000000001"],
        sub_mchid="1900099009",
        push={"mode": "plain", "token": "AAAAA", "encoding_aes_keys": ["A" * 43]},
        store={"appid": "wx0000000000000002", "secret": "s" * 32, "push": {"token": "BBBBB"}},
        paid_late_policy="refund",
        api_base="http://127.0.0.1:8081/wechat/",
        something_later="kept out",
    )

    assert (loaded.mchid, loaded.appid, loaded.appids) == (MCHID, APPID, ("wx0000000000000001",))
    assert (loaded.sub_mchid, loaded.api, loaded.v2_sign_type) == ("1900099009", "v3", "MD5")
    assert [key.reveal() for key in loaded.api_v3_keys + loaded.api_v2_keys] == [API_V3_KEY, API_V2_KEY]
    assert loaded.wechatpay_public_keys == {PUBLIC_KEY["id"]: PUBLIC_KEY["public_pem"]}
    assert loaded.request_key_id == PUBLIC_KEY["id"]
    assert loaded.platform_certificates == (CERTIFICATE["cert_pem"],)
    assert loaded.push.mode == "plain"
    assert loaded.push.token is not None
    assert loaded.push.token.reveal() == "AAAAA"
    assert loaded.store is not None
    assert loaded.store.push.mode == "secure"
    assert loaded.store.order_path == "/channels/ec/order/get"
    assert (loaded.paid_late_policy, loaded.api_base) == ("refund", "http://127.0.0.1:8081/wechat")


def test_only_what_verifies_notices_is_needed() -> None:
    v3_only = wechat_settings.load(
        {
            "mchid": MCHID,
            "appid": APPID,
            "api_v3_keys": [API_V3_KEY],
            "wechatpay_public_keys": [{"id": PUBLIC_KEY["id"], "pem": PUBLIC_KEY["public_pem"]}],
        }
    )
    v2_only = wechat_settings.load({"mchid": MCHID, "appid": APPID, "api": "v2", "api_v2_keys": [API_V2_KEY]})

    assert signing.verify(notice_v3(), v3_only, now=NOW).signed
    assert signing.verify(notice_v2(), v2_only, now=NOW).signed
    assert (v3_only.api, v3_only.paid_late_policy, v3_only.push.mode) == ("v3", "ask", "secure")


def test_H1_no_key_is_shown_by_a_loaded_account() -> None:
    text = repr(settings(push={"token": "canary-token", "encoding_aes_keys": ["canary-aes-key"]}))

    for secret in (API_V3_KEY, API_V2_KEY, "PRIVATE KEY", "f0e1d2c3b4a5968778695a4b3c2d1e0f", "canary"):
        assert secret not in text


REFUSED = [
    ({"mchid": None}, "mchid is missing"),
    ({"mchid": ""}, "mchid is missing"),
    ({"mchid": 1900099001}, "mchid is not text"),
    ({"appid": "  "}, "appid is not text"),
    ({"api": "v4"}, "api is not one of"),
    ({"v2_sign_type": "SHA1"}, "v2_sign_type is not one of"),
    ({"v2_sign_type": "md5"}, "v2_sign_type is not one of"),
    ({"paid_late_policy": "guess"}, "paid_late_policy is not one of"),
    ({"review_refund": "nobody"}, "review_refund is not one of"),
    ({"api_v3_keys": None}, "api_v3_keys is empty"),
    ({"api_v3_keys": []}, "api_v3_keys is empty"),
    ({"api_v3_keys": API_V3_KEY}, "api_v3_keys is not a list"),
    ({"api_v3_keys": [""]}, r"api_v3_keys\[0\] is empty"),
    ({"api_v3_keys": [API_V3_KEY[:-1]]}, r"api_v3_keys\[0\] must be exactly 32 bytes"),
    ({"api_v3_keys": [API_V3_KEY + "="]}, r"api_v3_keys\[0\] must be exactly 32 bytes"),
    ({"api_v3_keys": ["<the APIv3 key, 32 characters..>"]}, r"api_v3_keys\[0\] is a placeholder"),
    ({"api": "v2", "api_v2_keys": ["192006250b4c09247ec02edce69f6a2d"]}, r"api_v2_keys\[0\] is the sample"),
    ({"api_v3_keys": ["192006250b4c09247ec02edce69f6a2d"]}, r"api_v3_keys\[0\] is the sample"),
    ({"api": "v2", "api_v2_keys": ["too-short"]}, r"api_v2_keys\[0\] is shorter than 16 bytes"),
    ({"api": "v2", "api_v2_keys": []}, "api_v2_keys is empty"),
    ({"wechatpay_public_keys": None, "platform_certificates": None}, "nothing could be verified"),
    ({"store": {"secret": "x"}}, "appid is missing"),
    ({"store": {"appid": "wx1", "order_path": "https://elsewhere.example/get"}}, "order_path is not a path"),
    ({"store": {"appid": "wx1", "delivery_path": "/send?order_id=1"}}, "delivery_path is not a path"),
]


# Each alone is nothing to stop for while WeChat is known by the other of the two.
UNTRUSTED = [
    ({"wechatpay_public_keys": {"id": "x"}}, "wechatpay_public_keys is not a list"),
    ({"wechatpay_public_keys": ["PUB_KEY_ID_1"]}, r"wechatpay_public_keys\[0\] is not an object"),
    ({"wechatpay_public_keys": [{"id": "PUB_KEY_ID_1"}]}, "pem is missing"),
    ({"wechatpay_public_keys": [{"pem": PUBLIC_KEY["public_pem"]}]}, "id is missing"),
    ({"wechatpay_public_keys": [{"id": "5709FD62", "pem": PUBLIC_KEY["public_pem"]}]}, "begin with PUB_KEY_ID_"),
    ({"wechatpay_public_keys": [{"id": "PUB_KEY_ID_1", "pem": MERCHANT["cert_pem"]}]}, "labelled PUBLIC KEY"),
    ({"platform_certificates": [""]}, "platform_certificates holds something empty"),
    ({"platform_certificates": ["5709FD62"]}, "labelled CERTIFICATE"),
    ({"platform_certificates": [MERCHANT["cert_pem"]]}, "merchant's own certificate"),
]
OPTIONAL = [
    *UNTRUSTED,
    ({"api_v3_keys": [API_V3_KEY, " "]}, r"api_v3_keys\[1\] is empty"),
    ({"api_v3_keys": [API_V3_KEY, None]}, r"api_v3_keys\[1\] is not text"),
    ({"api_v2_keys": ["192006250b4c09247ec02edce69f6a2d"]}, r"api_v2_keys\[0\] is the sample"),
    ({"api_v2_keys": "too-short"}, "api_v2_keys is not a list"),
    ({"merchant_cert_pem": "x"}, "merchant_cert_pem is not a PEM block"),
    ({"merchant_cert_pem": MERCHANT["cert_pem"].replace("MII", "M!I")}, "merchant_cert_pem is damaged"),
    ({"merchant_private_key_pem": 7}, "merchant_private_key_pem is not text"),
    ({"merchant_serial": 7}, "merchant_serial is not text"),
    ({"mini_program_secret": 7}, "mini_program_secret is not text"),
]


@pytest.mark.parametrize(("changes", "reason"), OPTIONAL)
def test_one_bad_key_that_few_need_is_named_and_the_account_works(changes: dict[str, Any], reason: str) -> None:
    account = wechat_settings.load(document(**changes))
    signer = {"by": CERTIFICATE} if "wechatpay_public_keys" in changes else {}

    assert signing.verify(notice_v3(**signer), account, now=NOW).signed
    assert any(re.search(reason, warning) and warning.endswith("it is not used") for warning in account.warnings)


@pytest.mark.parametrize(("changes", "reason"), UNTRUSTED)
def test_A4_an_account_that_could_verify_nothing_is_refused(changes: dict[str, Any], reason: str) -> None:
    nothing = {"wechatpay_public_keys": None, "platform_certificates": None}

    with pytest.raises(KeysUnavailableError, match=reason):
        wechat_settings.load(document(**{**nothing, **changes}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"push": "secure"}, "push is not an object"),
        ({"push": {"mode": "open"}}, "mode is not one of"),
        ({"push": {"token": "AAAAA", "encoding_aes_keys": [""]}}, "encoding_aes_keys holds something empty"),
        ({"store": {"appid": "wx1", "push": {"token": 7}}}, "token is not text"),
    ],
)
def test_a_push_that_cannot_be_used_stops_pushes_only(changes: dict[str, Any], reason: str) -> None:
    account = wechat_settings.load(document(**changes))

    assert signing.verify(notice_v3(), account, now=NOW).signed
    with pytest.raises(KeysUnavailableError, match=reason):
        push.recipients(account)


OPENSSL = """Bag Attributes
    localKeyID: 4C 55 2B 6E D2 EE
    friendlyName: \u5fae\u4fe1\u652f\u4ed8
subject=C = CN, O = Throwaway merchant, CN = 1900099001
"""


def test_keys_are_read_with_what_openssl_prints_around_them_and_several_from_one_text() -> None:
    other = certificate_pem(private_key(PUBLIC_KEY["private_pem"]), 0x0ABC)
    account = settings(
        merchant_cert_pem=OPENSSL + MERCHANT["cert_pem"] + OPENSSL + other,
        merchant_private_key_pem=OPENSSL + MERCHANT["private_pem"] + MERCHANT["cert_pem"],
        merchant_serial="serial=48:3f:87:6c",
        wechatpay_public_keys=[{"id": PUBLIC_KEY["id"], "pem": OPENSSL + PUBLIC_KEY["public_pem"] + "words"}],
        platform_certificates=[OPENSSL + other + OPENSSL + CERTIFICATE["cert_pem"]],
    )

    assert account.warnings == settings().warnings
    assert account.merchant_cert_pem == MERCHANT["cert_pem"] + other
    assert account.merchant_serial == "483F876C"
    assert v3.sign(b"x", account) == v3.sign(b"x", settings())
    assert signing.verify(notice_v3(), account, now=NOW).signed
    assert signing.verify(notice_v3(by=CERTIFICATE), account, now=NOW).signed


def test_a_damaged_certificate_beside_a_good_one_stops_nothing_and_no_stranger_can_blame_it() -> None:
    damaged = CERTIFICATE["cert_pem"].replace("MIID", "MIIA")
    account = settings(platform_certificates=[damaged, CERTIFICATE["cert_pem"]], wechatpay_public_keys=None)

    assert signing.verify(notice_v3(by=CERTIFICATE), account, now=NOW).signed
    with pytest.raises(UnknownKeyError):
        signing.verify(notice_v3(by=CERTIFICATE, serial="0ABC"), account, now=NOW)


@pytest.mark.parametrize(("changes", "reason"), REFUSED)
def test_A4_what_cannot_be_used_is_refused_by_name(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(KeysUnavailableError, match=reason) as refusal:
        wechat_settings.load(document(**changes))
    assert refusal.value.status == 503
    assert API_V3_KEY[:-1] not in str(refusal.value)


def test_the_merchants_own_public_key_is_not_trusted_as_wechats() -> None:
    own = key_pem(merchant_public_key())

    with pytest.raises(KeysUnavailableError, match="merchant's own key"):
        settings(wechatpay_public_keys=[{"id": "PUB_KEY_ID_1", "pem": own}], platform_certificates=None)
    assert settings(wechatpay_public_keys=[{"id": "PUB_KEY_ID_1", "pem": own}]).wechatpay_public_keys == {}


def test_a_certificate_of_the_merchants_own_key_is_not_trusted_as_wechats() -> None:
    # Another certificate of the same key: it passes for WeChat's until it is read.
    renewed = certificate_pem(private_key(MERCHANT["private_pem"]), 0x0ABC)
    account = settings(platform_certificates=[renewed])

    with pytest.raises(KeysUnavailableError, match="merchant's own key"):
        signing.verify(notice_v3(by=MERCHANT, serial="0ABC"), account, now=NOW)


def test_a_damaged_trust_key_is_our_fault_and_not_the_senders() -> None:
    damaged = PUBLIC_KEY["public_pem"].replace("MIIB", "MIIA")
    account = settings(wechatpay_public_keys=[{"id": PUBLIC_KEY["id"], "pem": damaged}], merchant_cert_pem=None)

    with pytest.raises(KeysUnavailableError):
        signing.verify(notice_v3(), account, now=NOW)


def test_fields_of_other_functions_are_checked_when_used() -> None:
    account = settings(merchant_private_key_pem="broken", merchant_serial=None, mini_program_secret="short")

    assert signing.verify(notice_v3(), account, now=NOW).signed
    with pytest.raises(KeysUnavailableError, match="merchant_serial"):
        v3.authorization("GET", "/v3/certificates", b"", account, now=NOW, nonce="n")
    with pytest.raises(KeysUnavailableError, match="merchant_private_key_pem"):
        v3.pay_sign(APPID, "wx1", account, now=NOW, nonce="n")


def test_keys_are_lists_with_the_current_one_first() -> None:
    account = settings(api_v3_keys=[API_V3_KEY, OLD_API_V3_KEY])

    assert [key.reveal() for key in account.api_v3_keys] == [API_V3_KEY, OLD_API_V3_KEY]


def test_no_v3_keys_means_that_v3_messages_are_not_genuine() -> None:
    account = settings(api="v2", api_v3_keys=None, wechatpay_public_keys=None, platform_certificates=None)

    with pytest.raises(UnknownKeyError):
        signing.verify(notice_v3(), account, now=NOW)

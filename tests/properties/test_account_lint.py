"""The lint of account documents: what would be refused, what two accounts share, what ends soon; never a value."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from countersign_cli.examining.documents import DAY, Finding, lint
from tests.infra.reading import LAYER, ROOT
from tests.signing.keys import certificate_pem, private_key, private_pem, public_pem

NOW = 1_795_328_845
Document = dict[str, Any]


def key(letter: str) -> str:
    """Return 32 bytes that look like a key."""
    return "".join(f"{letter}{number % 10}" for number in range(3, 19))


def wechat(letter: str, **changes: Any) -> Document:
    """Return a good document of a merchant of its own; None takes a field out."""
    document = {
        "mchid": f"19000990{ord(letter)}",
        "appid": f"wx00000000000000{ord(letter)}",
        "api_v3_keys": [key(letter)],
        "api_v2_keys": [key(letter.upper())],
        "wechatpay_public_keys": [{"id": f"PUB_KEY_ID_{letter}", "pem": public_pem(private_key())}],
        "mini_program_secret": key(letter)[::-1],
        **changes,
    }
    return {name: value for name, value in document.items() if value is not None}


def douyin(letter: str, **changes: Any) -> Document:
    return {"app_id": f"tt{letter}", "salts": [key(f"s{letter}")], "tokens": [key(f"t{letter}")], **changes}


@pytest.fixture
def said(tmp_path: Path) -> Any:
    """Write documents and return what the lint says, as `level where: what`."""

    def run(**documents: Document) -> list[str]:
        for name, document in documents.items():
            platform, _, account = name.partition("_")
            (tmp_path / platform).mkdir(exist_ok=True)
            (tmp_path / platform / f"{account}.json").write_text(json.dumps(document))
        return [f"{level} {where}: {what}" for level, where, what in lint(tmp_path, NOW)]

    return run


def test_good_documents_are_good(said: Any) -> None:
    assert said(wechat_a=wechat("a"), wechat_b=wechat("b"), douyin_c=douyin("c")) == []


def test_what_the_loader_refuses_is_said_with_its_reason(said: Any) -> None:
    found = said(
        wechat_a=wechat("a", api_v3_keys=["too short"]),
        douyin_b=douyin("b", tokens=[]),
        wechat_c=wechat("c", mchid=None),
    )

    assert found == [
        "error douyin/b: salts or tokens is empty: guaranteed payment could neither be called nor believed",
        "error wechat/a: api_v3_keys[0] must be exactly 32 bytes, it has 9",
        "error wechat/c: mchid is missing",
    ]


def test_what_the_loader_leaves_to_one_function_is_read_too(said: Any) -> None:
    damaged = private_pem(private_key()).replace("MII", "XXX", 1)

    found = said(
        wechat_a=wechat("a", mini_program_secret="<the app's secret>", merchant_private_key_pem=damaged),
        wechat_b=wechat("b", wechatpay_public_keys=[{"id": "PUB_KEY_ID_1", "pem": "-----BEGIN PUBLIC KEY-----\nMIIB"}]),
        wechat_c=wechat("c", platform_certificates=["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]),
    )

    assert found == [
        "error wechat/a: merchant_private_key_pem is not an unencrypted PEM private key",
        "error wechat/a: mini_program_secret is a placeholder",
        "error wechat/b: wechatpay_public_keys, platform_certificates: nothing could be verified: "
        "wechatpay_public_keys[PUB_KEY_ID_1] is not a PEM block labelled PUBLIC KEY",
        "error wechat/c: platform_certificates[0] is not an X.509 certificate",
    ]


def test_B14_the_same_secret_in_two_accounts_is_an_error_on_any_platform(said: Any) -> None:
    found = said(
        wechat_a=wechat("a"),
        wechat_b=wechat("b", api_v2_keys=[key("n"), key("a")]),
        douyin_c=douyin("c", salts=[key("A")]),
    )

    assert found == [
        "error wechat/a: api_v2_keys[0] is the same as salts[0] of douyin/c",
        "error wechat/b: api_v2_keys[1] is the same as api_v3_keys[0] of wechat/a",
    ]


def test_B14_a_key_is_the_same_however_it_is_wrapped(said: Any) -> None:
    pem = private_pem(private_key())
    unwrapped = pem.replace("\n", "").replace("KEY-----", "KEY-----\n", 1).replace("-----END", "\n-----END")

    found = said(
        wechat_a=wechat("a", merchant_private_key_pem=pem), wechat_b=wechat("b", merchant_private_key_pem=unwrapped)
    )

    assert found == ["error wechat/b: merchant_private_key_pem is the same as merchant_private_key_pem of wechat/a"]


def test_an_app_of_two_merchant_numbers_has_one_secret(said: Any) -> None:
    shared = {"appid": "wx0000000000000001", "mini_program_secret": key("m")}

    assert said(wechat_a=wechat("a", **shared), wechat_b=wechat("b", **shared)) == []


@pytest.mark.parametrize(
    ("first", "second", "field"),
    [
        (wechat("a"), wechat("b", mchid=wechat("a")["mchid"]), "mchid"),
        (douyin("a"), douyin("b", app_id="tta"), "app_id"),
    ],
    ids=["mchid", "app_id"],
)
def test_a_second_document_for_one_merchant_is_an_error(
    said: Any, first: Document, second: Document, field: str
) -> None:
    platform = "wechat" if field == "mchid" else "douyin"

    found = said(**{f"{platform}_a": first, f"{platform}_b": second})

    assert found == [f"error {platform}/b: {field} is the one of {platform}/a: one document for each"]


def test_sub_merchants_of_one_service_provider_are_accounts_of_their_own_and_share_its_keys(said: Any) -> None:
    provider = {"mchid": "1900099010", "api_v3_keys": [key("p")], "api_v2_keys": [key("P")]}
    documents = {
        letter: wechat(letter, **provider, sub_mchid=f"190009902{number}", sub_appid=f"wx000000000000000{number}")
        for number, letter in enumerate("ab")
    }

    assert said(wechat_a=documents["a"], wechat_b=documents["b"]) == []

    again = {**documents["b"], "sub_mchid": documents["a"]["sub_mchid"]}
    assert said(wechat_a=documents["a"], wechat_b=again) == [
        "error wechat/b: mchid and sub_mchid are those of wechat/a: one document for each"
    ]


def test_a_provider_and_a_merchant_of_another_number_may_not_share_a_key(said: Any) -> None:
    provider = wechat("a", sub_mchid="1900099020")

    assert said(wechat_a=provider, wechat_b=wechat("b", api_v3_keys=provider["api_v3_keys"])) == [
        "error wechat/b: api_v3_keys[0] is the same as api_v3_keys[0] of wechat/a"
    ]


def test_a_key_that_stands_twice_in_one_document_is_a_warning(said: Any) -> None:
    assert said(wechat_a=wechat("a", api_v3_keys=[key("a"), key("a")])) == [
        "warning wechat/a: api_v3_keys[1] is the same as api_v3_keys[0]"
    ]


def test_short_tokens_are_a_warning(said: Any) -> None:
    found = said(
        douyin_a=douyin("a", tokens=["short"]), wechat_b=wechat("b", push={"token": "shop7", "encoding_aes_keys": []})
    )

    assert found == [
        "warning douyin/a: tokens[0] is shorter than 16 bytes: it can be guessed from one captured callback",
        "warning wechat/b: push.token is shorter than 16 bytes: it can be guessed from one captured message",
    ]


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (NOW - DAY, "error wechat/a: platform_certificates[0] has expired on 2026-11-21"),
        (NOW + 29 * DAY, "warning wechat/a: platform_certificates[0] expires on 2026-12-21"),
        (NOW + 31 * DAY, ""),
    ],
)
def test_certificates_that_end_are_said_a_month_before(said: Any, ends: int, expected: str) -> None:
    certificate = certificate_pem(private_key(), 77, 0, ends)

    assert said(wechat_a=wechat("a", platform_certificates=[certificate])) == ([expected] if expected else [])


def test_an_expired_certificate_beside_its_successor_is_only_worth_a_warning(said: Any) -> None:
    old, new = certificate_pem(private_key(), 77, 0, NOW - DAY), certificate_pem(private_key(), 78)

    assert said(wechat_a=wechat("a", platform_certificates=[new, old])) == [
        "warning wechat/a: platform_certificates[1] has expired on 2026-11-21"
    ]


def test_an_address_of_the_sandbox_is_a_warning(said: Any) -> None:
    [found] = said(wechat_a=wechat("a", api_base="http://127.0.0.1:8081/wechat"))

    assert found.startswith("warning wechat/a: api_base is set")


def test_a_file_that_is_no_account_is_an_error(said: Any, tmp_path: Path) -> None:
    assert lint(tmp_path, NOW) == [Finding("error", str(tmp_path), "no {platform}/{account}.json is there")]
    (tmp_path / "wechat").mkdir()
    (tmp_path / "wechat" / "twice.json").write_text('{"mchid": "1", "mchid": "2"}')

    assert said(paypal_a={}, wechat_A=wechat("a"), wechat_list=[]) == [
        "error paypal/a: there is no such platform",
        "error wechat/A: the account's name is not a to z, 0 to 9, . and -, at most 100 characters",
        "error wechat/list: the document is not an object",
        "error wechat/twice: the document is not JSON: JSON repeats a key",
    ]


def test_no_value_is_printed_and_the_status_says_whether_there_are_errors(tmp_path: Path) -> None:
    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "countersign_cli", "doctor", "--accounts", folder],
            env={"PYTHONPATH": os.pathsep.join(map(str, (LAYER, ROOT / "cli", ROOT)))},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    bad = run(ROOT / "tests" / "accounts")
    (tmp_path / "wechat").mkdir()
    (tmp_path / "wechat" / "main.json").write_text(json.dumps(wechat("a", api_base="http://127.0.0.1:1")))
    good, missing = run(tmp_path), run(tmp_path / "nowhere")

    assert (bad.returncode, good.returncode, missing.returncode) == (1, 0, 2)
    assert good.stderr.splitlines()[-1] == "1 documents: 0 errors, 1 warnings"
    for path in (ROOT / "tests" / "accounts").rglob("*.json"):
        for name, value in json.loads(path.read_bytes()).items():
            for text in value if isinstance(value, list) else [value]:
                if name.endswith(("keys", "salts", "tokens", "secret", "pem")):
                    assert str(text) not in bad.stdout


class TestCashiers:
    """A cashier's documents lie below the cashier's name."""

    def write(self, folder: Path, name: str, **document: Any) -> None:
        path = folder / "cashier" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))

    def hc1(self, folder: Path, account: str, letter: str, merchant_id: str) -> None:
        keys = [{"id": f"ak_{letter}", "secret": key(letter)}]
        base = "https://cashier.example.com"
        self.write(folder, f"hc1/{account}", merchant_id=merchant_id, keys=keys, base_url=base)

    def test_good_ones_are_good(self, tmp_path: Path) -> None:
        self.hc1(tmp_path, "a", "a", "m_1")
        self.hc1(tmp_path, "b", "b", "m_2")
        self.write(tmp_path, "stripe/c", api_key=f"sk_live_{key('c')}", webhook_secrets=[f"whsec_{key('d')}"])
        self.write(tmp_path, "wechat_native/qr", wechat="shop")

        assert lint(tmp_path, NOW) == []

    def test_one_that_cannot_be_used_and_one_of_a_cashier_that_is_none_are_named(self, tmp_path: Path) -> None:
        self.write(tmp_path, "stripe/c", api_key=f"sk_live_{key('c')}", webhook_secrets=[])
        self.write(tmp_path, "nobody/x", api_key="x")
        self.write(tmp_path.parent / tmp_path.name, "../acmepay/x", api_key="x")

        assert sorted(lint(tmp_path, NOW)) == [
            Finding("error", "acmepay/x", "there is no such platform"),
            Finding("error", "cashier/nobody/x", "there is no such platform"),
            Finding("error", "cashier/stripe/c", "webhook_secrets is empty: no event could be verified"),
        ]

    def test_two_documents_for_one_merchant_or_with_one_key_are_said(self, tmp_path: Path) -> None:
        self.hc1(tmp_path, "a", "a", "m_1")
        self.hc1(tmp_path, "b", "a", "m_1")

        assert [one.what for one in lint(tmp_path, NOW)] == [
            "merchant_id and base are those of cashier/hc1/a: one document for each",
            "keys[0].secret is the same as keys[0].secret of cashier/hc1/a",
        ]

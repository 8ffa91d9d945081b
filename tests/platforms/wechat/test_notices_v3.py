"""Notices of API v3: whose they are, whom they are for, and that nothing else passes."""

import base64
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countersign.errors import (
    CountersignError,
    InvalidSignatureError,
    MalformedError,
    SignatureProbeError,
    StaleTimestampError,
    TenantMismatchError,
    UndecryptableError,
    UnknownKeyError,
)
from countersign.http import HttpRequest, read_request
from countersign.platforms.wechat import signing, translate
from tests.platforms.wechat.support import (
    API_V3_KEY,
    CERTIFICATE,
    MERCHANT,
    NOW,
    OLD_API_V3_KEY,
    PUBLIC_KEY,
    REFUND,
    TRANSACTION,
    envelope,
    notice_v3,
    request,
    seal,
    settings,
    signature_headers,
)
from tests.signing.keys import certificate_pem, private_key, private_pem

ACCOUNT = settings()


def refused(notice: HttpRequest, account: Any = ACCOUNT, now: int = NOW) -> CountersignError:
    """Return why a notice is refused."""
    with pytest.raises(CountersignError) as refusal:
        signing.verify(notice, account, now=now)
    return refusal.value


def test_a_genuine_notice_is_opened() -> None:
    genuine = signing.verify(notice_v3(), ACCOUNT, now=NOW)

    assert genuine.fields == TRANSACTION
    assert (genuine.system, genuine.event_type, genuine.signed) == ("v3", "TRANSACTION.SUCCESS", True)
    assert (genuine.key_id, genuine.envelope_id) == (PUBLIC_KEY["id"], "40910694-8afc-5168-af15-943036ed28f4")


@pytest.mark.parametrize("name", ["signature", "serial", "timestamp", "nonce"])
@pytest.mark.parametrize("value", [None, ""])
def test_A1_a_missing_header_is_not_genuine_and_is_named(name: str, value: str | None) -> None:
    notice = notice_v3()
    headers = {key: text for key, text in notice.headers.items() if key != f"wechatpay-{name}"}
    if value is not None:
        headers[f"wechatpay-{name}"] = value

    error = refused(replace(notice, headers=headers))

    assert (type(error), error.status) == (InvalidSignatureError, 401)
    assert f"wechatpay-{name}" in str(error)


def test_A1_no_headers_at_all_are_not_genuine() -> None:
    assert refused(request(envelope())).status == 401


SHORT = b'{"id":"1","event_type":"TRANSACTION.SUCCESS","resource":{}}'


@pytest.mark.parametrize("byte", range(len(SHORT)))
def test_A2_any_changed_bit_of_the_body_is_not_genuine(byte: int) -> None:
    headers = signature_headers(SHORT)
    for bit in range(8):
        body = SHORT[:byte] + bytes([SHORT[byte] ^ 1 << bit]) + SHORT[byte + 1 :]

        assert refused(request(body, headers)).status == 401


@pytest.mark.parametrize("name", ["timestamp", "nonce", "serial", "signature"])
def test_A2_any_changed_bit_of_a_signed_header_is_refused(name: str) -> None:
    headers = signature_headers(SHORT)
    text = headers[f"wechatpay-{name}"]
    step = 1 if len(text) < 50 else 11
    for position in range(0, len(text), step):
        for bit in range(7):
            changed = text[:position] + chr(ord(text[position]) ^ 1 << bit) + text[position + 1 :]
            error = refused(request(SHORT, {**headers, f"wechatpay-{name}": changed}))
            # A comma is how a gateway joins a header that came twice: 400.
            assert error.status == (400 if "," in changed else 401)


@pytest.mark.parametrize("body", [SHORT + b"\n", b" " + SHORT, SHORT[:-1], b"", SHORT + SHORT, b"\xef\xbb\xbf" + SHORT])
def test_A2_added_or_missing_bytes_are_not_genuine(body: bytes) -> None:
    assert refused(request(body, signature_headers(SHORT))).status == 401


def test_A2_a_line_of_the_body_cannot_move_into_the_nonce() -> None:
    whole = b'"x"\n' + SHORT
    headers = signature_headers(whole, nonce="abc")

    assert refused(request(SHORT, {**headers, "wechatpay-nonce": 'abc\n"x"'})).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost"},
        {"x-forwarded-for": "127.0.0.1", "x-forwarded-host": "localhost", "x-real-ip": "127.0.0.1"},
        {"x-debug": "1", "x-amzn-trace-id": "x", "authorization": "Bearer x"},
    ],
)
def test_A3_no_header_or_environment_turns_verification_off(
    headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SAM_LOCAL", "DEBUG", "STAGE"):
        monkeypatch.setenv(name, "true")
    genuine = notice_v3()
    forged = replace(genuine, body=envelope({**TRANSACTION, "out_trade_no": "T-0002"}))

    assert refused(replace(forged, headers={**genuine.headers, **headers}, source_ip="127.0.0.1")).status == 401


@pytest.mark.parametrize(
    "signature", ["é", "签名", "\ud800", "\x00", "undefined", "null", "0" * 344, "A" * 343 + "=", "==", "AAAA" * 10_000]
)
def test_A5_A6_junk_in_place_of_the_signature_is_not_genuine(signature: str) -> None:
    notice = notice_v3()

    assert refused(replace(notice, headers={**notice.headers, "wechatpay-signature": signature})).status == 401


@pytest.mark.parametrize("name", ["nonce", "serial", "timestamp", "signature-type"])
@pytest.mark.parametrize("value", ["é", "\ud800", "\x00", "a\nb", "9" * 70_000])
def test_A5_junk_in_another_header_is_not_genuine(name: str, value: str) -> None:
    notice = notice_v3()

    assert refused(replace(notice, headers={**notice.headers, f"wechatpay-{name}": value})).status == 401


@pytest.mark.parametrize("name", ["signature", "serial", "timestamp", "nonce"])
def test_A7_a_header_that_came_twice_is_malformed(name: str) -> None:
    notice = notice_v3()
    value = notice.headers[f"wechatpay-{name}"]

    error = refused(replace(notice, headers={**notice.headers, f"wechatpay-{name}": f"{value},{value}"}))

    assert (type(error), error.status) == (MalformedError, 400)


def event(notice: HttpRequest, headers: dict[str, str], *, encoded: bool) -> dict[str, Any]:
    """Return the notice as API Gateway hands it over."""
    body = base64.b64encode(notice.body).decode() if encoded else notice.body.decode()
    return {
        "rawPath": notice.path,
        "headers": headers,
        "body": body,
        "isBase64Encoded": encoded,
        "requestContext": {"http": {"method": "POST", "path": notice.path, "sourceIp": "127.0.0.1"}},
    }


@pytest.mark.parametrize("spelling", [str.lower, str.upper, str.title])
@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "text/plain"])
def test_A7_C12_letter_case_encoding_and_content_type_do_not_matter(
    spelling: Any, encoded: bool, content_type: str
) -> None:
    notice = notice_v3()
    headers = {spelling(name): value for name, value in {**notice.headers, "content-type": content_type}.items()}

    received = read_request(event(notice, headers, encoded=encoded), limit=65_536)

    assert signing.verify(received, ACCOUNT, now=NOW).fields == TRANSACTION


@pytest.mark.parametrize(
    "signature_type", ["WECHATPAY2-SM2-WITH-SM3", "WECHATPAY2-RSA-2048-SHA256", "none", "NONE", "HMAC-SHA256", ""]
)
def test_A8_another_type_of_signature_is_not_genuine(signature_type: str) -> None:
    notice = notice_v3()

    error = refused(replace(notice, headers={**notice.headers, "wechatpay-signature-type": signature_type}))

    assert error.status == 401


def test_an_absent_type_of_signature_is_rsa() -> None:
    notice = notice_v3()
    headers = {name: value for name, value in notice.headers.items() if not name.endswith("type")}

    assert signing.verify(replace(notice, headers=headers), ACCOUNT, now=NOW).signed


def test_A10_an_unknown_key_is_not_genuine_however_often() -> None:
    notice = notice_v3()
    for number in range(1000):
        serial = f"{number:040X}" if number % 2 else f"PUB_KEY_ID_{number}"

        error = refused(replace(notice, headers={**notice.headers, "wechatpay-serial": serial}))

        assert type(error) is UnknownKeyError


@pytest.mark.parametrize("serial", [PUBLIC_KEY["id"].lower(), PUBLIC_KEY["id"][:-1], CERTIFICATE["serial"][1:]])
def test_a_key_is_known_by_its_whole_name(serial: str) -> None:
    assert type(refused(notice_v3(serial=serial))) is UnknownKeyError


def test_a_hexadecimal_serial_is_compared_without_case() -> None:
    genuine = signing.verify(notice_v3(by=CERTIFICATE, serial=CERTIFICATE["serial"].lower()), ACCOUNT, now=NOW)

    assert genuine.key_id == CERTIFICATE["serial"]


def test_a_signature_of_one_key_under_the_name_of_another_is_not_genuine() -> None:
    assert type(refused(notice_v3(by=CERTIFICATE, serial=PUBLIC_KEY["id"]))) is InvalidSignatureError
    assert type(refused(notice_v3(by=PUBLIC_KEY, serial=CERTIFICATE["serial"]))) is InvalidSignatureError


def test_the_merchants_own_signature_is_not_wechats() -> None:
    assert refused(notice_v3(by=MERCHANT)).status == 401


def test_A11_rotation_of_the_apiv3_key_refuses_nothing_until_the_old_one_is_gone() -> None:
    sealed_before = envelope(sealed=seal(TRANSACTION, key=OLD_API_V3_KEY))
    before, after = request(sealed_before, signature_headers(sealed_before)), notice_v3()
    during = settings(api_v3_keys=[API_V3_KEY, OLD_API_V3_KEY])

    assert signing.verify(before, during, now=NOW).fields == TRANSACTION
    assert signing.verify(after, during, now=NOW).fields == TRANSACTION
    assert type(refused(before, ACCOUNT)) is UndecryptableError


def test_A12_certificate_and_public_key_are_both_accepted_and_named() -> None:
    for by, name in ((PUBLIC_KEY, PUBLIC_KEY["id"]), (CERTIFICATE, CERTIFICATE["serial"])):
        assert signing.verify(notice_v3(by=by), ACCOUNT, now=NOW).key_id == name


@pytest.mark.parametrize("keep", [19, 20, 100, 344])
def test_A13_a_probe_is_its_own_kind_of_refusal(keep: int) -> None:
    notice = notice_v3()
    probe = "WECHATPAY/SIGNTEST/" + notice.headers["wechatpay-signature"][-keep:]

    error = refused(replace(notice, headers={**notice.headers, "wechatpay-signature": probe}))

    assert (type(error), error.status) == (SignatureProbeError, 401)


@pytest.mark.parametrize(
    ("first", "last", "trusted"),
    [(NOW - 10, NOW + 10, True), (NOW - 1000, NOW - 1, False), (NOW + 1, NOW + 1000, False)],
)
def test_A14_a_certificate_is_used_only_while_it_is_valid(first: int, last: int, trusted: bool) -> None:
    key = private_key()
    pem = certificate_pem(key, 0x0ABC, first, last)
    account = settings(platform_certificates=[pem], wechatpay_public_keys=None, merchant_cert_pem=None)
    notice = notice_v3(by={"private_pem": private_pem(key), "serial": "0ABC"})

    if trusted:
        assert signing.verify(notice, account, now=NOW).key_id == "0ABC"
    else:
        assert type(refused(notice, account)) is UnknownKeyError


@pytest.mark.parametrize("age", [-299, -1, 0, 1, 299])
def test_A15_a_notice_of_the_last_and_next_five_minutes_is_genuine(age: int) -> None:
    assert signing.verify(notice_v3(at=NOW - age), ACCOUNT, now=NOW).signed


@pytest.mark.parametrize("age", [-301, 301, -86_400, 86_400, 31_536_000])
def test_A15_an_older_or_later_notice_is_stale(age: int) -> None:
    assert type(refused(notice_v3(at=NOW - age))) is StaleTimestampError


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-1", f" {NOW}", f"{NOW}.9", f"{NOW}000", f"0{NOW}", "１７９５３２８８４５"]
)
def test_A15_what_is_no_time_is_not_genuine_although_signed(text: str) -> None:
    assert refused(notice_v3(at=text)).status == 401


def test_A16_A17_a_replay_under_other_unsigned_headers_says_the_same() -> None:
    notice = notice_v3()
    replay = replace(notice, headers={**notice.headers, "request-id": "another", "user-agent": "x", "x-new": "y"})
    again = notice_v3(at=NOW + 60, nonce="another")

    first, second, third = (
        translate.to_change(signing.verify(each, ACCOUNT, now=NOW), ACCOUNT, "shop") for each in (notice, replay, again)
    )

    assert first == second == third
    assert first.fact.identity() == third.fact.identity()


@pytest.mark.parametrize(
    "changes",
    [
        {"mchid": "1999999999"},
        {"mchid": 1900099001},
        {"mchid": None},
        {"mchid": ["1900099001"]},
        {"mchid": ""},
        {"sp_mchid": "1999999999"},
        {"appid": "wx0000000000000000"},
        {"appid": 1},
        {"sp_appid": "wx0000000000000000"},
    ],
)
@pytest.mark.parametrize("kind", [(TRANSACTION, "TRANSACTION.SUCCESS"), (REFUND, "REFUND.SUCCESS")])
def test_B6_a_genuine_notice_for_somebody_else_is_refused(changes: dict[str, Any], kind: tuple[Any, str]) -> None:
    resource, event_type = kind

    assert type(refused(notice_v3({**resource, **changes}, event_type))) is TenantMismatchError


def test_B6_a_genuine_notice_that_names_no_merchant_is_refused() -> None:
    nameless = {name: value for name, value in TRANSACTION.items() if name != "mchid"}

    assert type(refused(notice_v3(nameless))) is TenantMismatchError


@pytest.mark.parametrize("sub_mchid", [None, "", "1900099008"])
def test_B6_the_sub_merchant_must_match_where_one_is_configured(sub_mchid: str | None) -> None:
    account = settings(sub_mchid="1900099009")

    assert type(refused(notice_v3({**TRANSACTION, "sub_mchid": sub_mchid}), account)) is TenantMismatchError
    assert signing.verify(notice_v3({**TRANSACTION, "sub_mchid": "1900099009"}), account, now=NOW).signed


def test_every_app_of_the_account_is_its_own() -> None:
    account = settings(appids=["wx0000000000000001"])

    assert signing.verify(notice_v3({**TRANSACTION, "appid": "wx0000000000000001"}), account, now=NOW).signed
    assert signing.verify(notice_v3(REFUND, "REFUND.SUCCESS"), account, now=NOW).signed  # it names no app


def test_a_service_providers_notice_names_it_otherwise() -> None:
    partner = {name: value for name, value in TRANSACTION.items() if name not in ("mchid", "appid")}
    partner |= {"sp_mchid": TRANSACTION["mchid"], "sp_appid": TRANSACTION["appid"], "sub_mchid": "1900099009"}

    assert signing.verify(notice_v3(partner), settings(sub_mchid="1900099009"), now=NOW).signed


BROKEN_RESOURCES = [
    '{"mchid":"1900099001","mchid":"1900099001"}',
    '{"mchid":"1900099001","amount":{"total":1,"total":2}}',
    '{"mchid":"1900099001","amount":{"total":NaN}}',
    '{"mchid":"1900099001","amount":{"total":1e400}}',
    '{"mchid":"1900099001","amount":' + "[" * 40 + "]" * 40 + "}",
    '{"mchid":"1900099001","attach":"\\ud800"}',
    '{"mchid":"1900099001"',
    '{"mchid":"1900099001"}x',
    "[]",
    '"text"',
    "null",
    "",
    "\ufeff{}",
]


@pytest.mark.parametrize("text", BROKEN_RESOURCES)
def test_C6_C7_C8_C11_broken_json_inside_the_sealed_resource_is_malformed(text: str) -> None:
    assert refused(notice_v3(text)).status == 400


def test_C11_a_resource_that_is_not_utf_8_is_malformed() -> None:
    sealed = AESGCM(API_V3_KEY.encode()).encrypt(b"c9EKOeyGOZab", b'{"mchid":"\xff"}', b"transaction")
    body = envelope(sealed={**seal({}), "ciphertext": base64.b64encode(sealed).decode()})

    assert refused(request(body, signature_headers(body))).status == 400


@pytest.mark.parametrize(
    "body",
    [
        SHORT.replace(b'"id"', b'"id":"0","id"'),
        SHORT.replace(b'"1"', b"NaN"),
        SHORT + b"x",
        b"{",
        b"{" * 50_000,
        b'{"id":"\xff"}',
        b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
)
def test_C6_C7_C8_C11_broken_json_is_malformed_even_when_signed(body: bytes) -> None:
    assert refused(request(body, signature_headers(body))).status == 400


def signed_envelope(**changes: Any) -> HttpRequest:
    """Sign an envelope with some fields changed; None takes a field out."""
    content = {name: value for name, value in {**json.loads(envelope()), **changes}.items() if value is not None}
    body = json.dumps(content).encode()
    return request(body, signature_headers(body))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": 1},
        {"event_type": None},
        {"event_type": ["TRANSACTION.SUCCESS"]},
        {"resource": None},
        {"resource": "x"},
        {"resource": []},
        {"resource": {**seal(TRANSACTION), "ciphertext": None}},
        {"resource": {**seal(TRANSACTION), "ciphertext": "not base64"}},
        {"resource": {**seal(TRANSACTION), "ciphertext": 1}},
        {"resource": {**seal(TRANSACTION), "nonce": None}},
        {"resource": {**seal(TRANSACTION), "associated_data": 1}},
    ],
)
def test_C14_a_missing_part_of_the_envelope_is_malformed(changes: dict[str, Any]) -> None:
    assert refused(signed_envelope(**changes)).status == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "AES_256_CBC"},
        {"algorithm": None},
        {"nonce": "short"},
        {"nonce": "c9EKOeyGOZaB"},
        {"associated_data": ""},
        {"associated_data": None},
        {"associated_data": "refund"},
        {"ciphertext": ""},
        {"ciphertext": base64.b64encode(bytes(40)).decode()},
    ],
)
def test_a_good_signature_around_a_ciphertext_that_does_not_open_is_told_apart(changes: dict[str, Any]) -> None:
    error = refused(signed_envelope(resource={**seal(TRANSACTION), **changes}))

    assert (type(error), error.status) == (UndecryptableError, 401)


@pytest.mark.parametrize("absent", [True, False])
def test_absent_and_empty_associated_data_are_the_same(absent: bool) -> None:
    sealed = seal(TRANSACTION, aad="")
    if absent:
        del sealed["associated_data"]

    assert signing.verify(signed_envelope(resource=sealed), ACCOUNT, now=NOW).fields == TRANSACTION


def test_an_event_that_is_not_about_an_order_need_not_name_the_merchant() -> None:
    genuine = signing.verify(notice_v3({"echo_message": "hello"}, "SECURITY_ECHO.SUCCESS"), ACCOUNT, now=NOW)

    assert genuine.event_type == "SECURITY_ECHO.SUCCESS"


def test_H1_no_refusal_repeats_what_was_sent() -> None:
    canary = "canary-4711"
    notices = [
        notice_v3(serial=canary),
        notice_v3(at=canary),
        notice_v3({**TRANSACTION, "mchid": canary}),
        notice_v3({**TRANSACTION, "appid": canary}),
        signed_envelope(resource={**seal(TRANSACTION), "algorithm": canary}),
        replace(notice_v3(), headers={**notice_v3().headers, "wechatpay-signature": canary}),
    ]
    for notice in notices:
        text = str(refused(notice))
        assert canary not in text
        assert not re.search(r"[0-9A-Za-z+/]{40}", text)

"""Callbacks: what the signatures leave open is closed by strict reading (properties A and B)."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from countersign.errors import (
    CountersignError,
    InvalidSignatureError,
    MalformedError,
    RefusedError,
    StaleTimestampError,
    TenantMismatchError,
)
from countersign.http import HttpRequest
from countersign.orders.changes import AccountNews, Hint, Verified
from countersign.platforms.douyin import signing, translate
from tests.platforms.douyin.support import NOW, VECTORS, ecpay, message_of, outer, request, request_of, settings

PAYMENT = message_of("callback/payment_success")
KEY = rsa.generate_private_key(65537, 2048)
PUBLIC = (
    KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)


def trade(body: bytes, *, at: int = NOW, nonce: str = "b2f1c0de", **changed: str) -> HttpRequest:
    message = b"%d\n%b\n%b\n" % (at, nonce.encode(), body)
    signature = base64.b64encode(KEY.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()
    headers = {"byte-timestamp": str(at), "byte-nonce-str": nonce, "byte-signature": signature}
    return request(body, {**headers, **changed})


def trade_body(message: dict[str, object] | str, kind: str = "payment") -> bytes:
    text = message if isinstance(message, str) else json.dumps(message)
    return json.dumps({"version": "3.0", "type": kind, "msg": text}).encode()


def refusal(sent: HttpRequest, **changes: object) -> int:
    """Return the status by which a callback is refused."""
    with pytest.raises(CountersignError) as error:
        signing.verify(sent, settings(**changes), now=NOW)
    return error.value.status


@pytest.mark.parametrize("missing", ["timestamp", "nonce", "msg", "msg_signature", "type"])
def test_A1_each_outer_field_must_be_there(missing: str) -> None:
    fields = outer(PAYMENT)
    del fields[missing]

    assert refusal(request(json.dumps(fields).encode())) == 401


@pytest.mark.parametrize("missing", ["byte-timestamp", "byte-nonce-str", "byte-signature"])
def test_A1_each_header_of_the_trade_system_must_be_there(missing: str) -> None:
    genuine = request_of(VECTORS["trade_callback/payment_success"])
    headers = {name: value for name, value in genuine.headers.items() if name != missing}

    assert refusal(request(genuine.body, headers)) == 401


def test_A2_no_bit_of_a_signed_message_can_be_flipped() -> None:
    fields = outer('{"appid":"x"}')
    text = fields["msg"]
    for position in range(len(text)):
        for bit in range(7):
            changed = text[:position] + chr(ord(text[position]) ^ (1 << bit)) + text[position + 1 :]
            with pytest.raises(CountersignError):
                signing.verify(request(json.dumps({**fields, "msg": changed}).encode()), settings(), now=NOW)


def test_A2_no_bit_of_a_trade_callback_can_be_flipped() -> None:
    body = b'{"type":"x","msg":"{}"}'
    sent = trade(body)
    account = settings(platform_public_keys=[PUBLIC])
    for position in range(len(body)):
        for bit in range(8):
            changed = bytearray(body)
            changed[position] ^= 1 << bit
            with pytest.raises(InvalidSignatureError):
                signing.verify(request(bytes(changed), dict(sent.headers)), account, now=NOW)


@pytest.mark.parametrize("kind", ["refund", "settle", "withdraw", "pre_create_refund", ""])
def test_B3_a_payment_cannot_come_under_another_type(kind: str) -> None:
    assert refusal(ecpay(PAYMENT, kind)) == 401


@pytest.mark.parametrize(
    ("name", "kind"), [("callback/refund_success", "payment"), ("callback/settle_success", "refund")]
)
def test_B3_nor_can_a_refund_or_a_settlement(name: str, kind: str) -> None:
    assert refusal(ecpay(message_of(name), kind)) == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"timestamp": "4711", "nonce": str(NOW)},  # swapped
        {"timestamp": str(NOW)[:-1], "nonce": str(NOW)[-1] + "4711"},  # a digit moved on
        {"timestamp": str(NOW) + "4", "nonce": "711"},  # a digit moved back
        {"timestamp": str(NOW) + "4711", "nonce": ""},  # folded together
        {"amount": "1"},
        {"amount": 0},
        {"sub": {"a": 1}},
        {"flag": False},
        {"msg_signature": "B1D8A165118C886888B83F20854F2D1BA6822BBA"},
        {"type": 3},
        {"msg": {"appid": "x"}},
        {"msg": None},
        {"timestamp": True},
        {"timestamp": 1.5},
    ],
    ids=str,
)
def test_B4_only_the_five_fields_in_their_own_form_are_taken(changed: dict[str, object]) -> None:
    assert refusal(request(json.dumps({**outer(PAYMENT), **changed}).encode())) == 401


def test_B4_a_border_shift_that_keeps_ten_digits_lands_before_guaranteed_payment() -> None:
    fields = outer(PAYMENT, nonce="1234")  # signed: 1234 and then the time
    joined = "1234" + str(NOW)

    assert refusal(request(json.dumps({**fields, "timestamp": joined[:10], "nonce": joined[10:]}).encode())) == 401


@pytest.mark.parametrize("extra", [{"sub_mch": ""}, {"thirdparty_id": None}])
def test_B4_empty_outer_fields_carry_nothing_and_are_ignored(extra: dict[str, object]) -> None:
    fields = {**outer(PAYMENT), **extra}

    assert signing.verify(request(json.dumps(fields).encode()), settings(), now=NOW).type == "payment"


def test_B4_unknown_fields_inside_the_signed_message_are_kept() -> None:
    genuine = signing.verify(ecpay({**PAYMENT, "new_field": {"a": [1]}}), settings(), now=NOW)

    assert genuine.fields["new_field"] == {"a": [1]}


@pytest.mark.parametrize("tail", ["\x80", "\x00", " ", "{}", '"'])
def test_B5_a_message_that_was_made_longer_is_not_a_message(tail: str) -> None:
    text = json.dumps(PAYMENT)

    with pytest.raises(RefusedError):
        signing.verify(ecpay(text + tail), settings(), now=NOW)


def test_B5_bytes_that_are_not_UTF_8_are_refused() -> None:
    body = json.dumps(outer(PAYMENT)).encode().replace(b'"nonce"', b'"\x80\xff"')

    assert refusal(request(body)) == 400


@pytest.mark.parametrize("where", ["outside", "inside"])
def test_C7_a_repeated_key_is_refused(where: str) -> None:
    if where == "outside":
        body = json.dumps(outer(PAYMENT)).encode()[:-1] + b',"type":"refund"}'
        assert refusal(request(body)) == 400
    else:
        text = json.dumps(PAYMENT)[:-1] + ',"total_amount":1}'
        assert refusal(ecpay(text)) == 400


def test_A5_a_signature_outside_ascii_is_only_wrong() -> None:
    assert refusal(request(json.dumps({**outer(PAYMENT), "msg_signature": "é" * 40}).encode())) == 401


@pytest.mark.parametrize("changed", ["\n", " ", "=", "A"])
def test_A6_the_text_of_a_trade_signature_is_the_only_one(changed: str) -> None:
    sent = trade(trade_body({"app_id": "x"}))

    assert (
        refusal(
            request(sent.body, {**sent.headers, "byte-signature": sent.headers["byte-signature"] + changed}),
            platform_public_keys=[PUBLIC],
        )
        == 401
    )


def test_A11_a_callback_is_signed_with_the_token_of_the_day_the_order_was_paid() -> None:
    account = settings(tokens=["fresh-Token-2026", "pubToken123"])

    assert signing.verify(ecpay(PAYMENT), account, now=NOW).key_id == "tokens[1]"
    assert signing.verify(ecpay(PAYMENT, token="fresh-Token-2026"), account, now=NOW).key_id == "tokens[0]"
    assert refusal(ecpay(PAYMENT), tokens=["fresh-Token-2026"]) == 401


def test_A11_platform_keys_are_a_list_too() -> None:
    body = trade_body({"app_id": settings().app_id, "out_order_no": "A"})
    first = json.loads(json.dumps(settings().platform_public_keys[0]))
    account = settings(platform_public_keys=[first, PUBLIC])

    assert signing.verify(trade(body), account, now=NOW).key_id == "platform_public_keys[1]"


@pytest.mark.parametrize("age", [0, 300, 86_640, 48 * 3600, -300])
def test_A15_news_of_two_days_is_news(age: int) -> None:
    genuine = signing.verify(ecpay(PAYMENT, at=NOW - age), settings(), now=NOW)

    assert isinstance(translate.to_change(genuine, settings(), "app").trust, Verified)


@pytest.mark.parametrize("age", [48 * 3600 + 1, 30 * 86_400])
def test_A15_older_news_is_only_a_reason_to_ask(age: int) -> None:
    for sent, account in (
        (ecpay(PAYMENT, at=NOW - age), settings()),
        (trade(_own(), at=NOW - age), settings(platform_public_keys=[PUBLIC])),
    ):
        change = translate.to_change(signing.verify(sent, account, now=NOW), account, "app")
        assert isinstance(change.trust, Hint)
        assert change.via == "stale"


def _own() -> bytes:
    return trade_body(message_of("trade_callback/payment_success"))


def test_A15_the_future_is_not_news() -> None:
    for sent, account in (
        (ecpay(PAYMENT, at=NOW + 301), settings()),
        (trade(_own(), at=NOW + 301), settings(platform_public_keys=[PUBLIC])),
    ):
        with pytest.raises(StaleTimestampError):
            signing.verify(sent, account, now=NOW)


@pytest.mark.parametrize("text", ["nan", "inf", "-1", " 1767225639", "1767225639.9", "1767225639000", "+767225639"])
def test_A15_a_time_has_one_form(text: str) -> None:
    assert refusal(request(json.dumps({**outer(PAYMENT), "timestamp": text}).encode())) == 401
    sent = trade(_own())
    assert refusal(request(sent.body, {**sent.headers, "byte-timestamp": text}), platform_public_keys=[PUBLIC]) == 401


def test_a_header_that_comes_twice_is_refused() -> None:
    sent = trade(_own())

    assert refusal(request(sent.body, {**sent.headers, "byte-nonce-str": "a,b"}), platform_public_keys=[PUBLIC]) == 400


def test_B6_an_app_that_is_not_named_or_another_one_is_refused() -> None:
    for changed in ({"appid": "tt-other"}, {"appid": ""}, {"app_id": "tt-other"}):
        assert refusal(ecpay({**PAYMENT, **changed})) == 401


def test_a_system_without_keys_makes_nothing_genuine() -> None:
    assert refusal(ecpay(PAYMENT), system="trade", tokens=[], salts=[]) == 401
    assert refusal(trade(_own()), platform_public_keys=[]) == 401


def test_a_body_signed_message_does_not_pass_on_the_other_systems_way() -> None:
    body = json.dumps(outer(PAYMENT)).encode()

    with pytest.raises(MalformedError):
        signing.verify(trade(body), settings(platform_public_keys=[PUBLIC]), now=NOW)
    assert refusal(request(_own())) == 401


def test_C13_news_of_an_unknown_type_is_kept() -> None:
    message = {"status": "SUCCESS", "withdraw_at": NOW, "order_id": "W1"}
    for sent in (ecpay(message, "withdraw"), ecpay({**message, "appid": settings().app_id}, "withdraw")):
        change = translate.to_change(signing.verify(sent, settings(), now=NOW), settings(), "app")
        assert change == AccountNews("withdraw")


@pytest.mark.parametrize("kind", ["payment", "refund", "settle"])
def test_B6_a_message_about_an_order_must_name_the_app(kind: str) -> None:
    mark = {"payment": "cp_orderno", "refund": "cp_refundno", "settle": "cp_settle_no"}[kind]

    with pytest.raises(TenantMismatchError):
        signing.verify(ecpay({mark: "T-1", "status": "SUCCESS"}, kind), settings(), now=NOW)


@pytest.mark.parametrize("kind", ["withdraw", "settle_finish", "pre_create_refund", "x" * 200, "\u7b7e"])
def test_what_nobody_signed_makes_no_other_message_of_it(kind: str) -> None:
    message = {"status": "SUCCESS", "withdraw_at": NOW, "order_id": "W1"}
    genuine, other = ecpay(message, "withdraw"), ecpay(message, kind)

    assert signing.verify(genuine, settings(), now=NOW).content == signing.verify(other, settings(), now=NOW).content
    with pytest.raises(TenantMismatchError):
        signing.verify(ecpay({**message, "app_id": "tt0000000000000000"}, kind), settings(), now=NOW)

"""Notices of API v2: the signature inside the body, the unsigned refund notice, and the tenant."""

from dataclasses import replace

import pytest

from countersign.errors import CountersignError, InvalidSignatureError, MalformedError, TenantMismatchError
from countersign.http import HttpRequest
from countersign.orders.changes import Hint
from countersign.platforms.wechat import signing, translate
from countersign.platforms.wechat.settings import Settings
from tests.platforms.wechat.support import (
    API_V2_KEY,
    API_V3_KEY,
    NOW,
    OLD_API_V2_KEY,
    V2_PAYMENT,
    V2_REFUND,
    notice_v2,
    refund_notice_v2,
    request,
    settings,
    sign_v2,
    signed_v2,
    xml,
)

MD5 = settings(api="v2")
HMAC = settings(api="v2", v2_sign_type="HMAC-SHA256")


def refused(notice: HttpRequest, account: Settings = MD5) -> CountersignError:
    """Return why a notice is refused."""
    with pytest.raises(CountersignError) as refusal:
        signing.verify(notice, account, now=NOW)
    return refusal.value


def test_a_genuine_notice_is_read() -> None:
    genuine = signing.verify(notice_v2(), MD5, now=NOW)

    assert genuine.fields == {**V2_PAYMENT, "sign": sign_v2(V2_PAYMENT)}
    assert (genuine.system, genuine.key_id, genuine.signed) == ("v2", "api_v2_keys[0]", True)


def test_every_changed_letter_of_a_value_is_refused() -> None:
    body = notice_v2().body
    for name, value in V2_PAYMENT.items():
        for bit in range(7):
            changed = bytes([value.encode()[0] ^ 1 << bit]) + value.encode()[1:]
            forged = body.replace(
                b"<%b><![CDATA[%b" % (name.encode(), value.encode()), b"<%b><![CDATA[%b" % (name.encode(), changed)
            )
            assert forged != body
            assert refused(request(forged)).status in (400, 401)


@pytest.mark.parametrize("bit", range(32 * 8))
def test_A2_any_changed_bit_of_the_sign_is_refused(bit: int) -> None:
    good = bytearray(sign_v2(V2_PAYMENT).encode())
    good[bit // 8] ^= 1 << bit % 8
    fields = xml(V2_PAYMENT).removesuffix(b"</xml>") + b"<sign><![CDATA[%b]]></sign></xml>" % bytes(good)

    assert refused(request(fields)).status in (400, 401)


@pytest.mark.parametrize(
    "change", [str.lower, lambda text: text + "\n", lambda text: " " + text, lambda text: text[:16]]
)
def test_A6_another_spelling_of_the_sign_is_not_genuine(change: object) -> None:
    sign = change(sign_v2(V2_PAYMENT))  # type: ignore[operator]

    assert type(refused(request(xml({**V2_PAYMENT, "sign": sign})))) is InvalidSignatureError


@pytest.mark.parametrize("sign", ["", "签名", "0" * 32, "é" * 32, "None"])
def test_A1_A5_an_absent_or_foreign_sign_is_not_genuine(sign: str) -> None:
    assert type(refused(request(xml({**V2_PAYMENT, "sign": sign})))) is InvalidSignatureError
    assert type(refused(request(xml(V2_PAYMENT)))) is InvalidSignatureError


@pytest.mark.parametrize("sign_type", ["", "MD5", "HMAC-SHA256", "none"])
@pytest.mark.parametrize(("pinned", "other"), [("MD5", "HMAC-SHA256"), ("HMAC-SHA256", "MD5")])
def test_A8_the_algorithm_is_the_accounts_and_never_the_messages(sign_type: str, pinned: str, other: str) -> None:
    account = settings(api="v2", v2_sign_type=pinned)
    fields = {**V2_PAYMENT, **({"sign_type": sign_type} if sign_type else {})}

    assert type(refused(request(signed_v2(fields, sign_type=other)), account)) is InvalidSignatureError
    assert signing.verify(request(signed_v2(fields, sign_type=pinned)), account, now=NOW).signed


def test_A11_both_keys_are_taken_during_a_rotation_and_named() -> None:
    during = settings(api="v2", api_v2_keys=[API_V2_KEY, OLD_API_V2_KEY])
    old = request(signed_v2(V2_PAYMENT, OLD_API_V2_KEY))

    assert signing.verify(old, during, now=NOW).key_id == "api_v2_keys[1]"
    assert signing.verify(notice_v2(), during, now=NOW).key_id == "api_v2_keys[0]"
    assert type(refused(old)) is InvalidSignatureError


def test_a_sign_made_with_the_v3_key_is_not_genuine() -> None:
    assert type(refused(request(signed_v2(V2_PAYMENT, API_V3_KEY)))) is InvalidSignatureError


def test_v2_and_v3_are_taken_side_by_side() -> None:
    account = settings(api="v3")

    assert signing.verify(notice_v2(), account, now=NOW).system == "v2"
    assert signing.verify(refund_notice_v2(), account, now=NOW).system == "v2"


def test_without_v2_keys_no_v2_notice_is_genuine() -> None:
    account = settings(api_v2_keys=[])

    assert type(refused(notice_v2(), account)) is InvalidSignatureError
    assert type(refused(refund_notice_v2(), account)) is InvalidSignatureError


@pytest.mark.parametrize("changes", [{"mch_id": "1999999999"}, {"mch_id": ""}, {"appid": "wx0000000000000000"}])
def test_B6_a_genuine_notice_for_somebody_else_is_refused(changes: dict[str, str]) -> None:
    assert type(refused(notice_v2(**changes))) is TenantMismatchError


def test_B6_the_sub_merchant_must_match_where_one_is_configured() -> None:
    account = settings(api="v2", sub_mchid="1900099009")

    assert signing.verify(notice_v2(sub_mch_id="1900099009"), account, now=NOW).signed
    for notice in (notice_v2(), notice_v2(sub_mch_id="1900099008"), refund_notice_v2()):
        assert type(refused(notice, account)) is TenantMismatchError


@pytest.mark.parametrize("return_code", ["FAIL", "success", ""])
def test_a_failure_message_proves_nothing(return_code: str) -> None:
    body = xml({"return_code": return_code, "return_msg": "签名失败"})

    assert type(refused(request(body))) is InvalidSignatureError


def test_C3_a_second_value_cannot_hide_behind_the_signed_one() -> None:
    body = notice_v2().body.replace(b"</xml>", b"<total_fee>1</total_fee></xml>")

    assert type(refused(request(body))) is MalformedError


class TestRefundNotice:
    def test_B7_a_refund_notice_is_a_hint_only(self) -> None:
        genuine = signing.verify(refund_notice_v2(), MD5, now=NOW)
        change = translate.to_change(genuine, MD5, "shop")

        assert (genuine.signed, genuine.fields) == (False, V2_REFUND)
        assert isinstance(change.trust, Hint)

    def test_both_keys_open_it_during_a_rotation(self) -> None:
        during = settings(api="v2", api_v2_keys=[API_V2_KEY, OLD_API_V2_KEY])

        assert signing.verify(refund_notice_v2(key=OLD_API_V2_KEY), during, now=NOW).key_id == "api_v2_keys[1]"

    @pytest.mark.parametrize(
        "req_info", ["", "x", "AAAA", "A" * 24, "签名", refund_notice_v2().body.decode()[-60:-30], "=" * 24]
    )
    def test_what_does_not_open_is_not_genuine_and_raises_no_alarm(self, req_info: str) -> None:
        error = refused(refund_notice_v2(req_info=req_info))

        assert (type(error), error.status) == (InvalidSignatureError, 401)

    @pytest.mark.parametrize(
        "inner",
        [
            b"",
            b"not xml",
            b"<xml><a>1</a></xml>",
            b"<!DOCTYPE root><root><a>1</a></root>",
            b"<root><a>1</a><a>2</a></root>",
            b"<root><a>\xff</a></root>",
        ],
    )
    def test_C1_C3_what_is_inside_is_read_as_strictly(self, inner: bytes) -> None:
        assert type(refused(refund_notice_v2(inner))) is InvalidSignatureError

    @pytest.mark.parametrize("outer", [{"mch_id": "1999999999"}, {"mch_id": ""}, {"appid": "wx0000000000000000"}])
    def test_a_refund_notice_for_somebody_else_is_refused(self, outer: dict[str, str]) -> None:
        assert type(refused(refund_notice_v2(**outer))) is TenantMismatchError

    def test_a_sign_beside_req_info_is_checked(self) -> None:
        assert type(refused(refund_notice_v2(sign="0" * 32))) is InvalidSignatureError

    def test_C14_a_signed_message_with_req_info_is_no_refund_notice(self) -> None:
        fields = {**V2_PAYMENT, "req_info": "x"}

        assert signing.verify(request(signed_v2(fields)), MD5, now=NOW).signed


def test_the_headers_of_v3_do_not_help_a_v2_body() -> None:
    notice = replace(notice_v2(), headers={"wechatpay-signature": "x"})

    assert refused(notice).status == 401


# Each pair signs alike: the second hides a signed field in the value of the one before it.
FOLDED = [
    {"sign_type": "MD5&sub_mch_id=1900099008", "sub_mch_id": ""},
    {"sign_type": "MD5&sub_appid=wx1&sub_mch_id=1900099008", "sub_mch_id": "", "sub_appid": ""},
    {"fee_type": "CNY&is_subscribe=N&mch_id=1900099009", "is_subscribe": "", "mch_id": ""},
    {"cash_fee": "8000&cash_fee_type=USD", "cash_fee_type": ""},
    {"coupon_count": "1&coupon_fee=500", "coupon_fee": ""},
]


@pytest.mark.parametrize("fields", FOLDED)
def test_A2_a_field_folded_into_anothers_value_is_refused_though_the_sign_fits(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidSignatureError, match="another field"):
        signing.verify(notice_v2(**fields), MD5, now=NOW)


@pytest.mark.parametrize(
    "attach", ["a=1&b=2", "shop&openid=o1&total_fee=1", "x&y", "&&", "a&b=1&attach=2", "\u652f\u4ed8 a&b <c>"]
)
def test_what_a_merchant_attached_may_look_like_a_query_string(attach: str) -> None:
    assert signing.verify(notice_v2(attach=attach), MD5, now=NOW).signed


def test_the_content_of_a_notice_is_what_its_sign_covers() -> None:
    genuine, other = notice_v2(), notice_v2(total_fee="8801")
    padded = replace(genuine, body=genuine.body.replace(b"</xml>", b" \n<x></x><sub_mch_id></sub_mch_id></xml>"))
    contents = [signing.verify(each, MD5, now=NOW).content for each in (genuine, padded, other)]

    assert contents[0] == contents[1] != contents[2]


def test_the_content_of_a_refund_notice_is_what_is_sealed() -> None:
    genuine = refund_notice_v2()
    varied = replace(
        genuine, body=genuine.body.replace(b"</xml>", b"<nonce>1</nonce><sub_mch_id>19</sub_mch_id></xml>")
    )

    assert signing.verify(varied, MD5, now=NOW).content == signing.verify(genuine, MD5, now=NOW).content

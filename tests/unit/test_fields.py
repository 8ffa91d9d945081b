"""Readers of one field: what is absent, what is refused, and what a platform says that people may read."""

import re
from typing import Any

import pytest

from countersign import fields
from countersign.errors import MalformedError
from countersign.platforms.douyin import messages as douyin
from countersign.platforms.wechat import answers, messages
from countersign.platforms.wechat.answers import CallRefusedError
from tests.platforms.wechat.support import TRANSACTION, V2_PAYMENT

WORD = re.compile(r"[a-z]{1,4}")


@pytest.mark.parametrize("absent", [{}, {"x": None}, {"x": ""}])
def test_what_is_absent_is_the_default_or_missing(absent: dict[str, Any]) -> None:
    assert fields.text(absent, "x", WORD, default="none") == "none"
    assert fields.whole(absent, "x") is None
    with pytest.raises(MalformedError, match="x is missing"):
        fields.text(absent, "x", WORD)
    with pytest.raises(MalformedError, match="x is missing"):
        fields.required(fields.whole(absent, "x"), "x")


@pytest.mark.parametrize("value", [1, True, 1.0, "abcde", "a b", "a\n", [], {}, ["a"]])
def test_a_text_of_another_form_is_refused_without_its_value(value: Any) -> None:
    with pytest.raises(MalformedError) as refusal:
        fields.text({"x": value}, "x", WORD)
    assert str(refusal.value) == "x is not what the platform promises"


@pytest.mark.parametrize("value", [True, 1.0, -1, 10**16, " 1", "01", "1e2", "\uff11", "9" * 5000, [], {}])
def test_C9_a_number_of_another_form_is_refused(value: Any) -> None:
    with pytest.raises(MalformedError):
        fields.whole({"x": value}, "x", digits=True)
    with pytest.raises(MalformedError):
        fields.whole({"x": "1"}, "x")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("签名错误，请检查后再试", "签名错误，请检查后再试"),
        ("a\r\nb\x00c\u2028d\u202e", "a b c d"),
        ("openid oUpF8uMuAJO_M2pxb1Q9zNjWeS6o is not of wx1", "openid … is not of wx1"),
        ("x " * 200, ("x " * 200)[: fields.MAX_SAID]),
        (None, ""),
        ({"message": "x"}, ""),
    ],
)
def test_what_a_platform_says_is_one_bounded_line_without_ids(words: object, shown: str) -> None:
    assert fields.said(words) == shown


@pytest.mark.parametrize(
    ("detail", "hint"),
    [
        ({"field": "/amount/currency", "value": "canary", "issue": "canary"}, "/amount/currency"),
        ({"field": "payer.openid"}, "payer.openid"),
        ({"field": "a b<script>"}, ""),
        ({"field": "x" * 65}, ""),
        ({"field": 5}, ""),
        ("field", ""),
        (None, ""),
    ],
)
def test_v3_names_the_field_that_it_complains_about_and_never_its_value(detail: object, hint: str) -> None:
    error = answers.refusal("PARAM_ERROR", answers._field({"code": "PARAM_ERROR", "detail": detail}))

    assert isinstance(error, CallRefusedError)
    assert (error.code, error.hint) == ("PARAMERROR", hint)
    assert str(error) == (f"WeChat refused: PARAMERROR ({hint})" if hint else "WeChat refused: PARAMERROR")


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        ([{"code": 101, "text": "不想要了"}, {"code": 999, "text": "其他\n原因"}], "不想要了; 其他 原因; 用户描述"),
        (["不想要了"], "不想要了; 用户描述"),
        ([{"code": 101}, 5, None, []], "用户描述"),
        ({"code": 101, "text": "不想要了"}, "不想要了; 用户描述"),
        ("不想要了", "不想要了; 用户描述"),
        (None, "用户描述"),
    ],
)
def test_a_refunds_reasons_are_read_as_texts_and_as_objects(reasons: object, said: str) -> None:
    message = {"refund_id": "1", "order_id": "2", "refund_total_amount": 5, "refund_description": "用户描述"}

    assert douyin.trade_refund_request({**message, "refund_reason": reasons}).reason == said


def test_a_service_providers_payer_is_known_in_both_apps_and_both_versions() -> None:
    payer = {"sp_openid": "oProvider", "sub_openid": "oSubMerchant"}
    v3 = messages.transaction_v3({**TRANSACTION, "sub_appid": "wxsub", "payer": payer})
    v2 = messages.transaction_v2({**V2_PAYMENT, "sub_appid": "wxsub", "sub_openid": "oSubMerchant"}, "SUCCESS")

    assert (v3.openid, v3.sub_appid, v3.sub_openid) == ("oProvider", "wxsub", "oSubMerchant")
    assert (v2.sub_appid, v2.sub_openid) == ("wxsub", "oSubMerchant")

"""Calls of API v2: what is sent, what is believed, and what an answer means."""

from typing import Any

import pytest

from countersign.errors import KeysUnavailableError, NotFoundError, PlatformUnavailableError, UnprocessableError
from countersign.money import Money
from countersign.platforms.wechat.client import CallRefusedError, OrderStateError, PaymentRequest
from tests.platforms.wechat.support import (
    APPID,
    MCHID,
    NOW,
    OLD_API_V2_KEY,
    PAID_AT,
    settings,
    sign_v2,
    signed_v2,
    xml,
)
from tests.platforms.wechat.wire import Reply, answer_v2, client, refusal_v2

ACCOUNT = settings(api="v2")
PREPAY_ID = "wx2214030500000000000000000000000000"
PREPAID = answer_v2(trade_type="JSAPI", prepay_id=PREPAY_ID)
TOLD = {
    "trade_state": "SUCCESS",
    "total_fee": "8800",
    "cash_fee": "8800",
    "transaction_id": "4200002901202611221403050001",
    "out_trade_no": "T-0001",
    "time_end": "20261122140305",
}


def payment(**changes: Any) -> PaymentRequest:
    """Return a good request with some fields changed."""
    fields: dict[str, Any] = {
        "order_id": "T-0001",
        "amount": Money(8800, "CNY"),
        "description": "奶茶 & <蛋糕> ]]>",
        "notify_url": "https://pay.example.com/wechat/shop/notify",
        "expires_at": NOW + 7200,
        "openid": "oThrow4wayOpenid_public-000001",
        "client_ip": "203.0.113.7",
        **changes,
    }
    return PaymentRequest(**fields)


class TestCreate:
    def test_a_jsapi_payment_is_sent_as_documented(self) -> None:
        caller, wechat = client(PREPAID, account=ACCOUNT)

        caller.create(payment(description="奶茶 & <蛋糕>"))

        sent = wechat.sent[0]
        assert (sent.method, sent.url) == ("POST", "https://api.mch.weixin.qq.com/pay/unifiedorder")
        assert sent.is_signed_v2()
        assert {name: value for name, value in sent.fields.items() if name != "sign"} == {
            "appid": APPID,
            "mch_id": MCHID,
            "nonce_str": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
            "sign_type": "MD5",
            "body": "奶茶 & <蛋糕>",
            "out_trade_no": "T-0001",
            "total_fee": "8800",
            "fee_type": "CNY",
            "spbill_create_ip": "203.0.113.7",
            "notify_url": "https://pay.example.com/wechat/shop/notify",
            "trade_type": "JSAPI",
            "openid": "oThrow4wayOpenid_public-000001",
            "time_expire": "20261122162725",
        }

    def test_the_front_end_gets_signed_parameters(self) -> None:
        caller, _ = client(PREPAID, account=ACCOUNT)

        parameters = dict(caller.create(payment()).client)

        assert parameters.pop("paySign") == sign_v2({"appId": APPID, **parameters})
        assert parameters == {
            "timeStamp": str(NOW),
            "nonceStr": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
            "package": f"prepay_id={PREPAY_ID}",
            "signType": "MD5",
        }

    def test_the_pinned_algorithm_signs_call_and_parameters_and_is_asked_of_the_answer(self) -> None:
        account = settings(api="v2", v2_sign_type="HMAC-SHA256")
        fields = {"return_code": "SUCCESS", "result_code": "SUCCESS", "mch_id": MCHID, "prepay_id": PREPAY_ID}
        good = Reply(200, {}, signed_v2(fields, sign_type="HMAC-SHA256"))
        caller, wechat = client(good, Reply(200, {}, signed_v2(fields)), account=account)

        parameters = dict(caller.create(payment()).client)

        assert wechat.sent[0].fields["sign_type"] == parameters["signType"] == "HMAC-SHA256"
        assert wechat.sent[0].is_signed_v2("HMAC-SHA256")
        assert parameters.pop("paySign") == sign_v2({"appId": APPID, **parameters}, sign_type="HMAC-SHA256")
        with pytest.raises(PlatformUnavailableError):
            caller.create(payment())

    def test_a_native_payment(self) -> None:
        caller, wechat = client(answer_v2(code_url="weixin://wxpay/bizpayurl/up?pr=N&groupid=00"), account=ACCOUNT)

        prepared = caller.create(payment(method="native", openid=""))

        assert prepared.client == {"code_url": "weixin://wxpay/bizpayurl/up?pr=N&groupid=00"}
        assert (wechat.sent[0].fields["trade_type"], wechat.sent[0].fields["product_id"]) == ("NATIVE", "T-0001")

    def test_an_h5_payment(self) -> None:
        caller, wechat = client(answer_v2(mweb_url="https://wx.tenpay.com/x?prepay_id=wx1"), account=ACCOUNT)

        prepared = caller.create(payment(method="h5", openid=""))

        assert prepared.client == {"h5_url": "https://wx.tenpay.com/x?prepay_id=wx1"}
        assert wechat.sent[0].fields["trade_type"] == "MWEB"
        assert wechat.sent[0].fields["scene_info"] == '{"h5_info":{"type":"Wap"}}'

    def test_a_service_provider_names_its_sub_merchant(self) -> None:
        caller, wechat = client(PREPAID, account=settings(api="v2", sub_mchid="1900099009"))

        caller.create(payment())

        assert wechat.sent[0].fields["sub_mch_id"] == "1900099009"

    def test_the_payers_address_is_needed(self) -> None:
        caller, wechat = client(account=ACCOUNT)

        with pytest.raises(UnprocessableError, match="client_ip is missing"):
            caller.create(payment(client_ip=""))
        assert not wechat.sent

    def test_what_xml_cannot_hold_is_not_sent(self) -> None:
        caller, wechat = client(account=ACCOUNT)

        with pytest.raises(UnprocessableError, match="control character"):
            caller.create(payment(description="a\x00b"))
        assert not wechat.sent

    def test_an_order_may_be_created_by_the_other_api_than_the_accounts_own(self) -> None:
        caller, wechat = client(PREPAID, account=settings(api="v3"))

        caller.create(payment(), system="v2")

        assert wechat.sent[0].target == "/pay/unifiedorder"

    def test_without_keys_nothing_is_sent(self) -> None:
        caller, wechat = client(account=settings(api="v3", api_v2_keys=None))

        with pytest.raises(KeysUnavailableError, match="api_v2_keys"):
            caller.create(payment(), system="v2")
        assert not wechat.sent

    @pytest.mark.parametrize("fields", [{}, {"prepay_id": "x\ny"}, {"prepay_id": "x" * 65}])
    def test_an_answer_that_lacks_what_it_promises_leaves_the_outcome_unknown(self, fields: dict[str, str]) -> None:
        caller, _ = client(answer_v2(**fields), account=ACCOUNT)

        with pytest.raises(PlatformUnavailableError):
            caller.create(payment())


class TestAnswers:
    @pytest.mark.parametrize("code", ["ORDERPAID", "ORDERCLOSED", "OUT_TRADE_NO_USED"])
    def test_what_the_orders_state_forbids_is_a_conflict_with_its_code(self, code: str) -> None:
        caller, _ = client(refusal_v2(code), account=ACCOUNT)

        with pytest.raises(OrderStateError) as conflict:
            caller.create(payment())
        assert conflict.value.code == code.replace("_", "")
        assert str(conflict.value) == f"WeChat refused: {conflict.value.code} (canary 说明)"

    @pytest.mark.parametrize("code", ["INVALID_REQUEST", "NOAUTH", "PARAM_ERROR", "SIGNERROR", "SOMETHING_NEW"])
    def test_a_definite_refusal_is_told_by_its_code_and_what_wechat_says_is_a_hint(self, code: str) -> None:
        caller, _ = client(refusal_v2(code), account=ACCOUNT)

        with pytest.raises(CallRefusedError) as refused:
            caller.create(payment())
        assert (refused.value.code, refused.value.hint) == (code.replace("_", ""), "canary 说明")

    @pytest.mark.parametrize(
        "reply",
        [
            refusal_v2("SYSTEMERROR"),
            refusal_v2("BIZERR_NEED_RETRY"),
            refusal_v2("FREQUENCY_LIMITED"),
            refusal_v2("<canary>"),
            answer_v2(result_code="FAIL"),
            answer_v2(result_code=""),
            answer_v2(mch_id="1999999999"),
            answer_v2(appid="wx0000000000000000"),
            Reply(200, {}, xml({"return_code": "FAIL", "return_msg": "canary-of-a-payers-openid 签名错误"})),
            Reply(200, {}, xml({"return_code": "SUCCESS", "result_code": "SUCCESS", "prepay_id": PREPAY_ID})),
            Reply(200, {}, PREPAID.content.replace(b"wx22", b"wx23")),
            Reply(200, {}, signed_v2({"return_code": "SUCCESS", "mch_id": MCHID}, OLD_API_V2_KEY)),
            Reply(200, {}, b"<html>canary</html>"),
            Reply(200, {}, b""),
            Reply(200, {}, b"<xml>" + b"x" * 1_000_000),
            Reply(302, {"Location": "http://127.0.0.1/"}, PREPAID.content),
            Reply(500, {}, PREPAID.content),
            Reply(429, {}, b""),
            PlatformUnavailableError("no answer: ReadTimeout"),
        ],
    )
    @pytest.mark.parametrize("call", ["create", "query", "close", "query_refund"])
    def test_A20_E9_what_cannot_be_believed_is_never_evidence(self, reply: Any, call: str) -> None:
        caller, _ = client(reply, account=ACCOUNT)
        argument: Any = payment() if call == "create" else "T-0001"

        with pytest.raises(PlatformUnavailableError) as unknown:
            getattr(caller, call)(argument)
        assert "canary" not in str(unknown.value)

    def test_what_wechat_says_without_a_signature_is_shown_and_names_the_field_to_look_at(self) -> None:
        said = xml(
            {
                "return_code": "FAIL",
                "return_msg": "签名错误，\n请检查后\u202e再试 oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" + "。" * 99,
            }
        )
        caller, _ = client(Reply(200, {}, said), account=ACCOUNT)

        with pytest.raises(PlatformUnavailableError) as unknown:
            caller.create(payment())
        words = str(unknown.value)
        assert "签名错误， 请检查后 再试 …" in words
        assert "api_v2_keys" in words
        assert len(words) < 200
        assert words.isprintable()
        assert "oUpF8uMuAJO" not in words


class TestQuery:
    def test_an_order_is_asked_for_by_its_number(self) -> None:
        caller, wechat = client(answer_v2(**TOLD), account=ACCOUNT)

        told = caller.query("T-0001")

        assert wechat.sent[0].target == "/pay/orderquery"
        assert wechat.sent[0].is_signed_v2()
        assert wechat.sent[0].fields["out_trade_no"] == "T-0001"
        assert told is not None
        assert (told.message.trade_state, told.message.total, told.message.success_time) == ("SUCCESS", 8800, PAID_AT)
        assert (told.key_id, told.system, told.raw) == ("api_v2_keys[0]", "v2", answer_v2(**TOLD).content)

    def test_an_unknown_order_is_none(self) -> None:
        caller, _ = client(refusal_v2("ORDERNOTEXIST"), account=ACCOUNT)

        assert caller.query("T-0001") is None

    @pytest.mark.parametrize("changes", [{"out_trade_no": "T-0002"}, {"trade_state": ""}, {"total_fee": "88.00"}])
    def test_an_answer_about_something_else_is_never_evidence(self, changes: dict[str, str]) -> None:
        caller, _ = client(answer_v2(**{**TOLD, **changes}), account=ACCOUNT)

        with pytest.raises(PlatformUnavailableError):
            caller.query("T-0001")

    def test_another_sub_merchants_answer_is_never_evidence(self) -> None:
        account = settings(api="v2", sub_mchid="1900099009")
        caller, _ = client(
            answer_v2(**TOLD, sub_mch_id="1900099009"),
            answer_v2(**TOLD),
            answer_v2(**TOLD, sub_mch_id="1900099008"),
            account=account,
        )

        assert caller.query("T-0001") is not None
        assert caller.query("T-0001") is not None
        with pytest.raises(PlatformUnavailableError):
            caller.query("T-0001")


class TestClose:
    @pytest.mark.parametrize("reply", [answer_v2(), refusal_v2("ORDERCLOSED")])
    def test_an_order_is_closed(self, reply: Reply) -> None:
        caller, wechat = client(reply, account=ACCOUNT)

        caller.close("T-0001")

        assert wechat.sent[0].target == "/pay/closeorder"
        assert wechat.sent[0].is_signed_v2()
        assert wechat.sent[0].fields["out_trade_no"] == "T-0001"

    def test_a_payer_who_was_faster_is_told_apart(self) -> None:
        caller, _ = client(refusal_v2("ORDERPAID"), account=ACCOUNT)

        with pytest.raises(OrderStateError) as conflict:
            caller.close("T-0001")
        assert conflict.value.code == "ORDERPAID"

    def test_an_unknown_order_is_not_found(self) -> None:
        caller, _ = client(refusal_v2("ORDERNOTEXIST"), account=ACCOUNT)

        with pytest.raises(NotFoundError):
            caller.close("T-0001")


REFUNDS = {
    "out_trade_no": "T-0001",
    "transaction_id": "4200002901202611221403050001",
    "total_fee": "8800",
    "refund_count": "2",
    "out_refund_no_0": "R-0001",
    "refund_fee_0": "800",
    "refund_status_0": "SUCCESS",
    "refund_success_time_0": "2026-11-22 14:03:05",
    "out_refund_no_1": "R-0002",
    "refund_fee_1": "100",
    "refund_status_1": "CHANGE",
}


class TestQueryRefund:
    def test_the_refund_that_was_asked_for_is_found_among_others(self) -> None:
        caller, wechat = client(answer_v2(**REFUNDS), answer_v2(**REFUNDS), account=ACCOUNT)

        first, second = caller.query_refund("R-0001"), caller.query_refund("R-0002")

        assert wechat.sent[0].target == "/pay/refundquery"
        assert wechat.sent[0].is_signed_v2()
        assert wechat.sent[0].fields["out_refund_no"] == "R-0001"
        assert first is not None
        assert second is not None
        assert (first.message.refund, first.message.refund_status, first.message.success_time) == (
            800,
            "SUCCESS",
            PAID_AT,
        )
        assert (second.message.refund, second.message.refund_status) == (100, "CHANGE")

    @pytest.mark.parametrize("reply", [refusal_v2("REFUNDNOTEXIST"), answer_v2(**REFUNDS)])
    def test_an_unknown_refund_is_none(self, reply: Reply) -> None:
        caller, _ = client(reply, account=ACCOUNT)

        assert caller.query_refund("R-0003") is None

"""Calls of API v3: what is sent, what is believed, and what an answer means."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from countersign.errors import (
    ConflictError,
    CountersignError,
    KeysUnavailableError,
    NotFoundError,
    PlatformUnavailableError,
    UnprocessableError,
)
from countersign.money import Money
from countersign.platforms.wechat.client import CallRefusedError, OrderStateError, PaymentRequest
from tests.platforms.wechat.support import (
    APPID,
    CERTIFICATE,
    MCHID,
    MERCHANT,
    NOW,
    PAID_AT,
    PUBLIC_KEY,
    REFUND,
    TRANSACTION,
    merchant_public_key,
    settings,
)
from tests.platforms.wechat.wire import Reply, answer, client, query_of, refusal

PREPAID = answer({"prepay_id": "wx2214030500000000000000000000000000"})


def payment(**changes: Any) -> PaymentRequest:
    """Return a good request with some fields changed."""
    fields: dict[str, Any] = {
        "order_id": "T|b*-_1",
        "amount": Money(8800, "CNY"),
        "description": "测试商品-奶茶",
        "notify_url": "https://pay.example.com/wechat/shop/notify",
        "expires_at": NOW + 7200,
        "openid": "oThrow4wayOpenid_public-000001",
        "client_ip": "203.0.113.7",
        **changes,
    }
    return PaymentRequest(**fields)


class TestCreate:
    def test_a_jsapi_payment_is_sent_as_documented(self) -> None:
        caller, wechat = client(PREPAID)

        caller.create(payment())

        sent = wechat.sent[0]
        assert (sent.method, sent.url) == ("POST", "https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi")
        assert sent.is_signed_v3()
        assert sent.json == {
            "appid": APPID,
            "mchid": MCHID,
            "description": "测试商品-奶茶",
            "out_trade_no": "T|b*-_1",
            "time_expire": "2026-11-22T16:27:25+08:00",
            "notify_url": "https://pay.example.com/wechat/shop/notify",
            "amount": {"total": 8800, "currency": "CNY"},
            "payer": {"openid": "oThrow4wayOpenid_public-000001"},
            "scene_info": {"payer_client_ip": "203.0.113.7"},
        }
        assert "奶茶".encode() in sent.body
        assert (sent.headers["Accept"], sent.headers["Content-Type"]) == ("application/json", "application/json")
        assert sent.headers["Wechatpay-Serial"] == PUBLIC_KEY["id"]

    def test_the_front_end_gets_signed_parameters(self) -> None:
        caller, _ = client(PREPAID)

        parameters = dict(caller.create(payment()).client)

        signature = base64.b64decode(parameters.pop("paySign"))
        assert parameters == {
            "timeStamp": str(NOW),
            "nonceStr": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
            "package": "prepay_id=wx2214030500000000000000000000000000",
            "signType": "RSA",
        }
        text = f"{APPID}\n{NOW}\n{parameters['nonceStr']}\n{parameters['package']}\n".encode()
        merchant_public_key().verify(signature, text, padding.PKCS1v15(), hashes.SHA256())

    def test_a_native_payment(self) -> None:
        caller, wechat = client(answer({"code_url": "weixin://wxpay/bizpayurl?pr=NwY5Mz9"}))

        prepared = caller.create(payment(method="native", openid="", client_ip="", expires_at=None))

        assert prepared.client == {"code_url": "weixin://wxpay/bizpayurl?pr=NwY5Mz9"}
        assert wechat.sent[0].target == "/v3/pay/transactions/native"
        assert not {"payer", "scene_info", "time_expire"} & set(wechat.sent[0].json)

    @pytest.mark.parametrize("h5_type", ["Wap", "iOS", "Android"])
    def test_an_h5_payment(self, h5_type: str) -> None:
        address = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx1&package=2"
        caller, wechat = client(answer({"h5_url": address}))

        prepared = caller.create(payment(method="h5", openid="", h5_type=h5_type))

        assert prepared.client == {"h5_url": address}
        assert wechat.sent[0].target == "/v3/pay/transactions/h5"
        assert wechat.sent[0].json["scene_info"] == {"payer_client_ip": "203.0.113.7", "h5_info": {"type": h5_type}}

    def test_another_app_of_the_account_signs_for_itself(self) -> None:
        other = "wx0000000000000001"
        caller, wechat = client(PREPAID, account=settings(appids=[other]))

        parameters = caller.create(payment(appid=other)).client

        assert wechat.sent[0].json["appid"] == other
        text = f"{other}\n{NOW}\n{parameters['nonceStr']}\n{parameters['package']}\n".encode()
        signature = base64.b64decode(parameters["paySign"])
        merchant_public_key().verify(signature, text, padding.PKCS1v15(), hashes.SHA256())

    def test_a_service_provider_creates_for_its_sub_merchant(self) -> None:
        caller, wechat = client(PREPAID, account=settings(sub_mchid="1900099009"))

        caller.create(payment())

        sent = wechat.sent[0].json
        assert wechat.sent[0].target == "/v3/pay/partner/transactions/jsapi"
        assert (sent["sp_appid"], sent["sp_mchid"], sent["sub_mchid"]) == (APPID, MCHID, "1900099009")
        assert sent["payer"] == {"sp_openid": "oThrow4wayOpenid_public-000001"}
        assert not {"appid", "mchid"} & set(sent)

    def test_in_certificate_mode_no_public_key_is_named(self) -> None:
        account = settings(wechatpay_public_keys=None)
        caller, wechat = client(answer({"prepay_id": "wx1"}, by=CERTIFICATE), account=account)

        caller.create(payment())

        assert "Wechatpay-Serial" not in wechat.sent[0].headers

    @pytest.mark.parametrize(
        ("text", "sent"),
        [
            ("x" * 128, "x" * 127),
            ("茶" * 43, "茶" * 42),
            ("x" + "茶" * 43, "x" + "茶" * 42),
            ("🍵" * 40, "🍵" * 31),
            ("a\ud800b", "ab"),
        ],
    )
    def test_a_long_description_is_cut_to_127_bytes_between_characters(self, text: str, sent: str) -> None:
        caller, wechat = client(PREPAID)

        caller.create(payment(description=text))

        assert wechat.sent[0].json["description"] == sent

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"order_id": "short"}, "order_id"),
            ({"order_id": "x" * 33}, "order_id"),
            ({"order_id": "T@00001"}, "order_id"),
            ({"order_id": "T/../0001"}, "order_id"),
            ({"order_id": ""}, "order_id is missing"),
            ({"amount": Money(0, "CNY")}, "amount"),
            ({"amount": Money(8800, "USD")}, "amount.currency"),
            ({"description": "  "}, "description"),
            ({"openid": ""}, "payer.openid is missing"),
            ({"openid": "x\ny"}, "payer.openid"),
            ({"method": "app"}, "method"),
            ({"appid": "wx0000000000000000"}, "appid"),
            ({"method": "h5", "client_ip": ""}, "client_ip is missing"),
            ({"client_ip": "localhost"}, "client_ip"),
            ({"method": "h5", "h5_type": "WAP"}, "h5.type"),
        ],
    )
    def test_what_wechat_would_refuse_is_refused_by_name_and_not_sent(
        self, changes: dict[str, Any], field: str
    ) -> None:
        caller, wechat = client()

        with pytest.raises(UnprocessableError, match=field):
            caller.create(payment(**changes))
        assert not wechat.sent

    @pytest.mark.parametrize(
        ("field", "reason"), [("merchant_private_key_pem", "missing"), ("merchant_serial", "missing")]
    )
    def test_a_missing_key_is_named_and_nothing_is_sent(self, field: str, reason: str) -> None:
        caller, wechat = client(account=settings(**{field: None}))

        with pytest.raises(KeysUnavailableError, match=f"{field} is {reason}"):
            caller.create(payment())
        assert not wechat.sent

    @pytest.mark.parametrize(
        ("method", "content"),
        [
            ("jsapi", {}),
            ("jsapi", {"prepay_id": ""}),
            ("jsapi", {"prepay_id": 1}),
            ("jsapi", {"prepay_id": "x\ny"}),
            ("jsapi", {"prepay_id": "x" * 65}),
            ("jsapi", None),
            ("jsapi", []),
            ("native", {"prepay_id": "wx1"}),
            ("native", {"code_url": "javascript:alert(1)"}),
            ("h5", {"h5_url": ""}),
        ],
    )
    def test_an_answer_that_lacks_what_it_promises_leaves_the_outcome_unknown(self, method: str, content: Any) -> None:
        caller, _ = client(answer(content))

        with pytest.raises(PlatformUnavailableError):
            caller.create(payment(method=method))


STATES = [
    ("ORDERPAID", 400, "ORDERPAID"),
    ("ORDER_PAID", 400, "ORDERPAID"),
    ("ORDER_CLOSED", 400, "ORDERCLOSED"),
    ("ORDERCLOSED", 400, "ORDERCLOSED"),
    ("OUT_TRADE_NO_USED", 403, "OUTTRADENOUSED"),
]
DEFINITE = [
    ("PARAM_ERROR", 400),
    ("INVALID_REQUEST", 400),
    ("APPID_MCHID_NOT_MATCH", 400),
    ("MCH_NOT_EXISTS", 400),
    ("SIGN_ERROR", 401),
    ("NO_AUTH", 403),
    ("RULE_LIMIT", 403),
    ("SOMETHING_NEW", 400),
]
UNKNOWN = [
    ("SYSTEM_ERROR", 500),
    ("SYSTEMERROR", 400),
    ("BIZERR_NEED_RETRY", 400),
    ("RATELIMIT_EXCEEDED", 429),
    ("RATE_LIMITED", 403),
    ("FREQUENCY_LIMITED", 403),
    ("SERVICE_UNAVAILABLE", 503),
    ("ORDERPAID", 500),
    ("PARAM_ERROR", 502),
    ("ACCEPTED", 202),
    ("MOVED", 302),
]


class TestAnswers:
    @pytest.mark.parametrize(("code", "status", "word"), STATES)
    def test_what_the_orders_state_forbids_is_a_conflict_with_its_code(self, code: str, status: int, word: str) -> None:
        caller, _ = client(refusal(code, status))

        with pytest.raises(OrderStateError) as conflict:
            caller.create(payment())
        assert isinstance(conflict.value, ConflictError)
        assert (conflict.value.code, conflict.value.status) == (word, 409)
        assert "canary" not in str(conflict.value)

    @pytest.mark.parametrize(("code", "status"), DEFINITE)
    def test_a_definite_refusal_is_told_by_its_code_only(self, code: str, status: int) -> None:
        caller, _ = client(refusal(code, status))

        with pytest.raises(CallRefusedError) as refused:
            caller.create(payment())
        assert (refused.value.code, refused.value.status) == (code.replace("_", ""), 422)
        assert "canary" not in str(refused.value)

    @pytest.mark.parametrize(("code", "status"), UNKNOWN)
    def test_E9_whatever_may_have_worked_is_unknown(self, code: str, status: int) -> None:
        caller, _ = client(refusal(code, status))

        with pytest.raises(PlatformUnavailableError) as unknown:
            caller.create(payment())
        assert unknown.value.status == 502
        assert "canary" not in str(unknown.value)

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(200, {}, b'{"prepay_id":"wx1"}'),
            Reply(200, PREPAID.headers, b'{"prepay_id":"wx2"}'),
            Reply(200, PREPAID.headers, PREPAID.content + b" "),
            Reply(200, {**PREPAID.headers, "Wechatpay-Serial": "PUB_KEY_ID_9"}, PREPAID.content),
            Reply(200, {**PREPAID.headers, "Wechatpay-Signature": "x, y"}, PREPAID.content),
            Reply(
                200,
                {
                    **PREPAID.headers,
                    "Wechatpay-Signature": "WECHATPAY/SIGNTEST/" + PREPAID.headers["Wechatpay-Signature"],
                },
                PREPAID.content,
            ),
            answer({"prepay_id": "wx1"}, by=MERCHANT),
            answer({"prepay_id": "wx1"}, at=NOW - 301),
            answer({"prepay_id": "wx1"}, at=NOW + 301),
            Reply(404, {}, b'{"code":"ORDER_NOT_EXIST"}'),
            Reply(401, {}, b'{"code":"SIGN_ERROR","message":"canary"}'),
            Reply(200, {}, b"<html>canary</html>"),
            Reply(502, {}, b"<html>Bad Gateway</html>"),
            Reply(500, {}, b""),
            Reply(200, {}, b""),
            Reply(200, PREPAID.headers, PREPAID.content[:-3]),
            Reply(200, {}, b"x" * 1_000_000),
            answer({"message": "no code"}, 400),
            answer({"code": "<script>"}, 400),
            answer({"code": 1}, 400),
            answer({"code": "PARAM_ERROR"}, 302),
            PlatformUnavailableError("no answer: ReadTimeout"),
        ],
    )
    @pytest.mark.parametrize("call", ["create", "query", "close", "query_refund"])
    def test_A20_E9_what_cannot_be_believed_is_never_evidence(self, reply: Reply | CountersignError, call: str) -> None:
        caller, _ = client(reply)
        argument: Any = payment() if call == "create" else "T-0001"

        with pytest.raises(PlatformUnavailableError) as unknown:
            getattr(caller, call)(argument)
        assert "canary" not in str(unknown.value)

    def test_a_refusal_that_cannot_be_believed_still_says_what_it_claimed(self) -> None:
        caller, _ = client(Reply(401, {}, b'{"code":"SIGN_ERROR","message":"x"}'))

        with pytest.raises(PlatformUnavailableError, match="HTTP 401 SIGN_ERROR"):
            caller.create(payment())


class TestQuery:
    def test_an_order_is_asked_for_by_its_number_encoded_once(self) -> None:
        caller, wechat = client(answer({**TRANSACTION, "out_trade_no": "A|b*-_1"}))

        told = caller.query("A|b*-_1")

        assert wechat.sent[0].method == "GET"
        assert wechat.sent[0].target == "/v3/pay/transactions/out-trade-no/A%7Cb%2A-_1?mchid=1900099001"
        assert wechat.sent[0].is_signed_v3()
        assert wechat.sent[0].headers["Wechatpay-Serial"] == PUBLIC_KEY["id"]
        assert (wechat.sent[0].body, "Content-Type" in wechat.sent[0].headers) == (b"", False)
        assert told is not None
        assert (told.message.total, told.message.success_time, told.system) == (8800, PAID_AT, "v3")
        assert (told.key_id, told.raw) == (PUBLIC_KEY["id"], answer({**TRANSACTION, "out_trade_no": "A|b*-_1"}).content)

    @pytest.mark.parametrize("code", ["ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"])
    def test_an_unknown_order_is_none(self, code: str) -> None:
        caller, _ = client(refusal(code, 404))

        assert caller.query("T-0001") is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"out_trade_no": "T-0002"},
            {"mchid": "1999999999"},
            {"mchid": None},
            {"appid": "wx0000000000000000"},
            {"amount": {"total": "8800"}},
            {"trade_state": None},
        ],
    )
    def test_an_answer_about_something_else_is_never_evidence(self, changes: dict[str, Any]) -> None:
        caller, _ = client(answer({**TRANSACTION, **changes}))

        with pytest.raises(PlatformUnavailableError):
            caller.query("T-0001")

    def test_a_service_provider_names_both_merchants(self) -> None:
        told = {**TRANSACTION, "sp_mchid": MCHID, "sp_appid": APPID, "sub_mchid": "1900099009"}
        del told["mchid"], told["appid"]
        account = settings(sub_mchid="1900099009")
        caller, wechat = client(answer(told), answer({**told, "sub_mchid": "1900099008"}), account=account)

        assert caller.query("T-0001") is not None
        assert wechat.sent[0].target.startswith("/v3/pay/partner/transactions/out-trade-no/T-0001?")
        assert query_of(wechat.sent[0].url) == {"sp_mchid": MCHID, "sub_mchid": "1900099009"}
        with pytest.raises(PlatformUnavailableError):
            caller.query("T-0001")

    @pytest.mark.parametrize("number", ["", "short", "x" * 33, "../../x", "T-0001?x=1"])
    def test_what_is_no_order_number_is_not_sent(self, number: str) -> None:
        caller, wechat = client()

        for call in (caller.query, caller.close):
            with pytest.raises(UnprocessableError, match="order_id"):
                call(number)
        assert not wechat.sent


class TestClose:
    def test_an_order_is_closed(self) -> None:
        caller, wechat = client(answer(None, 204))

        caller.close("A|b*-_1")

        assert wechat.sent[0].target == "/v3/pay/transactions/out-trade-no/A%7Cb%2A-_1/close"
        assert wechat.sent[0].body == b'{"mchid":"1900099001"}'
        assert wechat.sent[0].is_signed_v3()

    def test_an_order_that_is_closed_already_is_fine(self) -> None:
        caller, wechat = client(refusal("ORDER_CLOSED", 400))

        caller.close("T-0001")

        assert len(wechat.sent) == 1

    @pytest.mark.parametrize(
        ("code", "status", "word"),
        [("ORDERPAID", 400, "ORDERPAID"), ("USERPAYING", 202, "USERPAYING"), ("USER_PAYING", 202, "USERPAYING")],
    )
    def test_a_payer_who_was_faster_is_told_apart(self, code: str, status: int, word: str) -> None:
        caller, _ = client(refusal(code, status))

        with pytest.raises(OrderStateError) as conflict:
            caller.close("T-0001")
        assert conflict.value.code == word

    def test_an_unknown_order_is_not_found(self) -> None:
        caller, _ = client(refusal("ORDER_NOT_EXIST", 404))

        with pytest.raises(NotFoundError):
            caller.close("T-0001")

    def test_a_service_provider_names_both_merchants(self) -> None:
        caller, wechat = client(answer(None, 204), account=settings(sub_mchid="1900099009"))

        caller.close("T-0001")

        assert wechat.sent[0].target == "/v3/pay/partner/transactions/out-trade-no/T-0001/close"
        assert wechat.sent[0].json == {"sp_mchid": MCHID, "sub_mchid": "1900099009"}


ANSWERED_REFUND = {
    **{name: value for name, value in REFUND.items() if name != "refund_status"},
    "status": "PROCESSING",
    "success_time": None,
    "amount": {**REFUND["amount"], "currency": "CNY"},
}


class TestQueryRefund:
    def test_a_refund_is_asked_for_by_its_number(self) -> None:
        caller, wechat = client(answer({**ANSWERED_REFUND, "out_refund_no": "R@1|2"}))

        told = caller.query_refund("R@1|2")

        assert wechat.sent[0].target == "/v3/refund/domestic/refunds/R%401%7C2"
        assert wechat.sent[0].is_signed_v3()
        assert told is not None
        assert (told.message.refund_status, told.message.refund, told.key_id) == ("PROCESSING", 800, PUBLIC_KEY["id"])

    def test_an_unknown_refund_is_none(self) -> None:
        caller, _ = client(refusal("RESOURCE_NOT_EXISTS", 404))

        assert caller.query_refund("R-0001") is None

    @pytest.mark.parametrize(
        "changes", [{"out_refund_no": "R-0002"}, {"mchid": "1999999999"}, {"amount": {}}, {"status": None}]
    )
    def test_an_answer_about_something_else_is_never_evidence(self, changes: dict[str, Any]) -> None:
        caller, _ = client(answer({**ANSWERED_REFUND, **changes}))

        with pytest.raises(PlatformUnavailableError):
            caller.query_refund("R-0001")

    def test_a_service_provider_names_the_sub_merchant(self) -> None:
        caller, wechat = client(answer(ANSWERED_REFUND), account=settings(sub_mchid="1900099009"))

        caller.query_refund("R-0001")

        assert wechat.sent[0].target == "/v3/refund/domestic/refunds/R-0001?sub_mchid=1900099009"

    def test_what_is_no_refund_number_is_not_sent(self) -> None:
        caller, wechat = client()

        with pytest.raises(UnprocessableError, match="refund_id"):
            caller.query_refund("R/../1")
        assert not wechat.sent


def test_the_sandbox_serves_the_same_paths_under_its_own_address() -> None:
    account = settings(api_base="http://127.0.0.1:8081/wechat")
    caller, wechat = client(PREPAID, account=account)

    caller.create(payment())

    assert wechat.sent[0].url == "http://127.0.0.1:8081/wechat/v3/pay/transactions/jsapi"


def test_answers_of_certificate_and_public_key_are_both_believed() -> None:
    caller, _ = client(answer(TRANSACTION, by=CERTIFICATE), answer(TRANSACTION))

    told = [caller.query("T-0001"), caller.query("T-0001")]

    assert [each.key_id for each in told if each] == [CERTIFICATE["serial"], PUBLIC_KEY["id"]]

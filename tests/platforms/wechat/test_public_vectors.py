"""Every public vector of API v2 and v3, made and checked by other implementations.

Elsewhere: `bill-*` is in test_bills.py, `feie-*` and `yilianyun-*` are in tests/printers/test_makers.py.
"""

import base64
from types import SimpleNamespace
from typing import Any

import pytest

from countersign.errors import CountersignError, KeysUnavailableError, PlatformUnavailableError, RefusedError
from countersign.http import HttpRequest
from countersign.orders.changes import Hint, Paid, RefundReported, Unrecognised, Verified
from countersign.platforms.wechat import answers, messages, push, push_events, replies, signing, translate, v2, v3, xml
from countersign.platforms.wechat import settings as wechat_settings
from countersign.platforms.wechat.settings import Settings
from countersign.signing.credentials import Secret
from tests.platforms.wechat.support import APPID, MCHID, VECTORS, settings

NAMES = [name for name in VECTORS if name.startswith(("v2-", "v3-"))]
PUSHES = [name for name in VECTORS if name.startswith("push-")]


def test_no_vector_of_this_kind_is_left_out() -> None:
    others = {name.split("-")[0] for name in VECTORS if name not in NAMES}

    assert others == {"bill", "push", "feie", "yilianyun"}
    assert (len(NAMES), len(PUSHES)) == (78, 9)


@pytest.mark.parametrize("name", NAMES)
def test_public_vector(name: str) -> None:
    vector = VECTORS[name]
    expect = vector["expect"]["result"]
    if expect == "sign_equals":
        check_signature(vector)
    elif name.startswith("v3-cert-"):
        check_certificates(vector, expect)
    elif vector.get("raw_response"):
        check_answer(vector, expect)
    else:
        check_notice(vector, expect)


@pytest.mark.parametrize("name", PUSHES)
def test_public_vector_of_message_push(name: str) -> None:
    raw, inputs, wanted = (VECTORS[name][part] for part in ("raw_request", "inputs", "expect"))
    headers = {header.lower(): value for header, value in raw["headers"].items()}
    body = base64.b64decode(raw["body_b64"])
    request = HttpRequest(raw["method"], raw["path"], headers, body, query=raw["query"])
    # Not by the account document, which refuses the keys of WeChat's own samples.
    key = base64.b64decode(inputs.get("encoding_aes_key", "") + "=") if "encoding_aes_key" in inputs else b""
    appids = frozenset({inputs.get("appid", "")})
    known = (push.Recipient("push", inputs.get("encrypt_mode", "secure"), Secret(inputs["token"]), (key,), appids),)
    now = int(inputs.get("now_unix") or raw["query"]["timestamp"])
    if raw["method"] == "GET":
        reply = replies.url_checked(push.check_url(request, known, now=now))
    elif wanted["result"] == "reject":
        with pytest.raises(CountersignError) as refusal:
            push.verify(request, known, now=now)
        assert refusal.value.status == 401
        assert replies.push_refused(refusal.value).status == 401
        return
    else:
        pushed = push.verify(request, known, now=now)
        message = wanted["message"]
        assert pushed.fields == (xml.read_nested(message.encode()) if isinstance(message, str) else message)
        assert pushed.signed == (inputs.get("encrypt_mode") != "plain")
        if push_events.is_news(pushed) and pushed.fields["Event"] != "debug_demo":
            info = pushed.fields.get("order_info", pushed.fields)
            numbers = ("order_id", "OrderId", "merchant_trade_no")
            order_id = next(str(info[number]) for number in numbers if number in info)
            assert push_events.to_change(pushed, settings(), "shop").key.order_id == order_id
        reply = replies.push_accepted()
    assert wanted["result"] == "accept"
    assert (reply.status, reply.body) == (wanted["reply"]["http_status"], wanted["reply"]["body"])


def account(inputs: dict[str, Any]) -> Settings:
    """Return the account that the vector's inputs describe."""
    trusted = (inputs.get("trusted_keys") or {}).items()
    is_v3 = "apiv3_key" in inputs
    document = {
        "mchid": inputs.get("mchid") or inputs["mch_id"],
        "appid": inputs["appid"],
        "api": "v3" if is_v3 else "v2",
        "api_v3_keys": [inputs["apiv3_key"]] if is_v3 else [],
        "api_v2_keys": [] if is_v3 else [inputs["api_v2_key"]],
        "v2_sign_type": inputs.get("configured_sign_type") or inputs.get("sign_type_of_the_request") or "MD5",
        "wechatpay_public_keys": [
            {"id": key_id, "pem": key["pem"]} for key_id, key in trusted if key["kind"] == "wechatpay_public_key"
        ],
        "platform_certificates": [key["pem"] for _, key in trusted if key["kind"] == "platform_certificate"],
    }
    return wechat_settings.load(document)


def check_signature(vector: dict[str, Any]) -> None:
    inputs, expect = vector["inputs"], vector["expect"]
    if "requestPayment" in expect:
        prepay_id = inputs["package"].removeprefix("prepay_id=")
        made = v3.pay_sign(
            inputs["appId"], prepay_id, settings(), now=int(inputs["timeStamp"]), nonce=inputs["nonceStr"]
        )
        assert made == expect["requestPayment"]
    elif "url_path_and_query" in inputs:
        body = base64.b64decode(vector["raw_request"].get("body_b64") or "")
        header = v3.authorization(
            inputs["method"],
            inputs["url_path_and_query"],
            body,
            settings(),
            now=int(inputs["timestamp"]),
            nonce=inputs["nonce_str"],
        )
        scheme, _, pairs = header.partition(" ")
        assert scheme == "WECHATPAY2-SHA256-RSA2048"
        assert dict(pair.split("=", 1) for pair in pairs.split(",")) == {
            "mchid": f'"{inputs["mchid"]}"',
            "serial_no": f'"{inputs["serial_no"]}"',
            "timestamp": f'"{inputs["timestamp"]}"',
            "nonce_str": f'"{inputs["nonce_str"]}"',
            "signature": f'"{expect["signature"]}"',
        }
    else:
        assert v2.sign(inputs["params"], Secret(inputs["api_v2_key"]), inputs["sign_type"]) == expect["sign"]


def check_certificates(vector: dict[str, Any], expect: str) -> None:
    raw, inputs = vector["raw_response"], vector["inputs"]
    headers = {name.lower(): value for name, value in raw["headers"].items()}
    own = settings(api_v3_keys=[inputs.get("apiv3_key", "coNfW1UAKjLl0MbrswGW7CATEZTlUuPZ")])

    def opened() -> tuple[str, ...]:
        now = int(inputs.get("now_unix", 0))
        return v3.open_certificates(raw["status"], headers, base64.b64decode(raw["body_b64"]), own, now=now)

    if expect == "accept":
        serials = [v3.rsa.certificate(pem, "c").serial for pem in opened()]
        assert serials == vector["expect"]["usable_serials"]
    elif expect == "config_error":
        with pytest.raises(KeysUnavailableError, match="configure wechatpay_public_keys"):
            opened()
    else:
        assert expect == "reject"
        with pytest.raises(RefusedError):
            opened()


def check_answer(vector: dict[str, Any], expect: str) -> None:
    raw, wanted = vector["raw_response"], vector["expect"]
    body = base64.b64decode(raw["body_b64"])
    response: Any = SimpleNamespace(status_code=raw["status"], headers=raw["headers"], content=body)
    own = account(vector["inputs"])
    if expect == "reject":
        with pytest.raises(PlatformUnavailableError, match="sign"):
            answers.read_v2(response, own)
        return
    if expect == "retry_same_out_refund_no":
        with pytest.raises(PlatformUnavailableError, match=wanted["err_code"].replace("_", "")):
            answers.read_v2(response, own)
        return
    assert expect == "accept"
    fields, key_id = answers.read_v2(response, own)
    assert (fields, key_id) == (wanted["parsed"], "api_v2_keys[0]")
    if "order_state" in wanted:
        transaction = messages.transaction_v2(fields, fields["trade_state"])
        change = translate.transaction_to_change(
            transaction, own, "shop", system="v2", via="query", trust=Verified("k"), now=1
        )
        assert change.fact.kind == wanted["order_state"]
        if isinstance(change.fact, Paid):
            assert change.fact.total.minor == wanted["amount_total_fen"]
    if "refunds" in wanted:
        told = [
            {"out_refund_no": refund.out_refund_no, "status": refund.refund_status, "refund_fee": refund.refund}
            for refund in messages.refunds_v2(fields)
        ]
        assert told == wanted["refunds"]


def check_notice(vector: dict[str, Any], expect: str) -> None:
    raw, wanted = vector["raw_request"], vector["expect"]
    headers = {name.lower(): value for name, value in raw["headers"].items()}
    request = HttpRequest(raw["method"], raw["path"], headers, base64.b64decode(raw["body_b64"]))
    own, now = account(vector["inputs"]), int(vector["inputs"].get("now_unix") or 1_795_330_000)
    if expect == "reject" or vector["name"] == "v3-authentic-other-mchid":
        with pytest.raises(CountersignError) as refusal:
            signing.verify(request, own, now=now)
        assert refusal.value.status in (400, 401)
        reply = replies.refused(signing.system_of(request), refusal.value)
        assert reply.status == refusal.value.status
        assert "FAIL" in reply.body
        return
    genuine = signing.verify(request, own, now=now)
    change = translate.to_change(genuine, own, "shop")
    content = wanted.get("resource") or wanted.get("parsed")
    assert change.tenant == own.mchid
    assert isinstance(change.trust, Hint) == (expect == "unauthenticated")
    if content:
        assert genuine.fields == content
        assert change.key.order_id == content["out_trade_no"]
    if expect == "accept_but_not_paid":
        assert isinstance(change.fact, Unrecognised)
        return
    assert expect in ("accept", "either", "unauthenticated")
    if "out_refund_no" in content:
        amount = content["amount"]["refund"] if "amount" in content else int(content["refund_fee"])
        status = content["refund_status"]
        words = {"SUCCESS": "succeeded", "CHANGE": "needs_action", "ABNORMAL": "needs_action"}
        assert isinstance(change.fact, RefundReported)
        assert (change.fact.amount.minor, change.fact.status) == (amount, words.get(status, "failed"))
    else:
        total = content["amount"]["total"] if "amount" in content else int(content["total_fee"])
        assert isinstance(change.fact, Paid)
        assert (change.fact.total.minor, change.fact.total.currency) == (total, "CNY")
        assert change.fact.transaction_id == content["transaction_id"]
    if "event_type" in wanted:
        assert (genuine.event_type, change.envelope_id) == (wanted["event_type"], wanted["notification_id"])
    reply = replies.accepted(genuine.system)
    if "reply" in wanted and genuine.system == "v2":
        assert (reply.status, reply.content_type, reply.body) == (
            wanted["reply"]["http_status"],
            wanted["reply"]["content_type"],
            wanted["reply"]["body"],
        )
    if genuine.system == "v3":
        assert (reply.status, reply.body) == (204, "")


def test_the_vectors_are_of_the_account_that_tests_use() -> None:
    assert {vector["inputs"].get("mchid", MCHID) for vector in VECTORS.values()} == {MCHID}
    assert {vector["inputs"].get("appid", APPID) for name, vector in VECTORS.items() if name in NAMES} == {APPID}

"""Every public vector: requests and callbacks of guaranteed payment, orders and callbacks of the trade system.

Not normative, because the implementations disagree: a value in double quotes, where ours says what the official demo
says, and a real JSON array, which ours refuses to sign at all.
"""

import json
from typing import Any

import pytest

from countersign.errors import CountersignError, RefusedError, UnprocessableError
from countersign.orders.changes import Closed, Hint, Paid, RefundReported, RefundStarted, SettlementReported, Verified
from countersign.platforms.douyin import ecpay, replies, signing, trade, translate
from countersign.signing.credentials import Secret
from tests.platforms.douyin.support import VECTORS, request_of, settings

KINDS = {
    "payment.succeeded": Paid,
    "payment.cancelled": Closed,
    "refund.succeeded": RefundReported,
    "refund.failed": RefundReported,
    "refund.requested": RefundStarted,
    "settle.succeeded": SettlementReported,
    "settle.failed": SettlementReported,
}


@pytest.mark.parametrize("name", VECTORS)
def test_public_vector(name: str) -> None:
    vector = VECTORS[name]
    match vector["family"]:
        case "ecpay_v1_request":
            check_request_sign(vector)
        case "trade_basic_order_sign" | "trade_v2_request":
            check_authorization(vector)
        case _:
            check_callback(vector)


def test_every_family_is_known() -> None:
    families = {vector["family"] for vector in VECTORS.values()}

    assert families == {
        "ecpay_v1_request",
        "ecpay_v1_callback",
        "trade_basic_order_sign",
        "trade_v2_request",
        "trade_basic_callback",
    }
    assert sorted(name for name, vector in VECTORS.items() if not vector["normative"]) == [
        "AMBIGUOUS/real_json_array_flattened_go_style",
        "AMBIGUOUS/value_wrapped_in_double_quotes",
    ]


def check_request_sign(vector: dict[str, Any]) -> None:
    params, expect = vector["inputs"]["params"], vector["expect"]
    salt = Secret(vector["inputs"]["salt"])
    if any(isinstance(value, list) for value in params.values()):
        with pytest.raises(UnprocessableError):
            ecpay.sign(params, salt)
        return
    assert ecpay.sign(params, salt) == expect["sign"]
    assert expect.get("bad_sign") != expect["sign"]


def check_authorization(vector: dict[str, Any]) -> None:
    inputs, expect = vector["inputs"], vector["expect"]
    quoted = vector["family"] == "trade_v2_request"
    account = settings(key_version=inputs["key_version"])
    body = vector["raw_request"]["body"] if quoted else inputs["data"]
    made = trade.authorization(
        inputs["uri"], body, account, now=inputs["timestamp"], nonce=inputs["nonce_str"], quoted=quoted
    )
    assert made == expect["byte_authorization" if quoted else "byteAuthorization"]


def check_callback(vector: dict[str, Any]) -> None:
    expect, now = vector["expect"], vector["inputs"]["now"]
    account, request = settings(), request_of(vector)
    if not expect["signature_valid"]:
        with pytest.raises(RefusedError) as refused:
            signing.verify(request, account, now=now)
        assert refused.value.status == 401
        return
    if expect.get("reason") in ("type_msg_mismatch", "app_id_mismatch"):
        with pytest.raises(CountersignError) as mismatch:
            signing.verify(request, account, now=now)
        assert mismatch.value.status == 401
        return
    genuine = signing.verify(request, account, now=now)
    change = translate.to_change(genuine, account, "app")
    if expect.get("reason") == "stale_timestamp":
        assert isinstance(change.trust, Hint)
        return
    assert isinstance(change.trust, Verified)
    if expect.get("reason") == "amount_mismatch":
        assert isinstance(change.fact, Paid)
        assert change.fact.total.minor != vector["inputs"]["order"]["total_amount"]
        return
    assert isinstance(change.fact, KINDS[expect["event"]])
    if "order_no" in expect:
        assert change.key.order_id == expect["order_no"]
    number = expect.get("refund_no") or expect.get("settle_no")
    if number:
        assert number in (getattr(change.fact, "refund_id", ""), getattr(change.fact, "settlement_id", ""))
    if "amount_fen" in expect:
        amount = change.fact.total if isinstance(change.fact, Paid) else change.fact.amount  # type: ignore[union-attr]
        assert amount.minor == expect["amount_fen"]
    check_reply(expect["response"], replies.accepted(translate.wanted(genuine, account)))


def check_reply(response: dict[str, Any], reply: Any) -> None:
    content = json.loads(reply.body)
    assert reply.status == response["status"]
    if "json" in response:
        assert content == response["json"]
    else:
        assert content["err_no"] == 0
        assert content["err_tips"] == "success"
        assert content["data"]["out_refund_no"]
        assert not content["data"]["order_entry_schema"]["path"].startswith("/")

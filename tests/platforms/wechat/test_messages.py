"""Strict reading of transactions and refunds: what is promised, what is optional, what is refused."""

from typing import Any

import pytest

from countersign.errors import MalformedError
from countersign.platforms.wechat import messages
from countersign.platforms.wechat.messages import RefundNotice, Transaction
from tests.platforms.wechat.support import (
    APPID,
    MCHID,
    PAID_AT,
    REFUND,
    REFUNDED_AT,
    TRANSACTION,
    V2_PAYMENT,
    V2_REFUND,
)

PAID = Transaction(
    out_trade_no="T-0001",
    trade_state="SUCCESS",
    transaction_id="4200002901202611221403050001",
    total=8800,
    currency="CNY",
    payer_total=8000,
    success_time=PAID_AT,
    mchid=MCHID,
    appid=APPID,
    openid="oThrow4wayOpenid_public-000001",
)


def changed(fields: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return the fields with one of them, named as `a.b`, changed."""
    outer, _, inner = path.partition(".")
    return {**fields, outer: {**fields[outer], inner: value} if inner else value}


def test_a_transaction_of_v3() -> None:
    assert messages.transaction_v3(TRANSACTION) == PAID


def test_a_transaction_of_v2() -> None:
    assert messages.transaction_v2(V2_PAYMENT, "SUCCESS") == PAID


def test_a_refund_of_v3() -> None:
    assert messages.refund_v3(REFUND) == RefundNotice(
        out_trade_no="T-0001",
        out_refund_no="R-0001",
        refund_status="SUCCESS",
        refund=800,
        total=8800,
        refund_id="50302101202611221520000001",
        transaction_id="4200002901202611221403050001",
        success_time=REFUNDED_AT,
        mchid=MCHID,
    )


def test_a_refund_of_v2_says_the_same() -> None:
    ours, theirs = messages.refund_v2(V2_REFUND), messages.refund_v3(REFUND)

    assert (ours.out_refund_no, ours.refund, ours.total, ours.success_time) == (
        theirs.out_refund_no,
        theirs.refund,
        theirs.total,
        theirs.success_time,
    )


def test_a_query_calls_the_status_of_a_refund_otherwise() -> None:
    answer = {**REFUND, "status": "PROCESSING"}
    del answer["refund_status"], answer["success_time"]

    assert (messages.refund_v3(answer).refund_status, messages.refund_v3(answer).success_time) == ("PROCESSING", None)


def test_an_unpaid_transaction_lacks_most() -> None:
    bare = {
        "mchid": MCHID,
        "appid": APPID,
        "out_trade_no": "T-0001",
        "trade_state": "NOTPAY",
        "amount": {"total": 8800},
    }
    empty = {**bare, "transaction_id": "", "success_time": "", "payer": {}, "attach": None}

    assert messages.transaction_v3(bare) == messages.transaction_v3(empty)
    assert messages.transaction_v3(bare).transaction_id == ""
    without_amount = {name: value for name, value in bare.items() if name != "amount"}
    assert messages.transaction_v3(without_amount).total is None


def test_a_service_providers_transaction() -> None:
    partner = {**TRANSACTION, "sp_mchid": MCHID, "sp_appid": APPID, "sub_mchid": "1900099009"}
    del partner["mchid"], partner["appid"]

    read = messages.transaction_v3(partner)

    assert (read.mchid, read.appid, read.sub_mchid) == (MCHID, APPID, "1900099009")


def test_C14_extra_fields_are_ignored() -> None:
    assert messages.transaction_v3({**TRANSACTION, "new_in_2027": {"deep": [1, 2.5, None]}}) == PAID
    assert messages.transaction_v2({**V2_PAYMENT, "new_in_2027": "x", "coupon_fee_10": "4"}, "SUCCESS") == PAID


@pytest.mark.parametrize("currency", [None, ""])
def test_an_absent_currency_is_cny(currency: Any) -> None:
    assert messages.transaction_v3(changed(TRANSACTION, "amount.currency", currency)).currency == "CNY"
    assert messages.transaction_v2({**V2_PAYMENT, "fee_type": ""}, "SUCCESS").currency == "CNY"


def test_what_was_paid_in_another_currency_is_not_counted_in_this_one() -> None:
    abroad = messages.transaction_v3(changed(TRANSACTION, "amount.payer_currency", "HKD"))

    assert (abroad.total, abroad.currency, abroad.payer_total) == (8800, "CNY", None)
    assert messages.transaction_v2({**V2_PAYMENT, "cash_fee_type": "HKD"}, "SUCCESS").payer_total is None


NO_FEN = [True, False, 1.0, 88.0, "8800", " 8800 ", "1_00", "1e2", "８８００", -1, 2**53, 10**30, [], {}, float("nan")]


@pytest.mark.parametrize("value", NO_FEN)
@pytest.mark.parametrize("path", ["amount.total", "amount.payer_total"])
def test_C8_C9_v3_amounts_are_whole_numbers(path: str, value: Any) -> None:
    with pytest.raises(MalformedError, match=path.split(".")[1]):
        messages.transaction_v3(changed(TRANSACTION, path, value))


@pytest.mark.parametrize("value", [*NO_FEN, None])
@pytest.mark.parametrize("path", ["amount.total", "amount.refund"])
def test_C8_C9_C14_v3_refunds_need_whole_numbers(path: str, value: Any) -> None:
    with pytest.raises(MalformedError, match=path.split(".")[1]):
        messages.refund_v3(changed(REFUND, path, value))


NO_DIGITS = [
    " 8800",
    "8800 ",
    "8800\n",
    "1_00",
    "1e2",
    "88.00",
    "+1",
    "-1",
    "０",
    "８８００",
    "01",
    "٣",
    "0x1",
    str(2**53),
]


@pytest.mark.parametrize("value", [*NO_DIGITS, "9" * 5000])
@pytest.mark.parametrize("name", ["total_fee", "cash_fee"])
def test_C8_C9_v2_amounts_are_digits(name: str, value: str) -> None:
    with pytest.raises(MalformedError, match=name):
        messages.transaction_v2({**V2_PAYMENT, name: value}, "SUCCESS")


@pytest.mark.parametrize("value", [*NO_DIGITS, ""])
@pytest.mark.parametrize("name", ["total_fee", "refund_fee"])
def test_C9_C14_v2_refunds_need_digits(name: str, value: str) -> None:
    with pytest.raises(MalformedError, match=name):
        messages.refund_v2({**V2_REFUND, name: value})


@pytest.mark.parametrize("value", [0, 1, 2**53 - 1])
def test_C10_amounts_are_exact_to_the_largest(value: int) -> None:
    assert messages.transaction_v3(changed(TRANSACTION, "amount.total", value)).total == value
    assert messages.transaction_v2({**V2_PAYMENT, "total_fee": str(value)}, "SUCCESS").total == value


@pytest.mark.parametrize("name", ["out_trade_no", "trade_state"])
@pytest.mark.parametrize("value", [None, "", 1, ["T-0001"], {}, True])
def test_C14_a_transaction_needs_its_number_and_state(name: str, value: Any) -> None:
    with pytest.raises(MalformedError, match=name):
        messages.transaction_v3({**TRANSACTION, name: value})


@pytest.mark.parametrize("name", ["out_trade_no", "out_refund_no", "refund_status"])
def test_C14_a_refund_needs_its_numbers_and_status(name: str) -> None:
    for read, fields in ((messages.refund_v3, REFUND), (messages.refund_v2, V2_REFUND)):
        lacking = {key: value for key, value in fields.items() if key != name}
        with pytest.raises(MalformedError):
            read(lacking)


HOSTILE_IDS = [
    "T-0001\n", "T-0001\r\nX: y", "T\x1b[31m", "T#0001", "T{0}", "T\x000", "T\u202e0001", "T 0001", "Ｔ００１", "奶",
    "T/../..", "T'--", "<b>", "T" * 65, "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE_IDS)
@pytest.mark.parametrize(
    "name", ["out_trade_no", "transaction_id", "trade_state", "mchid", "appid", "sub_mchid", "success_time"]
)
def test_C11_C15_ids_and_words_are_limited(name: str, value: str) -> None:
    with pytest.raises(MalformedError, match=name) as refusal:
        messages.transaction_v3({**TRANSACTION, name: value})
    assert value not in str(refusal.value)


@pytest.mark.parametrize("value", HOSTILE_IDS)
@pytest.mark.parametrize("name", ["out_trade_no", "out_refund_no", "refund_id", "transaction_id", "refund_status"])
def test_C11_C15_ids_and_words_of_refunds_are_limited(name: str, value: str) -> None:
    for read, fields in ((messages.refund_v3, REFUND), (messages.refund_v2, V2_REFUND)):
        with pytest.raises(MalformedError, match=name):
            read({**fields, name: value})


@pytest.mark.parametrize("number", ["A|b*-_1", "000001", "x" * 32])
def test_all_order_numbers_of_the_platform_are_read(number: str) -> None:
    assert messages.transaction_v3({**TRANSACTION, "out_trade_no": number}).out_trade_no == number


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-22T14:03:05+08:00", PAID_AT),
        ("2026-11-22T06:03:05Z", PAID_AT),
        ("2026-11-22T06:03:05+00:00", PAID_AT),
        ("2026-11-21T22:03:05-08:00", PAID_AT),
        ("2026-11-22T11:48:05+05:45", PAID_AT),
        ("2026-11-22T14:03:05.999+08:00", PAID_AT),
        ("2024-02-29T00:00:00+08:00", 1_709_136_000),
        ("2017-01-01T07:59:60+08:00", 1_483_228_800),  # the last leap second
    ],
)
def test_times_with_a_zone(text: str, seconds: int) -> None:
    assert messages.transaction_v3({**TRANSACTION, "success_time": text}).success_time == seconds


def test_times_without_a_zone_are_beijings() -> None:
    assert messages.transaction_v2({**V2_PAYMENT, "time_end": "20261122140305"}, "SUCCESS").success_time == PAID_AT
    assert messages.refund_v2({**V2_REFUND, "success_time": "2026-11-22 14:03:05"}).success_time == PAID_AT


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T14:03:05",
        "2026-11-22 14:03:05+08:00",
        "2026-11-22T14:03+08:00",
        "2026-11-22T14:03:05+0800",
        "2026-11-22T14:03:05+24:00",
        "2026-11-22T24:03:05+08:00",
        "2026-02-30T14:03:05+08:00",
        "2026-11-22T14:03:61+08:00",
        "0000-11-22T14:03:05+08:00",
        "２026-11-22T14:03:05+08:00",
        "1795327385",
        "soon",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        messages.transaction_v3({**TRANSACTION, "success_time": text})


@pytest.mark.parametrize("text", ["20261322140305", "2026112214030", "2026-11-22 14:03:05", "20261122140305 ", "x"])
def test_what_is_no_v2_time_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        messages.transaction_v2({**V2_PAYMENT, "time_end": text}, "SUCCESS")


@pytest.mark.parametrize("value", ["USDT", "cny", "C1Y", "¥", 1])
def test_a_currency_is_three_capitals(value: Any) -> None:
    with pytest.raises(MalformedError, match="currency"):
        messages.transaction_v3(changed(TRANSACTION, "amount.currency", value))


@pytest.mark.parametrize("value", [[], "8800", 8800, True])
def test_an_amount_is_an_object(value: Any) -> None:
    with pytest.raises(MalformedError, match="amount"):
        messages.transaction_v3({**TRANSACTION, "amount": value})


ROWS = {
    "out_trade_no": "T-0001",
    "transaction_id": "4200002901202611221403050001",
    "total_fee": "8800",
    "refund_count": "2",
    "out_refund_no_0": "R-0001",
    "refund_id_0": "50302101202611221520000001",
    "refund_fee_0": "800",
    "refund_status_0": "SUCCESS",
    "refund_success_time_0": "2026-11-22 15:20:00",
    "out_refund_no_1": "R-0002",
    "refund_fee_1": "100",
    "refund_status_1": "PROCESSING",
}


def test_numbered_refunds_are_read() -> None:
    first, second = messages.refunds_v2(ROWS)

    assert (first.out_refund_no, first.refund, first.total, first.success_time) == ("R-0001", 800, 8800, REFUNDED_AT)
    assert (second.out_refund_no, second.refund_status, second.success_time) == ("R-0002", "PROCESSING", None)


@pytest.mark.parametrize("count", ["3", "99999999", "", "x", "-1"])
def test_a_wrong_count_of_refunds_is_refused(count: str) -> None:
    with pytest.raises(MalformedError):
        messages.refunds_v2({**ROWS, "refund_count": count})

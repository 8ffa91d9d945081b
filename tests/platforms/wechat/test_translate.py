"""From WeChat's words to ours: every word of the documents, and words that no document has."""

from dataclasses import replace
from typing import Any

import pytest

from countersign.errors import MalformedError, TenantMismatchError
from countersign.money import Money
from countersign.orders.changes import (
    AccountNews,
    Change,
    Closed,
    Fact,
    Failed,
    Hint,
    OrderKey,
    Paid,
    Queried,
    RefundReported,
    Unpaid,
    Unrecognised,
    Verified,
)
from countersign.orders.sentences import sentence
from countersign.platforms.wechat import messages, signing, translate
from countersign.platforms.wechat.signing import VerifiedMessage
from tests.platforms.wechat.support import (
    APPID,
    MCHID,
    NOW,
    PAID_AT,
    PUBLIC_KEY,
    REFUND,
    REFUNDED_AT,
    TRANSACTION,
    notice_v2,
    notice_v3,
    refund_notice_v2,
    settings,
)

ACCOUNT = settings()
PAID = Paid("4200002901202611221403050001", Money(8800, "CNY"), PAID_AT, 8000)
REFUNDED = RefundReported(
    "R-0001",
    Money(800, "CNY"),
    "succeeded",
    platform_refund_id="50302101202611221520000001",
    transaction_id="4200002901202611221403050001",
    total=Money(8800, "CNY"),
    at=REFUNDED_AT,
)


ADVICE = {"needs_action": "abnormal refunds", "failed": "a new attempt is a new refund"}


def refunded(status: str) -> RefundReported:
    """Return the refund in a status, with what a person must do about it."""
    return replace(REFUNDED, status=status, problem=translate._PROBLEMS.get(status))


@pytest.mark.parametrize("status", ["processing", "succeeded", "needs_action", "failed"])
def test_what_a_person_must_do_is_said_where_there_is_something(status: str) -> None:
    assert ADVICE.get(status, "") in (sentence(refunded(status).problem) or "")
    assert bool(refunded(status).problem) == (status in ADVICE)


def notified(resource: dict[str, Any], event_type: str) -> Fact:
    """Return what a v3 notice means."""
    genuine = signing.verify(notice_v3(resource, event_type), ACCOUNT, now=NOW)
    return translate.to_change(genuine, ACCOUNT, "shop").fact


def queried(state: str, **changes: Any) -> Fact:
    """Return what a query's answer means."""
    transaction = messages.transaction_v3({**TRANSACTION, "trade_state": state, **changes})
    change = translate.transaction_to_change(
        transaction, ACCOUNT, "shop", system="v3", via="query", trust=Queried("k"), now=NOW
    )
    assert (change.trust, change.via) == (Queried("k"), "query")
    return change.fact


def test_a_payment_of_v3() -> None:
    change = translate.to_change(signing.verify(notice_v3(), ACCOUNT, now=NOW), ACCOUNT, "shop")

    assert (change.key, change.fact) == (OrderKey("wechat", "shop", "T-0001"), PAID)
    assert (change.trust, change.via, change.tenant, change.system, change.anomaly, change.envelope_id) == (
        Verified(PUBLIC_KEY["id"]),
        "notify",
        MCHID,
        "v3",
        "",
        "40910694-8afc-5168-af15-943036ed28f4",
    )


def test_a_payment_of_v2_says_the_same() -> None:
    change = translate.to_change(signing.verify(notice_v2(), ACCOUNT, now=NOW), ACCOUNT, "shop")

    assert (change.key, change.fact, change.system) == (OrderKey("wechat", "shop", "T-0001"), PAID, "v2")
    assert change.trust == Verified("api_v2_keys[0]")


def test_a_query_and_a_notice_of_one_payment_are_one_fact() -> None:
    assert queried("SUCCESS").identity() == notified(TRANSACTION, "TRANSACTION.SUCCESS").identity()


@pytest.mark.parametrize(
    ("state", "fact"),
    [
        ("SUCCESS", PAID),
        ("REFUND", PAID),
        ("NOTPAY", Unpaid("NOTPAY")),
        ("ACCEPT", Unpaid("ACCEPT")),
        ("USERPAYING", Unpaid("USERPAYING")),
        ("USER_PAYING", Unpaid("USER_PAYING")),
        ("CLOSED", Closed(NOW)),
        ("REVOKED", Closed(NOW)),
        ("PAYERROR", Failed("PAYERROR")),
        ("PAY_ERROR", Failed("PAY_ERROR")),
    ],
)
def test_every_trade_state_of_the_documents_has_a_meaning(state: str, fact: Fact) -> None:
    assert queried(state) == fact


@pytest.mark.parametrize("state", ["PENDING", "success", "SUCCESSFUL", "Success", "0", "PAID"])
def test_C13_an_unknown_trade_state_changes_nothing(state: str) -> None:
    assert queried(state) == Unrecognised("trade_state", state)


def test_an_unpaid_answer_needs_no_amount() -> None:
    assert queried("NOTPAY", amount=None, transaction_id=None, success_time=None) == Unpaid("NOTPAY")


@pytest.mark.parametrize("lacking", [{"transaction_id": None}, {"amount": {}}, {"amount": None}, {"success_time": ""}])
@pytest.mark.parametrize("state", ["SUCCESS", "REFUND"])
def test_C14_a_paid_transaction_needs_its_number_total_and_time(lacking: dict[str, Any], state: str) -> None:
    with pytest.raises(MalformedError):
        queried(state, **lacking)


@pytest.mark.parametrize("state", ["NOTPAY", "USERPAYING", "CLOSED", "REVOKED", "PAYERROR", "SOMETHING"])
def test_an_event_whose_state_disagrees_changes_nothing(state: str) -> None:
    fact = notified({**TRANSACTION, "trade_state": state}, "TRANSACTION.SUCCESS")

    assert fact == Unrecognised("trade_state", f"{state} in TRANSACTION.SUCCESS")


@pytest.mark.parametrize(
    ("event", "status", "word"),
    [("SUCCESS", "SUCCESS", "succeeded"), ("ABNORMAL", "ABNORMAL", "needs_action"), ("CLOSED", "CLOSED", "failed")],
)
def test_every_refund_event_has_a_meaning(event: str, status: str, word: str) -> None:
    fact = notified({**REFUND, "refund_status": status}, f"REFUND.{event}")

    assert fact == refunded(word)


@pytest.mark.parametrize("event", ["SUCCESS", "ABNORMAL", "CLOSED"])
@pytest.mark.parametrize("status", ["SUCCESS", "ABNORMAL", "CLOSED", "PROCESSING", "OTHER"])
def test_a_refund_event_whose_status_disagrees_changes_nothing(event: str, status: str) -> None:
    fact = notified({**REFUND, "refund_status": status}, f"REFUND.{event}")

    assert isinstance(fact, RefundReported if event == status else Unrecognised)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("SUCCESS", "succeeded"),
        ("PROCESSING", "processing"),
        ("ABNORMAL", "needs_action"),
        ("CHANGE", "needs_action"),
        ("CLOSED", "failed"),
        ("REFUNDCLOSE", "failed"),
        ("REFUND_CLOSE", "failed"),
    ],
)
def test_every_refund_status_of_the_documents_has_a_meaning(status: str, word: str) -> None:
    refund = messages.refund_v3({**REFUND, "refund_status": status})

    change = translate.refund_to_change(refund, ACCOUNT, "shop", system="v3", via="query", trust=Queried("k"))

    assert change.fact == refunded(word)


def test_C13_an_unknown_refund_status_changes_nothing() -> None:
    refund = messages.refund_v3({**REFUND, "refund_status": "REVIEWING"})

    change = translate.refund_to_change(refund, ACCOUNT, "shop", system="v3", via="query", trust=Queried("k"))

    assert change.fact == Unrecognised("refund_status", "REVIEWING")


@pytest.mark.parametrize("event_type", ["TRANSACTION.CLOSED", "REFUND.PROCESSING", "COUPON.USE", "transaction.success"])
def test_C13_an_unknown_event_is_kept_with_its_order(event_type: str) -> None:
    change = translate.to_change(signing.verify(notice_v3(TRANSACTION, event_type), ACCOUNT, now=NOW), ACCOUNT, "shop")

    assert (change.key.order_id, change.fact) == ("T-0001", Unrecognised("event_type", event_type))


# As WeChat's products send them to the one address that a merchant number has.
PROFIT_SHARED = {
    "mchid": MCHID,
    "transaction_id": "4200002901202611229000000011",
    "order_id": "30002107042026112200000000001",
    "out_order_no": "PS-20261122-0001",
    "receiver": {"type": "MERCHANT_ID", "account": "1900000200", "amount": 120},
    "success_time": "2026-11-22T14:27:20+08:00",
}
TRANSFERRED = {"out_bill_no": "T1", "transfer_bill_no": "13300", "state": "SUCCESS", "mch_id": MCHID, "openid": "o1"}
SCORED = {"appid": APPID, "mchid": MCHID, "out_order_no": "S1", "state": "DONE", "collection": {"state": "USER_PAID"}}
COMBINED = {
    "combine_appid": APPID,
    "combine_mchid": MCHID,
    "combine_out_trade_no": "C1",
    "sub_orders": [{"mchid": "1900000109", "out_trade_no": "S1", "trade_state": "SUCCESS", "amount": {}}],
}
COMPLAINED = {"complaint_id": "200201820200101080076610000", "action_type": "CREATE_COMPLAINT"}


@pytest.mark.parametrize(
    ("resource", "event_type"),
    [
        (PROFIT_SHARED, "TRANSACTION.SUCCESS"),
        (PROFIT_SHARED, "PROFITSHARING"),
        (TRANSFERRED, "MCHTRANSFER.BILL.FINISHED"),
        (SCORED, "PAYSCORE.USER_PAID"),
        (SCORED, "TRANSACTION.SUCCESS"),
        (COMBINED, "TRANSACTION.SUCCESS"),
        (COMPLAINED, "COMPLAINT.CREATE"),
        ({"echo_message": "hello"}, "SECURITY_ECHO.SUCCESS"),
    ],
)
def test_C13_news_about_no_order_is_told_by_what_stands_inside(resource: dict[str, Any], event_type: str) -> None:
    genuine = signing.verify(notice_v3(resource, event_type), ACCOUNT, now=NOW)

    assert translate.to_change(genuine, ACCOUNT, "shop") == AccountNews(event_type)


def test_C13_a_v2_notice_about_no_order_is_news() -> None:
    signed = dict.fromkeys(("out_trade_no", "transaction_id", "total_fee"), "")
    genuine = signing.verify(
        notice_v2(**signed, change_type="ADD", contract_id="Wx15463511252015071056489715"), ACCOUNT, now=NOW
    )

    assert translate.to_change(genuine, ACCOUNT, "shop") == AccountNews("v2")


@pytest.mark.parametrize("name", ["mchid", "combine_mchid"])
def test_B6_news_for_another_merchant_is_refused(name: str) -> None:
    notice = notice_v3({**COMBINED, name: "1900000109"}, "TRANSACTION.SUCCESS")

    with pytest.raises(TenantMismatchError):
        signing.verify(notice, ACCOUNT, now=NOW)


@pytest.mark.parametrize("name", ["out_trade_no", "trade_state"])
def test_C14_a_payment_that_lacks_one_of_its_marks_is_unreadable_and_no_news(name: str) -> None:
    fields = {key: value for key, value in TRANSACTION.items() if key != name}

    with pytest.raises(MalformedError):
        translate.to_change(signing.verify(notice_v3(fields), ACCOUNT, now=NOW), ACCOUNT, "shop")


def test_a_signed_state_of_a_payment_with_refunds_is_paid_in_both_versions() -> None:
    refunded = {**TRANSACTION, "trade_state": "REFUND"}

    for notice in (notice_v3(refunded), notice_v2(trade_state="REFUND")):
        change = translate.to_change(signing.verify(notice, ACCOUNT, now=NOW), ACCOUNT, "shop")
        assert isinstance(change, Change)
        assert isinstance(change.fact, Paid)


@pytest.mark.parametrize(
    ("event_type", "envelope_id"),
    [("", "1"), ("A B", "1"), ("A\n", "1"), ("A" * 65, "1"), ("A", ""), ("A", "#{x}"), ("A", "x" * 65), ("A", "é")],
)
def test_C15_names_of_envelopes_are_limited(event_type: str, envelope_id: str) -> None:
    genuine = VerifiedMessage("v3", "k", event_type, {}, envelope_id)

    with pytest.raises(MalformedError):
        translate.to_change(genuine, ACCOUNT, "shop")


@pytest.mark.parametrize("result_code", ["FAIL", "success", "PROCESSING"])
def test_a_v2_notice_whose_result_is_not_success_changes_nothing(result_code: str) -> None:
    genuine = signing.verify(notice_v2(result_code=result_code), ACCOUNT, now=NOW)

    assert translate.to_change(genuine, ACCOUNT, "shop").fact == Unrecognised("result_code", result_code)


def test_a_v2_notice_with_another_state_inside_changes_nothing() -> None:
    genuine = signing.verify(notice_v2(trade_state="NOTPAY"), ACCOUNT, now=NOW)

    assert translate.to_change(genuine, ACCOUNT, "shop").fact == Unrecognised("trade_state", "NOTPAY")


@pytest.mark.parametrize("name", ["out_trade_no", "transaction_id", "total_fee", "time_end", "result_code"])
def test_C14_a_v2_notice_that_lacks_something_is_malformed(name: str) -> None:
    genuine = signing.verify(notice_v2(**{name: ""}), ACCOUNT, now=NOW)

    with pytest.raises(MalformedError, match=name if name in ("out_trade_no", "result_code") else "lacks"):
        translate.to_change(genuine, ACCOUNT, "shop")


def test_B7_a_v2_refund_notice_is_told_as_a_hint() -> None:
    change = translate.to_change(signing.verify(refund_notice_v2(), ACCOUNT, now=NOW), ACCOUNT, "shop")

    assert (change.trust, change.fact, change.system) == (Hint(), REFUNDED, "v2")


@pytest.mark.parametrize(
    ("amount", "total"),
    [
        ({"total": 1}, Money(1, "CNY")),
        ({"total": 8801}, Money(8801, "CNY")),
        ({"total": 0}, Money(0, "CNY")),
        ({"total": 8800, "currency": "USD"}, Money(8800, "USD")),
        ({"total": 8800, "currency": "JPY", "payer_total": 1}, Money(8800, "JPY")),
        ({"total": 9900, "payer_total": 8800}, Money(9900, "CNY")),
    ],
)
def test_B10_the_total_and_never_what_the_payer_paid_is_compared(amount: dict[str, Any], total: Money) -> None:
    fact = notified({**TRANSACTION, "amount": amount}, "TRANSACTION.SUCCESS")

    assert isinstance(fact, Paid)
    assert (fact.total, fact.payer_paid) == (total, amount.get("payer_total"))


@pytest.mark.parametrize("total", [-1, None, "8800", True, 88.0])
def test_B10_C9_a_total_that_is_none_is_malformed(total: Any) -> None:
    with pytest.raises(MalformedError):
        notified({**TRANSACTION, "amount": {"total": total}}, "TRANSACTION.SUCCESS")


def test_a_sub_merchant_where_none_is_configured_is_an_oddity() -> None:
    for resource, event in ((TRANSACTION, "TRANSACTION.SUCCESS"), (REFUND, "REFUND.SUCCESS")):
        genuine = signing.verify(notice_v3({**resource, "sub_mchid": "1900099009"}, event), ACCOUNT, now=NOW)
        assert translate.to_change(genuine, ACCOUNT, "shop").anomaly == "sub_merchant_unexpected"
    genuine = signing.verify(notice_v2(sub_mch_id="1900099009"), ACCOUNT, now=NOW)
    assert translate.to_change(genuine, ACCOUNT, "shop").anomaly == "sub_merchant_unexpected"
    genuine = signing.verify(refund_notice_v2(sub_mch_id="1900099009"), ACCOUNT, now=NOW)
    assert translate.to_change(genuine, ACCOUNT, "shop").anomaly == "sub_merchant_unexpected"


def test_the_configured_sub_merchant_is_no_oddity() -> None:
    account = settings(sub_mchid="1900099009")
    genuine = signing.verify(notice_v3({**TRANSACTION, "sub_mchid": "1900099009"}), account, now=NOW)

    assert translate.to_change(genuine, account, "shop").anomaly == ""

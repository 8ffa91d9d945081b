"""From WeChat's words to our facts: total tables, where an unknown word is kept and changes nothing."""

import re

from countersign.errors import MalformedError
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
    RefundReported,
    Trust,
    Unpaid,
    Unrecognised,
    Verified,
)
from countersign.orders.reasons import because
from countersign.platforms.wechat import messages
from countersign.platforms.wechat.messages import RefundNotice, Transaction
from countersign.platforms.wechat.settings import Settings
from countersign.platforms.wechat.signing import VerifiedMessage

PLATFORM = "wechat"
# REFUND says that a paid order has refunds: it is paid all the same.
_PAID = frozenset({"SUCCESS", "REFUND"})
_UNPAID = frozenset({"NOTPAY", "ACCEPT", "USERPAYING"})
_CLOSED = frozenset({"CLOSED", "REVOKED"})
_FAILED = frozenset({"PAYERROR"})
_REFUNDS = {
    "SUCCESS": "succeeded",
    "PROCESSING": "processing",
    "ABNORMAL": "needs_action",
    "CHANGE": "needs_action",
    "CLOSED": "failed",
    "REFUNDCLOSE": "failed",
}
# What a person must know or do about a refund that WeChat had taken.
_PROBLEMS = {"needs_action": because("wechat.refund_abnormal"), "failed": because("wechat.refund_closed")}
# What each event type promises about the state inside. A payment that has refunds is paid, as a query says it too.
_TRANSACTION_EVENTS = {"TRANSACTION.SUCCESS": _PAID}
_REFUND_EVENTS = {"REFUND.SUCCESS": "SUCCESS", "REFUND.ABNORMAL": "ABNORMAL", "REFUND.CLOSED": "CLOSED"}
# One of these is in every message about a payment or refund, and none in any other. Profit sharing, pay score and
# complaints name a `transaction_id` of v3; combined payments `combine_out_trade_no`.
_OF_AN_ORDER = {
    "v3": ("out_trade_no", "trade_state", "out_refund_no", "refund_status"),
    "v2": ("out_trade_no", "transaction_id", "total_fee", "out_refund_no", "refund_status"),
}
_ENVELOPE_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_EVENT_TYPE = re.compile(r"[0-9A-Za-z_.-]{1,64}")


def normalised(code: str) -> str:
    """Return a word of WeChat without `_`, since spellings changed over the years (ORDERNOTEXIST, ORDER_NOT_EXIST)."""
    return code.replace("_", "")


def to_change(genuine: VerifiedMessage, settings: Settings, account: str) -> Change | AccountNews:
    """Return what a genuine notice says about an order, or that it is about none.

    Several of WeChat's products use one `event_type` (profit sharing says TRANSACTION.SUCCESS as payments do), so what
    stands inside decides. MalformedError if a message lacks what it promises.
    """
    if genuine.system == "v3" and not (
        _EVENT_TYPE.fullmatch(genuine.event_type) and _ENVELOPE_ID.fullmatch(genuine.envelope_id)
    ):
        raise MalformedError("the notice's id or event_type is not what the platform promises")
    if not any(genuine.fields.get(name) for name in _OF_AN_ORDER[genuine.system]):
        return AccountNews(genuine.event_type if genuine.system == "v3" else "v2")
    trust: Trust = Verified(genuine.key_id) if genuine.signed else Hint()
    return _v3(genuine, settings, account, trust) if genuine.system == "v3" else _v2(genuine, settings, account, trust)


def order_of(genuine: VerifiedMessage) -> str:
    """Return the order's number in a message that could not be read otherwise; empty where there is none."""
    try:
        return messages.order_number(genuine.fields)
    except MalformedError:
        return ""


def transaction_to_change(
    transaction: Transaction, settings: Settings, account: str, *, system: str, via: str, trust: Trust, now: int
) -> Change:
    """Return what WeChat says about a payment; `now` is when an order told as closed became known to be so."""
    fact = _payment_fact(transaction, now)
    return _change(transaction, fact, settings, account, system=system, via=via, trust=trust)


def refund_to_change(
    refund: RefundNotice, settings: Settings, account: str, *, system: str, via: str, trust: Trust
) -> Change:
    """Return what WeChat says about a refund."""
    return _change(refund, _refund_fact(refund), settings, account, system=system, via=via, trust=trust)


def _v3(genuine: VerifiedMessage, settings: Settings, account: str, trust: Trust) -> Change:
    fields, event_type, envelope_id = genuine.fields, genuine.event_type, genuine.envelope_id
    message: Transaction | RefundNotice
    if event_type in _TRANSACTION_EVENTS:
        message = messages.transaction_v3(fields)
        state = message.trade_state
        known = normalised(state) in _TRANSACTION_EVENTS[event_type]
        fact = _paid(message) if known else Unrecognised("trade_state", f"{state} in {event_type}")
    elif event_type in _REFUND_EVENTS:
        message = messages.refund_v3(fields)
        state, promised = message.refund_status, _REFUND_EVENTS[event_type]
        fact = _refund_fact(message) if state == promised else Unrecognised("refund_status", f"{state} in {event_type}")
    else:
        key, fact = OrderKey(PLATFORM, account, messages.order_number(fields)), Unrecognised("event_type", event_type)
        return Change(key, fact, trust, "notify", settings.mchid, "v3", envelope_id=envelope_id)
    return _change(message, fact, settings, account, system="v3", via="notify", trust=trust, envelope_id=envelope_id)


def _v2(genuine: VerifiedMessage, settings: Settings, account: str, trust: Trust) -> Change:
    fields = genuine.fields
    if not genuine.signed:
        return refund_to_change(messages.refund_v2(fields), settings, account, system="v2", via="notify", trust=trust)
    result_code = messages.word(fields, "result_code")
    transaction = messages.transaction_v2(fields, fields.get("trade_state") or "SUCCESS")
    fact: Fact
    if result_code != "SUCCESS":
        fact = Unrecognised("result_code", result_code)
    elif normalised(transaction.trade_state) not in _PAID:
        fact = Unrecognised("trade_state", messages.word(fields, "trade_state"))
    else:
        fact = _paid(transaction)
    return _change(transaction, fact, settings, account, system="v2", via="notify", trust=trust)


def _payment_fact(transaction: Transaction, now: int) -> Fact:
    state = normalised(transaction.trade_state)
    if state in _PAID:
        return _paid(transaction)
    if state in _UNPAID:
        return Unpaid(transaction.trade_state)
    if state in _CLOSED:
        return Closed(now)
    if state in _FAILED:
        return Failed(transaction.trade_state)
    return Unrecognised("trade_state", transaction.trade_state)


def _paid(transaction: Transaction) -> Fact:
    if not transaction.transaction_id or transaction.total is None or transaction.success_time is None:
        raise MalformedError("a paid transaction lacks its transaction_id, total or time")
    total = Money(transaction.total, transaction.currency)
    return Paid(transaction.transaction_id, total, transaction.success_time, transaction.payer_total)


def _refund_fact(refund: RefundNotice) -> Fact:
    status = _REFUNDS.get(normalised(refund.refund_status))
    if status is None:
        return Unrecognised("refund_status", refund.refund_status)
    return RefundReported(
        refund.out_refund_no,
        Money(refund.refund, refund.currency),
        status,
        platform_refund_id=refund.refund_id,
        transaction_id=refund.transaction_id,
        total=Money(refund.total, refund.currency),
        at=refund.success_time,
        problem=_PROBLEMS.get(status),
    )


def _change(
    message: Transaction | RefundNotice,
    fact: Fact,
    settings: Settings,
    account: str,
    *,
    system: str,
    via: str,
    trust: Trust,
    envelope_id: str = "",
) -> Change:
    unexpected = bool(message.sub_mchid) and not settings.sub_mchid
    return Change(
        OrderKey(PLATFORM, account, message.out_trade_no),
        fact,
        trust,
        via,
        tenant=settings.mchid,
        system=system,
        anomaly="sub_merchant_unexpected" if unexpected else "",
        envelope_id=envelope_id,
    )

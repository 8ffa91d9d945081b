"""From Douyin's words to our facts: total tables, where an unknown word is kept and changes nothing.

`transaction_id` of a payment is Douyin's own order number: it is in every message about a payment and in every answer,
while the channel's number may be missing from some. Both belong to one order only.
"""

import re
from collections.abc import Mapping
from typing import Any

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
    RefundStarted,
    SettlementReported,
    Trust,
    Unpaid,
    Unrecognised,
    Verified,
    unmatched,
)
from countersign.orders.reasons import because
from countersign.platforms.douyin import messages, replies
from countersign.platforms.douyin.messages import Payment, Refund, RefundRequest, Settlement
from countersign.platforms.douyin.settings import Settings
from countersign.platforms.douyin.signing import VerifiedMessage
from countersign.signing import digests

PLATFORM = "douyin"
CURRENCY = "CNY"
DEFAULT_ENTRY_PATH = "pages/index/index"  # where a mini program starts unless it says otherwise
_REFUNDS = {"SUCCESS": "succeeded", "FAIL": "failed", "PROCESSING": "processing"}
_SETTLEMENTS = {"SUCCESS": "succeeded", "FAIL": "failed", "PROCESSING": "processing"}
_SOURCES = {1: "user", 4: "support"}
_MAX_NUMBER = 64
_OWN_ATTEMPT = re.compile(r"((?:rf|late-|review-)[^*]+)\*[0-9]{1,3}")
_WAITS_FOR_US = frozenset({"INIT", "TOAUDIT"})


def refund_number(refund_id: str, attempt: int) -> str:
    """Return the number under which Douyin is asked for a refund: one that it refused stays refused for good."""
    return f"{refund_id}*{attempt}" if attempt else refund_id


def refund_of(number: str) -> str:
    """Return our refund's id from the number that Douyin knows it by; numbers that are not ours stay what they are."""
    match = _OWN_ATTEMPT.fullmatch(number)
    return match[1] if match else number


def user_refund_number(refund_id: str) -> str:
    """Return our number for a refund that Douyin numbered first: always the same one for the same refund."""
    number = f"U{refund_id}"
    return number if len(number) <= _MAX_NUMBER else f"U{digests.sha256(refund_id.encode())[:40]}"


def to_change(genuine: VerifiedMessage, settings: Settings, account: str) -> Change | AccountNews:
    """Return what a genuine callback says, or that it is about no order; MalformedError if it lacks what it promises.

    One that was signed too long ago is only a reason to ask.
    """
    trust: Trust = Hint() if genuine.stale else Verified(genuine.key_id)
    via = "stale" if genuine.stale else "notify"  # never the same event as the news itself
    source = Source(settings, account, genuine.system, via, trust)
    fields = genuine.fields
    match genuine.system, genuine.type:
        case "ecpay", "payment":
            return payment_to_change(messages.ecpay_payment(fields), source, via_callback=True)
        case "ecpay", "refund":
            return refund_to_change(messages.ecpay_refund(fields), source)
        case "ecpay", "settle":
            return settlement_to_change(messages.ecpay_settle(fields), source)
        case "trade", "payment":
            return payment_to_change(messages.trade_payment(fields), source, via_callback=True)
        case "trade", "refund":
            return refund_to_change(messages.trade_refund(fields), source)
        case "trade", "settle":
            return settlement_to_change(messages.trade_settle(fields), source)
        case "trade", "pre_create_refund":
            return refund_request_to_change(messages.trade_refund_request(fields), source)
    return AccountNews(genuine.type)


def order_of(genuine: VerifiedMessage) -> str:
    """Return the order's number in a message that could not be read otherwise; empty where there is none."""
    for name in ("cp_orderno", "out_order_no"):
        number = genuine.fields.get(name)
        if isinstance(number, str) and messages.ORDER_NUMBER.fullmatch(number):
            return number
    return ""


def wanted(genuine: VerifiedMessage, settings: Settings) -> Mapping[str, Any] | None:
    """Return what the answer must say beside that all is well: our number for a refund that is announced."""
    if (genuine.system, genuine.type) != ("trade", "pre_create_refund"):
        return None
    request = messages.trade_refund_request(genuine.fields)
    path = settings.goods.entry_path or DEFAULT_ENTRY_PATH
    return replies.refund_number(user_refund_number(request.refund_id), request.out_order_no, path)


class Source:
    """Who says it, about which app, by which system and road."""

    def __init__(self, settings: Settings, account: str, system: str, via: str, trust: Trust) -> None:
        self.settings = settings
        self.account = account
        self.system = system
        self.via = via
        self.trust = trust

    def key(self, out_order_no: str, order_id: str) -> OrderKey:
        """Return the order's key, or the one for news that only names Douyin's number of it."""
        if out_order_no:
            return OrderKey(PLATFORM, self.account, out_order_no)
        return unmatched(PLATFORM, self.account, order_id or "unknown")

    def change(
        self, key: OrderKey, fact: Fact, *, anomaly: str = "", aliases: tuple[tuple[str, str], ...] = ()
    ) -> Change:
        """Return a fact as this source tells it; empty numbers lead nowhere."""
        return Change(
            key,
            fact,
            self.trust,
            self.via,
            tenant=self.settings.app_id,
            system=self.system,
            anomaly=anomaly,
            aliases=tuple((kind, number) for kind, number in aliases if number),
        )


def payment_to_change(payment: Payment, source: Source, *, via_callback: bool = False, now: int = 0) -> Change:
    """Return what Douyin says about a payment; `now` is when an order told as timed out became known to be so."""
    key = source.key(payment.out_order_no, payment.order_id)
    anomaly = "discount_more_than_total" if payment.total is not None and payment.discount > payment.total else ""
    return source.change(key, _payment_fact(payment, via_callback=via_callback, now=now), anomaly=anomaly)


def _payment_fact(payment: Payment, *, via_callback: bool, now: int) -> Fact:
    match payment.status:
        case "SUCCESS":
            return _paid(payment)
        case "CANCEL" if via_callback and payment.paid_at is not None:
            return Closed(payment.paid_at)
        case "PROCESSING" | "PROCESS" if not via_callback:
            return Unpaid(payment.status)
        case "TIMEOUT" if not via_callback:
            return Closed(now)
        case "FAIL" if not via_callback:
            return Failed(payment.status)
    return Unrecognised("payment status", payment.status)


def _paid(payment: Payment) -> Fact:
    if not payment.order_id or payment.total is None or payment.paid_at is None:
        raise MalformedError("a paid order lacks its order_id, total or time")
    return Paid(
        payment.order_id,
        Money(payment.total, CURRENCY),
        payment.paid_at,
        max(payment.total - payment.discount, 0),
        payment.channel_no,
    )


def refund_to_change(refund: Refund, source: Source, key: OrderKey | None = None) -> Change:
    """Return what Douyin says about a refund; `key` is the order where the caller knows it."""
    number = refund_of(refund.out_refund_no) or user_refund_number(refund.refund_id)
    status = _REFUNDS.get(refund.status)
    fact: Fact = Unrecognised("refund status", refund.status)
    if status is not None:
        fact = RefundReported(
            number,
            Money(refund.amount, CURRENCY),
            status,
            source=_SOURCES.get(refund.source, "console"),
            platform_refund_id=refund.refund_id,
            transaction_id=refund.order_id,
            at=refund.at if status == "succeeded" else None,
            problem=because("douyin.refund_failed") if status == "failed" else None,
            confirm=key is None,
        )
    aliases = (("transaction", refund.order_id), ("refund", number))
    return source.change(key or source.key(refund.out_order_no, refund.order_id), fact, aliases=aliases)


def waits_for_us(refund: Refund) -> bool:
    """Tell whether nothing happens to a refund until the merchant, or the deadline, has decided."""
    asked_by_user = _SOURCES.get(refund.source) == "user"
    return asked_by_user and refund.status == "PROCESSING" and refund.audit_status in _WAITS_FOR_US


def refund_request_to_change(request: RefundRequest, source: Source) -> Change:
    """Return what the user asks Douyin for."""
    fact = RefundStarted(
        user_refund_number(request.refund_id),
        Money(request.amount, CURRENCY),
        request.refund_id,
        request.deadline,
        request.reason,
        request.order_id,
        request.at,
    )
    key = source.key(request.out_order_no, request.order_id)
    return source.change(key, fact, aliases=(("transaction", request.order_id),))


def settlement_to_change(settlement: Settlement, source: Source, key: OrderKey | None = None) -> Change:
    """Return what Douyin says about a settlement."""
    number = settlement.out_settle_no or settlement.settle_no
    status = _SETTLEMENTS.get(settlement.status)
    fact: Fact = Unrecognised("settlement status", settlement.status)
    if status is not None and number:
        fact = SettlementReported(
            number,
            Money(settlement.amount, CURRENCY),
            status,
            platform_settlement_id=settlement.settle_no,
            transaction_id=settlement.order_id,
            fee=settlement.rake,
            reason=because("said_by_the_platform", text=settlement.message) if status == "failed" else None,
            at=settlement.at if status == "succeeded" else None,
        )
    aliases = (("transaction", settlement.order_id), ("settlement", number))
    return source.change(key or source.key(settlement.out_order_no, settlement.order_id), fact, aliases=aliases)

"""What a cashier says, in our words."""

from countersign.cashiers.hc1.messages import Notification, Payment, RefundAnswer
from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Closed,
    Fact,
    Failed,
    OrderKey,
    Paid,
    PlatformEvent,
    Queried,
    RefundReported,
    Trust,
    Unpaid,
    Unrecognised,
)

SYSTEM = "hc1"
IN_PART = "PARTIALLY_CAPTURED"
_WAITS = frozenset({"PENDING", "PROCESSING", "AUTHORIZED", IN_PART})
_ENDED = frozenset({"EXPIRED", "CANCELLED"})
_REFUND = {"PENDING": "processing", "SUCCEEDED": "succeeded", "FAILED": "failed"}


def notification_to_changes(
    told: Notification, key: OrderKey, tenant: str, trust: Trust, *, via: str = "notify"
) -> tuple[Change, ...]:
    """Return what a notification says: how the payment stands, and of refunds that there is something to ask about."""
    facts: list[Fact] = [_state(told.payment, told.created_at)]
    if told.event_type.startswith("refund.") or told.payment.refunded.minor:
        # It says how much went back and not by which refund: the cashier is asked.
        facts.append(PlatformEvent(told.event_type, told.created_at, str(told.payment.version)))
    return tuple(Change(key, fact, trust, via, tenant, SYSTEM, envelope_id=told.event_id) for fact in facts)


def payment_to_change(payment: Payment, key: OrderKey, tenant: str, trust: Queried, *, at: int) -> Change:
    """Return what a query says; `at` stands in where the cashier names no time (epoch seconds)."""
    return Change(key, _state(payment, at), trust, "query", tenant, SYSTEM)


def taken_in_part(payment: Payment, key: OrderKey, tenant: str, trust: Queried, *, at: int) -> Change:
    """Return what was taken so far of a payment as all that was paid: less than was asked for, which is a question."""
    fact = Paid(payment.payment_id, payment.paid, payment.paid_at if payment.paid_at is not None else at)
    return Change(key, fact, trust, "query", tenant, SYSTEM)


def refund_to_change(
    refund: RefundAnswer, key: OrderKey, tenant: str, trust: Queried, *, refund_id: str, transaction_id: str, at: int
) -> Change:
    """Return what the cashier says about one of our refunds; `refund_id` is our number of it."""
    status = _REFUND.get(refund.status)
    if status is None:
        return Change(key, Unrecognised("refund status", refund.status), trust, "query", tenant, SYSTEM)
    fact = RefundReported(
        refund_id,
        refund.amount,
        status,
        source="merchant",
        platform_refund_id=refund.refund_id,
        transaction_id=transaction_id,
        at=at if status == "succeeded" else None,
    )
    return Change(key, fact, trust, "query", tenant, SYSTEM)


def _state(payment: Payment, at: int) -> Fact:
    if payment.status == "SUCCEEDED":
        return Paid(payment.payment_id, payment.paid, payment.paid_at if payment.paid_at is not None else at)
    if payment.status == "FAILED":
        return Failed(payment.failure_code or payment.status)
    if payment.status in _ENDED:
        return Closed(at)
    if payment.status in _WAITS:
        return Unpaid(payment.status)
    return Unrecognised("payment status", payment.status)


def console_refund(
    key: OrderKey, tenant: str, trust: Queried, amount: Money, *, total: int, transaction_id: str, at: int
) -> Change:
    """Return a refund that was made on the cashier's own pages; `total` is all that was refunded there with it."""
    fact = RefundReported(
        f"console-{total}",
        amount,
        "succeeded",
        source="console",
        platform_refund_id=f"{transaction_id}-console-{total}"[:128],
        transaction_id=transaction_id,
        at=at,
    )
    return Change(key, fact, trust, "query", tenant, SYSTEM)

"""What Stripe says, in our words."""

from collections.abc import Mapping
from typing import Any

from countersign.cashiers.notices import PLATFORM, Told
from countersign.cashiers.stripe import messages
from countersign.cashiers.stripe.messages import Refund, Session
from countersign.errors import MalformedError
from countersign.orders.changes import (
    AccountNews,
    Change,
    Closed,
    Fact,
    Failed,
    OrderKey,
    Paid,
    PlatformEvent,
    RefundReported,
    Trust,
    Unpaid,
    Unrecognised,
    unmatched,
)
from countersign.orders.reasons import because

SYSTEM = "stripe"
SESSION_EVENTS = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
    }
)
REFUND_EVENTS = frozenset({"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"})
_REFUND = {
    "pending": "processing",  # also while the balance does not suffice: nobody has to act here
    "requires_action": "processing",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}
# What becomes of money that is held. A payment that is taken at once has events of its session for that.
HELD_EVENTS = frozenset(
    {"payment_intent.amount_capturable_updated", "payment_intent.canceled", "payment_intent.succeeded"}
)
HELD = "AUTHORIZED"  # the word of the cashiers' own contract
# Of a payment intent whose delayed payment did not come: nobody can pay by this session any more.
OVER = frozenset({"requires_payment_method", "canceled"})


def event_to_changes(event: Mapping[str, Any], name: str, trust: Trust) -> Told:
    """Return what an event says about the account `name`; raises MalformedError.

    A thin event says only what happened and to which object: it has Stripe asked.
    """
    kind, data, at = messages.event_object(event)
    envelope = event.get("id")
    envelope_id = envelope[:128] if isinstance(envelope, str) else ""
    if not data:
        return _thin(event, kind, name, trust, envelope_id)
    if kind in SESSION_EVENTS:
        session = messages.read_session(data)
        if not session.reference or session.mode != "payment":
            return AccountNews(kind)
        key = OrderKey(PLATFORM, name, session.reference)
        fact = _failed_late(session) if kind.endswith("async_payment_failed") else state(session, at)
        return Change(key, fact, trust, "notify", name, SYSTEM, envelope_id=envelope_id)
    if kind in REFUND_EVENTS:
        refund = messages.read_refund(data)
        if refund.moved_nothing and not refund.number:  # what was only held is let go: the session says what was paid
            return _hinted(kind, refund.payment_intent, name, trust, envelope_id, at)
        return refund_to_change(refund, name, trust, "notify", envelope_id)
    if kind in HELD_EVENTS and (reference := messages.held_reference(data)):
        key = OrderKey(PLATFORM, name, reference)
        hint = PlatformEvent(kind, at)
        return Change(key, hint, trust, "notify", name, SYSTEM, envelope_id=envelope_id)
    if kind == "charge.refunded":
        return _hinted(kind, data.get("payment_intent"), name, trust, envelope_id, at)
    return AccountNews(kind)


def state(session: Session, at: int) -> Fact:
    """Return how a session stands; `at` stands in where Stripe names no time (epoch seconds)."""
    # https://docs.stripe.com/payments/checkout/fulfill-orders: completed is not paid, payment_status tells.
    if session.is_manual and session.intent_status == "succeeded" and session.received is not None:
        # The session's total is what was held: a part of it may be all that was captured, and the rest is let go.
        paid_at = session.charged_at if session.charged_at is not None else at
        return Paid(session.payment_intent, session.received, paid_at)
    if session.payment_status == "paid":
        if session.total is None:
            raise MalformedError("amount_total is missing")
        paid_at = session.charged_at if session.charged_at is not None else at
        return Paid(session.payment_intent or session.id, session.total, paid_at)
    if session.status == "expired":
        return Closed(at)
    if session.payment_status != "unpaid":
        return Unrecognised("payment_status", session.payment_status)
    if session.status == "complete" and session.intent_status == "requires_capture":
        return Unpaid(HELD)
    if session.status == "complete" and session.intent_status == "canceled":
        return Closed(at)  # let go, by us, at Stripe's pages, or because nobody captured it within its seven days
    if session.status == "complete" and session.intent_status in OVER:
        return _failed_late(session)
    return Unpaid("processing" if session.status == "complete" else "open")


def _failed_late(session: Session) -> Fact:
    return Failed("async_payment_failed")


def refund_to_change(refund: Refund, name: str, trust: Trust, via: str, envelope_id: str = "") -> Change:
    """Return what Stripe says about a refund: ours by our number, one of its own pages by its own."""
    status = _REFUND.get(refund.status)
    key = OrderKey(PLATFORM, name, refund.reference) if refund.reference else _unmatched(name, refund.payment_intent)
    aliases = (("transaction", refund.payment_intent),) if refund.payment_intent else ()
    fact: Fact = Unrecognised("refund status", refund.status)
    if status is not None:
        fact = RefundReported(
            refund.number or refund.id,
            refund.amount,
            status,
            source="merchant" if refund.number else "console",
            platform_refund_id=refund.id,
            transaction_id=refund.payment_intent,
            at=refund.created if status == "succeeded" else None,
            problem=because("said_by_the_platform", text=refund.failure) if refund.failure else None,
            # A refund that the payer's bank returns was a succeeded one before, and never is again.
            came_back=status == "failed",
        )
    return Change(key, fact, trust, via, name, SYSTEM, envelope_id=envelope_id, aliases=aliases)


def _thin(event: Mapping[str, Any], kind: str, name: str, trust: Trust, envelope_id: str) -> Told:
    about, number = messages.related(event)
    if about not in ("checkout.session", "payment_intent") or not number:
        return AccountNews(kind)
    return _hinted(kind, number, name, trust, envelope_id, None)


def _hinted(kind: str, number: object, name: str, trust: Trust, envelope_id: str, at: int | None) -> Told:
    if not isinstance(number, str) or not number:
        return AccountNews(kind)
    fact = PlatformEvent(kind, at, number if at is None else "")
    aliases = (("transaction", number),)
    return Change(
        _unmatched(name, number), fact, trust, "notify", name, SYSTEM, envelope_id=envelope_id, aliases=aliases
    )


def _unmatched(name: str, number: str) -> OrderKey:
    return unmatched(PLATFORM, name, number)

"""What Stripe knows of sessions, payments and refunds, as far as Checkout needs it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


class StripeError(Exception):
    """Stripe refuses: the HTTP status, its type and code."""

    def __init__(self, status: int, kind: str, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.status, self.kind, self.code = status, kind, code

    def shown(self) -> Json:
        """Return the error as Stripe writes it."""
        return {"error": {"type": self.kind, "code": self.code, "message": str(self)}}


def invalid(code: str, message: str = "", status: int = 400) -> StripeError:
    """Return a refusal of what was asked."""
    return StripeError(status, "invalid_request_error", code, message)


@dataclass
class Refund:
    """One refund."""

    id: str
    amount: int
    status: str
    created: int
    metadata: Json
    failure: str = ""
    released: bool = False  # what was only held was let go


@dataclass
class Session:
    """One Checkout Session with the payment behind it."""

    account: str
    id: str
    params: Json
    amount: int
    currency: str
    created: int
    expires_at: int
    status: str = "open"
    payment_status: str = "unpaid"
    intent: str = ""
    intent_status: str = "requires_payment_method"
    charged_at: int | None = None
    received: int = 0
    held_until: int = 0  # where the money is held
    captured_as: Json = field(default_factory=dict)  # metadata of the capture
    presentment: Json = field(default_factory=dict)
    refunds: list[Refund] = field(default_factory=list)
    deliveries: list[Json] = field(default_factory=list)

    @property
    def refunded(self) -> int:
        """Return what went back, or is on its way."""
        return sum(one.amount for one in self.refunds if one.status not in ("failed", "canceled"))

    @property
    def is_manual(self) -> bool:
        """Whether the money is held first."""
        return (self.params.get("payment_intent_data") or {}).get("capture_method") == "manual"

    def shown(self, *, expanded: bool = False, url: str = "") -> Json:
        """Return the session as Stripe writes it."""
        found: Json = {
            "id": self.id,
            "object": "checkout.session",
            "amount_total": self.amount,
            "currency": self.currency,
            "client_reference_id": self.params.get("client_reference_id"),
            "created": self.created,
            "expires_at": self.expires_at,
            "livemode": False,
            "metadata": self.params.get("metadata") or {},
            "mode": "payment",
            "payment_intent": (self.payment() if expanded else self.intent) if self.intent else None,
            "payment_status": self.payment_status,
            "status": self.status,
            "success_url": self.params.get("success_url"),
            "url": url if self.status == "open" else None,
        }
        if self.presentment:
            found["presentment_details"] = self.presentment
        return found

    def payment(self) -> Json:
        """Return the payment intent as Stripe writes it."""
        charge = None
        if self.charged_at is not None:
            charge = {
                "id": f"ch_{self.intent[3:]}",
                "object": "charge",
                "amount": self.amount,
                "amount_refunded": self.refunded,
                "created": self.charged_at,
                "currency": self.currency,
                "payment_intent": self.intent,
            }
        return {
            "id": self.intent,
            "object": "payment_intent",
            "amount": self.amount,
            "currency": self.currency,
            "status": self.intent_status,
            "amount_capturable": self.amount if self.intent_status == "requires_capture" else 0,
            "amount_received": self.received,
            "capture_method": "manual" if self.is_manual else "automatic_async",
            "latest_charge": charge,
            "metadata": ((self.params.get("payment_intent_data") or {}).get("metadata") or {}) | self.captured_as,
        }

    def refund(self, one: Refund) -> Json:
        """Return a refund as Stripe writes it."""
        found: Json = {
            "id": one.id,
            "object": "refund",
            "amount": one.amount,
            "charge": f"ch_{self.intent[3:]}",
            "created": one.created,
            "currency": self.currency,
            "metadata": one.metadata,
            "payment_intent": self.intent,
            "status": one.status,
        }
        if one.released:
            found["balance_transaction"] = None
        if one.failure:
            found["failure_reason"] = one.failure
        return found


class Ledger:
    """All sessions of all accounts."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.sessions: dict[str, Session] = {}
        self.kept: dict[tuple[str, str], tuple[Json, Json]] = {}  # idempotency key -> parameters and answer
        self._number = 0

    def number(self, prefix: str) -> str:
        """Return an id of Stripe's form."""
        with self.lock:
            self._number += 1
            return f"{prefix}_{self._number:016d}"

    def of(self, account: str) -> list[Session]:
        """Return an account's sessions, newest first, as Stripe lists them."""
        return sorted(
            (one for one in self.sessions.values() if one.account == account),
            key=lambda one: (one.created, one.id),
            reverse=True,
        )

    def session(self, account: str, number: str) -> Session:
        """Return a session, or refuse."""
        found = self.sessions.get(number)
        if found is None or found.account != account:
            raise invalid("resource_missing", f"No such checkout.session: '{number}'", 404)
        return found

    def with_intent(self, account: str, intent: str) -> Session:
        """Return the session of a payment intent, or refuse."""
        found = next((one for one in self.of(account) if intent and one.intent == intent), None)
        if found is None:
            raise invalid("resource_missing", f"No such payment_intent: '{intent}'", 404)
        return found

    def referred(self, account: str, reference: str) -> list[Session]:
        """Return the sessions of a reference: there should be one."""
        return [one for one in self.of(account) if one.params.get("client_reference_id") == reference]

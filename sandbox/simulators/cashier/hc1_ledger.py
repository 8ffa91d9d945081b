"""What an HC1 cashier knows of payments: its state machine, amounts that never exceed each other, versions."""

from __future__ import annotations

import datetime
import threading
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
OPEN = ("PENDING", "PROCESSING")


class RuleError(Exception):
    """A rule of the contract says no: the code and the HTTP status."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.code, self.status = code, status


@dataclass
class Part:
    """A refund or a capture: by the merchant's number, once."""

    number: str
    own: str
    minor: int
    status: str


@dataclass
class Payment:
    """One payment of one merchant."""

    account: str
    reference: str
    payment_id: str
    minor: int
    currency: str
    expires_at: int
    return_url: str
    notify_url: str
    created: Json
    capture: str = "automatic"
    status: str = "PENDING"
    paid: int = 0
    paid_at: int | None = None
    refunded: int = 0
    elsewhere: int = 0  # of what was refunded: on the cashier's own pages
    failure_code: str = ""
    version: int = 1
    refunds: dict[str, Part] = field(default_factory=dict)
    captures: dict[str, Part] = field(default_factory=dict)
    deliveries: list[Json] = field(default_factory=list)

    def shown(self) -> Json:
        """Return what a query answers."""
        found: Json = {
            "payment_id": self.payment_id,
            "merchant_payment_id": self.reference,
            "status": self.status,
            "amount": self.money(self.minor),
            "paid_amount": self.money(self.paid),
            "refunded_amount": self.money(self.refunded),
            "version": self.version,
        }
        if self.paid_at is not None:
            found["paid_at"] = stamp(self.paid_at)
        if self.failure_code:
            found["failure_code"] = self.failure_code
        if self.capture == "manual":
            found["capture"] = "manual"
        return found

    def money(self, minor: int) -> Json:
        """Return an amount in the payment's currency."""
        return {"value": minor, "currency": self.currency}

    def part(self, part: Part, name: str) -> Json:
        """Return a refund or a capture as it is answered."""
        return {
            f"{name}_id": part.own,
            f"merchant_{name}_id": part.number,
            "status": part.status,
            "amount": self.money(part.minor),
        }

    def become(self, status: str) -> None:
        """Change the state; one that is terminal stays."""
        self.status = status
        self.version += 1


class Ledger:
    """All payments of all merchants; callers hold `lock` while they change one."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._all: dict[tuple[str, str], Payment] = {}
        self._number = 0

    def number(self, prefix: str) -> str:
        """Return a number of the cashier's own."""
        self._number += 1
        return f"{prefix}_{self._number:08d}"

    def find(self, account: str, reference: str) -> Payment | None:
        """Return a payment by the merchant's number."""
        return self._all.get((account, reference))

    def with_id(self, payment_id: str) -> Payment | None:
        """Return a payment by the cashier's own number."""
        return next((one for one in self._all.values() if one.payment_id == payment_id), None)

    def add(self, payment: Payment) -> None:
        """Keep a new payment."""
        self._all[payment.account, payment.reference] = payment

    def payments(self, account: str | None = None) -> list[Payment]:
        """Return the payments, of one merchant or of all."""
        return [one for one in self._all.values() if account in (None, one.account)]

    def age(self, payment: Payment, now: int) -> bool:
        """Let a payment's time be over if it is; true where it just was."""
        with self.lock:
            if payment.status not in OPEN or now < payment.expires_at or payment.status == "PROCESSING":
                return False
            payment.become("EXPIRED")
            return True

    def pay(self, payment: Payment, now: int, *, minor: int | None = None, currency: str = "") -> None:
        """Let the shopper pay: taken at once, or only held."""
        if payment.status not in OPEN:
            raise RuleError("not_payable", 409)
        payment.currency = currency or payment.currency
        if payment.capture == "manual":
            payment.become("AUTHORIZED")
            return
        payment.paid, payment.paid_at = payment.minor if minor is None else minor, now
        payment.become("SUCCEEDED")

    def take(self, payment: Payment, number: str, minor: int, now: int) -> Part:
        """Capture a part of what is held."""
        known = payment.captures.get(number)
        if known is not None:
            if known.minor != minor:
                raise RuleError("idempotency_conflict", 409)
            return known
        if payment.status not in ("AUTHORIZED", "PARTIALLY_CAPTURED"):
            raise RuleError("not_capturable", 409)
        if payment.paid + minor > payment.minor:
            raise RuleError("capture_exceeds_authorization", 422)
        part = payment.captures[number] = Part(number, self.number("cap"), minor, "SUCCEEDED")
        payment.paid, payment.paid_at = payment.paid + minor, payment.paid_at or now
        payment.become("SUCCEEDED" if payment.paid == payment.minor else "PARTIALLY_CAPTURED")
        return part

    def void(self, payment: Payment) -> None:
        """Let go what is held and not captured."""
        if payment.status not in ("AUTHORIZED", "PARTIALLY_CAPTURED"):
            raise RuleError("not_voidable", 409)
        payment.become("SUCCEEDED" if payment.paid else "CANCELLED")

    def refund(self, payment: Payment, number: str, minor: int, status: str) -> Part:
        """Take a refund; what is over the payment is refused."""
        known = payment.refunds.get(number)
        if known is not None:
            if known.minor != minor:
                raise RuleError("idempotency_conflict", 409)
            return known
        if any(number in one.refunds for one in self._all.values() if one.account == payment.account):
            raise RuleError("idempotency_conflict", 409)  # a merchant's number is of one refund, whichever payment's
        reserved = payment.elsewhere + sum(one.minor for one in payment.refunds.values() if one.status != "FAILED")
        if reserved + minor > payment.paid:
            raise RuleError("refund_exceeds_payment", 422)
        part = payment.refunds[number] = Part(number, self.number("ref"), minor, "PENDING")
        if status != "PENDING":
            self.end_refund(payment, part, status)
        return part

    def end_refund(self, payment: Payment, part: Part, status: str) -> None:
        """Let a refund have its end."""
        part.status = status
        payment.refunded += part.minor if status == "SUCCEEDED" else 0
        payment.version += 1

    def refund_elsewhere(self, payment: Payment, minor: int) -> None:
        """Refund on the cashier's own pages: no number of the merchant's."""
        payment.elsewhere += minor
        payment.refunded += minor
        payment.version += 1


def stamp(at: int) -> str:
    """Return a time as the contract writes it."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> int:
    """Read a time of the contract."""
    return int(datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.UTC).timestamp())

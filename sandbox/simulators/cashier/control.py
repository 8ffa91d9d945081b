"""What a person or a test makes happen at a cashier: a shopper pays or not, money goes back, notices are sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.simulating.control import Control, ControlError

if TYPE_CHECKING:
    from sandbox.simulators.cashier.hc1 import Hc1
    from sandbox.simulators.cashier.hc1_ledger import Payment
    from sandbox.simulators.cashier.stripe import Stripe
    from sandbox.simulators.cashier.stripe_ledger import Session

Json = dict[str, Any]


class CashierControl(Control):
    """The `_control` calls of the simulator; `account` is `hc1/main`, `reference` the merchant's number."""

    def __init__(self, hc1: Hc1, stripe: Stripe) -> None:
        super().__init__()
        self._hc1, self._stripe = hc1, stripe
        self.offer(stripe_pay=self.stripe_pay, stripe_debit=self.stripe_debit, stripe_settle=self.stripe_settle)
        self.offer(stripe_refund=self.stripe_refund, stripe_end_refund=self.stripe_end_refund)
        self.offer(stripe_expire=self.stripe_expire, stripe_tell=self.stripe_tell, stripe_ledger=self.stripe_ledger)
        self.offer(pay=self.pay, end=self.end, refund=self.refund, end_refund=self.end_refund, tell=self.tell)
        self.offer(ledger=self.ledger, process=self.process)

    def pay(self, body: Json) -> Json:
        """Let the shopper pay: {"account", "reference", "notify"?, "minor"?, "currency"?}."""
        payment = self._payment(body)
        notify, currency = bool(body.get("notify", True)), str(body.get("currency", ""))
        self._hc1.pay(payment, notify=notify, minor=body.get("minor"), currency=currency)
        return payment.shown()

    def process(self, body: Json) -> Json:
        """Let the shopper be at it: {"account", "reference"}; from now on it cannot be cancelled."""
        payment = self._payment(body)
        self._hc1.end(payment, "PROCESSING")
        return payment.shown()

    def end(self, body: Json) -> Json:
        """Let it end unpaid: {"account", "reference", "status": FAILED|EXPIRED|CANCELLED, "notify"?, "code"?}."""
        payment = self._payment(body)
        self._hc1.end(payment, str(body["status"]), notify=body.get("notify", True), code=str(body.get("code", "")))
        return payment.shown()

    def refund(self, body: Json) -> Json:
        """Refund on the cashier's own pages: {"account", "reference", "minor", "notify"?}."""
        payment = self._payment(body)
        with self._hc1.ledger.lock:
            self._hc1.ledger.refund_elsewhere(payment, int(body["minor"]))
        if body.get("notify", True):
            self._hc1.tell(payment, "refund.succeeded")
        return payment.shown()

    def end_refund(self, body: Json) -> Json:
        """Let a refund have its end: {"account", "refund_id", "status"?, "notify"?}."""
        for payment in self._hc1.ledger.payments(str(body["account"])):
            part = payment.refunds.get(str(body["refund_id"]))
            if part is not None and part.status == "PENDING":
                status = str(body.get("status", "SUCCEEDED"))
                with self._hc1.ledger.lock:
                    self._hc1.ledger.end_refund(payment, part, status)
                if body.get("notify", True):
                    self._hc1.tell(payment, f"refund.{status.lower()}")
                return payment.part(part, "refund")
        raise ControlError(404, "no such refund is pending")

    def tell(self, body: Json) -> Json:
        """Send a notification (again): {"account", "reference", "event"}."""
        payment = self._payment(body)
        self._hc1.tell(payment, str(body["event"]))
        return {"told": body["event"]}

    def ledger(self, body: Json) -> Json:
        """Show every payment with its refunds, captures and deliveries: {"account"?}."""
        return {
            "payments": [
                {
                    **one.shown(),
                    "account": one.account,
                    "refunds": [one.part(part, "refund") for part in one.refunds.values()],
                    "captures": [one.part(part, "capture") for part in one.captures.values()],
                    "deliveries": one.deliveries,
                }
                for one in self._hc1.ledger.payments(body.get("account"))
            ]
        }

    def _payment(self, body: Json) -> Payment:
        payment = self._hc1.ledger.find(str(body["account"]), str(body["reference"]))
        if payment is None:
            raise ControlError(404, "the cashier knows no such payment")
        return payment

    def stripe_pay(self, body: Json) -> Json:
        """Let the shopper pay by card: {"account", "reference", "notify"?, "presentment"?}."""
        session = self._session(body)
        self._stripe.pay(session, notify=bool(body.get("notify", True)), presentment=body.get("presentment"))
        return session.shown()

    def stripe_debit(self, body: Json) -> Json:
        """Let the shopper pay by a delayed method: {"account", "reference", "notify"?}."""
        session = self._session(body)
        self._stripe.debit(session, notify=bool(body.get("notify", True)))
        return session.shown()

    def stripe_settle(self, body: Json) -> Json:
        """Let a delayed payment have its end: {"account", "reference", "succeeded", "notify"?}."""
        session = self._session(body)
        self._stripe.settle(session, succeeded=bool(body["succeeded"]), notify=bool(body.get("notify", True)))
        return session.shown()

    def stripe_expire(self, body: Json) -> Json:
        """Let a session end: {"account", "reference"}."""
        session = self._session(body)
        self._stripe.expire(session)
        return session.shown()

    def stripe_refund(self, body: Json) -> Json:
        """Refund on Stripe's own pages: {"account", "reference", "minor", "notify"?}; minor as Stripe counts."""
        session = self._session(body)
        one = self._stripe.give_back(session, int(body["minor"]), notify=bool(body.get("notify", True)))
        return session.refund(one)

    def stripe_end_refund(self, body: Json) -> Json:
        """Let the last refund have an end: {"account", "reference", "status", "failure"?, "notify"?}."""
        session = self._session(body)
        status, failure = str(body["status"]), str(body.get("failure", ""))
        self._stripe.end_refund(session, session.refunds[-1], status, failure, notify=bool(body.get("notify", True)))
        return session.refund(session.refunds[-1])

    def stripe_tell(self, body: Json) -> Json:
        """Send an event (again): {"account", "reference", "event", "thin"?}."""
        session = self._session(body)
        tell = self._stripe.tell_thin if body.get("thin") else self._stripe.tell
        tell(session, str(body["event"]))
        return {"told": body["event"]}

    def stripe_ledger(self, body: Json) -> Json:
        """Show every session with its refunds and deliveries: {"account"?}."""
        wanted = body.get("account")
        return {
            "sessions": [
                {
                    **one.shown(),
                    "account": one.account,
                    "refunded": one.refunded,
                    "refunds": [one.refund(part) for part in one.refunds],
                    "deliveries": one.deliveries,
                }
                for one in self._stripe.ledger.sessions.values()
                if wanted in (None, one.account)
            ]
        }

    def _session(self, body: Json) -> Session:
        found = self._stripe.ledger.referred(str(body["account"]), str(body["reference"]))
        if not found:
            raise ControlError(404, "Stripe knows no session of this reference")
        return found[-1]

"""What a person or a test makes happen at a cashier: a shopper pays or not, money goes back, notices are sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.simulating.control import Control, ControlError

if TYPE_CHECKING:
    from sandbox.simulators.cashier.hc1 import Hc1
    from sandbox.simulators.cashier.hc1_ledger import Payment

Json = dict[str, Any]


class CashierControl(Control):
    """The `_control` calls of the simulator; `account` is `hc1/main`, `reference` the merchant's number."""

    def __init__(self, hc1: Hc1) -> None:
        super().__init__()
        self._hc1 = hc1
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

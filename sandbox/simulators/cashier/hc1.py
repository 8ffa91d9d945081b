"""An HC1 cashier: its API, its page, and when it notifies."""

from __future__ import annotations

import html
import json
import secrets
import urllib.parse
from typing import TYPE_CHECKING, Any

from conformance.signers import hc1 as signer
from sandbox.simulators.cashier import hc1_wire
from sandbox.simulators.cashier.hc1_ledger import OPEN, Ledger, Payment, RuleError, moment, stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulating.faults import Faults
    from sandbox.simulating.postman import Clock, Postman
    from sandbox.simulating.simulator import Call, Reply
    from sandbox.simulators.cashier.accounts import Merchant, Merchants

Json = dict[str, Any]
MOUNT = "/cashier"
WINDOW = 300
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Cashier</title><h1>{amount}</h1><p>{description}</p><p>{status}</p>
<form method="post"><button name="do" value="pay">Pay</button> <button name="do" value="fail">Decline</button>
<button name="do" value="cancel">Cancel</button></form>"""


class Hc1:
    """The cashier of every merchant that has keys at it."""

    def __init__(self, clock: Clock, merchants: Merchants, faults: Faults, postman: Postman) -> None:
        self.clock, self.merchants, self._faults, self._postman = clock, merchants, faults, postman
        self.ledger = Ledger()
        self.page_base = ""  # where a browser finds this machine; the simulator knows it from its accounts
        self._nonces: set[str] = set()

    @property
    def now(self) -> int:
        """Return the cashier's time."""
        return int(self.clock.now())

    def answer(self, call: Call) -> tuple[Reply, str | None]:
        """Answer a request of a merchant's, or of a shopper's browser."""
        if call.path.startswith("/hc1/pay/"):
            return self._page(call), None
        merchant = self._merchant(call)
        if merchant is None:
            return self._json(401, _error("unauthenticated")), None
        try:
            status, content = self._serve(call, merchant)
        except RuleError as error:
            status, content = error.status, _error(error.code)
        except (KeyError, TypeError, ValueError) as error:
            status, content = 400, _error("invalid_request", str(error))
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        signed_for = call.headers.get("hc-nonce", "")
        if self._faults.take("answer_of_another", call.subject) is not None:
            signed_for = "0" * 32
        first = ["HC1-RESPONSE", str(status), signed_for]
        return (
            status,
            signer.headers(merchant.current, first, body, self.now, secrets.token_hex(16)),
            body,
        ), merchant.account

    def _json(self, status: int, content: Json) -> Reply:
        return status, {"Content-Type": "application/json"}, json.dumps(content).encode()

    def _merchant(self, call: Call) -> Merchant | None:
        """Return whose request it is: signed by a key of his, now, and with a nonce that was not seen."""
        key, at, nonce, given = (
            call.headers.get(f"hc-{name}", "") for name in ("key-id", "timestamp", "nonce", "signature")
        )
        if not at.isdigit() or abs(int(at) - self.now) > WINDOW or nonce in self._nonces:
            return None
        path = MOUNT + call.path + (f"?{call.query}" if call.query else "")
        for merchant in self.merchants.with_key(key):
            if given == signer.signed(merchant.keys[key], "HC1", call.method, path, at, nonce, body=call.body):
                self._nonces.add(nonce)
                return merchant
        return None

    def _serve(self, call: Call, merchant: Merchant) -> tuple[int, Json]:
        body = json.loads(call.body) if call.body else {}
        match (call.method, call.path.removeprefix("/hc1/v1/").split("/")):
            case "POST", ["payments"]:
                return self._create(body, merchant)
            case "GET", ["payments", reference]:
                return 200, self._payment(merchant, reference).shown()
            case "POST", ["payments", reference, what]:
                return self._move(self._payment(merchant, reference), what, body)
            case "GET", ["refunds", number]:
                for payment in self.ledger.payments(merchant.account):
                    if number in payment.refunds:
                        return 200, payment.part(payment.refunds[number], "refund")
        raise RuleError("not_found", 404)

    def _move(self, payment: Payment, what: str, body: Json) -> tuple[int, Json]:
        if what == "refunds":
            return self._refund(payment, body)
        if what == "cancel":
            return 200, self._cancel(payment)
        with self.ledger.lock:
            if what == "void":
                self.ledger.void(payment)
                return 200, payment.shown()
            if what != "captures":
                raise RuleError("not_found", 404)
            part = self.ledger.take(payment, _text(body, "merchant_capture_id"), _minor(body, payment), self.now)
        if payment.status == "SUCCEEDED":
            self.tell(payment, "payment.succeeded")
        return 201, payment.part(part, "capture")

    def _create(self, body: Json, merchant: Merchant) -> tuple[int, Json]:
        if body.get("merchant_id") != merchant.merchant_id:
            raise RuleError("forbidden", 403)
        reference, amount = _text(body, "merchant_payment_id"), body["amount"]
        if type(amount["value"]) is not int or amount["value"] < 0:
            raise ValueError("amount.value")
        with self.ledger.lock:
            payment = self.ledger.find(merchant.account, reference)
            new = payment is None
            if payment is None:
                payment = Payment(
                    merchant.account,
                    reference,
                    self.ledger.number("pay"),
                    amount["value"],
                    amount["currency"],
                    moment(body["expires_at"]),
                    _text(body, "return_url"),
                    _text(body, "notify_url"),
                    {"description": body["description"], "created_at": stamp(self.now)},
                    capture=body.get("capture", "automatic"),
                )
                self.ledger.add(payment)
            elif (payment.minor, payment.currency) != (amount["value"], amount["currency"]):
                raise RuleError("idempotency_conflict", 409)
        if new:
            self._postman.later(max(0, payment.expires_at - self.now), lambda: self._expire(payment))
        if self._faults.take("notify_first", reference) is not None:
            self.pay(payment, wait=True)
            return 201, self._created(payment) | {"status": "PENDING"}
        return 201 if new else 200, self._created(payment)

    def _created(self, payment: Payment) -> Json:
        host = self.page_base or "http://127.0.0.1:1"
        return {
            **payment.shown(),
            "cashier_url": f"{host}{MOUNT}/hc1/pay/{payment.payment_id}",
            "created_at": payment.created["created_at"],
            "expires_at": stamp(payment.expires_at),
        }

    def _payment(self, merchant: Merchant, reference: str) -> Payment:
        payment = self.ledger.find(merchant.account, reference)
        if payment is None:
            raise RuleError("not_found", 404)
        self._expire(payment)
        return payment

    def _expire(self, payment: Payment) -> None:
        if self.ledger.age(payment, self.now):
            self.tell(payment, "payment.expired")

    def _cancel(self, payment: Payment) -> Json:
        with self.ledger.lock:
            if payment.status == "CANCELLED":
                return payment.shown()
            if payment.status != "PENDING":
                raise RuleError("not_cancellable", 409)
            payment.become("CANCELLED")
        return payment.shown()

    def _refund(self, payment: Payment, body: Json) -> tuple[int, Json]:
        number, minor = _text(body, "merchant_refund_id"), _minor(body, payment)
        held = self._faults.take("refund_pending", number)
        refused = self._faults.take("refund_failed", number)
        status = "PENDING" if held is not None else "FAILED" if refused is not None else "SUCCEEDED"
        with self.ledger.lock:
            known = number in payment.refunds
            part = self.ledger.refund(payment, number, minor, status)
        if not known and part.status != "PENDING":
            self.tell(payment, f"refund.{part.status.lower()}")
        return 200 if known else 201, payment.part(part, "refund")

    def pay(self, payment: Payment, *, wait: bool = False, notify: bool = True, **how: Any) -> None:
        """Let the shopper pay, and notify."""
        with self.ledger.lock:
            self.ledger.pay(payment, self.now, **how)
        if notify:
            self.tell(payment, "payment.succeeded", wait=10.0 if wait else 0.0)

    def end(self, payment: Payment, status: str, *, notify: bool = True, code: str = "") -> None:
        """Let the payment have another end."""
        with self.ledger.lock:
            if payment.status not in OPEN:
                raise RuleError("not_payable", 409)
            payment.failure_code = code
            payment.become(status)
        if notify and status in ("FAILED", "EXPIRED", "CANCELLED"):
            self.tell(payment, f"payment.{status.lower()}")

    def tell(self, payment: Payment, event_type: str, *, wait: float = 0.0) -> None:
        """Notify the merchant."""
        merchant = self.merchants.named(payment.account)
        assert merchant is not None  # noqa: S101 - a payment has its merchant
        self._postman.post(hc1_wire.Delivery(merchant, payment, event_type, self.now), wait=wait)

    def _page(self, call: Call) -> Reply:
        payment = self.ledger.with_id(call.path.rpartition("/")[2])
        if payment is None:
            return 404, {"Content-Type": "text/html"}, b"<h1>unknown payment</h1>"
        self._expire(payment)
        if call.method == "POST" and payment.status in OPEN:
            wanted = urllib.parse.parse_qs(call.body.decode()).get("do", [""])[0]
            actions: dict[str, Callable[[], None]] = {
                "pay": lambda: self.pay(payment),
                "fail": lambda: self.end(payment, "FAILED", code="declined"),
                "cancel": lambda: self.end(payment, "CANCELLED"),
            }
            actions.get(wanted, lambda: None)()
            joined = "&" if "?" in payment.return_url else "?"
            url = f"{payment.return_url}{joined}hc_payment={payment.reference}"
            return 303, {"Location": url}, b""
        page = PAGE.format(
            amount=html.escape(f"{payment.minor} {payment.currency}"),
            description=html.escape(str(payment.created["description"])),
            status=payment.status,
        )
        return 200, {"Content-Type": "text/html; charset=utf-8"}, page.encode()


def _text(body: Json, name: str) -> str:
    value = body[name]
    if not isinstance(value, str) or not value:
        raise ValueError(name)
    return value


def _minor(body: Json, payment: Payment) -> int:
    amount = body["amount"]
    if amount["currency"] != payment.currency or type(amount["value"]) is not int or amount["value"] <= 0:
        raise ValueError("amount")
    return int(amount["value"])


def _error(code: str, message: str = "") -> Json:
    return {"error": {"code": code, "message": message or code, "request_id": "req_1", "retryable": False}}

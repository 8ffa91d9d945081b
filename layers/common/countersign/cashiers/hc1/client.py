"""Calls to an HC1 cashier: payments, refunds, captures; every request is signed, every answer's signature checked.

Each number is ours and stays the same, so a call may be repeated: the cashier takes it once.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from countersign import fields
from countersign.cashiers.addresses import is_safe
from countersign.cashiers.hc1 import messages, signing
from countersign.cashiers.hc1.messages import Payment, RefundAnswer
from countersign.cashiers.hc1.settings import Settings
from countersign.cashiers.port import CreatedPayment, PaymentRequest, Redirect
from countersign.errors import (
    ConflictError,
    MalformedError,
    NotFoundError,
    NotGenuineError,
    PlatformUnavailableError,
    RateLimitedError,
    RefusedError,
    UnprocessableError,
)
from countersign.http import read_json
from countersign.money import Money
from countersign.wire import TRANSIENT, Response, Session

TIMEOUT = (3.0, 10.0)
TRIES = 3
PAUSES = (0.5, 1.5)
MAX_ANSWER = 256 * 1024
_CODE = re.compile(r"[a-z_]{1,40}", re.ASCII)
_OPEN = frozenset({"PENDING", "PROCESSING"})
Json = dict[str, Any]


class UnknownNumberError(NotFoundError):
    """The cashier knows nothing of this number."""


class CallRefusedError(UnprocessableError):
    """The cashier refused for good; `code` is its own word."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(f"the cashier refused: {code or f'HTTP {status}'}")
        self.code = code
        self.answered = status

    @property
    def whole_account(self) -> bool:
        """Whether every call of the account would be refused: its key or its rights."""
        return self.answered in (401, 403)


class Client:
    """One account's calls; `now` is the time in epoch seconds, `nonce` makes a fresh one, `sleep` waits between tries.

    What has no answer that stays is asked `tries` times; `timeout` is connect and read, in seconds.
    """

    def __init__(
        self,
        session: Session,
        account: Settings,
        *,
        now: Callable[[], int],
        nonce: Callable[[], str],
        sleep: Callable[[float], None],
        tries: int = TRIES,
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        self._session = session
        self._account = account
        self._now = now
        self._nonce = nonce
        self._sleep = sleep
        self._tries = tries
        self._timeout = timeout

    def create(self, wanted: PaymentRequest) -> CreatedPayment:
        """Have the cashier take a payment; one that it has under the same number and amount is the same one.

        Raises ConflictError where the number is taken by another amount, or the payment is over already.
        """
        body = self._payment(wanted)

        try:
            answer = self._once("POST", "/v1/payments", body)
        except PlatformUnavailableError:
            answer = self._create_again(wanted.reference, body)
        return self._created(answer, wanted)

    def _create_again(self, reference: str, body: Json) -> Json:
        """Ask for a payment of which nobody knows whether the cashier took it the first time.

        It is asked about first, so that one that is over is not asked for again. A refusal says nothing of the first
        call any more: then the outcome stays unknown.
        """
        try:
            found = self.query(reference)
            if found is not None and found.status not in _OPEN:
                raise ConflictError(f"the payment is {found.status} at the cashier")
            return self._once("POST", "/v1/payments", body)
        except ConflictError:
            raise
        except RefusedError as error:
            raise PlatformUnavailableError(f"no answer, and then: {error}") from None

    def query(self, reference: str) -> Payment | None:
        """Return a payment as the cashier has it now; None where it has none of this number."""
        try:
            answer = self._call("GET", f"/v1/payments/{_number(reference)}")
        except UnknownNumberError:
            return None
        return self._of(answer, reference)

    def cancel(self, reference: str) -> Payment:
        """End a payment that nobody has paid; ConflictError where the cashier does not any more."""
        return self._of(self._call("POST", f"/v1/payments/{_number(reference)}/cancel", {}), reference)

    def void(self, reference: str) -> Payment:
        """Let go what is held and not captured; ConflictError where nothing is held."""
        return self._of(self._call("POST", f"/v1/payments/{_number(reference)}/void", {}), reference)

    def capture(self, reference: str, capture_id: str, amount: Money) -> str:
        """Take a part of what is held; return PENDING, SUCCEEDED or FAILED."""
        body = {"merchant_capture_id": _number(capture_id), "amount": _money(amount)}
        answer = self._call("POST", f"/v1/payments/{_number(reference)}/captures", body)
        try:
            if answer.get("merchant_capture_id") != capture_id or messages.read_money(answer, "amount") != amount:
                raise PlatformUnavailableError("the cashier's answer is about another capture")
        except MalformedError as error:
            raise PlatformUnavailableError(f"the cashier's answer cannot be read: {error}") from None
        return str(answer.get("status"))

    def refund(self, reference: str, refund_id: str, amount: Money, reason: str) -> RefundAnswer:
        """Have a part of a payment go back, once for each number."""
        body = {"merchant_refund_id": _number(refund_id), "amount": _money(amount), "reason": reason[:127] or "refund"}
        return self._refund(self._call("POST", f"/v1/payments/{_number(reference)}/refunds", body), refund_id)

    def query_refund(self, refund_id: str) -> RefundAnswer | None:
        """Return a refund as the cashier has it now; None where it has none of this number."""
        try:
            answer = self._call("GET", f"/v1/refunds/{_number(refund_id)}")
        except UnknownNumberError:
            return None
        return self._refund(answer, refund_id)

    def _payment(self, wanted: PaymentRequest) -> Json:
        customer = {"email": wanted.customer_email, "locale": wanted.locale, "ip": wanted.customer_ip}
        order = {"reference": wanted.order_reference or wanted.reference, "store": wanted.store}
        body: Json = {
            "merchant_id": self._account.merchant_id,
            "merchant_payment_id": _number(wanted.reference),
            "amount": _money(wanted.amount),
            "description": wanted.description[:127],
            "order": {name: value for name, value in order.items() if value},
            "customer": {name: value for name, value in customer.items() if value},
            "return_url": wanted.return_url,
            "notify_url": wanted.notify_url,
            "expires_at": datetime.fromtimestamp(wanted.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "metadata": dict(wanted.metadata or {}),
        }
        if wanted.cancel_url:
            body["cancel_url"] = wanted.cancel_url
        if wanted.capture != "automatic":  # of 1.1: a cashier of 1.0 does not know the word
            body["capture"] = wanted.capture
        return body

    def _created(self, answer: Json, wanted: PaymentRequest) -> CreatedPayment:
        try:
            if answer.get("merchant_payment_id") != wanted.reference:
                raise PlatformUnavailableError("the cashier's answer is about another payment")
            if messages.read_money(answer, "amount") != wanted.amount:
                raise PlatformUnavailableError("the cashier took another amount")
        except MalformedError as error:
            raise PlatformUnavailableError(f"the cashier's answer cannot be read: {error}") from None
        if answer.get("status") not in _OPEN:
            raise ConflictError(f"the payment is {fields.said(answer.get('status'))} at the cashier")
        return CreatedPayment(str(answer.get("payment_id") or ""), Redirect(cashier_url(answer, self._account)))

    def _of(self, answer: Json, reference: str) -> Payment:
        try:
            payment = messages.read_payment(answer)
        except MalformedError as error:
            raise PlatformUnavailableError(f"the cashier's answer cannot be read: {error}") from None
        if payment.reference != reference:
            raise PlatformUnavailableError("the cashier's answer is about another payment")
        return payment

    def _refund(self, answer: Json, refund_id: str) -> RefundAnswer:
        try:
            refund = messages.read_refund(answer)
        except MalformedError as error:
            raise PlatformUnavailableError(f"the cashier's answer cannot be read: {error}") from None
        if refund.reference != refund_id:
            raise PlatformUnavailableError("the cashier's answer is about another refund")
        return refund

    def _call(self, method: str, path: str, content: Json | None = None) -> Json:
        """Call, and again where there was no answer that stays."""
        for pause in PAUSES[: self._tries - 1]:
            try:
                return self._once(method, path, content)
            except (PlatformUnavailableError, RateLimitedError):
                self._sleep(pause)
        return self._once(method, path, content)

    def _once(self, method: str, path: str, content: Json | None = None) -> Json:
        body = b"" if content is None else json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        nonce, url = self._nonce(), self._account.base + path
        signed_path = url.removeprefix(_origin(url))
        headers = signing.sign_request(
            method, signed_path, body, self._account.keys[0], now=self._now(), nonce=nonce
        ) | {"Accept": "application/json"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        response = self._session.request(method, url, data=body or None, headers=headers, timeout=self._timeout)
        return self._read(response, nonce)

    def _read(self, response: Response, nonce: str) -> Json:
        status, body = response.status_code, response.content
        if status in TRANSIENT or len(body) > MAX_ANSWER:
            raise PlatformUnavailableError(f"the cashier answered HTTP {status}")
        try:
            signing.verify_response(status, response.headers, body, nonce, self._account, now=self._now())
            answer = read_json(body)
        except (NotGenuineError, MalformedError) as error:
            raise PlatformUnavailableError(f"the cashier's answer cannot be believed: {error}") from None
        if not isinstance(answer, dict):
            raise PlatformUnavailableError("the cashier's answer is not an object")
        if 200 <= status < 300:
            return answer
        said = answer.get("error")
        code = said.get("code") if isinstance(said, dict) else ""
        raise _refusal(status, code if isinstance(code, str) and _CODE.fullmatch(code) else fields.said(code))


def cashier_url(answer: Mapping[str, Any], account: Settings) -> str:
    """Return the address of the cashier's page; an answer with one that no browser may be sent to is not believed."""
    url = answer.get("cashier_url")
    if not isinstance(url, str) or not is_safe(url, account.cashier_hosts):
        raise PlatformUnavailableError("unsafe_cashier_url: not https, or not a host of cashier_hosts")
    return url


def _refusal(status: int, code: str) -> Exception:
    match status:
        case 404:
            return UnknownNumberError("the cashier knows nothing of this number")
        case 409:
            return ConflictError(f"the cashier refused: {code}")
        case 429:
            return RateLimitedError("the cashier wants to be asked more slowly")
    return CallRefusedError(code, status)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _money(amount: Money) -> Json:
    return {"value": amount.minor, "currency": amount.currency}


def _number(text: str) -> str:
    """Return a number of ours as it goes into a path; one that the contract does not allow is refused."""
    if not messages.REFERENCE.fullmatch(text):
        raise UnprocessableError("a number at this cashier is 1 to 64 of A-Z a-z 0-9 _ -")
    return text

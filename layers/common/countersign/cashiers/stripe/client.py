"""Calls to Stripe through its own package; nothing that a callback imports knows this module.

Everything that makes something carries an idempotency key of our own number, so it may be repeated for a day.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import stripe

from countersign import fields
from countersign.cashiers.addresses import is_safe
from countersign.cashiers.port import CreatedPayment, PaymentRequest, Redirect
from countersign.cashiers.stripe import amounts, messages
from countersign.cashiers.stripe.messages import Refund, Session
from countersign.cashiers.stripe.settings import Settings
from countersign.errors import (
    ConflictError,
    MalformedError,
    NotFoundError,
    PlatformUnavailableError,
    RateLimitedError,
    UnprocessableError,
)
from countersign.money import Money

# The version that our calls are answered in, whatever the account's own is.
# https://docs.stripe.com/api/versioning https://docs.stripe.com/changelog
API_VERSION = "2026-10-28.endive"
LEAST_LIFETIME = 3600  # Stripe wants half an hour at least, counted when it has the call; we end it by ourselves before
MOST_PAGES = 10
PAGE = 100
_LOCALES = frozenset(
    [
        "bg",
        "cs",
        "da",
        "de",
        "el",
        "en",
        "en-GB",
        "es",
        "es-419",
        "et",
        "fi",
        "fil",
        "fr",
        "fr-CA",
        "hr",
        "hu",
        "id",
        "it",
        "ja",
        "ko",
        "lt",
        "lv",
        "ms",
        "mt",
        "nb",
        "nl",
        "pl",
        "pt",
        "pt-BR",
        "ro",
        "ru",
        "sk",
        "sl",
        "sv",
        "th",
        "tr",
        "vi",
        "zh",
        "zh-HK",
        "zh-TW",
    ]
)
_EXPANDED = ["payment_intent.latest_charge"]
T = TypeVar("T")

logging.getLogger("stripe").setLevel(logging.WARNING)  # it would log what is sent
stripe.enable_telemetry = False


class UnknownNumberError(NotFoundError):
    """Stripe knows nothing of this number."""


class CallRefusedError(UnprocessableError):
    """Stripe refused for good; `code` is its own word."""

    def __init__(self, code: str, *, whole_account: bool) -> None:
        super().__init__(f"Stripe refused: {code}")
        self.code = code
        self.whole_account = whole_account


class Client:
    """One account's calls."""

    def __init__(self, settings: Settings, http: stripe.HTTPClient) -> None:
        self._settings = settings
        self._stripe = stripe.StripeClient(
            settings.api_key.reveal(),
            stripe_version=API_VERSION,
            base_addresses={"api": settings.base},
            http_client=http,
            max_network_retries=0,
        )

    def create(self, wanted: PaymentRequest, *, created_at: int) -> CreatedPayment:
        """Have Stripe make a session; within a day the same one for the same reference."""
        # https://docs.stripe.com/api/checkout/sessions/create
        metadata = {**(wanted.metadata or {}), messages.REFERENCE: wanted.reference}
        params: Any = {
            "mode": "payment",
            "client_reference_id": wanted.reference,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": wanted.amount.currency.lower(),
                        "unit_amount": amounts.to_stripe(wanted.amount),
                        "product_data": {"name": wanted.description},
                    },
                }
            ],
            "success_url": wanted.return_url,
            "cancel_url": wanted.cancel_url or wanted.return_url,
            "expires_at": max(wanted.expires_at, created_at + LEAST_LIFETIME),
            "locale": _locale(wanted.locale),
            "metadata": metadata,
            "payment_intent_data": {"metadata": metadata, "description": wanted.description},
        }
        if wanted.capture == "manual":
            params["payment_intent_data"]["capture_method"] = "manual"
        if wanted.customer_email:
            params["customer_email"] = wanted.customer_email
        made = self._call(
            lambda: self._stripe.v1.checkout.sessions.create(params, {"idempotency_key": f"pay-{wanted.reference}"})
        )
        session = self._session(made)
        if session.reference != wanted.reference or session.total != wanted.amount:
            raise PlatformUnavailableError("Stripe's answer is about another payment")
        if session.status != "open":
            raise ConflictError(f"the session is {session.status} at Stripe")
        url = made.get("url")
        if not isinstance(url, str) or not is_safe(url, self._hosts):
            raise PlatformUnavailableError("unsafe_cashier_url: not https, or no host of Stripe's pages")
        return CreatedPayment(session.id, Redirect(url), session.id)

    @property
    def _hosts(self) -> frozenset[str]:
        return self._settings.cashier_hosts

    def session(self, number: str) -> Session | None:
        """Return a session with its payment; None where Stripe has none of this number."""
        try:
            return self._session(
                self._call(lambda: self._stripe.v1.checkout.sessions.retrieve(number, {"expand": _EXPANDED}))
            )
        except UnknownNumberError:
            return None

    def find(self, reference: str, since: int, until: int) -> Session | None:
        """Return the session of a reference, made between two moments (epoch seconds); None where there is none.

        For a payment whose creation had no answer: Stripe lists sessions by time, not by reference.
        """
        # https://docs.stripe.com/api/checkout/sessions/list
        params: Any = {"created": {"gte": since, "lte": until}, "limit": PAGE}
        for _ in range(MOST_PAGES):
            page = self._call(lambda: self._stripe.v1.checkout.sessions.list(params))
            found = page.get("data") or []
            for one in found:
                if one.get("client_reference_id") == reference:
                    return self.session(str(one.get("id")))
            if not page.get("has_more") or not found:
                return None
            params["starting_after"] = found[-1]["id"]
        raise PlatformUnavailableError("Stripe lists too many sessions around this payment")

    def of_intent(self, payment_intent: str) -> Session | None:
        """Return the session that a payment intent belongs to; None where there is none."""
        try:
            page = self._call(
                lambda: self._stripe.v1.checkout.sessions.list({"payment_intent": payment_intent, "limit": 1})
            )
        except UnknownNumberError:
            return None
        found = page.get("data") or []
        return self.session(str(found[0].get("id"))) if found else None

    def expire(self, number: str) -> Session:
        """End a session that is open; ConflictError where it is not."""
        # https://docs.stripe.com/api/checkout/sessions/expire
        try:
            return self._session(self._call(lambda: self._stripe.v1.checkout.sessions.expire(number)))
        except CallRefusedError as error:
            if error.whole_account:
                raise
            raise ConflictError("Stripe does not end this session") from error

    def capture(self, payment_intent: str, amount: Money, *, number: str) -> None:
        """Take a part of what is held, once for each number; Stripe lets the rest go with it."""
        # https://docs.stripe.com/api/payment_intents/capture
        params: Any = {"amount_to_capture": amounts.to_stripe(amount), "metadata": {messages.CAPTURE: number}}
        options: Any = {"idempotency_key": f"capture-{payment_intent}-{number}"}
        self._call(lambda: self._stripe.v1.payment_intents.capture(payment_intent, params, options))

    def void(self, payment_intent: str) -> None:
        """Let go what is held and not captured; ConflictError where nothing is held."""
        # https://docs.stripe.com/api/payment_intents/cancel
        options: Any = {"idempotency_key": f"void-{payment_intent}"}
        try:
            self._call(lambda: self._stripe.v1.payment_intents.cancel(payment_intent, None, options))
        except CallRefusedError as error:
            if error.whole_account:
                raise
            raise ConflictError("Stripe holds nothing of this payment that could be let go") from error

    def refund(self, payment_intent: str, amount: Money, *, number: str, reference: str) -> Refund:
        """Have a part of a payment go back, once for each number."""
        # https://docs.stripe.com/api/refunds/create
        metadata = {messages.REFUND: number, messages.REFERENCE: reference}
        params: Any = {
            "payment_intent": payment_intent,
            "amount": amounts.to_stripe(amount),
            "metadata": metadata,
        }
        options: Any = {"idempotency_key": f"refund-{payment_intent}-{number}"}
        made = self._call(lambda: self._stripe.v1.refunds.create(params, options))
        return self._refund(made)

    def refunds(self, payment_intent: str) -> list[Refund]:
        """Return every refund of a payment."""
        # https://docs.stripe.com/api/refunds/list
        params: Any = {"payment_intent": payment_intent, "limit": PAGE}
        refunds: list[Refund] = []
        for _ in range(MOST_PAGES):
            page = self._call(lambda: self._stripe.v1.refunds.list(params))
            found = page.get("data") or []
            refunds += [self._refund(one) for one in found]
            if not page.get("has_more") or not found:
                return refunds
            params["starting_after"] = found[-1]["id"]
        raise PlatformUnavailableError("Stripe lists too many refunds of one payment")

    def _session(self, answer: Mapping[str, Any]) -> Session:
        try:
            return messages.read_session(answer)
        except MalformedError as error:
            raise PlatformUnavailableError(f"Stripe's answer cannot be read: {error}") from None

    def _refund(self, answer: Mapping[str, Any]) -> Refund:
        try:
            return messages.read_refund(answer)
        except MalformedError as error:
            raise PlatformUnavailableError(f"Stripe's answer cannot be read: {error}") from None

    def _call(self, ask: Callable[[], stripe.StripeObject]) -> dict[str, Any]:
        """Call; errors of Stripe's package become ours, of which a person reads the reason."""
        try:
            answer = ask()
        except stripe.RateLimitError:
            raise RateLimitedError("Stripe wants to be asked more slowly") from None
        except stripe.IdempotencyError as error:
            if error.http_status == 409:  # another call under the same key is on its way
                raise PlatformUnavailableError("Stripe still works on this call") from None
            raise ConflictError("Stripe has other parameters under this number") from None
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            raise CallRefusedError(_said(error), whole_account=True) from None
        except (stripe.InvalidRequestError, stripe.CardError) as error:
            if error.http_status == 404 or error.code == "resource_missing":
                raise UnknownNumberError("Stripe knows nothing of this number") from None
            raise CallRefusedError(_said(error), whole_account=False) from None
        except stripe.StripeError as error:
            raise PlatformUnavailableError(f"no answer of Stripe's: {type(error).__name__}") from None
        return answer.to_dict()


def _said(error: stripe.StripeError) -> str:
    """Return Stripe's own word, or its sentence without anything that looks like an id."""
    code = error.code
    return str(code) if isinstance(code, str) and code.replace("_", "").isalnum() else fields.said(error.user_message)


def _locale(wanted: str) -> str:
    return next((name for name in (wanted, wanted.partition("-")[0]) if name in _LOCALES), "auto")

"""Stripe's answers to what workers ask, as changes."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import stripe

from countersign.cashiers import port
from countersign.cashiers.notices import PLATFORM
from countersign.cashiers.port import Captured, CreatedPayment, PaymentRequest
from countersign.cashiers.stripe import amounts, translate
from countersign.cashiers.stripe.client import CallRefusedError, Client, UnknownNumberError
from countersign.cashiers.stripe.messages import Refund as StripeRefund
from countersign.cashiers.stripe.messages import Session
from countersign.cashiers.stripe.settings import Settings
from countersign.errors import ConflictError, MalformedError, PlatformUnavailableError, UnprocessableError
from countersign.money import Money
from countersign.orders.changes import Change, Closed, OrderKey, Queried, RefundReported, is_unmatched
from countersign.orders.reasons import because
from countersign.orders.refunds import Refund
from countersign.orders.state import Order
from countersign.platforms.port import Changes, RefundRefusedError
from countersign.runtime import platform_http
from countersign.store import OrderStore

DAY = 86_400
CLOCKS_DIFFER = 120
HOLDS = "requires_capture"  # of a payment intent


@dataclass(frozen=True, slots=True)
class Connector:
    """A Stripe account: its settings and the client that uses them."""

    captures_once: ClassVar[bool] = True
    account: str  # `stripe.{account}`
    settings: Settings
    client: Client
    now: Callable[[], int]
    refund_pause: int = 0

    @property
    def tenant(self) -> str:
        """Return the account's name: no event of Stripe's names the account that it is of."""
        return self.account

    @property
    def kinds(self) -> frozenset[str]:
        """Return what Stripe does for this account."""
        return self.settings.kinds

    def check_amount(self, amount: Money) -> None:
        """Raise UnprocessableError where Stripe cannot take exactly this amount."""
        amounts.to_stripe(amount)

    def create_payment(self, wanted: PaymentRequest, order: Order) -> CreatedPayment:
        """Have Stripe make a session; after any doubt, and a day, the one that there is."""
        if wanted.capture != "automatic":
            port.require_kind(self, port.AUTHORIZATION)
        if order.attempts > 1 or order.handle:
            found = self._session(order)
            if found is not None and found.status != "open":
                raise ConflictError(f"the session is {found.status} at Stripe")
        return self.client.create(wanted, created_at=order.terms.created_at)

    def query_order(self, order: Order, *, now: int) -> Changes:
        """Return what Stripe says about a payment, and about each refund of it."""
        session = self._session(order)
        return () if session is None else self._told(order.key, session, now)

    def import_order(self, change: Change, *, now: int) -> Changes:
        """Return what Stripe says about a payment that is not recorded here.

        Where only its payment intent is named, the answer's key says whose it is.
        """
        session = None
        if is_unmatched(change.key):
            number = dict(change.aliases).get("transaction", "")
            if number.startswith("pi_"):
                session = self.client.of_intent(number)
            elif number.startswith("cs_"):
                session = self.client.session(number)
        else:
            session = self.client.find(change.key.order_id, now - DAY, now + CLOCKS_DIFFER)
        if session is None or not session.reference:
            return ()
        return self._told(OrderKey(PLATFORM, self.account, session.reference), session, now)

    def query_child(self, change: Change, system: str) -> Changes:
        """Return what Stripe says about the refund that `change` names."""
        fact = change.fact
        if not isinstance(fact, RefundReported) or not fact.transaction_id:
            return ()
        return tuple(
            told
            for told in self._refunds(change.key, fact.transaction_id)
            if isinstance(told.fact, RefundReported) and told.fact.refund_id == fact.refund_id
        )

    def query_refund(self, order: Order, refund: Refund) -> Change | None:
        """Return what Stripe says about a refund."""
        for told in self._refunds(order.key, self._intent(order, refund)):
            if isinstance(told.fact, RefundReported) and told.fact.refund_id == refund.refund_id:
                return told
        return None

    def close(self, order: Order, *, now: int) -> Change | None:
        """End a session and return what is true then; ConflictError where the shopper was faster, or is at it.

        One that is complete and whose delayed payment has failed is over too: nobody can pay by it any more.
        """
        session = self._session(order)
        if session is not None and session.status == "open":
            try:
                session = self.client.expire(session.id)
            except ConflictError:
                session = self._session(order)
        if session is not None and session.status != "expired":
            over = session.status == "complete" and session.payment_status == "unpaid"
            if not (over and session.intent_status in translate.OVER):
                raise ConflictError("the payment was made, or is on its way")
        at = min(now, order.terms.expires_at)
        return Change(order.key, Closed(at), Queried(), "query", self.tenant, translate.SYSTEM)

    def prepare_refund(self, order: Order, *, now: int) -> Changes:
        """Nothing is needed."""
        return ()

    def refund(self, order: Order, refund: Refund) -> Change:
        """Make a refund, the same one however often it is called."""
        try:
            made = self.client.refund(
                self._intent(order, refund), refund.amount, number=refund.refund_id, reference=order.key.order_id
            )
        except CallRefusedError as error:
            problem = because("said_by_the_platform", text=str(error))
            raise RefundRefusedError(problem, whole_account=error.whole_account) from error
        except (UnknownNumberError, ConflictError, UnprocessableError) as error:
            raise RefundRefusedError(because("said_by_the_platform", text=str(error))) from error
        return translate.refund_to_change(made, self.account, Queried(), "query")

    def audit(self, order: Order, refund: Refund) -> Changes:
        """Nothing: shoppers do not ask Stripe for money back."""
        return ()

    def capture(self, order: Order, capture_id: str, amount: Money) -> Captured:
        """Take a part of what is held, the same one however often it is asked for; nothing can follow it.

        Stripe forgets its idempotency key after a day; the payment intent has our number for good.
        """
        port.require_kind(self, port.CAPTURE)
        session = self._held(order)
        if session.intent_status != HOLDS:
            return self._captured(session, capture_id, amount)
        if amount.currency != order.terms.amount.currency or amount.minor > order.terms.amount.minor:
            raise UnprocessableError("capture_exceeds_authorization")
        try:
            self.client.capture(session.payment_intent, amount, number=capture_id)
        except CallRefusedError as error:
            if error.whole_account:
                raise
            return self._captured(self._held(order), capture_id, amount)  # somebody else may have been faster
        return Captured(capture_id, "succeeded", amount)

    def void(self, order: Order) -> Changes:
        """Let go what is held and not captured."""
        port.require_kind(self, port.VOID)
        session = self._held(order)
        if session.intent_status != "canceled":
            self.client.void(session.payment_intent)
            session = self._held(order)
        return self._told(order.key, session, self.now())

    def _intent(self, order: Order, refund: Refund) -> str:
        """Return the payment that a refund is of: also where a part of it was captured, which pays no whole order."""
        paid = order.payment.transaction_id if order.payment is not None else ""
        return refund.transaction_id or paid or self._held(order).payment_intent

    def _held(self, order: Order) -> Session:
        """Return the session of a payment whose money is held, or was; ConflictError where it never was."""
        session = self._session(order)
        if session is None or not session.is_manual or not session.payment_intent:
            raise ConflictError("nothing of this payment is held at Stripe")
        return session

    def _captured(self, session: Session, capture_id: str, amount: Money) -> Captured:
        """Return a capture that was made before; ConflictError where another one was, or the money was let go."""
        if session.capture != capture_id or session.received != amount or session.intent_status != "succeeded":
            raise ConflictError("nothing of this payment is held at Stripe any more")
        return Captured(capture_id, "succeeded", amount)

    def _session(self, order: Order) -> Session | None:
        """Return a payment's session, also where the answer to its creation was lost."""
        if order.handle:
            return self.client.session(order.handle)
        # Within this time the idempotency key makes every creation the same one.
        since = order.terms.created_at - CLOCKS_DIFFER
        until = min(self.now(), order.terms.created_at + DAY) + CLOCKS_DIFFER
        return self.client.find(order.key.order_id, since, until)

    def _told(self, key: OrderKey, session: Session, now: int) -> Changes:
        try:
            fact = translate.state(session, now)
        except MalformedError as error:
            raise PlatformUnavailableError(f"Stripe's answer cannot be read: {error}") from None
        told = [Change(key, fact, Queried(), "query", self.tenant, translate.SYSTEM)]
        if session.refunded and session.payment_intent:
            told += self._refunds(key, session.payment_intent, session)
        return tuple(told)

    def _refunds(self, key: OrderKey, payment_intent: str, session: Session | None = None) -> Iterable[Change]:
        found = self.client.refunds(payment_intent)
        elsewhere = [one for one in found if not one.number]
        if elsewhere:
            session = session or self.client.of_intent(payment_intent)
        let_go = _let_go(elsewhere, session)
        for refund in (one for one in found if one is not let_go):
            yield replace(translate.refund_to_change(refund, self.account, Queried(), "query"), key=key)


def _let_go(refunds: Sequence[StripeRefund], session: Session | None) -> StripeRefund | None:
    """Return what Stripe lists as a refund, and was only held: let go with the hold, or with the capture of a part.

    Nobody had paid it, so nothing goes back.
    """
    if session is None or not session.is_manual or session.total is None or session.received is None:
        return None
    held = Money(session.total.minor - session.received.minor, session.total.currency)
    same = [one for one in refunds if one.amount == held]
    return min(same, key=lambda one: one.created, default=None)


def connect(
    name: str, settings: Settings, *, store: OrderStore, tries: int = 1, timeout: tuple[float, float] = (3.0, 10.0)
) -> Connector:
    """Return an account's connector; a call is made once, and what had no answer is asked about."""
    session: Any = platform_http.session()
    http = stripe.RequestsClient(timeout=timeout, session=session)
    return Connector(name, settings, Client(settings, http), lambda: int(time.time()))

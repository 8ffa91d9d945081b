"""An HC1 cashier's answers to what workers ask, as changes."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

from countersign.cashiers import port
from countersign.cashiers.hc1 import messages, translate
from countersign.cashiers.hc1.client import CallRefusedError, Client, UnknownNumberError
from countersign.cashiers.hc1.messages import Payment
from countersign.cashiers.hc1.settings import Settings
from countersign.cashiers.port import Captured, CreatedPayment, PaymentRequest
from countersign.errors import ConflictError, UnprocessableError
from countersign.money import CURRENCIES, Money
from countersign.orders.changes import Change, Closed, OrderKey, Queried, RefundReported, is_unmatched
from countersign.orders.reasons import because
from countersign.orders.refunds import Refund
from countersign.orders.state import Order
from countersign.platforms.port import Changes, RefundRefusedError
from countersign.runtime import platform_http
from countersign.signing import digests, nonces
from countersign.store import OrderStore

_ENDED = frozenset({"FAILED", "EXPIRED", "CANCELLED"})
_CAPTURES = {"PENDING": "processing", "SUCCEEDED": "succeeded", "FAILED": "failed"}


@dataclass(frozen=True, slots=True)
class Connector:
    """An account at a cashier: its keys, the client that uses them, and what is known of refunds here."""

    captures_once: ClassVar[bool] = False
    account: str  # `hc1.{account}`
    settings: Settings
    client: Client
    known_refunds: Callable[[OrderKey], Iterable[Refund]]
    now: Callable[[], int]
    refund_pause: int = 0

    @property
    def tenant(self) -> str:
        """Return the merchant id."""
        return self.settings.merchant_id

    @property
    def kinds(self) -> frozenset[str]:
        """Return what the cashier does for this account."""
        return self.settings.kinds

    def check_amount(self, amount: Money) -> None:
        """Raise UnprocessableError where the contract has no such amount."""
        if amount.currency not in CURRENCIES:
            raise UnprocessableError("currency_not_supported: the cashier takes circulating currencies of ISO 4217")

    def create_payment(self, wanted: PaymentRequest, order: Order) -> CreatedPayment:
        """Have the cashier take a payment."""
        self.check_amount(wanted.amount)
        if wanted.capture != "automatic":
            port.require_kind(self, port.AUTHORIZATION)
        return self.client.create(wanted)

    def query_order(self, order: Order, *, now: int) -> Changes:
        """Return what the cashier says about a payment, and about each refund of it."""
        return self._query(order.key, now)

    def import_order(self, change: Change, *, now: int) -> Changes:
        """Return what the cashier says about a payment that is not recorded here: it stays an orphan, and known."""
        return () if is_unmatched(change.key) else self._query(change.key, now)

    def query_child(self, change: Change, system: str) -> Changes:
        """Return what the cashier says about the refund that `change` names."""
        if not isinstance(change.fact, RefundReported):
            return ()
        answer = self._query_refund(change.key, change.fact.refund_id, change.fact.transaction_id)
        return (answer,) if answer else ()

    def query_refund(self, order: Order, refund: Refund) -> Change | None:
        """Return what the cashier says about a refund; one made on its own pages has no number of ours to ask by."""
        if not refund.ours:
            return None
        return self._query_refund(order.key, refund.refund_id, refund.transaction_id)

    def close(self, order: Order, *, now: int) -> Change | None:
        """End a payment and return what is true then; ConflictError where the shopper was faster, or is at it."""
        reference = order.key.order_id
        try:
            payment = self.client.cancel(reference)
        except UnknownNumberError:  # the cashier never took it: nothing is left that could be paid
            return self._ended(order, now)
        except ConflictError:
            found = self.client.query(reference)
            if found is not None and found.status == translate.IN_PART and found.paid.minor:
                # Its time is over and the money of a part was taken: whether that is all is for a person to say.
                return translate.taken_in_part(found, order.key, self.tenant, Queried(), at=now)
            if found is None or found.status not in _ENDED:
                raise
            payment = found
        if payment.status in _ENDED:  # a payment that failed is over too: the contract's terminal states never change
            return self._ended(order, now)
        if payment.status == "SUCCEEDED":
            raise ConflictError("the payment was made")
        return None

    def prepare_refund(self, order: Order, *, now: int) -> Changes:
        """Nothing is needed."""
        return ()

    def refund(self, order: Order, refund: Refund) -> Change:
        """Make a refund, the same one however often it is called."""
        reason = refund.reason or "refund"
        try:
            answer = self.client.refund(order.key.order_id, wire_number(refund.refund_id), refund.amount, reason)
        except (CallRefusedError, UnknownNumberError, ConflictError) as error:
            whole_account = isinstance(error, CallRefusedError) and error.whole_account
            problem = because("said_by_the_platform", text=str(error))
            raise RefundRefusedError(problem, whole_account=whole_account) from error
        return translate.refund_to_change(
            answer,
            order.key,
            self.tenant,
            Queried(),
            refund_id=refund.refund_id,
            transaction_id=refund.transaction_id,
            at=self.now(),
        )

    def audit(self, order: Order, refund: Refund) -> Changes:
        """Nothing: shoppers do not ask a cashier for money back."""
        return ()

    def capture(self, order: Order, capture_id: str, amount: Money) -> Captured:
        """Take a part of what is held."""
        port.require_kind(self, port.CAPTURE)
        status = self.client.capture(order.key.order_id, capture_id, amount)
        return Captured(capture_id, _CAPTURES.get(status, "processing"), amount)

    def void(self, order: Order) -> Changes:
        """Let go what is held and not captured."""
        port.require_kind(self, port.VOID)
        return self._told(order.key, self.client.void(order.key.order_id), self.now())

    def _ended(self, order: Order, now: int) -> Change:
        return Change(
            order.key, Closed(min(now, order.terms.expires_at)), Queried(), "query", self.tenant, translate.SYSTEM
        )

    def _query(self, key: OrderKey, now: int) -> Changes:
        payment = self.client.query(key.order_id)
        return () if payment is None else self._told(key, payment, now)

    def _told(self, key: OrderKey, payment: Payment, now: int) -> Changes:
        told = [translate.payment_to_change(payment, key, self.tenant, Queried(), at=now)]
        if payment.refunded.minor and payment.status == "SUCCEEDED":
            told += self._refunds(key, payment, now)
        return tuple(told)

    def _refunds(self, key: OrderKey, payment: Payment, now: int) -> Iterable[Change]:
        """Yield the refunds of a payment: ours, and what went back beyond them, which was made on the cashier's pages.

        The contract tells how much went back and lists no refunds, so the rest is one of its own each time it grows.
        """
        ours = console = 0
        for refund in self.known_refunds(key):
            if not refund.ours:
                console += refund.refunds
                continue
            answer = self.client.query_refund(wire_number(refund.refund_id))
            if answer is None:
                continue
            is_news = answer.status != "SUCCEEDED" or refund.status != "succeeded"
            ours += answer.amount.minor if answer.status == "SUCCEEDED" else 0
            if is_news:
                yield self._refund_told(key, answer, refund.refund_id, refund.transaction_id, now)
        rest = payment.refunded.minor - ours
        if rest > console:
            amount = Money(rest - console, payment.refunded.currency)
            yield translate.console_refund(
                key, self.tenant, Queried(), amount, total=rest, transaction_id=payment.payment_id, at=now
            )

    def _query_refund(self, key: OrderKey, refund_id: str, transaction_id: str) -> Change | None:
        answer = self.client.query_refund(wire_number(refund_id))
        return None if answer is None else self._refund_told(key, answer, refund_id, transaction_id, self.now())

    def _refund_told(
        self, key: OrderKey, answer: messages.RefundAnswer, refund_id: str, transaction_id: str, now: int
    ) -> Change:
        return translate.refund_to_change(
            answer, key, self.tenant, Queried(), refund_id=refund_id, transaction_id=transaction_id, at=now
        )


def wire_number(refund_id: str) -> str:
    """Return the number by which the cashier knows a refund: ours, or its digest where ours has another form."""
    return refund_id if messages.REFERENCE.fullmatch(refund_id) else f"r-{digests.sha256(refund_id.encode())[:40]}"


def connect(
    name: str, settings: Settings, *, store: OrderStore, tries: int = 2, timeout: tuple[float, float] = (3.0, 7.0)
) -> Connector:
    """Return an account's connector; `store` knows the refunds of a payment."""

    def now() -> int:
        return int(time.time())

    client = Client(
        platform_http.session(),
        settings,
        now=now,
        nonce=nonces.nonce,
        sleep=time.sleep,
        tries=tries,
        timeout=timeout,
    )
    return Connector(name, settings, client, store.refunds, now)

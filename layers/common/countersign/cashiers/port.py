"""What is asked of a hosted cashier: `cashiers/<name>/connector.py` answers, beside what workers ask of any platform.

A payment at a cashier is an order of platform `cashier` and account `{cashier}.{account}`; its number is our reference,
fixed and recorded before the cashier is called, so that whatever the cashier says later finds it without any number of
the cashier's own. Where the payment is for another order (of a shop), `money_of` of its terms names that one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

from countersign.errors import UnprocessableError
from countersign.money import Money
from countersign.orders.state import Order
from countersign.platforms.port import Changes, Closes, Refunds

# What a cashier can do, in the words of `kinds[]`: a sale is taken at once, an authorization is captured or voided.
SALE, AUTHORIZATION, CAPTURE, VOID, REFUND = "sale", "authorization", "capture", "void", "refund"
KINDS = (SALE, AUTHORIZATION, CAPTURE, VOID, REFUND)


class Redirect(NamedTuple):
    """The shopper's browser goes to a page of the cashier's."""

    url: str


class QrCode(NamedTuple):
    """The shopper scans a code: its content, as the cashier gave it."""

    content: str


Action = Redirect | QrCode


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """A payment that a cashier is asked to take. `expires_at` is epoch seconds; what is empty is not known.

    `order_reference` and `store` name the order in the shop's words, for people who look at the cashier's pages.
    """

    reference: str
    amount: Money
    description: str
    expires_at: int
    return_url: str
    notify_url: str
    cancel_url: str = ""
    order_reference: str = ""
    store: str = ""
    locale: str = ""
    customer_email: str = ""
    customer_ip: str = ""
    metadata: Mapping[str, str] | None = None
    capture: str = "automatic"  # or manual: the money is only held, and captured or voided later


class CreatedPayment(NamedTuple):
    """A payment that a cashier took: its number of it, what the shopper does now, and by what it is asked about later.

    `handle` is empty where the cashier is asked by our own reference.
    """

    payment_id: str
    action: Action
    handle: str = ""


class Captured(NamedTuple):
    """What became of a capture: `status` is processing, succeeded or failed."""

    capture_id: str
    status: str
    amount: Money


class Cashier(Closes, Refunds, Protocol):
    """One account of a hosted cashier.

    Calls raise ConflictError (the payment is in a state that forbids it), any other RefusedError (refused for good:
    nothing was done) or PlatformUnavailableError (no believable answer: the outcome is unknown).
    """

    captures_once: ClassVar[bool]  # whether what a capture leaves is let go with it, and nothing can follow

    @property
    def kinds(self) -> frozenset[str]:
        """Return which of KINDS the cashier can do for this account."""

    def check_amount(self, amount: Money) -> None:
        """Raise UnprocessableError where the cashier cannot take exactly this amount: nothing is ever rounded."""

    def create_payment(self, wanted: PaymentRequest, order: Order) -> CreatedPayment:
        """Have the cashier take a payment, the same one however often it is called for the same reference."""

    def capture(self, order: Order, capture_id: str, amount: Money) -> Captured:
        """Take a part of what is held, the same part however often it is called under the same number."""

    def void(self, order: Order) -> Changes:
        """Let go what is held and not captured, and return what is true then."""


def require_kind(cashier: Cashier, kind: str) -> None:
    """Raise UnprocessableError unless the cashier can do `kind` for this account."""
    if kind not in cashier.kinds:
        raise UnprocessableError(
            f"this cashier's account has no {kind}: its kinds[] are {', '.join(sorted(cashier.kinds))}"
        )

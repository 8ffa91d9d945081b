"""What a platform's bill says beside what is known here, and what a difference between them is called."""

from dataclasses import dataclass

from countersign.money import Money
from countersign.orders.refunds import REFUND_RANK, Refund
from countersign.orders.state import Order

# What may differ; `difference.{name}` in the catalogue of sentences says what each means, and what a person can do.
DIFFERENCES = (
    "payment_unknown_here",
    "payment_missing_here",
    "payment_amount",
    "payment_missing_in_bill",
    "refund_unknown_here",
    "refund_missing_here",
    "refund_amount",
    "refund_missing_in_bill",
)


@dataclass(frozen=True, slots=True)
class BillLine:
    """One payment or refund as the bill has it; a refund has a `refund_id`."""

    account: str
    order_id: str
    transaction_id: str
    amount: Money
    at: str  # as the bill writes it
    refund_id: str = ""
    platform_refund_id: str = ""

    @property
    def subject(self) -> str:
        """The number that tells this line from others."""
        return self.refund_id or self.transaction_id


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference of a day: what the bill, our own record and the platform's answer say of one subject."""

    what: str
    order_id: str
    subject: str
    bill: str = ""
    ours: str = ""
    platform: str = ""
    resolution: str = ""  # how it was settled; empty while it is open
    amount: Money | None = None  # the bill's, where it has this payment or refund


def payment_difference(line: BillLine, order: Order | None) -> str:
    """Return the name of the difference between a payment's line and our order, or an empty string."""
    if order is None:
        return "payment_unknown_here"
    told = [claim.total for claim in order.claims if claim.transaction_id == line.transaction_id]
    if not told:
        return "payment_missing_here"
    return "" if line.amount in told else "payment_amount"


def refund_difference(line: BillLine, order: Order | None, refund: Refund | None) -> str:
    """Return the name of the difference between a refund's line and our refund, or an empty string.

    The line says that the platform took the refund, and never more: its state there is not brought up to date.
    """
    if order is None:
        return "refund_unknown_here"
    if refund is None or REFUND_RANK[refund.status] < REFUND_RANK["processing"] or refund.refused:
        return "refund_missing_here"
    return "" if refund.amount == line.amount or line.amount.minor in refund.reported else "refund_amount"


def ours_in_words(order: Order | None, subject: str, refund: Refund | None = None) -> str:
    """Say what is known here of a payment or refund."""
    if order is None:
        return "no such order"
    if refund is not None:
        return f"refund of {refund.amount}, {refund.status}"
    told = [str(claim.total) for claim in order.claims if claim.transaction_id == subject]
    return f"{order.status}, paid {' and '.join(told)}" if told else f"{order.status}, no such payment"

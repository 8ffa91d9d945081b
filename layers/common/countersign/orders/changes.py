"""A change: one piece of news about one order, in our words, with how far it may be believed."""

from typing import ClassVar, NamedTuple

from countersign.money import Money
from countersign.orders.reasons import Reason
from countersign.values import dataclass


@dataclass(frozen=True, slots=True, order=True)
class OrderKey:
    """What names an order: platform, the merchant's name of the account, the order number."""

    platform: str
    account: str
    order_id: str


# Trust is a type: who may change money states, and on what ground.


@dataclass(frozen=True, slots=True)
class Verified:
    """Bytes that the platform signed, for this merchant; `key_id` names the key that verified."""

    key_id: str
    name: ClassVar[str] = "verified"


@dataclass(frozen=True, slots=True)
class Queried:
    """The answer of an authenticated call that we made."""

    key_id: str = ""
    name: ClassVar[str] = "queried"


@dataclass(frozen=True, slots=True)
class Bill:
    """A line of the platform's daily bill."""

    key_id: str = ""
    name: ClassVar[str] = "bill"


@dataclass(frozen=True, slots=True)
class Operator:
    """A signed-in person or the merchant's own back end; `key_id` is the token's subject."""

    key_id: str
    name: ClassVar[str] = "operator"


@dataclass(frozen=True, slots=True)
class Hint:
    """Something unsigned: it can only put a query on the due list."""

    key_id: str = ""
    name: ClassVar[str] = "hint"


Trust = Verified | Queried | Bill | Operator | Hint


# Facts. `identity()` is what makes two pieces of news the same one; delivery times and ids stay out of it.

Identity = tuple[str | int | None, ...]


class Line(NamedTuple):
    """One line of what is bought; `minor` is the price of one piece, in the order's currency."""

    title: str
    quantity: int
    minor: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What the merchant asked for; fixed when the order is created."""

    amount: Money
    system: str  # the platform's API version or system that the order was created with
    method: str
    digest: str  # of everything the platform compares when the same number is created again
    created_at: int
    expires_at: int
    description: str = ""
    appid: str = ""
    notify_base: str = ""
    paid_late_policy: str = "ask"
    replaces: str = ""
    settle_after: int | None = None  # seconds from the payment to its settlement; None where nobody has to ask for it
    metadata: tuple[tuple[str, str], ...] = ()
    lines: tuple[Line, ...] = ()
    reports_status: bool = False  # the platform wants to be told what state the order is in, whenever that changes
    # "refund", "ship": nothing here does it at the platform, nobody may ask for it; "query": the platform tells nothing
    not_offered: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()  # "capture", "void", "cancel", "mark_paid": what the platform can be instructed to do
    closable: bool = True  # false where the platform has no call for it: an order there ends by its time alone
    closable_after: int = 0  # seconds from the creation during which the platform refuses to close the order
    max_share_basis_points: int = 10_000  # of what is settled: what all others than the seller may get together
    payer: str = ""  # the payer's id at the platform, kept only where a later call cannot do without it
    share_receivers: tuple[str, ...] = ()  # who else may get a part of a settlement, as the account allowed then
    external: bool = False  # made in the platform's own shop: closed there only, and in no bill of the merchant's
    pays: str = "whole"  # by one payment of the amount; or in "parts", as the platform changes, splits and refunds it
    includes_refunds: bool = False  # of parts: the platform has taken refunds off its total already
    review_refund: str = "two_persons"  # who refunds or accepts money that does not fit; or "one_person"
    test: bool = False  # no money moves
    money_of: tuple[str, str, str] | None = None  # (platform, account, order number) whose totals count it already


class Attempt(NamedTuple):
    """A try to take the money that failed, at a platform that takes it unasked."""

    number: int
    at: int
    error_type: str  # the platform's own word


class ChargeItem(NamedTuple):
    """One line of what a charge is for."""

    title: str
    variant_title: str = ""
    sku: str = ""
    quantity: int = 1
    subscription_id: str = ""


@dataclass(frozen=True, slots=True)
class Charge:
    """What is known of a charge that a platform takes by itself: how its tries went, and who must act.

    `attempts` counts every try, the one that succeeded too. Each text that is empty is not known.
    """

    attempts: int = 0
    error: str = ""  # the platform's sentence about the last failure, for people
    error_type: str = ""  # the platform's own word of it
    group: str = ""  # who must act on it: `charges.GROUPS`; empty where nothing failed
    last_attempt_at: int | None = None
    next_retry: int | None = None
    final: bool = False  # it is not tried again
    note: str = ""
    customer_id: str = ""  # the platform's own number of the customer
    shop_customer_id: str = ""  # the shop's
    external_order_id: str = ""  # the shop's number of the order that it became
    scheduled_at: str = ""  # a day, YYYY-MM-DD
    items: tuple[ChargeItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What the platform says of an order at one moment, beside the order's terms; money is in minor units.

    `version` is the platform's own time of the order's last change (epoch seconds; 0 where it has none), `read_at` when
    our authenticated reading began, or 0 for what was pushed. The greatest (version, read_at) is the newest.
    """

    version: int
    read_at: int
    received: int = 0  # taken so far, before refunds; 0 where the platform does not say
    authorized: int = 0  # held by the payer's bank, and not taken
    state: str = "open"  # or scheduled, cancelled, failed, expired; what is only put away is open
    ended_at: int | None = None
    shop_amount: Money | None = None  # the total in the currency of the merchant's books, where that is another one
    refunded: int = 0  # gone back so far, where the platform names no single refunds; 0 where it does, or does not say
    # When the platform is asked next, if nothing is told before (epoch seconds), then daily; None: as usual.
    expected_at: int | None = None
    shipped: str = ""  # part or sent, as far as the platform says
    charge: Charge | None = None  # of an order that is a charge which the platform takes by itself


@dataclass(frozen=True, slots=True)
class OrderCreated:
    """The merchant created the order."""

    terms: Terms
    kind: ClassVar[str] = "opened"

    def identity(self) -> Identity:
        return (self.terms.digest, self.terms.amount.minor, self.terms.amount.currency, self.terms.created_at)


@dataclass(frozen=True, slots=True)
class OrderReported:
    """The platform tells of an order that is made there; the first report opens the order, the newest one counts."""

    terms: Terms
    report: Report
    attempts: tuple[Attempt, ...] = ()
    kind: ClassVar[str] = "order"

    def identity(self) -> Identity:
        amount, report = self.terms.amount, self.report
        return (
            self.terms.digest,
            amount.minor,
            amount.currency,
            report.version,
            report.read_at,
            report.received,
            report.authorized,
            report.state,
            report.ended_at,
            report.refunded,
            len(self.attempts),
        )


@dataclass(frozen=True, slots=True)
class PaymentAttempted:
    """The platform is asked again to take an order that it is not known to have; recording the order was attempt 1."""

    attempt: int
    kind: ClassVar[str] = "payment_attempted"

    def identity(self) -> Identity:
        return (self.attempt,)


@dataclass(frozen=True, slots=True)
class PaymentRefused:
    """The platform refused to take the order at one attempt, and created nothing by it."""

    attempt: int
    problem: Reason | None = None
    kind: ClassVar[str] = "payment_refused"

    def identity(self) -> Identity:
        return (self.attempt,)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The platform took the order and waits for the payer; `transaction_id` if it named its own number already.

    `handle` is what the platform wants to be asked by, where that is not the merchant's own number.
    """

    transaction_id: str = ""
    handle: str = ""
    kind: ClassVar[str] = "prepared"

    def identity(self) -> Identity:
        return (self.transaction_id,) if self.transaction_id else ()


@dataclass(frozen=True, slots=True)
class Paid:
    """The platform says that the payer paid `total` (its own total for the order, before coupons)."""

    transaction_id: str
    total: Money
    paid_at: int
    payer_paid: int | None = None  # minor units of the order's currency, after coupons
    channel_id: str = ""  # the number of the wallet or bank behind the platform: as unique, and found by it too
    shop_amount: Money | None = None  # in the currency of the merchant's books, where that is another one
    test: bool = False  # no money moved
    kind: ClassVar[str] = "paid"

    def identity(self) -> Identity:
        return (self.transaction_id, self.total.minor, self.total.currency, self.paid_at)


@dataclass(frozen=True, slots=True)
class Unpaid:
    """The platform says that it still waits; `word` is the platform's own."""

    word: str
    kind: ClassVar[str] = "unpaid"

    def identity(self) -> Identity:
        return (self.word,)


@dataclass(frozen=True, slots=True)
class Failed:
    """The platform says that paying failed."""

    word: str
    kind: ClassVar[str] = "failed"

    def identity(self) -> Identity:
        return (self.word,)


@dataclass(frozen=True, slots=True)
class Closed:
    """The platform says that the order can no longer be paid; `closed_at` is when we first knew."""

    closed_at: int
    kind: ClassVar[str] = "closed"

    def identity(self) -> Identity:
        return ()


@dataclass(frozen=True, slots=True)
class RefundReported:
    """The platform tells about one refund; `status` is processing, succeeded, needs_action or failed."""

    refund_id: str
    amount: Money
    status: str
    source: str = "console"  # who made it, if we did not
    platform_refund_id: str = ""
    transaction_id: str = ""
    total: Money | None = None
    at: int | None = None
    problem: Reason | None = None  # what a person must do about it
    confirm: bool = False  # the news names no order of the merchant's: a refund unknown here counts once a query agrees
    shop_amount: Money | None = None  # in the currency of the merchant's books, where that is another one
    came_back: bool = False  # it failed for good, also where it was said to have succeeded before
    parts: tuple[str, ...] = ()  # the platform's movements of money that it was made of: none is a refund of its own
    may_be_part: bool = False  # a movement without the refund that it belongs to, which may be one that we asked for
    kind: ClassVar[str] = "refund"

    def identity(self) -> Identity:
        return (self.refund_id, self.status, self.amount.minor, self.amount.currency, self.at, *self.parts)


@dataclass(frozen=True, slots=True)
class RefundStarted:
    """The payer asked the platform for a refund; where `audit_by` is set the merchant may refuse until then."""

    refund_id: str  # ours, made from the platform's number so that it stays the same
    amount: Money
    platform_refund_id: str
    audit_by: int
    reason: str = ""
    transaction_id: str = ""
    at: int | None = None
    kind: ClassVar[str] = "refund_started"

    def identity(self) -> Identity:
        return (self.refund_id, self.amount.minor, self.amount.currency)


@dataclass(frozen=True, slots=True)
class RefundAudited:
    """The platform took our decision about a refund that the payer had asked it for."""

    refund_id: str
    approved: bool
    kind: ClassVar[str] = "refund_audited"

    def identity(self) -> Identity:
        return (self.refund_id, self.approved)


@dataclass(frozen=True, slots=True)
class SettlementRequested:
    """The merchant wants an order settled; `shares` are (receiver, minor units) of others than the seller."""

    settlement_id: str
    at: int
    shares: tuple[tuple[str, int], ...] = ()
    kind: ClassVar[str] = "settlement_asked"

    def identity(self) -> Identity:
        return (self.settlement_id, *(part for share in self.shares for part in share))


@dataclass(frozen=True, slots=True)
class SettlementReported:
    """The platform, or our look at it, tells about one settlement.

    `status` is processing, succeeded, failed or not_needed.
    """

    settlement_id: str
    amount: Money
    status: str
    platform_settlement_id: str = ""
    transaction_id: str = ""
    fee: int | None = None
    reason: Reason | None = None
    at: int | None = None
    kind: ClassVar[str] = "settlement"

    def identity(self) -> Identity:
        return (self.settlement_id, self.status, self.amount.minor, self.amount.currency, self.at)


class Parcel(NamedTuple):
    """One parcel; `contact` is a masked phone number, where the carrier wants one.

    `goods` is what lies in it, where that is said: (the platform's number of a line of the order, how many).
    """

    carrier: str = ""  # the platform's code of the carrier
    tracking_no: str = ""
    description: str = ""
    contact: str = ""
    goods: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ShipmentRequested:
    """The merchant sent goods, or handed them over; the worker tells the platform."""

    shipment_id: str
    method: str  # express, local, virtual or pickup
    parcels: tuple[Parcel, ...]
    complete: bool  # nothing of the order remains to be sent
    at: int
    shared: bool = False  # its parcels hold goods of other orders too: their numbers may be those of another order
    kind: ClassVar[str] = "shipment_asked"

    def identity(self) -> Identity:
        return (self.shipment_id,)


@dataclass(frozen=True, slots=True)
class ShipmentReported:
    """The platform took a shipment (reported), or a person must act first (needs_action: `problem` says how).

    One that waited for a person is superseded once the platform has the whole order as sent without it.
    """

    shipment_id: str
    status: str
    problem: Reason | None = None
    at: int | None = None
    kind: ClassVar[str] = "shipment"

    def identity(self) -> Identity:
        return (self.shipment_id, self.status)


LINK_DUE = "payment_link.due"  # an order waits so long that its shopper is to be written to
TOLD = frozenset({LINK_DUE})  # what is told on the bus under its own word


@dataclass(frozen=True, slots=True)
class PlatformEvent:
    """The platform says that something happened to the order, and not what: it is asked.

    Where it `urges` the merchant to ship, or tells all that there is (`asks` is false), there is nothing to ask.
    """

    word: str  # the platform's own name of the event
    at: int | None = None
    detail: str = ""  # what tells two events of one name and time apart
    overdue: bool = False
    query: bool = True
    kind: ClassVar[str] = "signal"

    @property
    def told_as(self) -> str:
        """Return the word by which the bus is told; empty where it is not told."""
        return "shipment.overdue" if self.overdue else self.word if self.word in TOLD and not self.query else ""

    def identity(self) -> Identity:
        return (self.word, self.at, self.detail)


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """Genuine news in words that we do not know: kept, and changes nothing."""

    what: str
    word: str
    kind: ClassVar[str] = "unknown"

    def identity(self) -> Identity:
        return (self.what, self.word)


@dataclass(frozen=True, slots=True)
class CloseRequested:
    """The merchant wants the order closed; the poll function does it when the platform allows."""

    at: int
    kind: ClassVar[str] = "close_asked"

    def identity(self) -> Identity:
        return ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """A person answers an open question: accept, refund or dismiss.

    `by` is that person, since two people may have to say the same; `undone` is how often an answer to the question had
    come to nothing before.
    """

    review_id: str
    decision: str
    note: str
    at: int
    by: str = ""
    undone: int = 0
    kind: ClassVar[str] = "resolved"

    def identity(self) -> Identity:
        return (self.review_id, self.decision, self.by, self.undone)


@dataclass(frozen=True, slots=True)
class RefundRequested:
    """Somebody asks for a refund; `refund_id` becomes the platform's idempotency number."""

    refund_id: str
    amount: Money
    reason: str
    at: int
    source: str = "merchant"  # or shopper: the merchant passes the shopper's wish on
    kind: ClassVar[str] = "refund_asked"

    def identity(self) -> Identity:
        return (self.refund_id, self.amount.minor, self.amount.currency)


@dataclass(frozen=True, slots=True)
class RefundDecided:
    """Somebody else approves or rejects a requested refund."""

    refund_id: str
    approved: bool
    at: int
    kind: ClassVar[str] = "refund_judged"

    def identity(self) -> Identity:
        return (self.refund_id, "approved" if self.approved else "rejected")


@dataclass(frozen=True, slots=True)
class RefundRefused:
    """The platform refused to make an approved refund: it has none of this number; `problem` says what to do."""

    refund_id: str
    attempt: int
    problem: Reason
    kind: ClassVar[str] = "refund_refused"

    def identity(self) -> Identity:
        return (self.refund_id, self.attempt)


@dataclass(frozen=True, slots=True)
class RefundRetried:
    """A person has the platform asked again for a refund that it refused, under the same number."""

    refund_id: str
    attempt: int
    at: int
    kind: ClassVar[str] = "refund_retried"

    def identity(self) -> Identity:
        return (self.refund_id, self.attempt)


@dataclass(frozen=True, slots=True)
class RefundResolved:
    """A person says what became of a refund that needed one: refunded_elsewhere or given_up."""

    refund_id: str
    outcome: str
    note: str
    at: int
    kind: ClassVar[str] = "refund_resolved"

    def identity(self) -> Identity:
        return (self.refund_id, self.outcome)


@dataclass(frozen=True, slots=True)
class RefundAbsent:
    """The platform knows no refund of this number: what was given up has not happened."""

    refund_id: str
    kind: ClassVar[str] = "refund_absent"

    def identity(self) -> Identity:
        return (self.refund_id,)


@dataclass(frozen=True, slots=True)
class BillDiffers:
    """The platform's bill of a day says something else about a payment or refund than is known here."""

    day: str
    what: str
    subject: str
    kind: ClassVar[str] = "bill_differs"

    def identity(self) -> Identity:
        return (self.day, self.what, self.subject)


@dataclass(frozen=True, slots=True)
class Replaced:
    """The merchant created a new order in place of this one."""

    by: str
    at: int = 0  # when the new one was created
    kind: ClassVar[str] = "replaced"

    def identity(self) -> Identity:
        return (self.by,)


@dataclass(frozen=True, slots=True)
class OtherOrderPaid:
    """Another order of the same purchase (it replaces this one, or both replace one) is paid."""

    order_id: str
    paid_at: int
    kind: ClassVar[str] = "other_order_paid"

    def identity(self) -> Identity:
        return (self.order_id, self.paid_at)


@dataclass(frozen=True, slots=True)
class Flagged:
    """Something found elsewhere makes this order a question: a payment that another order claims too."""

    reason: str
    subject: str
    kind: ClassVar[str] = "flagged"

    def identity(self) -> Identity:
        return (self.reason, self.subject)


@dataclass(frozen=True, slots=True)
class RetryRequested:
    """Somebody wants a charge that failed to be tried again; `retry_id` names the try after which he does."""

    retry_id: str
    at: int
    kind: ClassVar[str] = "retry_asked"

    def identity(self) -> Identity:
        return (self.retry_id, self.at)


@dataclass(frozen=True, slots=True)
class RetryReported:
    """What became of a wish to try a charge again.

    `status` is processing (from now on the platform may have been asked, and only reading tells), succeeded, failed, or
    needs_action, where nobody can tell and `problem` says what a person must do.
    """

    retry_id: str
    status: str
    problem: Reason | None = None
    at: int | None = None
    kind: ClassVar[str] = "retry"

    def identity(self) -> Identity:
        return (self.retry_id, self.status, self.at)


@dataclass(frozen=True, slots=True)
class InstructionRequested:
    """Somebody wants the platform to do something about an order's money; `orders.instructions` says what."""

    instruction_id: str
    action: str  # capture, void, cancel or mark_paid
    at: int
    amount: Money | None = None  # to capture; None is all that is held. Of mark_paid: what the person saw
    transaction_id: str = ""  # the authorization that is meant, where the order has several
    reason: str = ""  # of a cancellation
    restock: bool = False
    notify: bool = False  # whether the platform tells the buyer
    note: str = ""
    kind: ClassVar[str] = "instruction_requested"

    def identity(self) -> Identity:
        return (self.instruction_id, self.action, self.at)


@dataclass(frozen=True, slots=True)
class InstructionConfirmed:
    """A second person agrees with an instruction, having seen its amount."""

    instruction_id: str
    amount: Money | None
    at: int
    kind: ClassVar[str] = "instruction_confirmed"

    def identity(self) -> Identity:
        return (self.instruction_id, self.at)


@dataclass(frozen=True, slots=True)
class InstructionReported:
    """What became of an instruction.

    `status` is unconfirmed (a second person is needed), processing (from now on the platform may have been asked for
    the `calls`th time, having made the movements `seen`), succeeded, failed, or needs_action, where nobody can tell.
    """

    instruction_id: str
    status: str
    problem: Reason | None = None
    at: int | None = None
    calls: int = 0
    seen: tuple[str, ...] = ()
    kind: ClassVar[str] = "instruction"

    def identity(self) -> Identity:
        return (self.instruction_id, self.status, self.at)


@dataclass(frozen=True, slots=True)
class DisputeReported:
    """The platform tells about a payer's objection to a payment, raised with their bank.

    `type` (chargeback, inquiry) and `status` are the platform's own words; `finalized_at` is set once it is decided.
    """

    dispute_id: str
    amount: Money | None
    type: str
    status: str
    reason: str = ""
    initiated_at: int | None = None
    evidence_due_by: int | None = None
    finalized_at: int | None = None
    kind: ClassVar[str] = "dispute"

    def identity(self) -> Identity:
        return (self.dispute_id, self.status, self.evidence_due_by, self.finalized_at)


@dataclass(frozen=True, slots=True)
class SessionRequested:
    """A platform asks us, who are the payment service behind it, for something: a session of the order.

    `about` is payment, refund, capture or void; `number` is the platform's own of that kind, `gid` what its answers are
    addressed to, `payment` the number of the payment session that the other three are about. `mode` is sale or
    authorization. `digest` is of what was asked, by which a repetition is told from another request of one number.
    """

    about: str
    number: str
    gid: str
    app: str
    amount: Money | None
    digest: str
    at: int
    expires_at: int
    mode: str = ""
    test: bool = False
    payment: str = ""
    account: str = ""  # where it is paid: the account of a payment service
    page: str = ""  # what the address of the payer's page holds, which nobody can guess
    cancel_url: str = ""
    locale: str = ""
    kind: ClassVar[str] = "session_asked"

    def identity(self) -> Identity:
        return (self.about, self.number, self.digest)


@dataclass(frozen=True, slots=True)
class SessionDecided:
    """What is answered to a session, with the exact arguments: fixed before the platform hears of it.

    `operation` is resolve, reject, pending or confirm; `arguments` is JSON text that is repeated byte for byte.
    `hold_ends_at` (epoch seconds) is until when the payer's money is held, where that was told with it.
    """

    session: str
    operation: str
    arguments: str
    at: int
    problem: Reason | None = None
    hold_ends_at: int | None = None
    kind: ClassVar[str] = "session_decided"

    def identity(self) -> Identity:
        return (self.session, self.operation, self.arguments)


@dataclass(frozen=True, slots=True)
class SessionAnswered:
    """The platform took an answer to a session; `next_url` is where the payer goes then.

    With a `problem` it did not, and does not any more: a person must look.
    """

    session: str
    operation: str
    at: int
    next_url: str = ""
    problem: Reason | None = None
    kind: ClassVar[str] = "session"

    def identity(self) -> Identity:
        return (self.session, self.operation, self.problem.code if self.problem else "")


@dataclass(frozen=True, slots=True)
class SessionConfirmed:
    """The platform says whether a payment may be taken, after it was told that the money is held."""

    session: str
    accepted: bool
    at: int
    kind: ClassVar[str] = "session_confirmed"

    def identity(self) -> Identity:
        return (self.session, self.accepted)


RefundFact = (
    RefundReported
    | RefundRequested
    | RefundDecided
    | RefundRefused
    | RefundRetried
    | RefundResolved
    | RefundAbsent
    | RefundStarted
    | RefundAudited
)
SettlementFact = SettlementRequested | SettlementReported
ShipmentFact = ShipmentRequested | ShipmentReported
RetryFact = RetryRequested | RetryReported
InstructionFact = InstructionRequested | InstructionConfirmed | InstructionReported
SessionFact = SessionRequested | SessionDecided | SessionAnswered | SessionConfirmed
ChildFact = RefundFact | SettlementFact | ShipmentFact | RetryFact | InstructionFact | SessionFact | DisputeReported
Fact = (
    OrderCreated
    | OrderReported
    | PaymentAttempted
    | PaymentRefused
    | Prepared
    | Paid
    | Unpaid
    | Failed
    | Closed
    | ChildFact
    | PlatformEvent
    | Unrecognised
    | CloseRequested
    | Resolved
    | BillDiffers
    | Replaced
    | OtherOrderPaid
    | Flagged
)


@dataclass(frozen=True, slots=True)
class Change:
    """A fact about an order, who says it, and by which road it came."""

    key: OrderKey
    fact: Fact
    trust: Trust
    via: str  # notify, query, bill, operator or merchant
    tenant: str = ""  # the merchant number that the signed bytes name
    system: str = ""  # the API version or system the news came by; empty where that says nothing
    anomaly: str = ""  # what a genuine message has that it should not have: becomes a question
    envelope_id: str = ""  # the delivery's own id: evidence only
    # (kind, number) by which the order is found where the news names only the platform's numbers, best first.
    aliases: tuple[tuple[str, str], ...] = ()
    external: bool = False  # about an order that is made at the platform: nothing here is about to create it


@dataclass(frozen=True, slots=True)
class AccountNews:
    """A genuine message about no order of ours, such as another product's: kept as evidence, and nobody has to act.

    `word` is the platform's own name of its kind; nothing depends on it.
    """

    word: str


def unmatched(platform: str, account: str, number: str) -> OrderKey:
    """Return the key under which news is kept while only the platform's number of its order is known.

    No order can have that name: `~` is in no platform's order numbers.
    """
    return OrderKey(platform, account, f"~{number}")


def is_unmatched(key: OrderKey) -> bool:
    """Tell whether the key names no order of the merchant's, so that nobody can be asked about it."""
    return key.order_id.startswith("~")

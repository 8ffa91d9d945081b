"""From BigCommerce's words, and from what a cashier made of an attempt, to facts about an order of the store; pure.

The store does not know the cashier: that an order is paid is said by the attempt at the cashier alone, never by the
order's status, which anybody with access to the control panel can set.
"""

from collections.abc import Collection, Iterable

from countersign.errors import MalformedError
from countersign.money import Money
from countersign.orders.changes import (
    AccountNews,
    Change,
    Fact,
    Flagged,
    Hint,
    OrderKey,
    OrderReported,
    Paid,
    PlatformEvent,
    Queried,
    RefundReported,
    Report,
    Terms,
)
from countersign.orders.reasons import because
from countersign.orders.state import Order
from countersign.platforms.bigcommerce import NOT_OFFERED, messages
from countersign.platforms.bigcommerce.messages import Event, StoreOrder, StoreRefund
from countersign.platforms.bigcommerce.settings import Rules
from countersign.platforms.bigcommerce.signing import VerifiedMessage
from countersign.signing import digests

PLATFORM = "bigcommerce"
SYSTEM = "orders"
CANCELLED_STATUS = 5
CANCELLED = frozenset({CANCELLED_STATUS, 6})  # 6: declined
CLOSED = frozenset({4, 5, 6, 14})
SETTLED = frozenset({2, 3, 8, 9, 10, 11})
PAYABLE = frozenset({1, 7})  # offline orders have been seen in either
DOES_NOT_FIT = "amount_mismatch"
OURS = "countersign "  # what the reason of a refund begins with that was recorded in the store after the cashier's
Told = tuple[Change, ...] | AccountNews


def key_of(store_hash: str, number: str) -> OrderKey:
    """Return the key of an order of a store."""
    return OrderKey(PLATFORM, store_hash, number)


def to_changes(genuine: VerifiedMessage) -> Told:
    """Return what a genuine delivery says: that an order is to be read again; MalformedError if it cannot be read.

    Deliveries say hardly more than a number, come twice and in any sequence, and are of orders that are none of ours
    too: nothing of them is believed, so each is only a reason to ask.
    """
    if genuine.problem:
        raise MalformedError(genuine.problem)
    event = messages.read_event(genuine.fields)
    if not event.order_id:
        return AccountNews(event.scope)
    fact = PlatformEvent(event.scope, event.created_at, _detail(event))
    key = key_of(event.store_hash, event.order_id)
    return (Change(key, fact, Hint(genuine.key_id), "notify", event.store_hash, SYSTEM, external=True),)


def reported(order: StoreOrder, rules: Rules, store_hash: str, *, read_at: int) -> Change:
    """Return the report of an order that was read (`read_at`, epoch seconds); MalformedError where it has no amount."""
    if order.due is None:
        raise MalformedError(order.problem)
    cancelled = order.is_deleted or order.status_id in CANCELLED
    content = (order.due, order.status_id, order.is_deleted, order.payment_method)
    terms = Terms(
        amount=order.due,
        system=SYSTEM,
        method=order.payment_method,
        digest=digests.sha256(repr(content).encode()),
        created_at=order.created_at,
        expires_at=order.created_at + rules.max_age_seconds,
        description=f"Order {order.number}",
        not_offered=NOT_OFFERED,
        closable=False,
        external=True,
        pays="parts",
        review_refund=rules.review_refund,
        paid_late_policy=rules.paid_late_policy,
        reports_status=order.payment_method in rules.payment_method_names,
    )
    report = Report(
        order.modified_at,
        read_at,
        state="cancelled" if cancelled else "open",
        ended_at=order.modified_at if cancelled else None,
    )
    return _change(key_of(store_hash, order.number), OrderReported(terms, report))


def paid_by(attempts: Iterable[Order], key: OrderKey, *, but: Collection[str]) -> tuple[Change, ...]:
    """Return what attempts at cashiers say of the order that they are for: payments, and money that does not fit.

    `but` are the transactions that are known of it.
    """
    told: list[Change] = []
    for attempt in attempts:
        for payment in (one for one in attempt.payments if one.transaction_id not in but):
            told.append(_change(key, Paid(payment.transaction_id, payment.total, payment.paid_at)))
        if attempt.payment is None and attempt.status == "review":
            numbers = {claim.transaction_id for claim in attempt.claims} or {attempt.key.order_id}
            told += [_change(key, Flagged(DOES_NOT_FIT, number)) for number in sorted(numbers)]
    return tuple(told)


def recorded_in_the_store(key: OrderKey, refund: StoreRefund) -> Change:
    """Return a refund that the merchant recorded in the store: there it is only written down, and no money moved.

    The number of the store owns it: however many deliveries tell of it, and whatever status the order has, it is one.
    """
    fact = RefundReported(
        f"{PLATFORM}-{refund.number}",
        refund.amount,
        "needs_action",
        platform_refund_id=refund.number,
        problem=because("bigcommerce.refund_in_the_control_panel"),
    )
    return _change(key, fact)


def refunded(key: OrderKey, refund_id: str, amount: Money, *, store_refund_id: str, at: int | None) -> Change:
    """Return a refund that the cashier made, once it is recorded in the store too."""
    fact = RefundReported(refund_id, amount, "succeeded", source="merchant", platform_refund_id=store_refund_id, at=at)
    return _change(key, fact)


def flagged(key: OrderKey, reason: str, subject: str) -> Change:
    """Return a question about an order that a person must answer."""
    return _change(key, Flagged(reason, subject))


def noted(key: OrderKey, word: str, at: int | None, detail: str = "") -> Change:
    """Return a note in an order's timeline, about which nobody is asked."""
    return _change(key, PlatformEvent(word, at, detail, query=False))


def _change(key: OrderKey, fact: Fact) -> Change:
    return Change(key, fact, Queried(), "query", key.account, SYSTEM, external=True)


def _detail(event: Event) -> str:
    """Return what tells two deliveries of one scope, order and second apart."""
    statuses = [str(one) for one in (event.previous_status, event.new_status) if one is not None]
    return " ".join([*([f"refund {event.refund_id}"] if event.refund_id else []), *statuses])

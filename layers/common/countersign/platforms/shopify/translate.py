"""From Shopify's words to our facts: an order is made in the shop, and each telling of it is a report.

What a delivery means follows from its signed body alone. Money moves by transactions that succeeded, and by nothing
else: neither a topic, nor the lines of a refund, nor a word such as `paid` without what is outstanding.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from countersign import customers
from countersign.errors import MalformedError
from countersign.money import Money
from countersign.orders.changes import (
    AccountNews,
    Change,
    DisputeReported,
    Fact,
    Hint,
    Line,
    OrderKey,
    OrderReported,
    Paid,
    PlatformEvent,
    RefundReported,
    Report,
    Terms,
    Trust,
    Unrecognised,
    Verified,
)
from countersign.orders.reasons import Reason, because
from countersign.platforms.shopify import OFFERED, messages
from countersign.platforms.shopify.checkout import REFERENCE
from countersign.platforms.shopify.messages import Order, Transaction
from countersign.platforms.shopify.signing import VerifiedMessage
from countersign.signing import digests

PLATFORM = "shopify"
SYSTEM = "order"
MOST_FACTS = 20  # of one message
MOST_PARTS = 40  # of the refunds in one message: all that it touches is read at once
MOST_REFERENCES = 5  # of an order, which is found by each
HOURLY, DAILY = 3600, 86_400
LIVELY, LONGEST = 3 * DAILY, 90 * DAILY  # for how long an undecided movement is looked at each hour, and at all
UNINSTALLED, SHOP_GONE = "uninstalled", "shop.redact"
ANSWER_SECONDS = 30 * 86_400  # for a customer's question about what is kept
_SHIPPED = {"fulfilled": "sent", "fulfillment_not_required": "sent", "partial": "part"}
_UNTOLD = Transaction("", "", "", "", None)  # stands for movements that a message has no room for
_PAYS = frozenset({"sale", "capture"})
_UNDECIDED = frozenset({"pending", "awaiting_response"})
_REFUND_STATUS = {
    "success": "succeeded",
    "pending": "processing",
    "awaiting_response": "processing",
    "failure": "failed",
    "error": "failed",
}
# https://shopify.dev/docs/api/admin-graphql/latest/enums/OrderDisplayFinancialStatus
_TAKEN = frozenset({"paid", "partially_paid", "partially_refunded", "refunded"})
_STATES = {
    "": "open",
    "pending": "open",
    "authorized": "open",
    "voided": "failed",  # what was held was let go, and nothing was taken
    "expired": "expired",
    **dict.fromkeys(_TAKEN, "open"),
}


Told = tuple[Change, ...] | AccountNews


def to_changes(genuine: VerifiedMessage, shop: str, *, ours: bool) -> Told:
    """Return what a genuine delivery says of one of the shop's orders; MalformedError if it cannot be read.

    `ours` tells whether it is known to be of this shop: by its signed bytes, or because the shop has the order that
    they name. Otherwise it is a reason to ask the shop: anybody may have put its name on another one's delivery.
    """
    if genuine.problem:
        raise MalformedError(genuine.problem)
    kind, fields = messages.subject(genuine.fields), genuine.fields
    order_id = messages.order_of(fields)
    if not order_id:
        return AccountNews(_news(genuine, kind))
    trust: Trust = Verified(genuine.key_id) if ours else Hint(genuine.key_id)
    facts: Iterable[Fact]
    match kind:
        case "order":
            facts = order_facts(messages.read_order(fields))
        case "refund":
            facts = _refund_facts(messages.read_refund(fields), messages.digits(fields.get("id")))
        case "transaction":
            facts = _transaction_facts(messages.read_transaction(fields))
        case "fulfillment":
            facts = _fulfillment_facts(messages.read_fulfillment(fields))
        case "dispute":
            facts = _dispute_facts(messages.read_dispute(fields))
        case _:
            facts = (PlatformEvent(f"{kind or 'other'}.told", detail=digests.sha256(genuine.content)),)
    return told(OrderKey(PLATFORM, shop, order_id), facts, trust, via="notify")


def said_of(genuine: VerifiedMessage, wanted: frozenset[str]) -> set[str]:
    """Return what a delivery about an order says of its customer, as far as it is wanted."""
    return customers.said_of(genuine.fields, wanted) if messages.subject(genuine.fields) == "order" else set()


def told(key: OrderKey, facts: Iterable[Fact], trust: Trust, *, via: str) -> tuple[Change, ...]:
    """Return facts about one order as changes."""
    return tuple(Change(key, fact, trust, via, tenant=key.account, system=SYSTEM, external=True) for fact in facts)


def redaction(genuine: VerifiedMessage, shop_id: str) -> tuple[str, tuple[str, ...]] | None:
    """Return our word for what is to be erased, and the orders that are named (none: all); None where nothing is.

    The word is empty for what nobody has to do: the signed bytes do not name the shop, or a customer has no orders.

    https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance
    """
    if messages.subject(genuine.fields) != "compliance":
        return None
    word = _news(genuine, "compliance")
    if word == "customers.data_request":
        return None
    named = genuine.fields.get("orders_to_redact")
    orders = tuple(filter(None, map(messages.digits, named))) if isinstance(named, list) else ()
    ours = bool(shop_id) and genuine.shop_id == shop_id
    return (word if ours and (orders or word != "customers.redact") else ""), orders


def doubt(genuine: VerifiedMessage) -> str | None:
    """Return what a delivery says of the app in the shop: that it is `uninstalled`, or its rights `changed`; else None.

    It may be older than an installation since, and its header's time is nobody's word: a reason to ask the shop.
    """
    return {"shop": UNINSTALLED, "scopes": "changed"}.get(messages.subject(genuine.fields))


def data_request(genuine: VerifiedMessage, shop_id: str) -> tuple[Reason, tuple[str, ...]] | None:
    """Return what a customer asks, and of which orders; None where nobody asks for what is kept, or not this shop.

    https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance: it must be answered within thirty days.
    """
    if messages.subject(genuine.fields) != "compliance" or "data_request" not in genuine.fields:
        return None
    named = genuine.fields.get("orders_requested")
    orders = tuple(filter(None, map(messages.digits, named))) if isinstance(named, list) else ()
    if not shop_id or genuine.shop_id != shop_id:
        return None
    return because("shopify.data_request", orders=len(orders), days=ANSWER_SECONDS // 86_400), orders


def _news(genuine: VerifiedMessage, kind: str) -> str:
    """Return our word for news that is about no order."""
    fields = genuine.fields
    if kind == "compliance":
        return "customers.data_request" if "data_request" in fields else _redaction(fields.keys())
    return kind or "other"


def _redaction(names: Iterable[str]) -> str:
    return "customers.redact" if {"customer", "orders_to_redact"} & set(names) else SHOP_GONE


def order_facts(order: Order) -> tuple[Fact, ...]:
    """Return what a webhook tells of an order, as one message: the report, then each movement that we can count.

    Of more movements than one message may have the latest are told, and the order is read.
    """
    report, moved = _facts(order, 0)
    rest = MOST_FACTS - len(report)
    if len(moved) > rest:
        report, _ = _facts(replace(order, transactions=(*order.transactions, _UNTOLD)), 0)
    return (*report, *moved[-rest:])


def read_facts(order: Order, *, read_at: int) -> tuple[Fact, ...]:
    """Return what we read of an order, all of it; `read_at` is when the reading began (epoch seconds)."""
    report, moved = _facts(order, read_at)
    return (*report, *moved)


def _facts(order: Order, read_at: int) -> tuple[tuple[Fact, ...], tuple[Fact, ...]]:
    currency = order.total.charged.currency
    counted = [one for one in order.transactions if one.amount is not None and one.amount.charged.currency == currency]
    moved = _moved(counted, asks=False)
    if not order.names_refunds:
        moved = tuple(replace(one, may_be_part=True) if isinstance(one, RefundReported) else one for one in moved)
    report = _report(order, read_at, whole=len(counted) == len(order.transactions))
    if order.financial_status in _STATES:
        return (report,), moved
    return (report, Unrecognised("financial_status", order.financial_status)), moved


def _report(order: Order, read_at: int, *, whole: bool) -> OrderReported:
    total, currency = order.total.charged, order.total.charged.currency
    number = (("number", order.name),) if order.name else ()
    references = dict.fromkeys(value for name, value in order.attributes if name == REFERENCE)
    terms = Terms(
        total,
        SYSTEM,
        ", ".join(order.gateways)[:64],
        "",
        order.created_at,
        order.created_at,
        offered=OFFERED,
        description=_description(order),
        # Of what was noted on a cart only our own: the rest may say who the buyer is.
        metadata=(*number, *((REFERENCE, value) for value in tuple(references)[:MOST_REFERENCES])),
        lines=tuple(
            Line(line.title, line.quantity, line.price.minor)
            for line in order.lines
            if line.quantity and line.price is not None
        ),
        closable=False,
        external=True,
        pays="parts",
        includes_refunds=True,
        test=order.test,
    )
    state = "cancelled" if order.cancelled_at is not None else _STATES.get(order.financial_status, "open")
    received, sure = _received(order)
    report = Report(
        order.updated_at,
        read_at,
        received=received,
        authorized=_authorized(order),
        state=state,
        ended_at=order.cancelled_at,
        shop_amount=order.total.shop,
        shipped=_SHIPPED.get(order.fulfillment_status, ""),
        expected_at=_expected_at(order, read_at, sure=sure and whole),
    )
    said = (replace(terms, digest=""), order.financial_status, order.fulfillment_status, currency)
    return OrderReported(replace(terms, digest=digests.sha256(repr(said).encode())), report)


def _received(order: Order) -> tuple[int, bool]:
    """Return what was taken at least, in minor units, and whether that is known to be all.

    A webhook says what is outstanding of the current total, from which refunds are taken off or not, as they were made
    by lines or by an amount. What was taken is therefore at least the larger of what is settled and what went back; it
    is all where nothing went back.
    """
    if order.received is not None:
        return order.received.minor, True
    total = order.total.charged
    amounts = [one.amount for one in order.transactions if (one.kind, one.status) == ("refund", "success")]
    back = sum(one.charged.minor for one in amounts if one is not None and one.charged.currency == total.currency)
    if order.financial_status not in _TAKEN:
        return back, not back
    # Rounded in the shop's currency, none outstanding can be some in the buyer's: then only the word tells.
    rounded = order.total.shop is not None and order.financial_status != "paid"
    if order.outstanding is None or rounded:
        return back, False
    settled = max(0, total.minor - order.outstanding.charged.minor)
    plain = order.financial_status in ("paid", "partially_paid") and not back
    return max(settled, back), plain


def _authorized(order: Order) -> int:
    if order.authorized is not None:
        return order.authorized.minor
    return order.total.charged.minor if order.financial_status == "authorized" else 0


def _expected_at(order: Order, read_at: int, *, sure: bool) -> int | None:
    """Return when to read the order if nothing is told before: at once where a push leaves the money open.

    Of an order of two currencies a push never says what was paid in the shop's. While a movement of money is undecided
    nobody tells of its end, so it is looked at every hour, and more rarely the older it is: a transfer from a bank may
    never come.
    """
    decided = {one.parent_id for one in order.transactions if one.status == "success"}
    undecided = [one for one in order.transactions if one.status in _UNDECIDED and one.id not in decided]
    if undecided:
        now = read_at or order.updated_at
        age = now - max(one.at if one.at is not None else order.created_at for one in undecided)
        if age < LONGEST:
            return now + (HOURLY if age < LIVELY else DAILY)
    return order.updated_at if not read_at and (not sure or order.total.shop is not None) else None


def _refund_facts(transactions: Iterable[Transaction], refund_id: str) -> tuple[Fact, ...]:
    facts = _moved(tuple(transactions), asks=True)
    if len(facts) > MOST_FACTS or not facts:  # nothing moved (yet), or too much for one message: the order says it all
        return (PlatformEvent("refund.told", detail=refund_id),)
    return facts


def _moved(transactions: Sequence[Transaction], *, asks: bool) -> tuple[Fact, ...]:
    """Return what movements of money mean: those of a refund of ours together, each other one by itself."""
    ours = _of_ours(transactions)
    facts: list[Fact] = []
    for one in transactions:
        parts = ours.get(one.mark, ())
        if not parts or one.refund_id != parts[0].refund_id:
            facts += _transaction_facts(one, asks=asks)
        elif one is parts[0]:
            facts += refund_facts(parts, asks=asks)
    return _with_latest_parts(facts)


def _with_latest_parts(facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """Return facts of which the latest alone name what they were made of: each part is a row that is read for it.

    Those of earlier ones were told when these were the latest.
    """
    room = MOST_PARTS
    told: list[Fact] = []
    for fact in reversed(facts):
        parts = len(fact.parts) if isinstance(fact, RefundReported) else 0
        if isinstance(fact, RefundReported) and parts > room:
            told.append(replace(fact, parts=()))
        else:
            told.append(fact)
            room -= parts
    return tuple(reversed(told))


def _of_ours(transactions: Iterable[Transaction]) -> dict[str, tuple[Transaction, ...]]:
    """Return the movements of each refund of ours, by our number; of two refunds of one number the first is ours."""
    by_refund: dict[tuple[str, int], tuple[Transaction, ...]] = {}
    for one in transactions:
        if one.kind == "refund" and one.mark and one.refund_id:
            key = (one.mark, int(one.refund_id))
            by_refund[key] = (*by_refund.get(key, ()), one)
    return {mark: by_refund[mark, number] for mark, number in sorted(by_refund, reverse=True)}


def refund_facts(parts: Sequence[Transaction], *, asks: bool) -> tuple[Fact, ...]:
    """Return what the movements of money of one refund of ours say of it."""
    amounts = [one.amount for one in parts if one.amount is not None]
    if len(amounts) != len(parts):
        return (PlatformEvent("refund.told", detail=parts[0].refund_id),) if asks else ()
    moved = [one for one in parts if one.status == "success"]
    currency = amounts[0].charged.currency
    total = Money(sum(one.charged.minor for one in amounts), currency)
    statuses = {_REFUND_STATUS.get(one.status, "processing") for one in parts}
    problem: Reason | None = None
    if "processing" in statuses:
        status = "processing"
    elif len(statuses) > 1:  # some of the payments took their part back, and some did not
        status = "needs_action"
        done = sum(one.amount.charged.minor for one in moved if one.amount is not None)
        problem = because("shopify.refunded_in_part", amount=Money(done, currency), total=total)
    else:
        (status,) = statuses
    shop_amounts = [one.shop for one in amounts if one.shop is not None]
    in_shop = len(shop_amounts) == len(parts)
    fact = RefundReported(
        parts[0].mark,
        total,
        status,
        platform_refund_id=parts[0].refund_id,
        transaction_id=parts[0].parent_id if len(parts) == 1 else "",
        at=max((one.at for one in moved if one.at is not None), default=None) if status == "succeeded" else None,
        problem=problem,
        shop_amount=Money(sum(one.minor for one in shop_amounts), shop_amounts[0].currency) if in_shop else None,
        parts=tuple(one.id for one in parts),
    )
    told = PlatformEvent("refund.told", detail=parts[0].refund_id)
    return (fact, told) if asks and any(one.is_partial for one in parts) else (fact,)


def _transaction_facts(one: Transaction, *, asks: bool = True) -> tuple[Fact, ...]:
    """Return what a movement of money means; where that is open, a reason to read the order if it `asks`."""
    word = f"transaction.{one.kind}.{one.status}"
    event = PlatformEvent(word, one.at, one.id, query=asks)
    more = (event,) if asks and one.is_partial else ()
    if one.amount is None:
        return (event,) if asks else ()
    if one.kind == "refund":
        if one.status not in _REFUND_STATUS:
            return _unknown(one)
        # What reads one order has its refunds beside it: a movement of none of ours is the shop's own.
        return (_refund(one, one.amount.charged, may_be_part=asks and not one.refund_id), *more)
    if one.kind in _PAYS and one.status == "success" and one.amount.charged.minor and one.at is not None:
        return (Paid(one.id, one.amount.charged, one.at, shop_amount=one.amount.shop, test=one.test), *more)
    return (event,) if asks else ()


def _refund(one: Transaction, amount: Money, *, may_be_part: bool) -> RefundReported:
    status = _REFUND_STATUS[one.status]
    shop_amount = one.amount.shop if one.amount is not None else None
    return RefundReported(
        one.id,
        amount,
        status,
        platform_refund_id=one.refund_id,
        transaction_id=one.parent_id,
        at=one.at if status == "succeeded" else None,
        shop_amount=shop_amount,
        may_be_part=may_be_part,
    )


def _unknown(one: Transaction) -> tuple[Fact, ...]:
    return (Unrecognised(f"transaction.{one.kind}", one.status),)


def _fulfillment_facts(told: messages.Fulfillment) -> tuple[Fact, ...]:
    detail = " ".join(filter(None, (told.id, told.shipment_status, told.carrier, *told.tracking)))
    return (PlatformEvent(f"fulfillment.{told.status or 'told'}", told.updated_at, detail, query=False),)


def _dispute_facts(told: messages.Dispute) -> tuple[Fact, ...]:
    return (
        DisputeReported(
            told.id,
            told.amount,
            told.type,
            told.status,
            told.reason,
            told.initiated_at,
            told.evidence_due_by,
            told.finalized_at,
        ),
    )


def _description(order: Order) -> str:
    text = ", ".join(f"{line.title} x{line.quantity}" for line in order.lines if line.title and line.quantity)
    return text if len(text) <= 120 else f"{text[:119]}…"

"""What Shopify says of an order, a refund, a movement of money, a parcel or a dispute, read into plain values.

Webhooks have the shapes of the old REST API; what the Admin API answers is read into the same values (`answers`). Ids
are kept as digits, since they are beyond what some readers keep exact, and every amount with the currency of the object
that it was read from. Buyers' names, addresses and numbers are not read at all.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from countersign.errors import MalformedError
from countersign.fields import epoch, free_text, mapping, mappings, text
from countersign.money import Money, from_decimal
from countersign.values import dataclass

MAX_TEXT = 255
MAX_LINES = 10  # of an order: the same for what is told and what is read, so that both say the same
MAX_TEXTS = 50
MOST_NODES = 2000  # of the data of one delivery of the newer family, to find its order in
_ID = re.compile(r"(?:gid://shopify/[A-Za-z]+/)?([1-9][0-9]{0,19})(?:\?.*)?", re.ASCII)
_GID = re.compile(r"gid://shopify/([A-Za-z]+)/[1-9][0-9]{0,19}", re.ASCII)
MAX_WORD = 64
_IN_NO_WORD = re.compile(r"[^0-9A-Za-z_. -]", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_AMOUNT = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,6}))?", re.ASCII)
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_MARK, _NUMBER = "countersign", re.compile(r"[0-9A-Za-z._*-]{1,64}", re.ASCII)
# What a body is about, by the type of the object that its own id names.
_SUBJECTS = {
    "Order": "order",
    "Refund": "refund",
    "OrderTransaction": "transaction",
    "Fulfillment": "fulfillment",
    "ShopifyPaymentsDispute": "dispute",
    "AppInstallation": "scopes",
}


@dataclass(frozen=True, slots=True)
class Amount:
    """One amount as the buyer is charged it, and in the currency of the shop's books where that is another one."""

    charged: Money
    shop: Money | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """One movement of money, or the try of one; `kind` and `status` are Shopify's words in lower case."""

    id: str
    order_id: str
    kind: str
    status: str
    amount: Amount | None  # None where it is told in the shop's currency alone, and the buyer pays in another
    gateway: str = ""
    parent_id: str = ""
    refund_id: str = ""
    at: int | None = None
    test: bool = False
    error_code: str = ""
    mark: str = ""  # our refund of which the shop's refund says to be made
    is_partial: bool = False  # the shop has another currency, and what it comes to there is not told


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order: how many are in it now, and what one costs."""

    title: str
    quantity: int
    price: Money | None


@dataclass(frozen=True, slots=True)
class Order:
    """An order at one moment; times are epoch seconds, words Shopify's in lower case.

    `received` and `authorized` are what Shopify states itself, None where it does not: bodies of webhooks say only what
    is outstanding, in the currency of the shop. `transactions` are those that were told with the order: of a webhook,
    those of its refunds; `complete` says that these are all that there are.
    """

    id: str
    name: str
    created_at: int
    updated_at: int
    total: Amount
    financial_status: str = ""
    fulfillment_status: str = ""
    cancelled_at: int | None = None
    cancel_reason: str = ""
    outstanding: Amount | None = None
    received: Money | None = None
    authorized: Money | None = None
    gateways: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    lines: tuple[Line, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    source: str = ""
    test: bool = False
    complete: bool = False
    names_refunds: bool = True  # False for one of a list: its movements of money back do not say of which refund


@dataclass(frozen=True, slots=True)
class Fulfillment:
    """One parcel or more of an order, as far as it came."""

    id: str
    order_id: str
    status: str
    shipment_status: str = ""
    carrier: str = ""
    tracking: tuple[str, ...] = ()
    updated_at: int | None = None


@dataclass(frozen=True, slots=True)
class Dispute:
    """A payer's objection to a payment, raised with their bank; `type` is chargeback or inquiry."""

    id: str
    order_id: str
    type: str
    status: str
    amount: Money | None
    reason: str = ""
    initiated_at: int | None = None
    evidence_due_by: int | None = None
    finalized_at: int | None = None


def subject(fields: Mapping[str, Any]) -> str:
    """Return what a body is about, by its own content: nobody signs the header that names its topic.

    That is order, refund, transaction, fulfillment, dispute, edit, event, compliance, shop or scopes; else nothing.
    """
    gid = fields.get("admin_graphql_api_id")
    named = _GID.fullmatch(gid) if isinstance(gid, str) else None
    if named and named[1] in _SUBJECTS:
        return _SUBJECTS[named[1]]
    if "order_edit" in fields:
        return "edit"
    if "shop_id" in fields and "shop_domain" in fields:
        return "compliance"
    if "myshopify_domain" in fields:
        return "shop"
    if "order_id" in fields and "evidence_due_by" in fields:
        return "dispute"
    if {"topic", "action", "data"} <= fields.keys():
        return "event"
    return "scopes" if {"previous", "current"} <= fields.keys() else ""


def order_of(fields: Mapping[str, Any]) -> str:
    """Return the order that a body names, whatever else is wrong with it; empty where it names none."""
    kind = subject(fields)
    if kind == "event":
        return _order_of_event(fields)
    place = fields.get("order_edit") if kind == "edit" else fields
    value = place.get("id" if kind == "order" else "order_id") if isinstance(place, dict) else None
    return digits(value)


def digits(value: object) -> str:
    """Return an id as its digits: Shopify writes numbers, texts and global ids; empty for anything else."""
    match = _ID.fullmatch(str(value)) if type(value) in (int, str) else None
    return match[1] if match else ""


def read_order(fields: Mapping[str, Any]) -> Order:
    """Return an order of a webhook; MalformedError names the field that is not what it must be, never its value."""
    # https://shopify.dev/docs/api/admin-rest/latest/resources/order
    refunds = mappings(fields, "refunds")
    order_id = _id(fields, "id")
    total = _set(fields, "current_total_price_set") or _set(fields, "total_price_set") or _plain_total(fields)
    return Order(
        id=order_id,
        name=line_text(fields, "name"),
        created_at=_moment(fields, "created_at"),
        updated_at=_moment(fields, "updated_at"),
        total=total,
        financial_status=word(fields, "financial_status"),
        fulfillment_status=word(fields, "fulfillment_status"),
        cancelled_at=moment(fields, "cancelled_at"),
        cancel_reason=word(fields, "cancel_reason"),
        outstanding=_outstanding(fields, total),
        gateways=tuple(texts(fields, "payment_gateway_names")),
        attributes=attributes(mappings(fields, "note_attributes"), "name"),
        lines=tuple(_line(line, total.charged.currency) for line in mappings(fields, "line_items")[:MAX_LINES]),
        transactions=tuple(one for refund in refunds for one in read_refund(refund, order_id)),
        source=line_text(fields, "source_name"),
        test=flag(fields, "test"),
    )


def read_refund(fields: Mapping[str, Any], order_id: str = "") -> tuple[Transaction, ...]:
    """Return the movements of money of a refund: one without any is the shop's bookkeeping, and moves nothing."""
    # https://shopify.dev/docs/api/admin-rest/latest/resources/refund
    refund_id = _id(fields, "id")
    order_id, mark = order_id or _id(fields, "order_id"), mark_of(fields)
    return tuple(read_transaction(one, order_id, refund_id, mark) for one in mappings(fields, "transactions"))


def note_of(refund_id: str) -> str:
    """Return the note that a refund of ours has in the shop: by it alone it is known there."""
    return f"{_MARK} {refund_id}"


def mark_of(refund: Mapping[str, Any]) -> str:
    """Return our number that a refund's note names; empty where it was made by somebody else."""
    word, _, number = line_text(refund, "note").partition(" ")
    return number if word == _MARK and _NUMBER.fullmatch(number) else ""


def read_transaction(fields: Mapping[str, Any], order_id: str = "", refund_id: str = "", mark: str = "") -> Transaction:
    """Return one movement of money of a webhook."""
    # https://shopify.dev/docs/api/admin-rest/latest/resources/transaction
    at = moment(fields, "processed_at")
    return Transaction(
        id=_id(fields, "id"),
        order_id=order_id or _id(fields, "order_id"),
        kind=word(fields, "kind"),
        status=word(fields, "status"),
        amount=_transaction_amount(fields),
        gateway=line_text(fields, "gateway"),
        parent_id=digits(fields.get("parent_id")),
        refund_id=refund_id,
        mark=mark,
        at=at if at is not None else moment(fields, "created_at"),
        test=flag(fields, "test"),
        error_code=word(fields, "error_code"),
        is_partial=_has_two_currencies(fields),
    )


def read_fulfillment(fields: Mapping[str, Any]) -> Fulfillment:
    """Return what is on its way of an order."""
    # https://shopify.dev/docs/api/admin-rest/latest/resources/fulfillment
    numbers = texts(fields, "tracking_numbers") or [line_text(fields, "tracking_number")]
    return Fulfillment(
        id=_id(fields, "id"),
        order_id=_id(fields, "order_id"),
        status=word(fields, "status"),
        shipment_status=word(fields, "shipment_status"),
        carrier=line_text(fields, "tracking_company"),
        tracking=tuple(number for number in numbers if number)[:MAX_TEXTS],
        updated_at=moment(fields, "updated_at"),
    )


def read_dispute(fields: Mapping[str, Any]) -> Dispute:
    """Return a dispute; its order is empty where it is about a payment outside of orders."""
    # https://shopify.dev/docs/api/admin-rest/latest/resources/dispute
    currency = text(fields, "currency", _CURRENCY, default="")
    return Dispute(
        id=_id(fields, "id"),
        order_id=digits(fields.get("order_id")),
        type=word(fields, "type"),
        status=word(fields, "status"),
        amount=amount(fields, "amount", currency) if currency else None,
        reason=word(fields, "reason"),
        initiated_at=moment(fields, "initiated_at"),
        evidence_due_by=moment(fields, "evidence_due_by"),
        finalized_at=moment(fields, "finalized_on"),
    )


def amount(fields: Mapping[str, Any], name: str, currency: str) -> Money:
    """Return a decimal amount of major units; zeros beyond the currency's decimals are none, other digits an error."""
    match = _AMOUNT.fullmatch(value) if isinstance(value := fields.get(name), str) else None
    if match is None:
        raise MalformedError(f"{name} is not a decimal amount")
    whole, fraction = match[1].lstrip("0") or "0", (match[2] or "").rstrip("0")
    try:
        return from_decimal(f"{whole}.{fraction}" if fraction else whole, currency)
    except MalformedError:
        raise MalformedError(f"{name} is not an amount of its currency") from None


def due(fields: Mapping[str, Any], name: str, currency: str) -> Money:
    """Return what is still to be paid: nothing where it is below zero, for then it is the merchant who owes."""
    value = fields.get(name)
    if isinstance(value, str) and value.startswith("-"):
        amount({name: value[1:]}, name, currency)
        return Money(0, currency)
    return amount(fields, name, currency)


def moment(fields: Mapping[str, Any], name: str) -> int | None:
    """Return epoch seconds, None where the time is absent; each has its offset, so they are compared as moments."""
    value = text(fields, name, _MOMENT, default="")
    if not value:
        return None
    try:
        return epoch(datetime.fromisoformat(value))
    except (ValueError, OverflowError):
        raise MalformedError(f"{name} is not a time") from None


def flag(fields: Mapping[str, Any], name: str) -> bool:
    """Return true or false; false where it is absent."""
    value = fields.get(name)
    if value is None:
        return False
    if type(value) is not bool:
        raise MalformedError(f"{name} is not true or false")
    return value


def _id(fields: Mapping[str, Any], name: str) -> str:
    found = digits(fields.get(name))
    if not found:
        raise MalformedError(f"{name} is not an id")
    return found


def word(fields: Mapping[str, Any], name: str) -> str:
    """Return a word of a list that may grow: whatever it is, it is read, and nothing else is lost with it.

    What no word has in it becomes a question mark, so that it is never one that is known.
    """
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise MalformedError(f"{name} is not a word")
    return _IN_NO_WORD.sub("?", value or "")[:MAX_WORD].lower()


def line_text(fields: Mapping[str, Any], name: str) -> str:
    """Return a text on one line, bounded; empty where there is none."""
    return free_text(fields, name)[:MAX_TEXT]


def texts(fields: Mapping[str, Any], name: str) -> list[str]:
    """Return a list of texts, each on one line and bounded; what is none in it is left out."""
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise MalformedError(f"{name} is not a list")
    return [" ".join(entry.split())[:MAX_TEXT] for entry in value if isinstance(entry, str)][:MAX_TEXTS]


def _moment(fields: Mapping[str, Any], name: str) -> int:
    found = moment(fields, name)
    if found is None:
        raise MalformedError(f"{name} is missing")
    return found


def _money(fields: Mapping[str, Any]) -> Money | None:
    # The same object is written with `currency_code` everywhere but in `total_unsettled_set`.
    currency = text(fields, "currency_code", _CURRENCY, default="") or text(fields, "currency", _CURRENCY, default="")
    return amount(fields, "amount", currency) if currency else None


def _set(fields: Mapping[str, Any], name: str) -> Amount | None:
    both = mapping(fields, name)
    charged, shop = _money(mapping(both, "presentment_money")), _money(mapping(both, "shop_money"))
    if charged is None:
        return None
    return Amount(charged, shop if shop is not None and shop.currency != charged.currency else None)


def _plain_total(fields: Mapping[str, Any]) -> Amount:
    """Return the total where only the fields of the shop's currency came; that must be the buyer's too."""
    currency = text(fields, "currency", _CURRENCY)
    if text(fields, "presentment_currency", _CURRENCY, default=currency) != currency:
        raise MalformedError("current_total_price_set is missing, and the buyer pays in another currency")
    name = "current_total_price" if fields.get("current_total_price") is not None else "total_price"
    return Amount(amount(fields, name, currency))


def _outstanding(fields: Mapping[str, Any], total: Amount) -> Amount | None:
    """Return what is still to be paid: told in the shop's currency alone, so nothing but none is sure in another."""
    if fields.get("total_outstanding") is None:
        return None
    shop = total.shop.currency if total.shop is not None else total.charged.currency
    left = due(fields, "total_outstanding", shop)
    if total.shop is None:
        return Amount(left)
    return Amount(Money(0, total.charged.currency), left) if left.minor == 0 else None


def _transaction_amount(fields: Mapping[str, Any]) -> Amount | None:
    currency = text(fields, "currency", _CURRENCY)
    told = amount(fields, "amount", currency)
    unsettled = _set(fields, "total_unsettled_set")
    if unsettled is not None and unsettled.charged.currency != currency:
        return None
    return Amount(told)


def _has_two_currencies(fields: Mapping[str, Any]) -> bool:
    unsettled = _set(fields, "total_unsettled_set")
    return unsettled is not None and unsettled.shop is not None


def attributes(entries: list[Mapping[str, Any]], key: str) -> tuple[tuple[str, str], ...]:
    """Return what the shop or an app noted on an order, by the names that stand under `key`."""
    found = ((entry.get(key), entry.get("value")) for entry in entries)
    return tuple(
        (name[:MAX_TEXT], value[:MAX_TEXT])
        for name, value in found
        if isinstance(name, str) and isinstance(value, str) and name
    )[:MAX_TEXTS]


def _line(fields: Mapping[str, Any], currency: str) -> Line:
    now = fields.get("current_quantity")
    quantity = now if now is not None else fields.get("quantity")
    if type(quantity) is not int or not 0 <= quantity <= 10**9:
        raise MalformedError("quantity is not a count")
    price = _set(fields, "price_set")
    if price is None and fields.get("price") is not None:
        price = Amount(amount(fields, "price", currency))
    same = price is not None and price.charged.currency == currency
    return Line(line_text(fields, "title"), quantity, price.charged if price is not None and same else None)


def _order_of_event(fields: Mapping[str, Any]) -> str:
    """Return the order that a delivery of the newer family names in its data or its query's variables.

    Who subscribes writes the query, so an order stands in the data wherever they asked for it; where several do, none
    of them is what the delivery is about.
    """
    data, variables = fields.get("data"), fields.get("query_variables")
    order = data.get("order") if isinstance(data, dict) else None
    candidates = [order.get("id") if isinstance(order, dict) else None]
    candidates += list(variables.values()) if isinstance(variables, dict) else []
    named = next((digits(one) for one in candidates if _is_order(one)), "")
    within = {digits(one) for one in _texts_within(data) if _is_order(one)}
    return named or (within.pop() if len(within) == 1 else "")


def _is_order(value: object) -> bool:
    return isinstance(value, str) and value.startswith("gid://shopify/Order/")


def _texts_within(value: object) -> Iterator[str]:
    """Yield the texts of what a query answered, as far as it is no larger than one that is about one order."""
    waiting = [value]
    for _ in range(MOST_NODES):
        if not waiting:
            return
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one

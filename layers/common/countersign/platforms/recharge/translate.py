"""From Recharge's words to our facts: a charge is an order that is made at the platform, and each telling is a report.

What a delivery means follows from its signed body alone: Recharge names no topic in it, and a header that names one is
signed by nobody.
"""

from dataclasses import replace
from datetime import UTC, datetime

from countersign import customers
from countersign.errors import MalformedError
from countersign.fields import mapping
from countersign.money import Money, from_decimal
from countersign.orders.changes import (
    AccountNews,
    Attempt,
    Change,
    ChargeItem,
    Fact,
    OrderKey,
    OrderReported,
    Paid,
    PlatformEvent,
    Queried,
    Report,
    Terms,
    Trust,
    Unrecognised,
    Verified,
)
from countersign.orders.changes import Charge as ChargeDetail
from countersign.orders.charges import charge_of
from countersign.orders.state import Order
from countersign.platforms.recharge import NOT_OFFERED, groups, messages
from countersign.platforms.recharge.messages import Charge
from countersign.platforms.recharge.settings import Settings
from countersign.platforms.recharge.signing import VerifiedMessage
from countersign.signing import digests

PLATFORM = "recharge"
SYSTEM = "charge"  # both versions of the API tell of one and the same charge
HOURLY, DAILY = 3600, 86400
# https://developer.rechargepayments.com/2021-11/charges/charge_object: status
_STATES = {
    "queued": "scheduled",
    "pending": "open",
    "pending_manual_payment": "open",
    "success": "open",
    "refunded": "open",
    "partially_refunded": "open",
    "error": "failed",
    "skipped": "cancelled",
    "cancelled": "cancelled",
    "deleted": "cancelled",
}
_TAKEN = frozenset({"success", "refunded", "partially_refunded"})


def to_changes(genuine: VerifiedMessage, settings: Settings, account: str) -> tuple[Change, ...] | AccountNews:
    """Return what a genuine delivery says; MalformedError if it cannot be read."""
    if genuine.problem:
        raise MalformedError(genuine.problem)
    if genuine.subject != "charge":
        return AccountNews(genuine.subject)
    charge = messages.read_charge(mapping(genuine.fields, "charge"), settings.zone)
    return charge_to_changes(charge, settings, account, Verified(genuine.key_id), via="notify")


def order_of(genuine: VerifiedMessage) -> str:
    """Return the charge that a genuine delivery names, whatever else is wrong with it; empty where it names none."""
    charge = genuine.fields.get("charge")
    return str(charge.get("id", "")) if isinstance(charge, dict) and type(charge.get("id")) in (int, str) else ""


def said_of(genuine: VerifiedMessage, settings: Settings) -> set[str]:
    """Return what a delivery says of the customer of its charge, as far as the account has charges found by it."""
    charge = genuine.fields.get("charge")
    return customers.said_of(charge, settings.lookup_from) if isinstance(charge, dict) else set()


def version_of(genuine: VerifiedMessage) -> str:
    """Return the version of the API whose shape a delivery's charge has; empty where it has none that can be told."""
    charge = genuine.fields.get("charge")
    return messages.shape(charge) if isinstance(charge, dict) else ""


def charge_to_changes(
    charge: Charge, settings: Settings, account: str, trust: Trust, *, via: str, read_at: int = 0
) -> tuple[Change, ...]:
    """Return what is told of a charge, as one message of one or two facts.

    `read_at` is when our reading of it began (epoch seconds); 0 for what was pushed. Without a currency, or with too
    little else to be an order, it is only a reason to read the charge: no amount is ever counted in a guessed currency.
    """

    def change(fact: Fact) -> Change:
        key = OrderKey(PLATFORM, account, charge.id)
        return Change(key, fact, trust, via, tenant=account, system=SYSTEM, external=True)

    currency = charge.currency or settings.currency
    if not charge.status or not charge.amount or charge.updated_at is None or not currency:
        if isinstance(trust, Queried):
            raise MalformedError("the charge lacks its status, amount, currency or time")
        detail = f"{charge.amount} {charge.attempts}".strip()
        return (change(PlatformEvent(f"charge.{charge.status}", charge.updated_at, detail)),)
    if charge.status not in _STATES:
        return (change(Unrecognised("status", charge.status)),)
    amount = from_decimal(charge.amount, currency)
    told: list[Fact] = [_report(charge, amount, settings, read_at)]
    if charge.status in _TAKEN and charge.transaction_id and amount.minor:
        at = charge.processed_at if charge.processed_at is not None else charge.updated_at
        told.append(Paid(charge.transaction_id, amount, at))
    return tuple(change(fact) for fact in told)


def _report(charge: Charge, amount: Money, settings: Settings, read_at: int) -> OrderReported:
    assert charge.updated_at is not None  # noqa: S101 - narrowed by the caller
    state, taken = _STATES[charge.status], charge.status in _TAKEN
    detail = detail_of(charge)
    created_at = charge.created_at if charge.created_at is not None else charge.updated_at
    terms = Terms(
        amount,
        SYSTEM,
        charge.type,
        digests.sha256(repr((charge.status, detail)).encode()),
        created_at,
        max(created_at, _due_day(charge)),
        description=_description(detail),
        not_offered=NOT_OFFERED,
        closable=False,
        external=True,
        pays="parts",
        money_of=_shop_order(charge, settings) if taken else None,
    )
    report = Report(
        charge.updated_at,
        read_at,
        received=amount.minor if taken else 0,
        state=state,
        ended_at=charge.updated_at if state == "cancelled" else None,
        refunded=_refunded(charge, amount),
        expected_at=_expected_at(charge, detail, read_at),
        charge=detail,
    )
    failed = charge.status == "error"
    attempts = (Attempt(detail.attempts, detail.last_attempt_at or charge.updated_at, charge.error_type),) * failed
    return OrderReported(terms, report, attempts)


def detail_of(charge: Charge) -> ChargeDetail:
    """Return what the order keeps of a charge; the failure only while it has not succeeded."""
    failed = charge.status == "error"
    items = (
        ChargeItem(one.title, one.variant_title, one.sku, one.quantity, one.subscription_id) for one in charge.items
    )
    return ChargeDetail(
        attempts=max(charge.attempts or 0, int(failed)),
        error=charge.error if failed else "",
        error_type=charge.error_type if failed else "",
        group=groups.group(charge.error_type) if failed else "",
        last_attempt_at=charge.last_attempt_at,
        next_retry=charge.retry_at if failed else None,
        final=is_final(charge),
        note=charge.note or "",
        customer_id=charge.customer_id,
        shop_customer_id=charge.shop_customer_id,
        external_order_id=charge.external_order_id,
        scheduled_at=charge.scheduled_at,
        items=tuple(items),
    )


def is_final(charge: Charge) -> bool:
    """Tell whether Recharge will not try a charge again: it is over, was tried for the last time, or has no next try.

    A failure whose code says that a new card waits for its next try has one, named or not.
    """
    if charge.status != "error":
        return charge.status in _TAKEN or _STATES.get(charge.status) == "cancelled"
    code = charge.error_type.upper()
    if code == groups.CLOSED:
        return True
    return charge.retry_at is None and bool(charge.attempts) and code != groups.CARD_RENEWED


def deleted(order: Order, *, read_at: int) -> Change:
    """Return the report about a known charge that Recharge does not know any more: it was deleted there."""
    newest, known = order.newest, charge_of(order)
    ended = Report(
        newest.version if newest is not None else 0,
        read_at,
        state="cancelled",
        ended_at=read_at,
        charge=replace(known, final=True, next_retry=None) if known is not None else None,
    )
    fact = OrderReported(order.terms, ended)
    return Change(order.key, fact, Queried(), "query", order.key.account, SYSTEM, external=True)


def _expected_at(charge: Charge, detail: ChargeDetail, read_at: int) -> int | None:
    """Return when a charge is to be read if nothing is told of it before; None where it is over.

    A push about a failure that has one number of its customer and lacks the other, Recharge's or the shop's, is read at
    once: the other is looked up then.
    """
    assert charge.updated_at is not None  # noqa: S101 - narrowed by the caller
    if not read_at and charge.status == "error" and bool(charge.customer_id) != bool(charge.shop_customer_id):
        return charge.updated_at
    if charge.status in _TAKEN or _STATES[charge.status] == "cancelled":
        return None
    if charge.status == "queued":
        return _due_day(charge) + DAILY
    if charge.status != "error":
        return charge.updated_at + HOURLY
    if detail.final:
        return None
    return max(detail.next_retry or 0, charge.updated_at) + HOURLY


def _due_day(charge: Charge) -> int:
    if not charge.scheduled_at:
        return 0
    try:
        return int(datetime.fromisoformat(charge.scheduled_at).replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise MalformedError("scheduled_at is not a day") from None


def _refunded(charge: Charge, amount: Money) -> int:
    refunds = from_decimal(charge.refunds, amount.currency).minor if charge.refunds else 0
    if charge.status == "refunded":
        return refunds or amount.minor
    return refunds if charge.status in _TAKEN else 0


def _shop_order(charge: Charge, settings: Settings) -> tuple[str, str, str] | None:
    if not settings.shop or not charge.external_order_id:
        return None
    return ("shopify", settings.shop, charge.external_order_id)


def _description(detail: ChargeDetail) -> str:
    text = ", ".join(f"{item.title} x{item.quantity}" for item in detail.items if item.title)
    return text if len(text) <= 120 else f"{text[:119]}…"

"""Stripe's objects as typed values, read by shape: an endpoint keeps the API version that it was made with."""

import re
from collections.abc import Mapping
from typing import Any

from countersign import fields as read
from countersign.cashiers.stripe import amounts
from countersign.errors import MalformedError
from countersign.money import Money
from countersign.values import dataclass

REFERENCE = "countersign_reference"  # in the metadata of what we make: our number of the payment
REFUND = "countersign_refund"  # and of the refund
CAPTURE = "countersign_capture"  # and of the capture, which Stripe writes to the payment intent
_ID = re.compile(r"[a-zA-Z0-9_]{3,255}", re.ASCII)
_OURS = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_WORD = re.compile(r"[a-z0-9_.]{1,80}", re.ASCII)
_REFUND_NUMBER = re.compile(r"[!-~]{1,255}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Session:
    """A Checkout Session. `total` stays as we asked for it; in which currency the shopper saw it is information."""

    id: str
    reference: str  # empty where it is none of ours
    mode: str
    status: str  # open, complete or expired
    payment_status: str  # paid, unpaid or no_payment_required
    payment_intent: str
    total: Money | None
    created: int
    presentment: str = ""  # the currency that the shopper saw, where it is another one
    intent_status: str = ""  # of the payment intent, where it was asked for with the session
    charged_at: int | None = None
    refunded: int = 0
    is_manual: bool = False  # the money is held first, and captured or let go later
    received: Money | None = None  # what of it was captured, known where the payment intent was asked for
    capture: str = ""  # our number of the capture that was made


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund; `number` and `reference` are ours, empty for one that was made on Stripe's own pages."""

    id: str
    number: str
    reference: str
    amount: Money
    status: str  # pending, requires_action, succeeded, failed or canceled
    payment_intent: str
    created: int
    failure: str = ""
    moved_nothing: bool = False  # it succeeded, and Stripe names no movement of money for it


def read_session(data: Mapping[str, Any]) -> Session:
    """Read a session; its payment intent may be an id or, where it was asked for, the object."""
    intent = data.get("payment_intent")
    expanded = intent if isinstance(intent, dict) else {}
    charge = expanded.get("latest_charge")
    charge = charge if isinstance(charge, dict) else {}
    mode = read.text(data, "mode", _WORD, default="payment")
    amount = data.get("amount_total")
    presentment = read.mapping(data, "presentment_details").get("presentment_currency")
    reference = data.get("client_reference_id")
    taken = expanded.get("amount_received")
    return Session(
        id=read.text(data, "id", _ID),
        reference=reference if isinstance(reference, str) and _OURS.fullmatch(reference) else "",
        mode=mode,
        status=read.text(data, "status", _WORD, default=""),
        payment_status=read.text(data, "payment_status", _WORD),
        payment_intent=_id_of(intent),
        total=None if amount is None else amounts.from_stripe(amount, data.get("currency")),
        created=read.whole(data, "created") or 0,
        presentment=presentment.upper() if isinstance(presentment, str) else "",
        intent_status=read.text(expanded, "status", _WORD, default=""),
        charged_at=read.whole(charge, "created"),
        refunded=read.whole(charge, "amount_refunded") or 0,
        is_manual=expanded.get("capture_method") == "manual",
        received=None if taken is None else amounts.from_stripe(taken, expanded.get("currency")),
        capture=read.text(read.mapping(expanded, "metadata"), CAPTURE, _OURS, default=""),
    )


def read_refund(data: Mapping[str, Any]) -> Refund:
    """Read a refund."""
    metadata = read.mapping(data, "metadata")
    return Refund(
        id=read.text(data, "id", _ID),
        number=read.text(metadata, REFUND, _REFUND_NUMBER, default=""),
        reference=read.text(metadata, REFERENCE, _OURS, default=""),
        amount=amounts.from_stripe(data.get("amount"), data.get("currency")),
        status=read.text(data, "status", _WORD),
        payment_intent=_id_of(data.get("payment_intent")),
        created=read.whole(data, "created") or 0,
        failure=read.text(data, "failure_reason", _WORD, default=""),
        moved_nothing=data.get("status") == "succeeded" and data.get("balance_transaction", "") is None,
    )


def _id_of(value: object) -> str:
    """Return an id, of an object as well; empty where there is none."""
    found = value.get("id") if isinstance(value, dict) else value
    if found is None:
        return ""
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise MalformedError("an id has another form than Stripe's")
    return found


def held_reference(intent: Mapping[str, Any]) -> str:
    """Return our number of a payment that is captured by hand, of its payment intent; empty where it is none."""
    is_manual = intent.get("capture_method") == "manual"
    return read.text(read.mapping(intent, "metadata"), REFERENCE, _OURS, default="") if is_manual else ""


def event_object(event: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], int]:
    """Return an event's type, its object and when it was made; an empty object for a thin event, which has none."""
    kind = read.text(event, "type", _WORD)
    if event.get("object") == "v2.core.event" or "related_object" in event:
        return kind, {}, 0
    data = read.mapping(read.mapping(event, "data"), "object")
    if not data:
        raise MalformedError("data.object is missing")
    return kind, data, read.required(read.whole(event, "created"), "created")


def related(event: Mapping[str, Any]) -> tuple[str, str]:
    """Return the kind and the id of what a thin event is about."""
    about = read.mapping(event, "related_object")
    return read.text(about, "type", _WORD, default=""), _id_of(about.get("id"))

"""How a session is answered: which mutation with which arguments, and what Shopify's reply to it means; pure."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from countersign.fields import mapping
from countersign.orders.changes import SessionDecided
from countersign.orders.reasons import Reason
from countersign.orders.sessions import CONFIRM, MODAL, PAYMENT, PENDING, REJECT, RESOLVE, Session
from countersign.platforms.shopify import answers

# Seconds after the decision at which Shopify is told, as it tells us; then every four hours, to the end of a day.
RETRY_AT = (0, 5, 10, 30, 45, 60, 120, 300, 720, 2280, 3600, 7200)
EVERY, GIVE_UP = 14_400, 86_400
# For so long a state that forbids an answer may only mean that Shopify has not read our answer to its request yet.
EARLY_SECONDS = 600
PENDING_SECONDS = 3 * 86_400
PROCESSING_ERROR = "PROCESSING_ERROR"
AUTHORIZATION_EXPIRED = "AUTHORIZATION_EXPIRED"
NEW_CODES_SINCE = "2026-04"
# What a cashier says of a payment, and nobody can pay after it: Shopify's word since 2026-04, and the one before.
# Whatever is not here leaves the session open: a rejected one takes the method away from the buyer in that checkout.
FINAL_WORDS: Mapping[str, tuple[str, str]] = {
    "fraud": ("FRAUD_SUSPECTED", "RISKY"),
    "fraud_suspected": ("FRAUD_SUSPECTED", "RISKY"),
    "risk_refused": ("FRAUD_SUSPECTED", "RISKY"),
    "blocked": ("FRAUD_SUSPECTED", "RISKY"),
    "currency_not_supported": ("INVALID_CURRENCY", PROCESSING_ERROR),
    "amount_too_large": ("AMOUNT_TOO_LARGE", PROCESSING_ERROR),
    "amount_too_small": ("AMOUNT_TOO_SMALL", PROCESSING_ERROR),
}
# The method has no such step, or not for so long: to say it again changes nothing. Words that are no end of a session.
NOT_FOR_IT: Mapping[str, frozenset[str]] = {
    MODAL: frozenset(
        ("UNSUPPORTED_PAYMENT_METHOD_FOR_MODAL", "EXPIRED_MODAL_EXPIRES_AT", "OUT_OF_RANGE_MODAL_EXPIRES_AT")
    ),
    CONFIRM: frozenset(("CONFIRMATION_NOT_SUPPORTED",)),
    PENDING: frozenset(("UNSUPPORTED_PAYMENT_METHOD", "EXPIRED_PENDING_EXPIRES_AT", "OUT_OF_RANGE_PENDING_EXPIRES_AT")),
}
OVER = ("CANCELLED_PAYMENT", PROCESSING_ERROR)
LACKING = ("PAYMENT_METHOD_UNSUPPORTED", PROCESSING_ERROR)
UNCONFIRMED = ("CONFIRMATION_REJECTED", "CONFIRMATION_REJECTED")
FAILED_LATE = ("INSTRUMENT_DECLINED", "CARD_DECLINED")
_MESSAGES = {
    "en": {
        "refused": "The payment was refused.",
        "over": "Nothing was paid in time.",
        "lacking": "This payment cannot be taken.",
        "refund": "The refund could not be made.",
        "capture": "The amount could not be captured.",
        "void": "The authorization could not be let go.",
    },
    "zh": {
        "refused": "付款被拒绝。",
        "over": "未在规定时间内付款。",
        "lacking": "无法接受此付款。",
        "refund": "无法退款。",
        "capture": "无法请款。",
        "void": "无法撤销预授权。",
    },
}


class Answer(NamedTuple):
    """What a reply means: `taken` (with where the buyer goes then), `again`, or `against` with what Shopify says.

    `refused`: the method has no such step at Shopify: no window for a code, no waiting, no word before money is taken.
    """

    kind: str
    next_url: str = ""
    said: str = ""


def mutation(session: Session) -> str:
    """Return the name of the mutation that a decided session is answered with."""
    return f"{session.about}Session{session.operation.capitalize()}"


def code(words: tuple[str, str], version: str) -> str:
    """Return the word of a version of the API: a new one is a fault in an older version."""
    return words[0] if version >= NEW_CODES_SINCE or version == "unstable" else words[1]


def resolved(session: Session, *, at: int, authorization_ends: int | None = None) -> SessionDecided:
    """Return that a session is resolved; `authorization_ends` (epoch seconds) only where money is held."""
    arguments: dict[str, Any] = {"id": session.gid}
    if authorization_ends is not None:
        arguments["authorizationExpiresAt"] = _time(authorization_ends)
    return SessionDecided(session.session_id, RESOLVE, json.dumps(arguments), at, hold_ends_at=authorization_ends)


def rejected(session: Session, word: str, message: str, *, at: int, problem: Reason) -> SessionDecided:
    """Return that a session is rejected, in the merchant's language."""
    language = "zh" if session.locale.lower().startswith("zh") else "en"
    reason = {"code": word, "merchantMessage": _MESSAGES[language][message]}
    arguments = json.dumps({"id": session.gid, "reason": reason}, ensure_ascii=False)
    return SessionDecided(session.session_id, REJECT, arguments, at, problem)


def pending(session: Session, *, at: int) -> SessionDecided:
    """Return that the money is on its way, and may take days."""
    arguments = {
        "id": session.gid,
        "pendingExpiresAt": _time(at + PENDING_SECONDS),
        "reason": "NETWORK_ACTION_REQUIRED",
    }
    return SessionDecided(session.session_id, PENDING, json.dumps(arguments), at)


def confirm(session: Session, *, at: int) -> SessionDecided:
    """Return that the money is held, and that Shopify has to say whether it may be taken."""
    return SessionDecided(session.session_id, CONFIRM, json.dumps({"id": session.gid}), at)


def modal(session: Session, code_url: str, *, at: int, ends: int) -> SessionDecided:
    """Return that Shopify's own window shows a QR code, until its payment cannot be made any more."""
    arguments = {"id": session.gid, "action": {"qrCode": {"code": code_url}}, "expiresAt": _time(ends)}
    return SessionDecided(session.session_id, MODAL, json.dumps(arguments), at)


def read(session: Session, payload: Mapping[str, Any]) -> Answer:
    """Return what Shopify's reply to a session's answer means.

    Errors without a code may say that our answer to the request was not read yet, so they are no end. A state that
    forbids the operation means, of a repeated one, that another was first.
    """
    said, codes = answers.refusals(payload), answers.codes(payload)
    if not payload.get("userErrors"):
        action = mapping(mapping(payload, f"{session.about}Session"), "nextAction")
        address = mapping(action, "context").get("redirectUrl")
        return Answer("taken", address if isinstance(address, str) and address.startswith("http") else "")
    if codes & NOT_FOR_IT.get(session.operation, frozenset()):
        return Answer("refused", said=said)
    if session.about == PAYMENT and session.operation != PENDING:
        return Answer("again", said=said)
    if any(one.endswith("INVALID_STATE") for one in codes):
        return Answer("against", said=said)
    return Answer("again", said=said)


def next_try(session: Session, now: int) -> int | None:
    """Return when to tell Shopify again, None where a day is over."""
    decided = session.decided_at if session.decided_at is not None else now
    passed = now - decided
    if passed >= GIVE_UP:
        return None
    later = next((seconds for seconds in RETRY_AT if seconds > passed), None)
    if later is None:
        later = min(GIVE_UP, RETRY_AT[-1] + EVERY * ((passed - RETRY_AT[-1]) // EVERY + 1))
    return decided + later


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""What Shopify asks of a payments app: payment, refund, capture and void sessions, read strictly; pure.

https://shopify.dev/docs/apps/build/payments/request-reference. Nothing in a body is signed: that the request came by
mutual TLS is what is believed, and the shop that its header names must be one where the app is installed.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countersign.errors import MalformedError
from countersign.fields import mapping, text
from countersign.http import HttpRequest, read_json
from countersign.money import CURRENCIES, Money
from countersign.orders.changes import (
    Change,
    OrderKey,
    OrderReported,
    Report,
    SessionRequested,
    Terms,
    Verified,
)
from countersign.orders.sessions import CAPTURE, PAYMENT, REFUND, VOID
from countersign.platforms.shopify import messages
from countersign.platforms.shopify.settings import is_shop
from countersign.signing import digests

PLATFORM = "shopify"
SYSTEM = "payments_app"
BY_MTLS = Verified("mtls")
SESSION_SECONDS = 86_400  # from the request on, in which a buyer may pay
NOT_OFFERED = ("refund", "ship", "query")  # Shopify asks for refunds itself, and has nothing that could be read
SALE, AUTHORIZATION = "sale", "authorization"
_NO_CURRENCY = "XXX"
_GID_KIND = {PAYMENT: "PaymentSession", REFUND: "RefundSession", CAPTURE: "CaptureSession", VOID: "VoidSession"}
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_GROUP = re.compile(r"[!-~]{1,255}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_KIND = re.compile(r"sale|authorization", re.ASCII)
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", re.ASCII)
_URL = re.compile(r"https://[!-~]{1,2040}|http://(?:127\.0\.0\.1|localhost)[!-~]{0,2000}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """One session as Shopify asks for it; `amount` is None for a void, `payment_id` empty for a payment."""

    about: str
    shop: str
    id: str
    gid: str
    amount: Money | None
    proposed_at: int
    digest: str
    payment_id: str = ""
    group: str = ""
    kind: str = ""
    test: bool = False
    cancel_url: str = ""
    locale: str = ""


def is_id(number: str) -> bool:
    """Tell whether a text has the form of a session's number."""
    return _ID.fullmatch(number) is not None


def shop_of(request: HttpRequest) -> str:
    """Return the shop that a request names; raises MalformedError where it names none."""
    host = request.header("shopify-shop-domain").lower()
    if not host:
        raise MalformedError("missing_shop_header")
    if not is_shop(host):
        raise MalformedError("shop_domain_invalid")
    return host


def read(about: str, shop: str, body: bytes) -> Request:
    """Read one request; MalformedError names what is missing or wrong."""
    fields = read_json(body)
    if not isinstance(fields, dict):
        raise MalformedError("the body is no object")
    number, gid = text(fields, "id", _ID), fields.get("gid")
    if gid != f"gid://shopify/{_GID_KIND[about]}/{number}":
        raise MalformedError("gid_type_mismatch")
    amount = None if about == VOID else _amount(fields)
    found = Request(
        about,
        shop,
        number,
        str(gid),
        amount,
        messages.moment(fields, "proposed_at") or 0,
        _digest(about, fields),
        payment_id="" if about == PAYMENT else text(fields, "payment_id", _ID),
        test=messages.flag(fields, "test"),
    )
    return found if about != PAYMENT else _payment(found, fields)


def read_confirmation(body: bytes) -> tuple[str, bool]:
    """Return the number of the payment session that Shopify gives its word about, and the word."""
    fields = read_json(body)
    if not isinstance(fields, dict):
        raise MalformedError("the body is no object")
    kind, _, number = str(fields.get("gid")).removeprefix("gid://shopify/").partition("/")
    if kind != _GID_KIND[PAYMENT] or not is_id(number):
        raise MalformedError("gid_type_mismatch")
    if type(fields.get("confirmation_result")) is not bool:
        raise MalformedError("confirmation_result is not true or false")
    return number, fields["confirmation_result"]


def _payment(found: Request, fields: Mapping[str, Any]) -> Request:
    data = mapping(mapping(fields, "payment_method"), "data")
    return Request(
        found.about,
        found.shop,
        found.id,
        found.gid,
        found.amount,
        found.proposed_at,
        found.digest,
        group=text(fields, "group", _GROUP),
        kind=text(fields, "kind", _KIND),
        test=found.test,
        # Shopify's template reads a field of the body, everything else the method's own data.
        cancel_url=text(data if data.get("cancel_url") else fields, "cancel_url", _URL, default=""),
        locale=_locale(fields.get("customer")) or _locale(fields),
    )


def _locale(said: object) -> str:
    """Return the language that the buyer or the shop is said to have; one of another form is none, and no sale lost."""
    names = ("locale", "merchant_locale")
    values = [said.get(name) for name in names] if isinstance(said, dict) else []
    return next((one for one in values if isinstance(one, str) and _LOCALE.fullmatch(one)), "")


def _amount(fields: Mapping[str, Any]) -> Money:
    currency = text(fields, "currency", _CURRENCY)
    if currency not in CURRENCIES:
        raise MalformedError("currency_not_supported")
    if not isinstance(fields.get("amount"), str):
        raise MalformedError("amount_invalid")
    amount = messages.amount(fields, "amount", currency)
    if not amount.minor:
        raise MalformedError("amount_invalid")
    return amount


def _digest(about: str, fields: Mapping[str, Any]) -> str:
    """Return a digest of what would be another request under one number; a customer's words make no other one."""
    names = ("gid", "group", "amount", "currency", "test", "kind", "payment_id")
    return digests.sha256(json.dumps([about, *(fields.get(name) for name in names)]).encode())


def key_of(shop: str, group: str, *, test: bool) -> OrderKey:
    """Return the order of one checkout's attempts; what is only tried is never of an order with money."""
    kind = "pay-test" if test else "pay"
    return OrderKey(PLATFORM, shop, f"{kind}-{digests.sha256(group.encode())[:40]}")


def key_of_stray(request: Request) -> OrderKey:
    """Return the order of what is asked about a payment that nobody here knows."""
    return key_of(request.shop, f" payment {request.payment_id}", test=request.test)


def asked(
    request: Request, key: OrderKey, app: str, *, account: str, page: str, test: bool, now: int
) -> tuple[Change, ...]:
    """Return what a request says: of a payment, that there is such an order; and the session itself.

    `account` is the cashier's where it is paid, empty where there is none for it.
    """
    fact = SessionRequested(
        request.about,
        request.id,
        request.gid,
        app,
        request.amount,
        request.digest,
        now,
        now + SESSION_SECONDS,
        mode=request.kind,
        test=test,
        payment=request.payment_id,
        account=account,
        page=page,
        cancel_url=request.cancel_url,
        locale=request.locale,
    )
    told = [change(key, fact)]
    if request.about == PAYMENT and request.amount is not None:
        told.insert(0, reported(key, request.amount, request.kind, at=request.proposed_at or now, test=test))
    return tuple(told)


def stray(request: Request, key: OrderKey, *, now: int) -> Change:
    """Return the order under which a request about an unknown payment is kept."""
    amount = request.amount or Money(0, _NO_CURRENCY)
    return reported(key, amount, "", at=request.proposed_at or now, test=request.test, state="failed")


def reported(
    key: OrderKey,
    amount: Money,
    mode: str,
    *,
    at: int,
    test: bool,
    state: str = "open",
    authorized: int = 0,
) -> Change:
    """Return a report of an order; `at` (epoch seconds) makes a later one the newest."""
    terms = Terms(
        amount=amount,
        system=SYSTEM,
        method=mode,
        digest=digests.sha256(f"{amount} {mode}".encode()),
        created_at=at,
        expires_at=at + SESSION_SECONDS,
        description="Checkout",
        not_offered=NOT_OFFERED,
        closable=False,
        external=True,
        pays="parts",
        test=test,
    )
    ended = at if state in ("cancelled", "failed") else None
    return change(key, OrderReported(terms, Report(at, 0, authorized=authorized, state=state, ended_at=ended)))


def change(key: OrderKey, fact: Any) -> Change:
    """Return a fact about a checkout's order as a change."""
    return Change(key, fact, BY_MTLS, "notify", key.account, SYSTEM, external=True)

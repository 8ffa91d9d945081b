"""Who may pay an order, and which orders may be paid: what a shopper's page says is never believed; pure.

Numbers of orders are small and anybody may call: an order is named together with what only its shopper has, the cart
that it was, or a token that BigCommerce gives to who is signed in.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from countersign.errors import (
    ConflictError,
    InvalidSignatureError,
    MalformedError,
    NotFoundError,
    RefusedError,
    UnprocessableError,
)
from countersign.http import read_json
from countersign.money import Money
from countersign.platforms.bigcommerce import app_calls, settings, translate
from countersign.platforms.bigcommerce.messages import StoreOrder
from countersign.platforms.bigcommerce.settings import App, Rules
from countersign.signing import digests

MOST_AHEAD = 300  # seconds by which the store's clock may be before ours
MAX_TOKEN = 8192
ANY_AGE = 10**9  # seconds: a link has a life of its own, and the merchant chose it
_NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_CART = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


class Wish(NamedTuple):
    """What a page asks for; every other member of its body is ignored, an amount above all."""

    store_hash: str
    order_id: str
    cart_id: str
    customer_jwt: str


class Settled(NamedTuple):
    """An order that is paid already, however that came."""


def read_wish(body: bytes) -> Wish:
    """Read the body of a call; MalformedError, before anybody is asked, where it cannot be of a shopper's page."""
    document = read_json(body)
    if not isinstance(document, dict):
        raise MalformedError("invalid_request")
    store_hash, cart = document.get("store_hash"), document.get("cart_id")
    token = document.get("customer_jwt")
    good = (
        isinstance(store_hash, str)
        and settings.is_store(store_hash)
        and (cart is None or (isinstance(cart, str) and _CART.fullmatch(cart)))
        and (token is None or (isinstance(token, str) and 0 < len(token) <= MAX_TOKEN))
        and (cart is not None or token is not None)
    )
    if not good:
        raise MalformedError("invalid_request")
    return Wish(str(store_hash), _number(document), str(cart or "").lower(), str(token or ""))


def refusal(order: StoreOrder, wish: Wish, app: App, rules: Rules, *, now: int) -> RefusedError | Settled | None:
    """Return why an order that was read is not to be paid by whoever asks; None where it is.

    Everything is looked at in each case: who has no proof learns nothing from how long it takes.
    """
    unproven, reason = _unproven(order, wish, app, rules, now), unfit(order, rules, now=now)
    return NotFoundError(unproven) if unproven else reason


def amount_of(order: StoreOrder) -> Money:
    """Return what is to be paid; of an order that `refusal` says may be."""
    assert order.due is not None  # noqa: S101 - refused before
    return order.due


def _unproven(order: StoreOrder, wish: Wish, app: App, rules: Rules, now: int) -> str:
    same_cart = digests.equal(wish.cart_id, order.cart_id) and bool(order.cart_id)
    customer = 0
    if wish.customer_jwt:
        try:
            customer = app_calls.customer_of(
                wish.customer_jwt, app.client_id, app.client_secrets, store_hash=wish.store_hash, now=now
            )
        except InvalidSignatureError:
            customer = 0
        if not customer or customer != order.customer_id:
            return "proof_conflict" if wish.cart_id else "proof_failed"
        return ""
    if rules.require_customer_jwt_for_registered and order.customer_id:
        return "proof_failed"
    return "" if same_cart else "proof_failed"


def unfit(order: StoreOrder, rules: Rules, *, now: int) -> RefusedError | Settled | None:
    """Return why an order may not be paid, whoever asks; the sequence is part of what is promised."""
    channels, age = rules.allowed_channel_ids, now - order.created_at
    checks: tuple[tuple[bool, RefusedError | Settled], ...] = (
        (order.is_deleted, NotFoundError("order_deleted")),
        (channels is not None and order.channel_id not in channels, ConflictError("channel_not_allowed")),
        (order.payment_method not in rules.payment_method_names, ConflictError("wrong_payment_method")),
        (age > rules.max_age_seconds, ConflictError("order_too_old")),
        (age < -MOST_AHEAD, ConflictError("order_from_the_future")),
        (order.status_id in translate.SETTLED, Settled()),
        (order.status_id in translate.CLOSED, ConflictError("order_closed")),
        (order.status_id not in translate.PAYABLE, ConflictError("order_not_payable")),
        (order.due is not None and order.due.minor == 0, ConflictError("nothing_due")),
        (order.problem == "currency_not_supported", ConflictError("currency_not_supported")),
        (order.due is None, UnprocessableError("amount_not_representable")),
    )
    return next((refused for holds, refused in checks if holds), None)


def _number(document: Mapping[str, Any]) -> str:
    value = document.get("order_id")
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        raise MalformedError("invalid_request")
    return text

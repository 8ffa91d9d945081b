"""A payment at a hosted cashier to be created: what a caller may say, what of it is recorded, how the cashier is asked.

The number of the order is our reference at the cashier. It is recorded before the cashier is called, so that a
notification that is faster than the answer finds its payment, and a repeated call is about the same one.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from countersign.cashiers import NOT_OFFERED, registry
from countersign.cashiers.port import AUTHORIZATION, Cashier, PaymentRequest, QrCode, Redirect, require_kind
from countersign.errors import UnprocessableError
from countersign.money import CURRENCIES, MAX_MINOR, Money
from countersign.orders.changes import Terms
from countersign.orders.state import Order
from countersign.platforms.payment import Body, Call, ClientIp, Lookup, read_body
from countersign.signing import digests
from countersign.store import OrderStore

DEFAULT_LIFETIME = 1800
LONGEST_LIFETIME = 23 * 3600  # a cashier's own numbers and idempotency keys live a day
LEAST_LIFETIME = 60
REPLAY_SECONDS = 240
REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
WITH_A_PERSON_WAITING: Mapping[str, Any] = {"tries": 1, "timeout": (2.0, 7.0)}


class Amount(Body):
    """Money of the contract: integer minor units and a currency."""

    minor: Annotated[int, Field(ge=1, le=MAX_MINOR)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Customer(Body):
    """Who pays, as far as the cashier may know."""

    email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    ip: ClientIp | None = None


class PartOf(Body):
    """The order of a shop that the payment is for: its totals count the money."""

    platform: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    account: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,99}$")]
    order_id: Annotated[str, Field(min_length=1, max_length=128)]


class PaymentBody(Body):
    """The body of `POST /cashier/{name}/{account}/payments`."""

    order_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    amount: Amount
    description: Annotated[str, Field(min_length=1, max_length=127)]
    return_url: Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=2048)]
    cancel_url: Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=2048)] | None = None
    locale: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = None
    customer: Customer = Customer()
    part_of: PartOf | None = None
    capture: Literal["automatic", "manual"] = "automatic"
    replaces: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    expires_at: Annotated[AwareDatetime, Field(strict=False)] | None = None
    metadata: Annotated[dict[str, Annotated[str, Field(max_length=256)]], Field(max_length=10)] | None = None
    lookup: Lookup | None = None

    @model_validator(mode="after")
    def _order_numbers(self) -> "PaymentBody":
        if self.replaces == self.order_id:
            raise ValueError("an order cannot replace itself")
        return self


@dataclass(frozen=True, slots=True)
class Prepared:
    """Exactly what the front end does next, and the cashier's numbers."""

    client: Mapping[str, Any]
    order_id: str = ""
    handle: str = ""


def read(call: Call, body: bytes, store: OrderStore) -> "Payment":
    """Read the body of a call; raises MalformedError naming the fields that do not fit, never their values."""
    connector = registry.connect(call.account, call.settings, store=store, **WITH_A_PERSON_WAITING)
    return Payment(call, connector, read_body(PaymentBody, body))


def digest_of_payment(body: PaymentBody) -> str:
    """Return a digest of what is paid alone: not of where the shopper is, nor of how she is spoken to."""
    content = [body.order_id, body.amount.minor, body.amount.currency, body.replaces]
    return digests.sha256(json.dumps(content).encode())


class Payment:
    """One call to create a payment at a cashier."""

    not_kept = "return_url, cancel_url, locale, customer or capture"
    replay_seconds = REPLAY_SECONDS
    compared: Mapping[str, Callable[[Terms], object]] = {
        "amount": lambda terms: terms.amount,
        "description": lambda terms: terms.description,
        "expires_at": lambda terms: terms.expires_at if terms.expires_at - terms.created_at != DEFAULT_LIFETIME else 0,
        "part_of": lambda terms: terms.money_of,
        "replaces": lambda terms: terms.replaces,
    }

    def __init__(self, call: Call, connector: Cashier, body: PaymentBody) -> None:
        self._call = call
        self._body = body
        self.connector = connector
        self.order_id = body.order_id
        self.replaces = body.replaces or ""
        self.lookup = body.lookup or ()

    def terms(self) -> Terms:
        """Return what is to be recorded, once all is checked that the cashier would refuse; raises UnprocessableError.

        An amount that the cashier cannot take exactly is refused here, before anybody is sent to a page.
        """
        body, settings, amount = self._body, self._call.settings, self._amount
        if amount.currency not in CURRENCIES:
            raise UnprocessableError("currency_not_supported: no circulating currency of ISO 4217")
        self.connector.check_amount(amount)
        if body.capture == "manual":
            require_kind(self.connector, AUTHORIZATION)
        lifetime = self._expires_at - self._call.now
        if not LEAST_LIFETIME <= lifetime <= LONGEST_LIFETIME:
            raise UnprocessableError("expires_at is less than a minute or more than 23 hours ahead")
        return Terms(
            amount=amount,
            system=self._call.account.partition(".")[0],
            method=body.capture,
            digest=self._digest(),
            created_at=self._call.now,
            expires_at=self._expires_at,
            description=body.description,
            notify_base=self._call.base_url,
            paid_late_policy=settings.paid_late_policy,
            review_refund=settings.review_refund,
            replaces=self.replaces,
            metadata=tuple(sorted((body.metadata or {}).items())),
            money_of=self._part_of,
            test=settings.is_test,
            not_offered=NOT_OFFERED,
        )

    def prepare(self, order: Order) -> Prepared:
        """Have the cashier take the payment as it was recorded; one that it has already is the same one."""
        made = self.connector.create_payment(self._request(order), order)
        match made.action:
            case Redirect(url):
                client: dict[str, Any] = {"cashier_url": url}
            case QrCode(content):
                client = {"code_url": content}
        return Prepared(client, made.payment_id, made.handle)

    def _request(self, order: Order) -> PaymentRequest:
        body = self._body
        cashier, _, account = self._call.account.partition(".")
        return PaymentRequest(
            reference=order.key.order_id,
            amount=order.terms.amount,
            description=order.terms.description,
            expires_at=order.terms.expires_at,
            return_url=body.return_url,
            cancel_url=body.cancel_url or "",
            notify_url=f"{self._call.base_url}/{self._call.platform}/{cashier}/{account}/notify",
            order_reference=body.part_of.order_id if body.part_of else "",
            store=body.part_of.account if body.part_of else "",
            locale=body.locale or "",
            customer_email=body.customer.email or "",
            customer_ip=body.customer.ip or "",
            metadata=body.metadata,
            capture=body.capture,
        )

    @property
    def _amount(self) -> Money:
        return Money(self._body.amount.minor, self._body.amount.currency)

    @property
    def _expires_at(self) -> int:
        asked = self._body.expires_at
        return int(asked.timestamp()) if asked else self._call.now + DEFAULT_LIFETIME

    @property
    def _part_of(self) -> tuple[str, str, str] | None:
        whole = self._body.part_of
        return (whole.platform, whole.account, whole.order_id) if whole else None

    def _digest(self) -> str:
        """Return a digest of what the caller asked for, by which the same payment is told from another."""
        content = self._body.model_dump(mode="json", exclude={"order_id", "lookup"})
        return digests.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode())

"""A Douyin payment to be created: what a caller may say, what of it is recorded, and how Douyin is asked."""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from countersign.errors import UnprocessableError
from countersign.money import Money
from countersign.orders.changes import Line, OrderKey, Terms
from countersign.orders.state import Order
from countersign.platforms.douyin import payments
from countersign.platforms.douyin.client import Item, PaymentRequest, Prepared
from countersign.platforms.douyin.connector import Connector, connect
from countersign.platforms.douyin.messages import ORDER_NUMBER
from countersign.platforms.douyin.payments import MAX_AMOUNT, MAX_LIFETIME, MIN_LIFETIME
from countersign.platforms.douyin.settings import MAX_SHARE_BASIS_POINTS
from countersign.platforms.payment import Body, Call, ClientIp, Lookup, read_body
from countersign.signing import digests
from countersign.store import OrderStore

DEFAULT_LIFETIME = 1800
REPLAY_SECONDS = 240  # an order that can be paid for five minutes must not be answered for longer
DAY = 86_400


class AmountBody(Body):
    """Money of the contract; Douyin takes fen only."""

    minor: Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
    currency: Literal["CNY"]


class PayerBody(Body):
    """Who pays; Douyin asks the payer itself, so neither is needed to pay: `openid` is for order sync."""

    openid: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    login_code: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class ItemBody(Body):
    """One line of what is bought."""

    sku_id: Annotated[str, Field(min_length=1, max_length=64)]
    title: Annotated[str, Field(min_length=1, max_length=256)]
    price: Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
    quantity: Annotated[int, Field(ge=1, le=100)]
    image_url: Annotated[str, Field(pattern=r"^https://", max_length=512)] | None = None


class EntryBody(Body):
    """The mini program's page for the order."""

    path: Annotated[str, Field(min_length=1, max_length=512)]
    params: Annotated[str, Field(max_length=512)] | None = None


class PaymentBody(Body):
    """The body of `POST /douyin/{account}/payments`."""

    order_id: str
    amount: AmountBody
    description: Annotated[str, Field(min_length=1, max_length=127)]
    payer: PayerBody = PayerBody()
    items: Annotated[list[ItemBody], Field(min_length=1, max_length=100)] | None = None
    entry: EntryBody | None = None
    replaces: str | None = None
    expires_at: Annotated[AwareDatetime, Field(strict=False)] | None = None
    client_ip: ClientIp | None = None
    metadata: dict[str, Annotated[str, Field(max_length=256)]] | None = None
    lookup: Lookup | None = None

    @model_validator(mode="after")
    def _order_numbers(self) -> "PaymentBody":
        for number in (self.order_id, self.replaces):
            if number is not None and not ORDER_NUMBER.fullmatch(number):
                raise ValueError("order_id is 1 to 64 characters of 0-9 A-Z a-z _ - *")
        if self.replaces == self.order_id:
            raise ValueError("an order cannot replace itself")
        return self


def read(call: Call, body: bytes, store: OrderStore) -> "Payment":
    """Read the body of a call; raises MalformedError naming the fields that do not fit, never their values."""
    connector = connect(call.account, call.settings, store=store)
    return Payment(call, connector, read_body(PaymentBody, body))


class Payment:
    """One call to create a payment at Douyin."""

    replay_seconds = REPLAY_SECONDS
    not_kept = "items or entry"
    compared: Mapping[str, Callable[[Terms], object]] = {
        "amount": lambda terms: terms.amount,
        "description": lambda terms: terms.description,
        "items": lambda terms: terms.lines,
        "expires_at": lambda terms: terms.expires_at if terms.expires_at - terms.created_at != DEFAULT_LIFETIME else 0,
        "replaces": lambda terms: terms.replaces,
    }

    def __init__(self, call: Call, connector: Connector, body: PaymentBody) -> None:
        self._call = call
        self._body = body
        self.connector = connector
        self.order_id = body.order_id
        self.replaces = body.replaces or ""
        self.lookup = body.lookup or ()

    def terms(self) -> Terms:
        """Return what is to be recorded, once all is checked that Douyin would refuse; raises UnprocessableError."""
        settings, body, now = self.connector.settings, self._body, self._call.now
        expires_at = int(body.expires_at.timestamp()) if body.expires_at else now + DEFAULT_LIFETIME
        if not now + MIN_LIFETIME <= expires_at <= now + MAX_LIFETIME:
            raise UnprocessableError("expires_at is not 5 minutes to 48 hours ahead")
        # Guaranteed payment wants to be told of the order's states, and of whose order it is.
        told = settings.system == "ecpay" and settings.order_sync and settings.app_secret is not None
        payer = (body.payer.openid or "") if told else ""
        terms = Terms(
            amount=Money(body.amount.minor, body.amount.currency),
            system=settings.system,
            method="mini_program",
            digest=self._digest(),
            created_at=now,
            expires_at=expires_at,
            description=body.description,
            appid=settings.app_id,
            notify_base=self._call.base_url,
            paid_late_policy=settings.paid_late_policy,
            review_refund=settings.review_refund,
            replaces=self.replaces,
            closable=False,
            max_share_basis_points=MAX_SHARE_BASIS_POINTS,
            reports_status=bool(payer),
            payer=payer,
            share_receivers=tuple(receiver.merchant_uid for receiver in settings.settle.receivers),
            settle_after=settings.settle.after_days * DAY if settings.settle.automatic else None,
            metadata=tuple(sorted((body.metadata or {}).items())),
            lines=tuple(Line(item.title, item.quantity, item.price) for item in body.items or ()),
        )
        key = OrderKey(self._call.platform, self._call.account, body.order_id)
        payments.check(self._request(Order(key, terms)), settings, system=terms.system, now=now)
        return terms

    def prepare(self, order: Order) -> Prepared:
        """Have Douyin take the order as it was recorded, or sign it for the front end, by the order's own system."""
        return self.connector.client.create(self._request(order), system=order.terms.system)

    def _request(self, order: Order) -> PaymentRequest:
        entry, goods = self._body.entry, self.connector.settings.goods
        return PaymentRequest(
            order_id=order.key.order_id,
            amount=order.terms.amount,
            description=order.terms.description,
            notify_url=self.connector.notify_url(order.terms.notify_base),
            expires_at=order.terms.expires_at,
            item=self._item(),
            entry_path=entry.path if entry else goods.entry_path,
            entry_params=(entry.params if entry else None) or "",
        )

    def _item(self) -> Item:
        """Return the one line that an order of the trade system has: the only item, or the order as a whole."""
        body = self._body
        first = body.items[0] if body.items else None
        image = (first.image_url if first else None) or self.connector.settings.goods.image_url
        if first and body.items and len(body.items) == 1 and first.price * first.quantity == body.amount.minor:
            return Item(first.sku_id, first.title, first.price, first.quantity, image)
        return Item(first.sku_id if first else body.order_id, body.description, body.amount.minor, 1, image)

    def _digest(self) -> str:
        """Return a digest of what the merchant asked for, by which the same order is told from another."""
        compared = {"amount", "description", "items", "entry", "expires_at", "replaces"}
        content = self._body.model_dump(mode="json", include=compared)
        return digests.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode())

"""Create a Douyin payment: the order is recorded first, then Douyin is asked or an order for it is signed."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from countersign.errors import ConflictError, MalformedError, PlatformUnavailableError, UnprocessableError
from countersign.http import read_json
from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Line,
    Operator,
    OrderCreated,
    OrderKey,
    Prepared,
    Queried,
    Replaced,
    Terms,
)
from countersign.orders.present import order_json
from countersign.orders.schedule import POLL_DELAYS
from countersign.orders.state import Order
from countersign.platforms.douyin import connector
from countersign.platforms.douyin.client import Item, PaymentRequest
from countersign.platforms.douyin.connector import Reach
from countersign.platforms.douyin.messages import ORDER_NUMBER
from countersign.platforms.douyin.payments import MAX_AMOUNT, MAX_LIFETIME, MIN_LIFETIME
from countersign.platforms.douyin.settings import MAX_SHARE_BASIS_POINTS, Settings
from countersign.signing import digests
from countersign.store import OrderStore, orphans

DEFAULT_LIFETIME = 1800
DAY = 86_400
SHORT_RUNGS = tuple(rung for rung in POLL_DELAYS if rung < 60)  # below the schedule's minute: queue messages


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class AmountBody(_Strict):
    """Money of the contract; Douyin takes fen only."""

    minor: Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
    currency: Literal["CNY"]


class PayerBody(_Strict):
    """Who pays; Douyin asks the payer itself, so neither is needed to pay: `openid` is for order sync."""

    openid: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    login_code: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class ItemBody(_Strict):
    """One line of what is bought."""

    sku_id: Annotated[str, Field(min_length=1, max_length=64)]
    title: Annotated[str, Field(min_length=1, max_length=256)]
    price: Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
    quantity: Annotated[int, Field(ge=1, le=100)]
    image_url: Annotated[str, Field(pattern=r"^https://", max_length=512)] | None = None


class EntryBody(_Strict):
    """The mini program's page for the order."""

    path: Annotated[str, Field(min_length=1, max_length=512)]
    params: Annotated[str, Field(max_length=512)] | None = None


class PaymentBody(_Strict):
    """The body of `POST /douyin/{account}/payments`."""

    order_id: str
    amount: AmountBody
    description: Annotated[str, Field(min_length=1, max_length=127)]
    payer: PayerBody = PayerBody()
    items: Annotated[list[ItemBody], Field(min_length=1, max_length=100)] | None = None
    entry: EntryBody | None = None
    replaces: str | None = None
    expires_at: Annotated[AwareDatetime, Field(strict=False)] | None = None
    client_ip: Annotated[str, Field(max_length=45, pattern=r"^[0-9A-Fa-f:.]+$")] | None = None
    metadata: dict[str, Annotated[str, Field(max_length=256)]] | None = None

    @model_validator(mode="after")
    def _order_numbers(self) -> "PaymentBody":
        for number in (self.order_id, self.replaces):
            if number is not None and not ORDER_NUMBER.fullmatch(number):
                raise ValueError("order_id is 1 to 64 characters of 0-9 A-Z a-z _ - *")
        if self.replaces == self.order_id:
            raise ValueError("an order cannot replace itself")
        return self


def read_body(body: bytes) -> PaymentBody:
    """Read the body; raises MalformedError (not JSON) or UnprocessableError naming the fields."""
    content = read_json(body)
    if not isinstance(content, dict):
        raise MalformedError("the body is not a JSON object")
    try:
        return PaymentBody.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in error.errors())
        raise UnprocessableError(wrong) from None


@dataclass(frozen=True, slots=True)
class Creation:
    """One call: on which app, by whom, with which address for callbacks."""

    reach: Reach
    subject: str
    base_url: str
    now: int


def create(
    creation: Creation, body: PaymentBody, *, store: OrderStore, queue: Any, queue_url: str
) -> tuple[int, dict[str, Any]]:
    """Return status and body of the answer: 201 for a new order, 200 for the same order again.

    Raises ConflictError (other terms, paid or closed), UnprocessableError (something is missing, or Douyin refused) or
    PlatformUnavailableError (outcome unknown: call again with the same body).
    """
    reach = creation.reach
    key = OrderKey("douyin", reach.name, body.order_id)
    order = store.get(key)
    status = 200 if order else 201
    if order is None:
        _replace(creation, body, store)
        order = _open(creation, body, store, key)
    _require_same_terms(order, body)
    # The terms that were recorded are what Douyin replays when the same number is created again.
    payment = _request(reach, order, body)
    prepared = reach.client.create(payment, system=order.terms.system)
    news = Change(key, Prepared(prepared.order_id), Queried(), "query", reach.settings.app_id, order.terms.system)
    store.record(news, now=creation.now)
    orphans.attach(store, key, now=creation.now)
    _remind(queue, queue_url, key)
    return status, {"order": order_json(store.get(key) or order), "client": dict(prepared.client)}


def _request(reach: Reach, order: Order, body: PaymentBody) -> PaymentRequest:
    return PaymentRequest(
        order_id=order.key.order_id,
        amount=order.terms.amount,
        description=order.terms.description,
        notify_url=connector.notify_url(order.terms.notify_base, reach.name),
        expires_at=order.terms.expires_at,
        item=_item(body, reach.settings),
        entry_path=body.entry.path if body.entry else reach.settings.goods.entry_path,
        entry_params=(body.entry.params if body.entry else None) or "",
    )


def _item(body: PaymentBody, settings: Settings) -> Item:
    """Return the one line that an order of the trade system has: the only item, or the order as a whole."""
    first = body.items[0] if body.items else None
    image = (first.image_url if first else None) or settings.goods.image_url
    if first and body.items and len(body.items) == 1 and first.price * first.quantity == body.amount.minor:
        return Item(first.sku_id, first.title, first.price, first.quantity, image)
    return Item(first.sku_id if first else body.order_id, body.description, body.amount.minor, 1, image)


def terms_digest(body: PaymentBody) -> str:
    """Return a digest of what the merchant asked for, by which the same order is told from another."""
    content = body.model_dump(
        mode="json", include={"amount", "description", "items", "entry", "expires_at", "replaces"}
    )
    return digests.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode())


def _open(creation: Creation, body: PaymentBody, store: OrderStore, key: OrderKey) -> Order:
    settings, now = creation.reach.settings, creation.now
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
        digest=terms_digest(body),
        created_at=now,
        expires_at=expires_at,
        description=body.description,
        appid=settings.app_id,
        notify_base=creation.base_url,
        paid_late_policy=settings.paid_late_policy,
        replaces=body.replaces or "",
        closable=False,
        reports_status=bool(payer),
        payer=payer,
        share_receivers=tuple(receiver.merchant_uid for receiver in settings.settle.receivers),
        max_share_basis_points=MAX_SHARE_BASIS_POINTS,
        settle_after=settings.settle.after_days * DAY if settings.settle.automatic else None,
        metadata=tuple(sorted((body.metadata or {}).items())),
        lines=tuple(Line(item.title, item.quantity, item.price) for item in body.items or ()),
    )
    by = Operator(creation.subject)
    store.record(Change(key, OrderCreated(terms), by, "merchant", settings.app_id, terms.system), now=now)
    # Read back: a create of the same number at the same moment may have been first.
    order = store.get(key)
    if order is None:
        raise PlatformUnavailableError("the order was recorded and cannot be read back")
    return order


def _require_same_terms(order: Order, body: PaymentBody) -> None:
    if order.status not in ("created", "pending", "failed"):
        raise ConflictError(f"the order is {order.status}; a new payment needs a new order_id")
    if order.terms.digest != terms_digest(body):
        raise ConflictError(
            f"the order exists with other terms ({order.status}); a new price is a new order_id with replaces"
        )


def _replace(creation: Creation, body: PaymentBody, store: OrderStore) -> None:
    """Ask about the old order; Douyin cannot close it, so both paid in the end is a question for a person."""
    if not body.replaces:
        return
    reach = creation.reach
    old_key = OrderKey("douyin", reach.name, body.replaces)
    old = store.get(old_key)
    if old is None:
        raise UnprocessableError("replaces names an order that does not exist")
    news = connector.about_order(reach, old_key, old.terms.system, now=creation.now)
    old = (store.record(news, now=creation.now).order if news else old) or old
    if old.payment is not None:
        raise ConflictError(f"the order to replace is {old.status}")
    by = Operator(creation.subject)
    fact = Replaced(body.order_id)
    store.record(Change(old_key, fact, by, "merchant", reach.settings.app_id), now=creation.now)


def _remind(queue: Any, queue_url: str, key: OrderKey) -> None:
    """Ask to be woken at the rungs that the schedule is too coarse for; the due list covers a lost message."""
    message = json.dumps({"platform": key.platform, "account": key.account, "order_id": key.order_id})
    entries = [{"Id": str(rung), "MessageBody": message, "DelaySeconds": rung} for rung in SHORT_RUNGS]
    queue.send_message_batch(QueueUrl=queue_url, Entries=entries)

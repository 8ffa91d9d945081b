"""Create a WeChat payment: the order is recorded first, then WeChat is asked, then what front ends need is returned."""

import json
import re
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from countersign.errors import ConflictError, MalformedError, StoreUnavailableError, UnprocessableError
from countersign.http import read_json
from countersign.money import Money
from countersign.orders.changes import (
    Change,
    CloseRequested,
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
from countersign.orders.schedule import POLL_DELAYS, must_close
from countersign.orders.state import Order
from countersign.platforms.wechat import connector
from countersign.platforms.wechat.client import PaymentRequest
from countersign.platforms.wechat.connector import Reach
from countersign.signing import digests
from countersign.store import OrderStore, Outcome, orphans
from countersign.store.due import DueList

EARLIEST_CLOSE = 300  # WeChat refuses to close a younger order, and its paid news may still travel
DEFAULT_LIFETIME = 7200  # a prepay id lives two hours
ORDER_ID = re.compile(r"[0-9A-Za-z_\-|*]{6,32}", re.ASCII)  # out_trade_no, protocol page 1.3
SHORT_RUNGS = tuple(rung for rung in POLL_DELAYS if rung < 60)  # below the schedule's minute: queue messages


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class Amount(_Strict):
    """Money of the contract: integer minor units and a currency."""

    minor: Annotated[int, Field(ge=1, le=10_000_000_000)]
    currency: Literal["CNY"]


class Payer(_Strict):
    """Who pays: the openid under the appid, or the code that `wx.login` gave."""

    openid: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[0-9A-Za-z_\-]+$")] | None = None
    login_code: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class H5(_Strict):
    """Where an H5 payment starts."""

    type: Literal["iOS", "Android", "Wap"]


class Item(_Strict):
    """One line of what is bought."""

    sku_id: Annotated[str, Field(min_length=1, max_length=64)]
    title: Annotated[str, Field(min_length=1, max_length=256)]
    price: Annotated[int, Field(ge=0, le=10_000_000_000)]
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]
    image_url: str | None = None


class Entry(_Strict):
    """The front end's page for the order."""

    path: Annotated[str, Field(max_length=256)]
    params: str | None = None


class PaymentBody(_Strict):
    """The body of `POST /wechat/{account}/payments`."""

    order_id: str
    amount: Amount
    description: Annotated[str, Field(min_length=1, max_length=127)]
    payer: Payer = Payer()
    method: Literal["jsapi", "native", "h5"] = "jsapi"
    h5: H5 | None = None
    items: Annotated[list[Item], Field(max_length=100)] | None = None
    entry: Entry | None = None
    appid: Annotated[str, Field(pattern=r"^wx[0-9a-f]{16}$")] | None = None
    replaces: str | None = None
    expires_at: Annotated[AwareDatetime, Field(strict=False)] | None = None
    client_ip: Annotated[str, Field(max_length=45, pattern=r"^[0-9A-Fa-f:.]+$")] | None = None
    metadata: dict[str, Annotated[str, Field(max_length=256)]] | None = None

    @model_validator(mode="after")
    def _order_numbers(self) -> "PaymentBody":
        for number in (self.order_id, self.replaces):
            if number is not None and not ORDER_ID.fullmatch(number):
                raise ValueError("order_id is 6 to 32 characters of 0-9 A-Z a-z _ - | *")
        if self.replaces == self.order_id:
            raise ValueError("an order cannot replace itself")
        return self


def read_body(body: bytes) -> PaymentBody:
    """Read the body; raises MalformedError naming the fields that do not fit, never their values."""
    content = read_json(body)
    if not isinstance(content, dict):
        raise MalformedError("the body is not a JSON object")
    try:
        return PaymentBody.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in error.errors())
        raise MalformedError(wrong) from None


@dataclass(frozen=True, slots=True)
class Creation:
    """One call: for whom, on which account, with what."""

    account: str
    reach: Reach
    subject: str
    base_url: str
    source_ip: str
    now: int


def create(
    creation: Creation, body: PaymentBody, *, store: OrderStore, queue: Any, queue_url: str
) -> tuple[int, dict[str, Any]]:
    """Return status and body of the answer: 201 for a new order, 200 for the same order again.

    Raises ConflictError (other terms, paid or closed), UnprocessableError (something is missing, or WeChat refused) or
    PlatformUnavailableError (outcome unknown: call again with the same body).
    """
    key = OrderKey("wechat", creation.account, body.order_id)
    openid = _openid(body, creation.reach)
    payment = _payment_request(creation, body, openid)
    order = store.get(key)
    status = 200
    if order is None:
        _replace(creation, body, store)
        opened = _open(creation, body, payment, store, key)
        # Refused where a create of the same number at the same moment was first: then its terms count.
        status = 201 if opened.outcome == "applied" else 200
        order = opened.order
    if order is None:
        raise StoreUnavailableError("the order was recorded and cannot be read back")
    _require_same_terms(order, payment, body)
    # The expiry that was recorded is what WeChat compares when the same number is created again.
    payment = replace(payment, expires_at=order.terms.expires_at)
    try:
        prepared = creation.reach.client.create(payment, system=order.terms.system)
    except ConflictError:
        DueList(store.client, store.table, "wechat_poll").make_due(key, now=creation.now)
        raise
    news = Change(key, Prepared(), Queried(), "query", creation.reach.settings.mchid)
    order = store.record(news, now=creation.now).order or order
    if orphans.attach(store, key, now=creation.now):
        order = store.get(key) or order
    _remind(queue, queue_url, key)
    return status, {"order": order_json(order), "client": dict(prepared.client)}


def _openid(body: PaymentBody, reach: Reach) -> str:
    if body.method != "jsapi":
        return body.payer.openid or ""
    if body.payer.openid:
        return body.payer.openid
    if not body.payer.login_code:
        raise UnprocessableError("payer.openid or payer.login_code is needed for jsapi")
    if body.appid not in (None, reach.settings.appid):
        raise UnprocessableError("payer.login_code is exchanged under the account's first appid only: give the openid")
    return reach.client.exchange_code(body.payer.login_code)


def _payment_request(creation: Creation, body: PaymentBody, openid: str) -> PaymentRequest:
    settings = creation.reach.settings
    appid = body.appid or settings.appid
    if not settings.owns_appid(appid):
        raise UnprocessableError("appid is not one of the account's")
    if body.method == "h5" and body.h5 is None:
        raise UnprocessableError("h5.type is needed for h5")
    expires_at = int(body.expires_at.timestamp()) if body.expires_at else creation.now + DEFAULT_LIFETIME
    if expires_at < creation.now + 60:
        raise UnprocessableError("expires_at is less than a minute ahead")
    return PaymentRequest(
        order_id=body.order_id,
        amount=Money(body.amount.minor, body.amount.currency),
        description=body.description,
        notify_url=f"{creation.base_url}/wechat/{creation.account}/notify",
        expires_at=expires_at,
        method=body.method,
        appid=appid,
        openid=openid,
        client_ip=body.client_ip or creation.source_ip,
        h5_type=body.h5.type if body.h5 else "Wap",
    )


def terms_digest(payment: PaymentRequest, body: PaymentBody) -> str:
    """Return a digest of what the merchant asked for, by which the same order is told from another."""
    content = [
        payment.amount.minor,
        payment.amount.currency,
        payment.description,
        payment.method,
        payment.appid,
        payment.openid,
        payment.h5_type,
        payment.expires_at if body.expires_at else None,
        body.replaces,
    ]
    return digests.sha256(json.dumps(content, ensure_ascii=False).encode())


def _open(creation: Creation, body: PaymentBody, payment: PaymentRequest, store: OrderStore, key: OrderKey) -> Outcome:
    terms = Terms(
        amount=payment.amount,
        system=creation.reach.settings.api,
        method=payment.method,
        digest=terms_digest(payment, body),
        created_at=creation.now,
        expires_at=payment.expires_at or creation.now + DEFAULT_LIFETIME,
        description=payment.description,
        appid=payment.appid,
        notify_base=creation.base_url,
        paid_late_policy=creation.reach.settings.paid_late_policy,
        replaces=body.replaces or "",
        closable_after=EARLIEST_CLOSE,
        metadata=tuple(sorted((body.metadata or {}).items())),
        lines=tuple(Line(item.title, item.quantity, item.price) for item in body.items or ()),
    )
    news = Change(
        key, OrderCreated(terms), Operator(creation.subject), "merchant", creation.reach.settings.mchid, terms.system
    )
    return store.record(news, now=creation.now)


def _require_same_terms(order: Order, payment: PaymentRequest, body: PaymentBody) -> None:
    if order.status not in ("created", "pending", "failed"):
        raise ConflictError(f"the order is {order.status}; a new payment needs a new order_id")
    if order.terms.digest != terms_digest(payment, body):
        raise ConflictError(
            f"the order exists with other terms ({order.status}); a new price is a new order_id with replaces"
        )


def _replace(creation: Creation, body: PaymentBody, store: OrderStore) -> None:
    """Ask about the old order and close it, so that only the new one can be paid."""
    if not body.replaces:
        return
    old_key = OrderKey("wechat", creation.account, body.replaces)
    old = store.get(old_key)
    if old is None:
        raise UnprocessableError("replaces names an order that does not exist")
    news = connector.about_order(creation.reach, old_key, old.terms.system, now=creation.now)
    old = (store.record(news, now=creation.now).order if news else old) or old
    if old.payment is not None:
        raise ConflictError(f"the order to replace is {old.status}")
    by = Operator(creation.subject)
    store.record(
        Change(old_key, Replaced(body.order_id), by, "merchant", creation.reach.settings.mchid), now=creation.now
    )
    asked = Change(old_key, CloseRequested(creation.now), by, "merchant", creation.reach.settings.mchid)
    old = store.record(asked, now=creation.now).order or old
    # In an order's first five minutes WeChat does not close it: then the poll function does, as asked.
    if must_close(old, creation.now):
        news = connector.close(creation.reach, old_key, old.terms.system, now=creation.now)
        store.record(news, now=creation.now)


def _remind(queue: Any, queue_url: str, key: OrderKey) -> None:
    """Ask to be woken at the rungs that the schedule is too coarse for; the due list covers a lost message."""
    message = json.dumps({"platform": key.platform, "account": key.account, "order_id": key.order_id})
    entries = [{"Id": str(rung), "MessageBody": message, "DelaySeconds": rung} for rung in SHORT_RUNGS]
    queue.send_message_batch(QueueUrl=queue_url, Entries=entries)

"""A WeChat payment to be created: what a caller may say, what of it is recorded, and how WeChat is asked."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from countersign.errors import UnprocessableError
from countersign.money import Money
from countersign.orders.changes import Line, Terms
from countersign.orders.state import Order
from countersign.platforms.payment import Body, Call, ClientIp, Lookup, read_body
from countersign.platforms.wechat import payments
from countersign.platforms.wechat.client import PaymentRequest, Prepared
from countersign.platforms.wechat.connector import Connector, connect
from countersign.signing import digests
from countersign.store import OrderStore

EARLIEST_CLOSE = 300  # WeChat refuses to close a younger order, and its paid news may still travel
DEFAULT_LIFETIME = 7200  # a prepay id lives two hours
REPLAY_SECONDS, H5_REPLAY_SECONDS = 3600, 240  # an h5 URL lives 5 minutes
ORDER_ID = re.compile(r"[0-9A-Za-z_\-|*]{6,32}", re.ASCII)  # out_trade_no, protocol page 1.3


class Amount(Body):
    """Money of the contract: integer minor units and a currency."""

    minor: Annotated[int, Field(ge=1, le=10_000_000_000)]
    currency: Literal["CNY"]


class Payer(Body):
    """Who pays: the openid under the appid, or the code that `wx.login` gave."""

    openid: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[0-9A-Za-z_\-]+$")] | None = None
    login_code: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class H5(Body):
    """Where an H5 payment starts: a site (its address is `app_url`), or an app that opens one."""

    type: Literal["iOS", "Android", "Wap"]
    app_name: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    app_url: Annotated[str, Field(pattern=r"^https?://", max_length=128)] | None = None
    bundle_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    package_name: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class Item(Body):
    """One line of what is bought."""

    sku_id: Annotated[str, Field(min_length=1, max_length=64)]
    title: Annotated[str, Field(min_length=1, max_length=256)]
    price: Annotated[int, Field(ge=0, le=10_000_000_000)]
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]
    image_url: str | None = None


class Entry(Body):
    """The front end's page for the order."""

    path: Annotated[str, Field(max_length=256)]
    params: str | None = None


class PaymentBody(Body):
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
    client_ip: ClientIp | None = None
    metadata: dict[str, Annotated[str, Field(max_length=256)]] | None = None
    lookup: Lookup | None = None

    @model_validator(mode="after")
    def _order_numbers(self) -> "PaymentBody":
        for number in (self.order_id, self.replaces):
            if number is not None and not ORDER_ID.fullmatch(number):
                raise ValueError("order_id is 6 to 32 characters of 0-9 A-Z a-z _ - | *")
        if self.replaces == self.order_id:
            raise ValueError("an order cannot replace itself")
        return self


def read(call: Call, body: bytes, store: OrderStore) -> "Payment":
    """Read the body of a call; raises MalformedError naming the fields that do not fit, never their values."""
    connector = connect(call.account, call.settings, store=store)
    return Payment(call, connector, read_body(PaymentBody, body))


class Payment:
    """One call to create a payment at WeChat."""

    not_kept = "payer or h5"
    compared: Mapping[str, Callable[[Terms], object]] = {
        "amount": lambda terms: terms.amount,
        "description": lambda terms: terms.description,
        "method": lambda terms: terms.method,
        "appid": lambda terms: terms.appid,
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
        self.replay_seconds = H5_REPLAY_SECONDS if body.method == "h5" else REPLAY_SECONDS

    def terms(self) -> Terms:
        """Return what is to be recorded, once all is checked that WeChat would refuse; raises UnprocessableError."""
        settings, body, payment = self.connector.settings, self._body, self._request
        return Terms(
            amount=payment.amount,
            system=settings.api,
            method=payment.method,
            digest=self._digest(),
            created_at=self._call.now,
            expires_at=self._expires_at,
            description=payment.description,
            appid=payment.appid,
            notify_base=self._call.base_url,
            closable_after=EARLIEST_CLOSE,
            paid_late_policy=settings.paid_late_policy,
            review_refund=settings.review_refund,
            replaces=self.replaces,
            metadata=tuple(sorted((body.metadata or {}).items())),
            lines=tuple(Line(item.title, item.quantity, item.price) for item in body.items or ()),
        )

    def prepare(self, order: Order) -> Prepared:
        """Have WeChat take the order; the expiry that was recorded is what it compares with when it comes again."""
        payment = replace(self._request, expires_at=order.terms.expires_at)
        return self.connector.client.create(payment, system=order.terms.system)

    @property
    def _expires_at(self) -> int:
        asked = self._body.expires_at
        return int(asked.timestamp()) if asked else self._call.now + DEFAULT_LIFETIME

    @cached_property
    def _request(self) -> PaymentRequest:
        """The request, checked but for who pays, who is asked for last: a login code is good for one exchange."""
        settings, body = self.connector.settings, self._body
        if self._expires_at < self._call.now + 60:
            raise UnprocessableError("expires_at is less than a minute ahead")
        if body.method == "h5" and body.h5 is None:
            raise UnprocessableError("h5.type is needed for h5")
        payment = PaymentRequest(
            order_id=body.order_id,
            amount=Money(body.amount.minor, body.amount.currency),
            description=body.description,
            notify_url=f"{self._call.notify_url}/notify",
            expires_at=self._expires_at,
            method=body.method,
            appid=body.appid or settings.payer_appid,
            client_ip=self._client_ip,
            **self._h5,
        )
        payments.check_terms(payment, settings, system=settings.api)
        return replace(payment, openid=self._openid(payment.appid))

    @property
    def _client_ip(self) -> str:
        """Return the payer's address; API v2 takes that of the machine that calls instead, except from a browser."""
        caller = self._call.source_ip if self.connector.settings.api == "v2" and self._body.method != "h5" else ""
        return self._body.client_ip or caller

    @property
    def _h5(self) -> dict[str, str]:
        given = self._body.h5
        if given is None:
            return {}
        name, url = given.app_name or "", given.app_url or ""
        if self.connector.settings.api == "v2":  # which wants both of a site: what is here stands in for them
            name, url = name or self._body.description[:32], url or self._call.base_url
        app = {"iOS": given.bundle_id, "Android": given.package_name}.get(given.type)
        return {"h5_type": given.type, "h5_name": name, "h5_url": url, "h5_app": app or ""}

    def _openid(self, appid: str) -> str:
        settings, payer = self.connector.settings, self._body.payer
        if self._body.method != "jsapi":
            return payer.openid or ""
        if payer.openid:
            return payer.openid
        if not payer.login_code:
            raise UnprocessableError("payer.openid or payer.login_code is needed for jsapi")
        if appid != settings.payer_appid:
            raise UnprocessableError("payer.login_code is exchanged under the account's own app only: give the openid")
        return self.connector.client.exchange_code(payer.login_code)

    def _digest(self) -> str:
        """Return a digest of what the merchant asked for, by which the same order is told from another."""
        payment, body = self._request, self._body
        content = [
            payment.amount.minor,
            payment.amount.currency,
            payment.description,
            payment.method,
            payment.appid,
            payment.openid,
            body.h5.model_dump() if body.h5 else None,
            payment.expires_at if body.expires_at else None,
            body.replaces,
        ]
        return digests.sha256(json.dumps(content, ensure_ascii=False).encode())

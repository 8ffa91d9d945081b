"""A payment by QR code: an order of the WeChat account, part of the shop's order, and the page that shows the code.

The order is WeChat's like any other: WeChat's own notices pay it, it is polled, closed and refunded as such.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from countersign.cashiers.create_payment import PaymentBody
from countersign.cashiers.wechat_native.settings import Settings
from countersign.errors import UnprocessableError
from countersign.http import HttpRequest
from countersign.orders.changes import Terms
from countersign.orders.state import Order
from countersign.platforms.payment import Call, read_body
from countersign.platforms.wechat import create_payment as wechat
from countersign.platforms.wechat.connector import connect
from countersign.signing import digests
from countersign.store import OrderStore
from countersign.store.pages import Page, Pages

KIND = "wechat_native"
_NUMBER = re.compile(r"[0-9A-Za-z_\-]{6,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the front end does next: the page's address, and the code for who shows it by himself."""

    client: Mapping[str, str]
    order_id: str = ""
    handle: str = ""


def number_of(reference: str) -> str:
    """Return the order's number at WeChat: our reference, or its digest where WeChat does not take that."""
    return reference if _NUMBER.fullmatch(reference) else f"q{digests.sha256(reference.encode())[:31]}"


@dataclass(frozen=True, slots=True)
class Cashier:
    """An account of this cashier, `name`; `base_url` is where its pages' addresses begin.

    Without `pages` there is none: who creates the payment shows the code by himself.
    """

    name: str
    settings: Settings
    pages: Pages | None
    base_url: str

    def at_wechat(self, request: HttpRequest) -> HttpRequest:
        """Return a call on the account as one on the WeChat account that it stands over: the caller needs that one."""
        return replace(request, path_parameters={**request.path_parameters, "account": self.settings.wechat})

    def read(self, call: Call, body: bytes, store: OrderStore) -> "Payment":
        """Read the body of such a call; raises MalformedError naming the fields that do not fit."""
        return Payment(call, store, read_body(PaymentBody, body), self)


class Payment(wechat.Payment):
    """One call to create a payment by QR code."""

    not_kept = "return_url, cancel_url, locale, customer or capture"
    compared: Mapping[str, Callable[[Terms], object]] = {
        **wechat.Payment.compared,
        "part_of": lambda terms: terms.money_of,
    }

    def __init__(self, call: Call, store: OrderStore, wanted: PaymentBody, cashier: Cashier) -> None:
        if wanted.amount.currency != "CNY":
            raise UnprocessableError("currency_not_supported: WeChat Pay takes CNY")
        if wanted.capture != "automatic":
            raise UnprocessableError("this cashier's account has no authorization: WeChat takes the money at once")
        connector = connect(call.account, call.settings, store=store)
        super().__init__(call, connector, _at_wechat(wanted))
        self.lookup = wanted.lookup or ()
        self._wanted, self._cashier = wanted, cashier

    def terms(self) -> Terms:
        """Return what is to be recorded: an order of WeChat's that is part of the shop's."""
        whole = self._wanted.part_of
        money_of = (whole.platform, whole.account, whole.order_id) if whole else None
        terms = super().terms()
        content = self._wanted.model_dump(mode="json", exclude={"order_id", "lookup"})
        digest = digests.sha256(json.dumps([terms.digest, content], ensure_ascii=False, sort_keys=True).encode())
        return replace(terms, digest=digest, money_of=money_of)

    def prepare(self, order: Order) -> Any:
        """Have WeChat make the code, and the page that shows it: a new address each time, the same payment."""
        code_url = super().prepare(order).client["code_url"]
        if self._cashier.pages is None:
            return Prepared({"code_url": code_url})
        page = Page(
            order.key,
            code_url,
            self._wanted.return_url,
            self._wanted.cancel_url or "",
            self._wanted.locale or "",
            self._cashier.settings.shop_name,
            order.terms.expires_at,
        )
        base = f"{self._cashier.base_url}/cashier/{KIND}/{self._cashier.name}/pay"
        return Prepared({"cashier_url": f"{base}/{self._cashier.pages.put(page)}", "code_url": code_url})


def _at_wechat(wanted: PaymentBody) -> wechat.PaymentBody:
    given: dict[str, Any] = {
        "order_id": number_of(wanted.order_id),
        "amount": {"minor": wanted.amount.minor, "currency": "CNY"},
        "description": wanted.description,
        "method": "native",
        "replaces": number_of(wanted.replaces) if wanted.replaces else None,
        "expires_at": wanted.expires_at,
        "client_ip": wanted.customer.ip,
        "metadata": wanted.metadata,
    }
    try:
        return wechat.PaymentBody.model_validate(given)
    except ValueError:
        raise UnprocessableError("WeChat Pay does not take this amount or description") from None

"""One stack with a payments app in a shop and a cashier behind it, in process; requests are carried by hand."""

import importlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest
import time_machine

from countersign.orders.changes import OrderKey
from countersign.orders.sessions import Session
from countersign.orders.state import Order
from countersign.runtime import platform_http
from countersign.store import OrderStore
from countersign.store.sessions import SessionStore
from sandbox.events import shapes
from sandbox.simulators.shopify import Simulator
from sandbox.simulators.shopify.payments import Asked
from tests.cashiers.world import DOCUMENTS, Cashiers, cashiers, hc1_document
from tests.functions.conftest import Cloud, http_event
from tests.platforms.bigcommerce.world import WECHAT, let_by_code
from tests.platforms.shopify.world import BASE, SECRET, SHOP, Wire

APP, OTHER = "payments", "other-shop.myshopify.com"
SCOPES = ["write_payment_gateways", "write_payment_sessions"]
FUNCTIONS = (
    "payment_session",
    "refund_session",
    "capture_session",
    "void_session",
    "confirm_session",
    "pay",
    "resolve",
)
Json = dict[str, Any]


def app_document(**payments: Any) -> Json:
    """Return the document of a payments app."""
    return {
        "client_id": "0f4d2b7c9a1e4c6d8b3f5a7e9c1d2b4f",
        "client_secrets": [SECRET],
        "install": "token",
        "scopes": SCOPES,
        "api_base": BASE,
        "payments": {"cashier": "hc1/main", "test_cashier": "hc1/try", "external_handle": "pay"} | payments,
    }


def documents(**payments: Any) -> dict[str, Json]:
    """Return the documents of the app and of a shop where it is installed."""
    shop = {
        "shop": SHOP,
        "shop_id": "gid://shopify/Shop/70011223344",
        "access_token": "shpat_payments_of_the_tests",
        "scope": ",".join(SCOPES),
        "api_base": BASE,
    }
    return {APP: app_document(**payments), f"{APP}/{SHOP}": shop}


def reload() -> None:
    """Start the functions anew: what they read of documents before is not known to them any more."""
    for job in FUNCTIONS:
        importlib.reload(importlib.import_module(f"functions.shopify_{job}.app"))


class Checkout:
    """One stack, its shop at Shopify, and the cashier where buyers pay."""

    def __init__(self, cloud: Cloud, wire: Wire, hosted: Cashiers) -> None:
        self.cloud, self.wire, self.hosted = cloud, wire, hosted
        self.store = OrderStore(cloud.dynamodb, "Orders")
        self.shopify = wire.simulator.payments
        self.shopify.send = self._carry

    @property
    def now(self) -> int:
        return int(time.time())

    def _carry(self, path: str, headers: Json, body: bytes) -> tuple[int, bytes]:
        app, what = path.split("/")[2:4]
        event = http_event(
            "POST",
            path,
            {"app": app},
            headers={name.lower(): text for name, text in headers.items()},
            body=body.decode(),
        )
        answer = self.cloud.invoke(f"shopify_{what.replace('-', '_')}", event)
        return answer["statusCode"], str(answer.get("body") or "").encode()

    def choose(self, cashier: str) -> None:
        """Have the merchant choose another cashier, which functions that start from now on read."""
        self.change(cashier=cashier)

    def change(self, **payments: Any) -> None:
        """Have the merchant change the app's document."""
        document = json.dumps(app_document(**payments))
        self.cloud.secretsmanager.put_secret_value(SecretId=f"countersign/test/shopify/{APP}", SecretString=document)
        reload()

    # What Shopify and buyers do.

    def ask(self, about: str = "payment", *, shop: str = SHOP, **wanted: Any) -> Asked:
        """Have Shopify ask for a session."""
        return self.shopify.ask(APP, shop, "2026-10", {"about": about, "shop": shop, **wanted})

    def visit(self, asked: Asked, where: str = "") -> Json:
        """Open a session's page as a browser does."""
        path = asked.redirect_url.partition(".example.com")[2] + (f"/{where}" if where else "")
        _, _, app, _, shop, session, token, *_ = path.split("/")
        named = {"app": app, "shop": shop, "session": unquote(session), "token": token}
        tail = f"/{where}" if where else ""
        event = http_event("GET", f"/shopify/{{app}}/pay/{{shop}}/{{session}}/{{token}}{tail}", named)
        answer: Json = self.cloud.invoke("shopify_pay", event)
        return answer

    def attempts(self, asked: Asked) -> list[str]:
        """Return the cashier's references of the checkout's attempts."""
        return [one.key.order_id for one in self._attempts(asked)]

    def _attempts(self, asked: Asked) -> list[Order]:
        from countersign.cashiers.accounts import CashierAccounts
        from countersign.cashiers.opening import Cashiers
        from countersign.cashiers.registry import LOADS
        from countersign.platforms.shopify import attempts

        cashiers = Cashiers(CashierAccounts(LOADS), self.store)

        def get(account: str, reference: str) -> Order | None:
            return self.store.get(cashiers.key_of(account, reference))

        return list(attempts.all_of(get, self.key(asked), self.session(asked).account))

    def scan(self, asked: Asked, number: int = 0, *, told: bool = True) -> None:
        """Let the buyer pay by the QR code of an attempt; WeChat is asked soon, or nobody is."""
        content = {"account": "shop", "out_trade_no": self.attempts(asked)[number - 1], "notify": False}
        assert self.cloud.wechat.simulator.control("pay", content)[0] == 200
        if told:
            self.poll()
            self.told(asked, number=number)

    def poll(self, seconds: int = 10) -> None:
        """Let WeChat be asked what became of its payments."""
        self.cloud.clock.shift(seconds)
        self.cloud.invoke("wechat_poll", {}, remaining_ms=900_000)

    def pay(self, asked: Asked, number: int = 0, *, account: str = "hc1/main", call: str = "pay", **how: Any) -> None:
        """Let the buyer pay at the cashier, and let the cashier tell."""
        reference = self.attempts(asked)[number - 1]
        self.hosted.make(call, account, reference=reference, **how)
        assert set(self.hosted.deliver()) <= {200}

    def told(self, asked: Asked, word: str = "order.paid", number: int = 0) -> None:
        """Hand the bus event about a payment to who answers Shopify."""
        key = self._attempts(asked)[number - 1].key
        detail = {"platform": key.platform, "account": key.account, "order_id": key.order_id}
        self.cloud.invoke("shopify_resolve", shapes.bus(word, detail, self.now), remaining_ms=900_000)

    def run(self, seconds: int = 0) -> None:
        """Let the worker come, some time later."""
        self.cloud.clock.shift(seconds)
        self.cloud.invoke("shopify_resolve", shapes.schedule("EveryMinute", 0), remaining_ms=900_000)

    def refunds(self, seconds: int = 0) -> None:
        """Let the cashier's refunds be made."""
        self.cloud.clock.shift(seconds)
        self.cloud.invoke("cashier_refund", shapes.schedule("EveryMinute", 0), remaining_ms=900_000)

    # What is there then.

    def key(self, asked: Asked) -> OrderKey:
        found = SessionStore(self.store).order_of("shopify", asked.shop, asked.about, str(asked.body["id"]))
        assert found is not None
        return found

    def session(self, asked: Asked) -> Session:
        found = SessionStore(self.store).find("shopify", asked.shop, asked.about, str(asked.body["id"]))
        assert found is not None
        return found.session

    def order(self, asked: Asked) -> Order:
        found = self.store.get(self.key(asked))
        assert found is not None
        return found

    def attempt(self, asked: Asked, number: int = 0) -> Order:
        return self._attempts(asked)[number - 1]

    def wanted(self, asked: Asked) -> None:
        """Hand the bus event about a session that nobody opens a page for to who makes its payment."""
        key = self.key(asked)
        detail = {"platform": key.platform, "account": key.account, "order_id": key.order_id}
        self.cloud.invoke("shopify_resolve", shapes.bus("session.requested", detail, self.now), remaining_ms=900_000)

    def shown(self, asked: Asked, what: str = "") -> Json:
        """Return the order as the merchant API shows it, or what it says beside it."""
        key = self.key(asked)
        parameters = {"platform": key.platform, "account": key.account, "order_id": key.order_id}
        answer = self.cloud.invoke(
            "orders_api", http_event("GET", f"/orders/{{platform}}/{{account}}/{{order_id}}{what}", parameters)
        )
        content: Json = json.loads(answer["body"])
        return content

    def rows(self) -> list[str]:
        """Return every row of the orders table."""
        return sorted(map(str, self.cloud.table()))


@contextmanager
def checkout(
    clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **payments: Any
) -> Iterator[Checkout]:
    """Make a world inside moto."""
    accounts = documents(**payments)
    trying = hc1_document(
        merchant_id="m_try", keys=[{"id": "ak_try", "secret": "try_0123456789abcdef0123456789abcdef"}]
    )
    with cashiers(clock, tmp_path, monkeypatch, {**DOCUMENTS, "hc1/try": trying}) as hosted:
        inbox = SimpleNamespace(add=lambda kind, entry: None)
        simulator = Simulator(SimpleNamespace(now=time.time), accounts, inbox, "https://pay.example.com", tmp_path)
        for name, document in accounts.items():
            hosted.cloud.secretsmanager.create_secret(
                Name=f"countersign/test/shopify/{name}", SecretString=json.dumps(document)
            )
        wire = Wire(simulator)
        platform_http.session().mount(BASE, wire)
        monkeypatch.setenv("SHOPPER_BASE_URL", "https://pay.example.com")
        by_code = str(payments.get("cashier", "")).startswith("wechat_native/")
        if by_code:
            let_by_code(hosted.cloud, tmp_path, monkeypatch)
        else:
            monkeypatch.setenv("WECHAT_POLL_QUEUE_URL", os.environ["POLL_QUEUE_URL"])
        reload()
        try:
            yield Checkout(hosted.cloud, wire, hosted)
        finally:
            if by_code:
                platform_http.session().adapters.pop(WECHAT)  # longer than where other tests have WeChat

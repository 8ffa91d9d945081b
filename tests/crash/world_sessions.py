"""A shop's checkout with a payments app behind it, and its cashier, on a clock that stands still."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from countersign.cashiers.wechat_native.create_payment import number_of
from countersign.orders.sessions import PAYMENT
from countersign.platforms.shopify import attempts, sessions
from sandbox import simulation
from sandbox.events import shapes
from sandbox.simulators.cashier import Simulator as Cashiers
from sandbox.simulators.shopify import Simulator as Shopify
from sandbox.simulators.wechat import Simulator as Wechat
from tests.crash.world import Ground, Inbox, Json, Reply, comparable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.simulators.shopify.payments import Asked
    from sandbox.testing import LocalCloud, Run

APP, SHOP, GROUP, NUMBER = "payments", "killed-checkout.myshopify.com", "group-of-the-killed", "killed-0001"
SCOPES = ["write_payment_gateways", "write_payment_sessions"]
CASHIER, BY_CODE = "hc1/main", "wechat_native/qr"
MERCHANT: Json = {
    "merchant_id": "m_crash",
    "keys": [{"id": "ak", "secret": "sk_of_the_crash_0123456789abcdef0123"}],
    "kinds": ["sale", "authorization", "capture", "void", "refund"],
}
KEY = sessions.key_of(SHOP, GROUP, test=False)
REFERENCE = attempts.reference(KEY, 1)  # the cashier's number of the first attempt
BY_CODE_REFERENCE = number_of(REFERENCE)  # WeChat's, where it is paid there
# When a capture was recorded is when it was made: the cashier names no time.
MASKED = {"authorizationExpiresAt", "hold_ends_at", "decided_at", "answered_at", "page", "paid_at", "version"}
# A code ends two hours after it was made; how often somebody came to a session says nothing of it.
MASKED |= {"expiresAt", "attempts"}


class SessionsWorld(Ground):
    """A stack with a payments app in a shop; Shopify's requests and cashiers' notifications are carried by hand."""

    def __init__(self, cloud: LocalCloud, folder: Path, **payments: Any) -> None:
        super().__init__(cloud, PaymentsAppDomain="127.0.0.1")
        shop = {
            "shop": SHOP,
            "shop_id": "70011223344",
            "access_token": "shpat_of_the_killed",
            "scope": ",".join(SCOPES),
        }
        app: Json = {
            "client_id": "0f4d2b7c9a1e4c6d8b3f5a7e9c1d2b4f",
            "client_secrets": ["shpss_secret_of_killed_sessions"],
            "scopes": SCOPES,
            "api_base": f"{self.base}/shopify",
            "shops": [shop | {"api_base": f"{self.base}/shopify"}],
            "payments": {"cashier": CASHIER, "external_handle": "pay"} | payments,
        }
        self.shopify = Shopify(self.stack.clock, {APP: app}, Inbox(), self.base, folder)
        cashier = Cashiers.prepare_account(MERCHANT, f"{self.base}/cashier")
        self.cashiers = Cashiers(self.stack.clock, {CASHIER: cashier}, self, self.base, folder)
        self.cashiers._postman.post = lambda delivery, **_: delivery.first_done.set()  # type: ignore[method-assign, assignment]
        accounts = {"shopify": {APP: app}, "cashier": {CASHIER: cashier}}
        simulation.store(self.stack.plane, self.stack.stage, accounts)
        for function in ("ShopifyPay", "ShopifyResolve"):
            self.stack.functions[function].environment["PUBLIC_BASE_URL"] = self.base
        self.asked: set[tuple[str, str]] = set()
        self.payment = self.wanted(PAYMENT, NUMBER)

    def close(self) -> None:
        super().close()
        self.cashiers.stop()
        self.shopify.stop()

    def add(self, _kind: str, entry: Json) -> None:
        """Keep under which numbers the cashier was asked to make something."""
        for name in ("merchant_payment_id", "merchant_refund_id", "merchant_capture_id"):
            if name in entry:
                self.asked.add((name, entry[name]))

    def answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        mounted, _, rest = path.removeprefix("/").partition("/")
        simulator = self.shopify if mounted == "shopify" else self.cashiers
        return simulator.handle(method, f"/{rest}", query, headers, body)

    # What Shopify and the buyer do.

    def wanted(self, about: str, number: str, **wanted: Any) -> Asked:
        """Let Shopify have a session of which nobody here has heard yet."""
        self.shopify.payments.send = lambda *_: (201, b"{}")
        request = {"about": about, "id": number, "shop": SHOP, "group": GROUP, **wanted}
        return self.shopify.payments.ask(APP, SHOP, "2026-10", request)

    def again(self, **wanted: Any) -> Asked:
        """Let Shopify have another payment session in place of the one there is."""
        self.shopify.payments.sessions.clear()
        return self.wanted(PAYMENT, NUMBER, **wanted)

    def ask(self, asked: Asked, crash: Json | None = None) -> Run:
        """Have Shopify's request come, the same one however often."""
        route = f"POST /shopify/{{app}}/{asked.about}-session"
        headers = {"content-type": "application/json", "shopify-shop-domain": SHOP, "shopify-api-version": "2026-10"}
        event = shapes.http(route, self.now, parameters={"app": APP}, headers=headers, body=json.dumps(asked.body))
        run = self.stack.run(f"Shopify{asked.about.capitalize()}Session", event, crash=crash)
        if run.answer is not None and "redirect_url" in (run.answer.get("body") or ""):
            asked.redirect_url = json.loads(run.answer["body"])["redirect_url"]
        return run

    def visit(self, crash: Json | None = None) -> Run:
        """Open the payment's page."""
        token = self.payment.redirect_url.rpartition("/")[2]
        named = {"app": APP, "shop": SHOP, "session": NUMBER, "token": token}
        event = shapes.http("GET /shopify/{app}/pay/{shop}/{session}/{token}", self.now, parameters=named)
        return self.stack.run("ShopifyPay", event, crash=crash)

    def confirm(self, accepted: bool, crash: Json | None = None) -> Run:
        """Have Shopify's word come whether held money may be taken, the same one however often."""
        word = {"id": NUMBER, "gid": self.payment.body["gid"], "confirmation_result": accepted}
        headers = {"content-type": "application/json", "shopify-shop-domain": SHOP, "shopify-api-version": "2026-10"}
        route = "POST /shopify/{app}/confirm-session"
        event = shapes.http(route, self.now, parameters={"app": APP}, headers=headers, body=json.dumps(word))
        return self.stack.run("ShopifyConfirmSession", event, crash=crash)

    def pays(self) -> None:
        """Let the buyer pay at the cashier, which nobody here hears of."""
        status, answer = self.cashiers.control("pay", {"account": CASHIER, "reference": REFERENCE, "notify": False})
        assert status == 200, answer

    def told(self, crash: Json | None = None, *, function: str = "ShopifyResolve", word: str = "order.paid") -> Run:
        """Let a worker hear of the attempt from the bus."""
        detail = {"platform": "cashier", "account": "hc1.main", "order_id": REFERENCE}
        return self.stack.run(function, {"source": "countersign", "detail-type": word, "detail": detail}, crash=crash)

    def work(self, function: str = "ShopifyResolve", crash: Json | None = None) -> Run:
        """Let a worker's minute come."""
        return self.stack.run(function, shapes.schedule(function, self.now), crash=crash)

    def made(self, *runs: Run) -> None:
        """See that what was before went well."""
        assert [run.status for run in runs] == [0] * len(runs), [run.output for run in runs]

    # What was there before.

    def asked_and_opened(self, **wanted: Any) -> None:
        """Let a buyer stand at the cashier."""
        if wanted:
            self.payment = self.again(**wanted)
        self.made(self.ask(self.payment))
        opened = self.visit()
        assert opened.answer["statusCode"] == 303, opened.output

    def paid(self, **wanted: Any) -> None:
        """Let a buyer have paid, and Shopify know it."""
        self.asked_and_opened(**wanted)
        self.pays()
        self.made(self.told())
        assert self.payment.told == ["Resolve"]

    # How it ends.

    def state(self) -> Json:
        """Return everything that must not depend on a crash."""
        # In how many steps the news came is a matter of which answers were lost.
        table = [
            masked(row) | {"version": None} for row in self.table("OrdersTable") if not row["pk"].startswith("LIMIT#")
        ]
        found = self.cashiers.control("ledger", {"account": CASHIER})[1]["payments"]
        kept = ("merchant_payment_id", "status", "amount", "paid_amount", "refunded_amount", "refunds")
        return {
            "table": sorted(table, key=lambda row: json.dumps(row, sort_keys=True, default=str)),
            "cashier": [comparable({name: one[name] for name in kept}) for one in found],
            "shopify": [
                masked(comparable(one.shown() | {"redirect_url": "", "refused": sorted(set(one.refused))}))
                for one in self.shopify.payments.sessions.values()
            ],
            "asked": sorted(self.asked),
            "bus": self.bus(),
        }


def masked(value: Any) -> Any:
    """Take out what differs from run to run of a session: when it was decided, and its page."""
    if isinstance(value, dict):
        return {
            name: name if name in MASKED and member is not None else masked(member) for name, member in value.items()
        }
    if isinstance(value, str) and value.startswith("weixin://"):
        return "CODE"
    return [masked(one) for one in value] if isinstance(value, list | tuple) else value


class ShownWorld(SessionsWorld):
    """The same where Shopify's own window shows what is to be scanned, and WeChat has the payment."""

    def __init__(self, cloud: LocalCloud, document: Json, folder: Path) -> None:
        super().__init__(cloud, folder, cashier=BY_CODE, modal=True)
        prepared = Wechat.prepare_account(document, f"{self.base}/wechat")
        self.wechat = Wechat(self.stack.clock, {"shop": prepared}, Inbox(), self.base, folder)
        self.wechat.start()
        for name, account in (("wechat/shop", prepared), (f"cashier/{BY_CODE}", {"wechat": "shop"})):
            secret = f"countersign/{self.stack.stage}/{name}"
            self.stack.plane.call("secretsmanager", "CreateSecret", Name=secret, SecretString=json.dumps(account))
        self.payment = self.again(currency="CNY", amount="88.00")

    def close(self) -> None:
        super().close()
        self.wechat.stop()

    def answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        if path.startswith("/wechat/shop/"):  # nobody here hears of it
            return 500, {}, b""
        if path.startswith("/wechat"):
            return self.wechat.handle(method, path.removeprefix("/wechat"), query, headers, body)
        return super().answer(method, path, query, headers, body)

    def seen(self, crash: Json | None = None) -> Run:
        """Let a worker hear from the bus of a session that nobody opens a page for."""
        detail = {"platform": KEY.platform, "account": KEY.account, "order_id": KEY.order_id}
        event = {"source": "countersign", "detail-type": "session.requested", "detail": detail}
        return self.stack.run("ShopifyResolve", event, crash=crash)

    def scans(self) -> None:
        """Let the buyer pay at WeChat, which nobody here hears of."""
        content = {"account": "shop", "out_trade_no": BY_CODE_REFERENCE, "notify": False}
        status, answer = self.wechat.control("pay", content)
        assert status == 200, answer

    def told(self, crash: Json | None = None, *, function: str = "ShopifyResolve", word: str = "order.paid") -> Run:
        """Let a worker hear of WeChat's payment from the bus."""
        detail = {"platform": "wechat", "account": "shop", "order_id": BY_CODE_REFERENCE}
        return self.stack.run(function, {"source": "countersign", "detail-type": word, "detail": detail}, crash=crash)

    def state(self) -> Json:
        """Return everything that must not depend on a crash."""
        found = self.wechat.control("/ledger", {})[1]["transactions"]
        kept = ("out_trade_no", "state", "total", "currency", "trade_type")
        state = super().state()
        # That WeChat was asked once more while nobody had paid says how often somebody came, and nothing else.
        state["table"] = [row for row in state["table"] if row.get("kind") != "unpaid"]
        return {**state, "wechat": [comparable({name: one[name] for name in kept}) for one in found]}


@contextlib.contextmanager
def sessions_world(cloud: LocalCloud, _document: Any, folder: Path, **payments: Any) -> Iterator[SessionsWorld]:
    with contextlib.closing(SessionsWorld(cloud, folder, **payments)) as made:
        yield made


@contextlib.contextmanager
def shown_world(cloud: LocalCloud, document: Json, folder: Path) -> Iterator[ShownWorld]:
    with contextlib.closing(ShownWorld(cloud, document, folder)) as made:
        yield made

"""Sample events of Shopify's functions: deliveries of every kind, as Shopify signs them, and what an operator asks."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from conformance.signers import shopify as signer
from sandbox.events import shapes
from sandbox.events.shared import ROOT, Case, SampleEvents
from sandbox.simulators.shopify import oauth, orders, webhooks

PAYMENTS = "payments"
APP, SHOP, OTHER = "app", "vec-shop.myshopify.com", "other-shop.myshopify.com"
SHOP_ID, OTHER_ID = "70011223344", "70099887766"
CREATED, PAID, CANCELLED = "wh-pub-01-orders-create-unicode", "wh-pub-03-orders-paid", "wh-pub-04-orders-cancelled"
REFUNDED, REFUND, PARCEL = (
    "wh-pub-05-orders-updated-pretty-crlf",
    "wh-pub-06-refunds-create",
    "wh-pub-07-fulfillments-create",
)
DECLINED, UNINSTALLED, REQUEST = (
    "wh-pub-08-order-transactions-create-failure",
    "wh-pub-09-app-uninstalled",
    "wh-pub-10-compliance-data-request",
)
# Functions that the bus wakes when somebody decides something, by which event, and what they do.
WANTED = (
    ("refund", "refund.approved", "makes refunds"),
    ("ship", "shipment.created", "tells the shop what was sent"),
    ("instruct", "instruction.requested", "has the shop do what was instructed"),
)
EVENT = "wh-pub-15-events-family"
Json = dict[str, Any]


class ShopifyMaker:
    """Makes events for one moment; the same moment makes the same bytes."""

    def __init__(self, now: int) -> None:
        self.now = now
        published = json.loads((ROOT / "tests/vectors/shopify_public.json").read_text(encoding="utf-8"))
        self._vectors = {vector["name"]: vector for vector in published["vectors"]}
        self.secret = self._vectors[PAID]["inputs"]["client_secret"]

    def documents(self) -> dict[str, Json]:
        """Return the app's document and those of two shops where it is installed."""
        app = {
            "client_id": "0f4d2b7c9a1e4c6d8b3f5a7e9c1d2b4f",
            "client_secrets": [self.secret],
            "subscriptions": "app",
            "events": True,
            "scopes": ["read_orders"],
            "storefront_private_token": "shpat_storefront_of_samples_1",
            "shops": [
                {"shop": SHOP, "shop_id": f"gid://shopify/Shop/{SHOP_ID}", "access_token": "shpat_of_sample_events_1"},
                {
                    "shop": OTHER,
                    "shop_id": f"gid://shopify/Shop/{OTHER_ID}",
                    "access_token": "shpat_of_sample_events_2",
                },
            ],
        }
        paying = {
            "client_id": "9a1e4c6d8b3f5a7e9c1d2b4f0f4d2b7c",
            "client_secrets": [self.secret],
            "install": "token",
            "scopes": ["write_payment_gateways", "write_payment_sessions"],
            "shops": [
                {
                    "shop": SHOP,
                    "shop_id": f"gid://shopify/Shop/{SHOP_ID}",
                    "access_token": "shpat_of_sample_events_3",
                    "scope": "write_payment_gateways,write_payment_sessions",
                }
            ],
            "payments": {"cashier": "hc1/main", "test_cashier": "hc1/try", "external_handle": "samples"},
        }
        return {APP: app, PAYMENTS: paying}

    def session(self, about: str, name: str, **headers: str) -> Json:
        """Return a vector's session as it comes by mutual TLS; headers may be replaced."""
        raw = self._vectors[name]["raw_request"]
        route = f"POST /shopify/{{app}}/{about}-session"
        sent = {**raw["headers"], **headers}
        return shapes.http(route, self.now, parameters={"app": PAYMENTS}, headers=sent, body=str(raw["body"]))

    def gid(self, name: str) -> str:
        """Return what a vector's session is called by Shopify."""
        return str(json.loads(self.body(name))["gid"])

    def confirmation(self, gid: str, said: Any) -> Json:
        """Return Shopify's word about a session, in the shop of the vectors."""
        headers = self._vectors["pay-pub-01-sale"]["raw_request"]["headers"]
        body = json.dumps({"gid": gid, "confirmation_result": said})
        route = "POST /shopify/{app}/confirm-session"
        return shapes.http(route, self.now, parameters={"app": PAYMENTS}, headers=headers, body=body)

    def body(self, name: str, **changes: Any) -> bytes:
        """Return a vector's body, as it was signed or with other fields."""
        text = str(self._vectors[name]["raw_request"]["body"])
        if not changes:
            return text.encode()
        return json.dumps(json.loads(text) | changes, ensure_ascii=False, separators=(",", ":")).encode()

    def delivery(
        self,
        body: bytes,
        topic: str,
        *,
        shop: str = SHOP,
        drop: tuple[str, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> Json:
        """Return a delivery; headers may be left out or replaced."""
        made = webhooks.headers(self.secret, body, topic=topic, shop=shop, now=self.now) | (headers or {})
        sent = {name: value for name, value in made.items() if name not in drop}
        route = "POST /shopify/{app}/webhook"
        return shapes.http(route, self.now, parameters={"app": APP}, headers=sent, body=body, encoded=True)

    def on_the_bus(self, source: str = "aws.partner/shopify.com/123456/countersign", **changes: Any) -> Json:
        """Return an order that is paid as the partner's event bus hands it to a function."""
        metadata = {"X-Shopify-Topic": "orders/paid", "X-Shopify-Shop-Domain": SHOP, "X-Shopify-API-Version": "2026-10"}
        detail = {"payload": json.loads(self.body(PAID)) | changes, "metadata": metadata}
        return {**shapes.bus("shopifyWebhook", {"id": "1"}, self.now), "source": source, "detail": detail}

    def visit(self, page: str, *, shop: str = SHOP, at: int = 0, **spoilt: str) -> Json:
        """Return a merchant's visit that Shopify signed, some seconds ago; what is spoilt is so after it was signed."""
        code = {"code": "0f4d2b7c9a1e4c6d", "state": "0" * 104} if page == "authorized" else {}
        query = dict(parse_qsl(oauth.signed(self.secret, shop, self.now - at, **code)))
        route, headers = f"GET /shopify/{{app}}/{page}", {"accept-language": "en"}
        return shapes.http(
            route, self.now, parameters={"app": APP}, query=urlencode({**query, **spoilt}), headers=headers
        )

    def event(self) -> Json:
        """Return a delivery of the newer family."""
        raw = self._vectors[EVENT]["raw_request"]
        route, body = "POST /shopify/{app}/webhook", str(raw["body"]).encode()
        return shapes.http(route, self.now, parameters={"app": APP}, headers=raw["headers"], body=body)


def sample_events(now: int) -> SampleEvents:
    """Return every case, signed for a moment."""
    maker = ShopifyMaker(now)
    return SampleEvents({**_deliveries(maker), **_sessions(maker), **_others(maker)}, maker.documents())


def _sessions(maker: ShopifyMaker) -> dict[str, Case]:
    now, sale = maker.now, ("shopify_payment_session.sale",)
    held = ("shopify_payment_session.authorization",)
    page = {"app": PAYMENTS, "shop": SHOP, "session": "unknown", "token": "0" * 64}
    group = str(json.loads(maker.body("pay-pub-01-sale"))["group"])
    checkout = f"pay-{hashlib.sha256(group.encode()).hexdigest()[:40]}"
    payments = {
        "sale": Case(maker.session("payment", "pay-pub-01-sale"), 201, "a checkout wants to be paid"),
        "again": Case(
            maker.session("payment", "pay-pub-04-duplicate-of-01"), 201, "the same one: answered the same", after=sale
        ),
        "authorization": Case(
            maker.session("payment", "pay-pub-02-authorization-jpy-test"), 201, "to be held, and only tried"
        ),
        "another-shop": Case(
            maker.session("payment", "pay-pub-01-sale", **{"Shopify-Shop-Domain": OTHER}),
            404,
            "of a shop where this app is not installed",
        ),
        "no-shop": Case(maker.session("payment", "pay-pub-n01-missing-shop-header"), 400, "names no shop"),
        "other-kind": Case(maker.session("payment", "pay-pub-n03-gid-type-mismatch"), 400, "its gid is of a refund"),
        "no-amount": Case(maker.session("payment", "pay-pub-n05-amount-not-decimal"), 400, "no decimal amount"),
    }
    return {
        **{f"shopify_payment_session.{name}": case for name, case in payments.items()},
        "shopify_refund_session.part": Case(
            maker.session("refund", "refund-pub-01-partial"), 201, "a part goes back", after=sale
        ),
        "shopify_refund_session.unknown-payment": Case(
            maker.session("refund", "refund-pub-01-partial"),
            201,
            "of a payment that nobody knows: taken, then rejected",
        ),
        "shopify_refund_session.no-payment": Case(
            maker.session("refund", "refund-pub-n01-missing-payment-id"), 400, "names no payment"
        ),
        "shopify_capture_session.all": Case(
            maker.session("capture", "capture-pub-01"), 201, "what is held is taken", after=held
        ),
        "shopify_void_session.all": Case(
            maker.session("void", "void-pub-01-no-amount"), 201, "what is held is let go", after=held
        ),
        "shopify_confirm_session.unknown": Case(
            maker.confirmation("gid://shopify/PaymentSession/unknown0001", True), 404, "of a session that nobody knows"
        ),
        "shopify_confirm_session.unasked": Case(
            maker.confirmation(maker.gid("pay-pub-01-sale"), True), 201, "nobody asked: nothing changes", after=sale
        ),
        "shopify_confirm_session.no-word": Case(
            maker.confirmation(maker.gid("pay-pub-01-sale"), "yes"), 400, "neither true nor false"
        ),
        "shopify_pay.unknown": Case(
            shapes.http("GET /shopify/{app}/pay/{shop}/{session}/{token}", now, parameters=page),
            404,
            "the page of no session",
        ),
        "shopify_resolve.wanted": Case(
            shapes.bus("session.requested", {"platform": "shopify", "account": SHOP, "order_id": checkout}, now),
            None,
            "a session whose code Shopify's own window shows; here it has a page, and nothing is to be done",
            after=sale,
        ),
        "shopify_resolve.schedule": Case(
            shapes.schedule("ShopifyResolveEveryMinute", now), None, "every minute: answers sessions"
        ),
        "shopify_trust.schedule": Case(
            shapes.schedule("ShopifyTrustTwiceADay", now), None, "twice a day: how long the trust store is good"
        ),
    }


def _deliveries(maker: ShopifyMaker) -> dict[str, Case]:
    created, paid, cancelled = (maker.body(name) for name in (CREATED, PAID, CANCELLED))
    pending = maker.body(PAID, financial_status="pending", total_outstanding="53.95")
    first = ("shopify_webhook.paid",)
    found = {
        "created": Case(maker.delivery(created, "orders/create"), 200, "an order that is paid already", becomes="paid"),
        "paid": Case(maker.delivery(paid, "orders/paid"), 200, "an order is paid", becomes="paid"),
        "paid-twice": Case(
            maker.delivery(paid, "orders/paid", headers={"X-Shopify-Webhook-Id": "another"}),
            200,
            "again, under another id that nothing signs",
            becomes="paid",
            after=first,
        ),
        "older-afterwards": Case(
            maker.delivery(
                maker.body(PAID, financial_status="pending", updated_at="2026-11-20T09:15:01-05:00"), "orders/updated"
            ),
            200,
            "an older version that comes late",
            becomes="paid",
            after=first,
        ),
        "lying-topic": Case(
            maker.delivery(pending, "orders/paid"),
            200,
            "the topic says paid, the signed body pending",
            becomes="pending",
        ),
        "cancelled": Case(maker.delivery(cancelled, "orders/cancelled"), 200, "it was cancelled", becomes="closed"),
        "refunded": Case(
            maker.delivery(maker.body(REFUNDED), "orders/updated"),
            200,
            "a part went back",
            becomes="partially_refunded",
        ),
        "refund": Case(
            maker.delivery(maker.body(REFUND), "refunds/create"),
            200,
            "a refund of an order that is known",
            becomes="partially_refunded",
            after=first,
        ),
        "refund-of-an-unknown-order": Case(
            maker.delivery(maker.body(REFUND), "refunds/create"), 200, "a reason to ask the shop, and no more"
        ),
        "refund-without-money": Case(
            maker.delivery(maker.body(REFUND, transactions=[]), "refunds/create"),
            200,
            "the shop's bookkeeping moves nothing",
            becomes="paid",
            after=first,
        ),
        "parcel": Case(
            maker.delivery(maker.body(PARCEL), "fulfillments/create"), 200, "it was sent", becomes="paid", after=first
        ),
        "declined": Case(
            maker.delivery(maker.body(DECLINED), "order_transactions/create"),
            200,
            "a card was declined",
            becomes="pending",
            after=("shopify_webhook.lying-topic",),
        ),
        "uninstalled": Case(maker.delivery(maker.body(UNINSTALLED), "app/uninstalled"), 200, "kept as evidence"),
        "data-request": Case(maker.delivery(maker.body(REQUEST), "customers/data_request"), 200, "kept as evidence"),
        "event": Case(maker.event(), 200, "of the newer family: a reason to ask the shop"),
        "another-shop": Case(
            maker.delivery(paid, "orders/paid", shop=OTHER), 200, "the signed bytes name another shop: changes nothing"
        ),
        "unknown-shop": Case(
            maker.delivery(paid, "orders/paid", shop="not-installed.myshopify.com"),
            200,
            "nobody's here: nothing is kept",
        ),
        "unknown-status": Case(
            maker.delivery(maker.body(PAID, financial_status="of_next_year"), "orders/updated"),
            200,
            "a word that nobody knows: the order is known, its money is not",
            becomes="pending",
        ),
        "unreadable": Case(
            maker.delivery(
                maker.body(PAID, updated_at="yesterday"),
                "orders/updated",
            ),
            200,
            "genuine and unreadable: in quarantine",
        ),
        "no-signature": Case(
            maker.delivery(paid, "orders/paid", drop=("X-Shopify-Hmac-Sha256",)), 401, "nothing says whose it is"
        ),
        "tampered": Case(
            maker.delivery(
                maker.body(PAID, total_price="0.01"),
                "orders/paid",
                headers={"X-Shopify-Hmac-Sha256": signer.signature(maker.secret, paid)},
            ),
            401,
            "another amount than was signed",
        ),
        "two-families": Case(
            maker.delivery(paid, "orders/paid", headers={"Shopify-Hmac-Sha256": signer.signature(maker.secret, paid)}),
            401,
            "signed as both families: nobody sends that",
        ),
        "no-shop": Case(
            maker.delivery(paid, "orders/paid", shop="vec-shop.myshopify.com.evil.example"), 400, "no name of a shop"
        ),
    }
    return {f"shopify_webhook.{name}": case for name, case in found.items()}


def _others(maker: ShopifyMaker) -> dict[str, Case]:
    now = maker.now
    partner, stranger = maker.on_the_bus(), maker.on_the_bus(source="custom.attacker")
    headers, parameters = {"content-type": "application/json"}, {"shop": SHOP}

    def cart(quantity: int) -> Json:
        body = json.dumps({"reference": "SO-1", "lines": [{"variant_id": "43", "quantity": quantity}]})
        claims, route = shapes.claims(now, "payments:write"), "POST /shopify/{shop}/carts"
        return shapes.http(route, now, parameters=parameters, headers=headers, body=body, claims=claims)

    key = {"platform": "shopify", "account": SHOP, "order_id": "5550001112223"}
    wanted = {}
    for function, kind, word in WANTED:
        event_id = f"{kind}.operator.{'e' * 64}"
        told = {"id": f"{kind}.{event_id}", **key, "version": 2, "event_id": event_id}
        name = f"Shopify{function.capitalize()}EveryMinute"
        wanted[f"shopify_{function}.wanted"] = Case(shapes.bus(kind, told, now), None, f"{word} at once")
        wanted[f"shopify_{function}.schedule"] = Case(shapes.schedule(name, now), None, f"every minute: {word}")
    interval = {"from": now - 6 * 3600, "to": now - 60}
    by_api = shapes.http(
        "POST /accounts/{platform}/{account}/restore", now, parameters={"platform": "shopify", "account": SHOP},
        headers=headers, body=json.dumps({name: orders.utc(at) for name, at in interval.items()}),
        claims=shapes.claims(now, "operate"),
    )  # fmt: skip
    guarded = ("shopify_guard.schedule",)
    return {
        **wanted,
        "decisions_api.restore": Case(
            by_api, 202, "an afternoon is to be read and proved", after=guarded, needs_platform=True
        ),
        "shopify_guard.restore": Case(
            {"accounts": [SHOP], "restore": interval},
            None,
            "the same, by an operator's hand",
            after=guarded,
            needs_platform=True,
        ),
        "shopify_create_cart.two": Case(cart(2), 201, "a cart whose checkout can be opened", needs_platform=True),
        "shopify_create_cart.nothing": Case(cart(0), 400, "a line of nothing"),
        "shopify_events.paid": Case(partner, None, "an order is paid, told through EventBridge", becomes="paid"),
        "shopify_events.unreadable": Case(
            maker.on_the_bus(created_at=None), None, "genuine and unreadable: in quarantine"
        ),
        "shopify_events.stranger": Case(stranger, None, "not from the partner's source: changes nothing"),
        "shopify_install.visit": Case(
            maker.visit("install"), 302, "Shopify sends a merchant: on to the page that asks"
        ),
        "shopify_install.old-visit": Case(maker.visit("install", at=91), 401, "signed longer ago than 90 seconds"),
        "shopify_install.other-shop": Case(
            maker.visit("install", shop="nobodys.myshopify.com"), 403, "genuine, and of a shop that nobody allowed"
        ),
        "shopify_install.tampered": Case(maker.visit("install", extra="1"), 401, "with a parameter nobody signed"),
        "shopify_authorized.foreign-state": Case(
            maker.visit("authorized"), 401, "signed, but no browser was given this state: nothing is asked of Shopify"
        ),
        "shopify_authorized.tampered": Case(maker.visit("authorized", code="1"), 401, "another code than was signed"),
        "shopify_redrive.day": Case({"day": shapes.day(now)}, None, "what one day's quarantine holds is taken again"),
        "shopify_poll.schedule": Case(shapes.schedule("ShopifyPollEveryMinute", now), None, "every minute: asks"),
        "shopify_guard.schedule": Case(
            shapes.schedule("ShopifyGuardRegularly", now),
            None,
            "every ten minutes: looks after subscriptions",
            needs_platform=True,
        ),
        "shopify_import.schedule": Case(
            shapes.schedule("ShopifyImportRegularly", now), None, "every ten minutes: goes on with imports"
        ),
        "shopify_scan.schedule": Case(
            shapes.schedule("ShopifyScanRegularly", now),
            None,
            "every ten minutes: reads what changed",
            needs_platform=True,
        ),
    }

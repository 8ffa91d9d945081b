"""Sample events of BigCommerce's functions: deliveries of both kinds, what strangers ask, schedules, bus events."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from sandbox.events import shapes
from sandbox.events.shared import Case, SampleEvents
from sandbox.simulators.bigcommerce import hooks

APP, STORE = "app", "g5cd38wq1"
SECRET = "9c1e0d7b5a3f48629d8e7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a29181706f5e4d3"  # noqa: S105 - throwaway
HOOK_TOKEN = "hook_token_of_sample_events_1"  # noqa: S105 - throwaway
SCOPES = "store_v2_orders store_v2_transactions_read_only store_content_checkout store_v2_information_read_only"
Json = dict[str, Any]


class BigcommerceMaker:
    """Makes events for one moment; the same moment makes the same bytes."""

    def __init__(self, now: int) -> None:
        self.now = now

    def documents(self) -> dict[str, Json]:
        """Return the app's document and that of a store where it is installed."""
        app = {
            "client_id": "4b8n2q6w0e1r5t9y3u7i1o5p9a3s7d",
            "client_secrets": [SECRET],
            "cashier": "hc1/main",
            "payment_method_names": ["OKCloud Pay"],
            "allowed_origins": ["https://shop.example.com"],
            "allowed_stores": [STORE],
        }
        store = {
            "store_hash": STORE,
            "access_token": "bc_token_of_sample_events_1",
            "scope": SCOPES,
            "owner": {"id": 12345, "email": "owner@example.com"},
            "hook_token": HOOK_TOKEN,
        }
        return {APP: app, f"{APP}/{STORE}": store}

    def body(self, scope: str, data: Json, *, store: str = STORE) -> bytes:
        """Return what is delivered."""
        return hooks.body_of(store, scope, data, self.now)

    def delivery(
        self, body: bytes, *, age: int = 0, drop: tuple[str, ...] = (), headers: dict[str, str] | None = None
    ) -> Json:
        """Return a delivery signed `age` seconds ago; headers may be left out or replaced."""
        made = hooks.headers(SECRET, body, self.now - age, message_id="msg_0123456789abcdef") | (headers or {})
        sent = {name: value for name, value in made.items() if name not in drop}
        return shapes.http(
            "POST /bigcommerce/{app}/webhook", self.now, parameters={"app": APP}, headers=sent, body=body
        )

    def vouched(self, **changes: Any) -> str:
        """Return what BigCommerce signs of a store's owner who opens the app."""
        owner = {"id": 12345, "email": "owner@example.com"}
        claims = {
            "aud": "4b8n2q6w0e1r5t9y3u7i1o5p9a3s7d",
            "iss": "bc",
            "iat": self.now,
            "nbf": self.now,
            "exp": self.now + 86_400,
            "sub": f"stores/{STORE}",
            "user": owner,
            "owner": owner,
            "url": "/",
        } | changes
        parts = [_segment(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
        digest = hmac.new(SECRET.encode(), ".".join(parts).encode(), hashlib.sha256).digest()
        return ".".join([*parts, _segment(digest)])

    def asked(self, body: Json, *, origin: str = "https://shop.example.com") -> Json:
        """Return a call of a shopper's page."""
        route = "POST /bigcommerce/{app}/payments"
        headers = {"content-type": "application/json", "origin": origin}
        return shapes.http(route, self.now, parameters={"app": APP}, headers=headers, body=json.dumps(body))


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sample_events(now: int) -> SampleEvents:
    """Return every case, signed for a moment."""
    maker = BigcommerceMaker(now)
    return SampleEvents({**_deliveries(maker), **_pages(maker), **_app(maker), **_others(maker)}, maker.documents())


def _deliveries(maker: BigcommerceMaker) -> dict[str, Case]:
    order = {"type": "order", "id": 10401}
    created = maker.body("store/order/created", order)
    moved = {**order, "status": {"previous_status_id": 7, "new_status_id": 11}}
    refund = {**order, "refund": {"refund_id": 3}}
    signed = ("webhook-id", "webhook-timestamp", "webhook-signature")
    token = {"x-bc-hook-token": HOOK_TOKEN}
    found = {
        "created": Case(maker.delivery(created), 200, "an order came in: it is read"),
        "moved": Case(maker.delivery(maker.body("store/order/statusUpdated", moved)), 200, "its status is another one"),
        "refunded": Case(
            maker.delivery(maker.body("store/order/refund/created", refund)), 200, "staff recorded a refund"
        ),
        "header": Case(maker.delivery(created, drop=signed, headers=token), 200, "by the hook's own header alone"),
        "wrong-header": Case(
            maker.delivery(created, drop=signed, headers={"x-bc-hook-token": "guessed"}), 401, "a guessed header"
        ),
        "bad-signature-good-header": Case(
            maker.delivery(created, headers={**token, "webhook-signature": f"v1,{'0' * 43}="}),
            401,
            "a wrong signature is not made good by the header",
        ),
        "unknown-scope": Case(
            maker.delivery(maker.body("store/product/updated", {"type": "product", "id": 5})), 200, "nobody's work"
        ),
        "unknown-store": Case(
            maker.delivery(maker.body("store/order/created", order, store="nobody001")), 200, "of a store that is none"
        ),
        "unreadable": Case(maker.delivery(b'{"producer":"stores/g5cd38wq1"'), 200, "genuine and unreadable: kept"),
        "stale": Case(maker.delivery(created, age=301), 401, "signed more than five minutes ago"),
        "future": Case(maker.delivery(created, age=-301), 401, "signed more than five minutes ahead"),
        "no-signature": Case(maker.delivery(created, drop=signed), 401, "nothing says whose it is"),
        "tampered": Case(
            maker.delivery(
                maker.body("store/order/created", {**order, "id": 10402}),
                headers=hooks.headers(SECRET, created, maker.now, message_id="msg_0123456789abcdef"),
            ),
            401,
            "another order than was signed",
        ),
        "replayed": Case(
            maker.delivery(created, headers=hooks.headers(SECRET, created, maker.now, message_id="msg_another")),
            200,
            "the same news under another id",
            after=("bigcommerce_webhook.created",),
        ),
    }
    return {f"bigcommerce_webhook.{name}": case for name, case in found.items()}


def _pages(maker: BigcommerceMaker) -> dict[str, Case]:
    cart = "ece753d2-0ae6-452a-a28a-dd4e96de25c8"
    wish = {"store_hash": "nobody001", "order_id": 10401, "cart_id": cart}
    route = "GET /bigcommerce/{app}/payments/status"
    token = {"authorization": f"Bearer {'0' * 64}", "origin": "https://shop.example.com"}
    asked = shapes.http(route, maker.now, parameters={"app": APP}, headers=token)
    preflight = shapes.http(
        "OPTIONS /bigcommerce/{app}/payments",
        maker.now,
        parameters={"app": APP},
        headers={"origin": "https://shop.example.com", "access-control-request-method": "POST"},
    )
    return {
        "bigcommerce_create_payment.unknown-store": Case(
            maker.asked(wish), 404, "the same answer as to every stranger"
        ),
        "bigcommerce_create_payment.no-proof": Case(
            maker.asked({"store_hash": "nobody001", "order_id": 10401}), 400, "no cart and no token of the shopper's"
        ),
        "bigcommerce_create_payment.preflight": Case(preflight, 204, "a browser asks whether the page may call"),
        "bigcommerce_payment_status.guessed": Case(asked, 401, "a token that is none"),
    }


def _app(maker: BigcommerceMaker) -> dict[str, Case]:
    """Return what the control panel and a store's pages open."""
    now = maker.now

    def opened(what: str, query: str = "", *, method: str = "GET", **named: str) -> Json:
        route = f"{method} /bigcommerce/{{app}}/{what}"
        return shapes.http(route, now, parameters={"app": APP, **named}, query=query)

    def panel(what: str, **changes: Any) -> Json:
        return opened(what, urlencode({"signed_payload_jwt": maker.vouched(**changes)}))

    grant = {"code": "one_time_code", "context": f"stores/{STORE}", "scope": SCOPES}
    link = {"token": "0" * 64}
    found = {
        "auth.missing-code": Case(opened("auth", urlencode(grant | {"code": ""})), 400, "nothing to exchange"),
        "auth.bad-context": Case(opened("auth", urlencode(grant | {"context": "stores/../x"})), 400, "no store"),
        "auth.missing-scope": Case(
            opened("auth", urlencode(grant | {"scope": "store_v2_orders"})), 403, "granted less than the app needs"
        ),
        "auth.stranger": Case(
            opened("auth", urlencode(grant | {"context": "stores/nobody001"})), 403, "a store that is not allowed"
        ),
        "load.owner": Case(panel("load"), 200, "the owner opens the app's page"),
        "load.not-installed": Case(panel("load", sub="stores/nobody001"), 403, "a store without the app"),
        "load.shopper": Case(panel("load", iss="bc/apps"), 401, "what any signed-in shopper can get"),
        "load.other-app": Case(panel("load", aud="another"), 401, "signed for another app"),
        "load.over": Case(panel("load", iat=now - 90_000, exp=now - 3_600), 401, "signed yesterday"),
        "load.twice": Case(
            opened("load", "signed_payload_jwt=a&signed_payload_jwt=b"), 400, "two values are no choice"
        ),
        "load.no-session": Case(opened("page", method="POST"), 401, "the button of a page whose session is over"),
        "uninstall.told": Case(panel("uninstall"), 200, "the store takes the app away: its token goes"),
        "uninstall.forged": Case(panel("uninstall", iss="x"), 401, "signed, and not by BigCommerce's control panel"),
        "remove_user.told": Case(panel("remove-user"), 200, "a user's page ends"),
        "script.file": Case(opened("script.js"), 200, "the script of the confirmation page"),
        "pay.guessed": Case(opened("pay/{token}", **link), 404, "a link that nobody made"),
        "create_payment.guessed-link": Case(
            opened("pay/{token}", method="POST", **link), 404, "the button of a link that nobody made"
        ),
        "check.schedule": Case(
            shapes.schedule("BigcommerceCheckRegularly", now),
            None,
            "every ten minutes: looks after stores",
            needs_platform=True,
        ),
    }
    return {f"bigcommerce_{name}": case for name, case in found.items()}


def _others(maker: BigcommerceMaker) -> dict[str, Case]:
    now = maker.now
    paid = {"platform": "cashier", "account": "hc1.main", "order_id": "R-0001", "version": 3}
    event_id = f"paid.notify.{'e' * 64}"
    told = {"id": f"order.paid.{event_id}", **paid, "event_id": event_id}
    found = {
        "bigcommerce_sync.paid": Case(shapes.bus("order.paid", told, now), None, "a payment that is for no store"),
        "bigcommerce_redrive.day": Case({"day": shapes.day(now)}, None, "what one day's quarantine holds, once more"),
        "bigcommerce_scan.schedule": Case(
            shapes.schedule("BigcommerceScanRegularly", now),
            None,
            "every ten minutes: reads lists",
            needs_platform=True,
        ),
        "bigcommerce_guard.schedule": Case(
            shapes.schedule("BigcommerceGuardRegularly", now),
            None,
            "every ten minutes: looks after subscriptions",
            needs_platform=True,
        ),
    }
    for function, word in (("poll", "asks"), ("sync", "tells stores")):
        event = shapes.schedule(f"Bigcommerce{function.capitalize()}EveryMinute", now)
        found[f"bigcommerce_{function}.schedule"] = Case(event, None, f"every minute: {word}")
    return found

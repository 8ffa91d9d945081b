"""Sample events of the cashiers' functions: signed notifications, payments to create, schedules, bus events."""

from __future__ import annotations

import json
from typing import Any

from conformance.signers import hc1
from conformance.signers import stripe as stripe_signer
from sandbox.events import shapes
from sandbox.events.shared import Case, SampleEvents
from sandbox.simulators.cashier import stripe
from sandbox.simulators.cashier.hc1_ledger import stamp

HC1 = "main"
OTHER = "whsec_of_somebody_else_0001"
STRIPE_KEY, STRIPE_SECRET = "sk_test_of_the_sample_events", "whsec_of_the_sample_events_0001"
REFERENCE = "web-20261122-0001"
ROUTE = "POST /cashier/{name}/{account}/notify"
Json = dict[str, Any]


class CashierMaker:
    """Makes events for one moment; the same moment makes the same bytes."""

    merchant_id = "m_sample_shop"
    key = ("ak_sample_01", "sk_of_the_sample_events_0123456789abcdef")

    def __init__(self, now: int) -> None:
        self.now = now

    def documents(self) -> dict[str, Json]:
        """Return the account documents that the events are for."""
        hc1 = {
            "merchant_id": self.merchant_id,
            "keys": [{"id": self.key[0], "secret": self.key[1]}],
            "base_url": "https://cashier.example.com",
            "kinds": ["sale", "authorization", "capture", "void", "refund"],
        }
        return {f"hc1/{HC1}": hc1, "stripe/main": {"api_key": STRIPE_KEY, "webhook_secrets": [STRIPE_SECRET]}}

    def told(self, event_type: str, status: str, **changes: Any) -> Json:
        """Return a notification's content."""
        paid = 8800 if status == "SUCCEEDED" else 0
        data = {
            "payment_id": "pay_sample_0001",
            "merchant_payment_id": REFERENCE,
            "status": status,
            "amount": {"value": 8800, "currency": "USD"},
            "paid_amount": {"value": paid, "currency": "USD"},
            "refunded_amount": {"value": 0, "currency": "USD"},
            "version": 2,
        }
        return {
            "event_id": "evt_" + shapes.stable_uuid(f"{event_type} {status}").replace("-", "")[:24],
            "event_type": event_type,
            "created_at": stamp(self.now - 2),
            "merchant_id": self.merchant_id,
            "data": data | changes,
        }

    def hc1(
        self, content: Json, *, age: int = 2, nonce: str = "1", secret: str = "", key_id: str = "", **headers: str
    ) -> Json:
        """Return a notification signed `age` seconds ago; headers may be replaced, or left out by an empty text."""
        body = json.dumps(content, separators=(",", ":")).encode()
        key = (key_id or self.key[0], secret or self.key[1])
        first = ["HC1", "NOTIFY", self.merchant_id]
        made = hc1.headers(key, first, body, self.now - age, shapes.stable_uuid(nonce).replace("-", ""))
        made |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in made.items() if value}
        return shapes.http(ROUTE, self.now, parameters={"name": "hc1", "account": HC1}, headers=sent, body=body)

    def session(
        self, kind: str, *, age: int = 2, secret: str = STRIPE_SECRET, live: bool = False, **changes: Any
    ) -> Json:
        """Return an event of Stripe's about a session, signed `age` seconds ago."""
        content = {
            "id": "cs_test_sample0001",
            "object": "checkout.session",
            "amount_total": 8800,
            "client_reference_id": REFERENCE,
            "currency": "usd",
            "mode": "payment",
            "payment_intent": "pi_sample0001",
            "payment_status": "paid",
            "status": "complete",
        }
        return self.stripe(kind, content | changes, age=age, secret=secret, live=live)

    def stripe(
        self, kind: str, content: Json, *, age: int = 2, secret: str = STRIPE_SECRET, live: bool = False
    ) -> Json:
        """Return an event of Stripe's, signed `age` seconds ago."""
        event = {
            "id": f"evt_{shapes.stable_uuid(f'{kind} {content}').replace('-', '')[:24]}",
            "object": "event",
            "api_version": stripe.VERSION,
            "created": self.now - 2,
            "data": {"object": content},
            "livemode": live,
            "type": kind,
        }
        body = json.dumps(event, indent=2).encode()
        headers = {
            "Content-Type": "application/json",
            "Stripe-Signature": stripe_signer.signature(secret, body, self.now - age),
        }
        return shapes.http(
            ROUTE, self.now, parameters={"name": "stripe", "account": "main"}, headers=headers, body=body
        )


def sample_events(now: int) -> SampleEvents:
    """Return every case, signed for a moment."""
    maker = CashierMaker(now)
    return SampleEvents({**_hc1(maker), **_stripe(maker), **_others(maker)}, maker.documents())


def _hc1(maker: CashierMaker) -> dict[str, Case]:
    order = {"account": f"hc1.{HC1}", "order_id": REFERENCE, "minor": 8800, "currency": "USD", "system": "hc1"}
    paid, failed = maker.told("payment.succeeded", "SUCCEEDED"), maker.told("payment.failed", "FAILED")
    expired = maker.told("payment.expired", "EXPIRED")
    part = maker.told("payment.succeeded", "SUCCEEDED", paid_amount={"value": 880, "currency": "USD"})
    unreadable = maker.told("payment.succeeded", "SUCCEEDED", amount={"value": "88.00", "currency": "USD"})
    refunded = maker.told("refund.succeeded", "SUCCEEDED", refunded_amount={"value": 100, "currency": "USD"})
    found = {
        "hc1-paid": Case(maker.hc1(paid), 200, "the shopper paid", order=order, becomes="paid"),
        "hc1-paid-again": Case(
            maker.hc1(paid, nonce="2"),
            200,
            "the same event under a new nonce",
            order=order,
            becomes="paid",
            after=("cashier_notify.hc1-paid",),
        ),
        "hc1-replayed": Case(
            maker.hc1(paid),
            401,
            "byte for byte again: its nonce was used",
            order=order,
            after=("cashier_notify.hc1-paid",),
        ),
        "hc1-failed": Case(maker.hc1(failed), 200, "paying failed", order=order, becomes="failed"),
        "hc1-expired": Case(maker.hc1(expired), 200, "its time was over", order=order, becomes="closed"),
        "hc1-expired-after-paid": Case(
            maker.hc1(expired, nonce="3"),
            200,
            "told late: what is paid stays paid",
            order=order,
            becomes="paid",
            after=("cashier_notify.hc1-paid",),
        ),
        "hc1-refunded": Case(maker.hc1(refunded), 200, "money went back: asked about", order=order, becomes="paid"),
        "hc1-underpaid": Case(maker.hc1(part), 200, "a tenth was paid: a question", order=order, becomes="review"),
        "hc1-orphan": Case(maker.hc1(paid), 200, "of a payment that is not known (yet)"),
        "hc1-unreadable": Case(
            maker.hc1(unreadable), 400, "genuine, and not what the contract says: kept, and refused"
        ),
        "hc1-other-merchant": Case(maker.hc1({**paid, "merchant_id": "m_other"}), 401, "signed, and names another"),
        "hc1-other-secret": Case(maker.hc1(paid, secret="s" * 16 + "x" * 16 + "of nobody"), 401, "signed by nobody"),
        "hc1-unknown-key": Case(maker.hc1(paid, key_id="ak_nobody"), 401, "a key that the account does not have"),
        "hc1-stale": Case(maker.hc1(paid, age=301), 401, "signed more than five minutes ago"),
        "hc1-future": Case(maker.hc1(paid, age=-301), 401, "signed more than five minutes ahead"),
        "hc1-no-nonce": Case(maker.hc1(paid, HC_Nonce=""), 401, "without one of the four headers"),
    }
    return {f"cashier_notify.{name}": case for name, case in found.items()}


def _stripe(maker: CashierMaker) -> dict[str, Case]:
    order = {"account": "stripe.main", "order_id": REFERENCE, "minor": 8800, "currency": "USD", "system": "stripe"}
    completed = "checkout.session.completed"
    came_back = {
        "id": "re_sample0001",
        "object": "refund",
        "amount": 100,
        "created": maker.now - 60,
        "currency": "usd",
        "failure_reason": "lost_or_stolen_card",
        "metadata": {},
        "payment_intent": "pi_sample0001",
    }
    found = {
        "stripe-paid": Case(maker.session(completed), 200, "the shopper paid", order=order, becomes="paid"),
        "stripe-unpaid": Case(
            maker.session(completed, payment_status="unpaid"),
            200,
            "completed by a delayed method: not paid yet",
            order=order,
            becomes="pending",
        ),
        "stripe-paid-later": Case(
            maker.session("checkout.session.async_payment_succeeded"),
            200,
            "the delayed payment came",
            order=order,
            becomes="paid",
            after=("cashier_notify.stripe-unpaid",),
        ),
        "stripe-failed-later": Case(
            maker.session("checkout.session.async_payment_failed", payment_status="unpaid"),
            200,
            "the delayed payment did not come",
            order=order,
            becomes="failed",
            after=("cashier_notify.stripe-unpaid",),
        ),
        "stripe-expired": Case(
            maker.session("checkout.session.expired", payment_status="unpaid", status="expired", payment_intent=None),
            200,
            "its time was over",
            order=order,
            becomes="closed",
        ),
        "stripe-refund-came-back": Case(
            maker.stripe("refund.failed", came_back | {"status": "failed"}),
            200,
            "a refund that the payer's bank did not take",
            order=order,
            becomes="paid",
            after=("cashier_notify.stripe-paid",),
        ),
        "stripe-not-ours": Case(
            maker.session(completed, client_reference_id=None), 200, "another session of the account: evidence"
        ),
        "stripe-other-kind": Case(maker.stripe("payout.paid", {"id": "po_1", "object": "payout"}), 200, "evidence"),
        "stripe-unreadable": Case(maker.session(completed, amount_total="88.00"), 200, "genuine and unreadable: kept"),
        "stripe-live": Case(maker.session(completed, live=True), 400, "of live mode, for an account of test mode"),
        "stripe-other-secret": Case(maker.session(completed, secret=OTHER), 400, "of nobody"),
        "stripe-stale": Case(maker.session(completed, age=301), 400, "signed more than five minutes ago"),
    }
    return {f"cashier_notify.{name}": case for name, case in found.items()}


def _others(maker: CashierMaker) -> dict[str, Case]:
    now = maker.now
    body = {
        "order_id": "web-20261122-0002",
        "amount": {"minor": 8800, "currency": "USD"},
        "description": "Order 2",
        "return_url": "https://shop.example.com/thanks",
    }
    create = shapes.http(
        "POST /cashier/{name}/{account}/payments",
        now,
        parameters={"name": "hc1", "account": HC1},
        headers={"content-type": "application/json", "idempotency-key": "web-20261122-0002"},
        body=json.dumps(body),
        claims=shapes.claims(now, "payments:write"),
    )
    token = {"name": "wechat_native", "account": "qr", "token": "0" * 64}
    page = shapes.http("GET /cashier/{name}/{account}/pay/{token}", now, parameters=token)
    found = {
        "cashier_pay.guessed": Case(page, 404, "a page of which nobody has the address"),
        "cashier_create_payment.hc1": Case(create, 201, "the shopper goes to the cashier's page", needs_platform=True),
        "cashier_redrive.day": Case({"day": shapes.day(now)}, None, "what one day's quarantine holds is taken again"),
    }
    for function, word in (("poll", "asks"), ("refund", "makes refunds")):
        event = shapes.schedule(f"Cashier{function.capitalize()}EveryMinute", now)
        found[f"cashier_{function}.schedule"] = Case(event, None, f"every minute: {word}")
    return found

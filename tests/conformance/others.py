"""Receivers as other people write them, for the platforms of shops and cashiers: right, or with one mistake.

Nothing of the kit's own receiver is in here: what it fails, and what it does not, has to be so for anybody's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from conformance.merchant import Order, State

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
Headers = dict[str, str]  # of a name that stands twice the last one, as in most frameworks
Answer = tuple[int, str, bytes]
OK: Answer = (200, "application/json", b"{}")


class NotTheirsError(Exception):
    """It is not the platform's."""


class Kept:
    """Orders in a dict, as the kit's server looks at them."""

    def __init__(self) -> None:
        self.orders: dict[str, Json] = {}


class Other:
    """What all of them share: a dict of orders, a lock, and one mistake or none."""

    can = frozenset({"create", "state", "close", "kill", "store"})
    accepted = OK
    makes_orders = False

    def __init__(self, values: Json, mistake: str = "") -> None:
        self.values, self.mistake = values, mistake
        self.kept, self.lock, self.is_up = Kept(), threading.Lock(), True
        self.seen: set[str] = set()
        self.later: list[Callable[[], None]] = []

    def signed(self, body: bytes) -> bytes:
        """Return the bytes whose signature is checked."""
        return (
            json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()
            if self.mistake == "parsed before verified"
            else body
        )

    def equal(self, right: str, given: str) -> bool:
        """Compare two digests."""
        if self.mistake == "prefix compare":
            return right[:12] == given[:12]
        return hmac.compare_digest(right.encode(), given.encode("utf-8", "replace"))

    def recent(self, stamp: str, window: int = 300) -> None:
        """Refuse what is old, or not yet there."""
        if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
            raise NotTheirsError
        if self.mistake != "no freshness" and abs(time.time() - int(stamp)) > window:
            raise NotTheirsError

    def receive(self, headers: tuple[tuple[str, str], ...], body: bytes, query: str = "") -> Answer:
        """Answer one message."""
        given = {name.lower(): value for name, value in headers}
        try:
            if self.mistake != "no signature check":
                self.check(given, body)
        except (NotTheirsError, ValueError, RecursionError):
            return 401, "text/plain", b"no"
        try:
            change = self.read(given, json.loads(body))
        except NotTheirsError:
            return 401, "text/plain", b"no"
        except Exception:
            if self.mistake == "stack trace leaked":
                return 400, "application/json", json.dumps({"error": traceback.format_exc()[35:]}).encode()
            return 500 if self.mistake == "500 on garbage" else 400, "text/plain", b"what?"
        if self.mistake == "200 before write":
            self.later.append(change)
            threading.Timer(0.1, self.write_later).start()
            return self.accepted
        with self.lock:
            if not self.is_up:
                return 503, "text/plain", b"later"
            change()
        return self.accepted

    def write_later(self) -> None:
        with self.lock:
            if self.later and self.is_up:
                self.later.pop(0)()

    def check(self, headers: Headers, body: bytes) -> None:
        """Refuse what the platform did not sign."""
        raise NotImplementedError

    def read(self, headers: Headers, told: Any) -> Callable[[], None]:
        """Return what is to be done about it."""
        raise NotImplementedError

    def pay(self, number: str, minor: int, currency: str, *, message: str, payment: str) -> Callable[[], None]:
        """Return how an order becomes paid."""

        def change() -> None:
            fresh = {"status": "pending", "minor": minor, "currency": currency, "paid": 0, "times": 0, "known": []}
            order = self.kept.orders.setdefault(number, fresh) if self.makes_orders else self.kept.orders.get(number)
            known = message if self.mistake == "dedupe by envelope id" else payment
            if order is None or known in order["known"]:
                return
            order["known"].append(known)
            fits = (order["minor"] == minor or self.mistake == "amount unchecked") and order["currency"] == currency
            if not fits or order["status"] == "closed":
                order["status"] = "to look at"
                return
            order |= {"status": "paid", "paid": order["paid"] + order["minor"], "times": order["times"] + 1}

        return change

    def create(self, order: Order) -> Json:
        """Make an order."""
        self.kept.orders[order.number] = {
            "status": "pending", "minor": order.minor, "currency": order.currency, "paid": 0, "times": 0, "known": []
        }  # fmt: skip
        return {}

    def state(self, order: Order) -> State:
        """Say what an order is."""
        found = self.kept.orders.get(order.number)
        return State(found["status"], found["paid"], found["times"]) if found else State("none")

    def close(self, order: Order) -> None:
        """Close an order."""
        self.kept.orders[order.number]["status"] = "closed"

    def kill(self) -> None:
        """Lose what is in memory only."""
        with self.lock:
            self.later.clear()

    def store(self, *, up: bool) -> None:
        """Take the store away, or give it back."""
        self.is_up = up


class Shopify(Other):
    """One shop's orders."""

    makes_orders = True

    def check(self, headers: Headers, body: bytes) -> None:
        digest = hmac.new(self.values["client_secret"].encode(), self.signed(body), hashlib.sha256).digest()
        if not self.equal(base64.b64encode(digest).decode(), headers.get("x-shopify-hmac-sha256", "")):
            raise NotTheirsError

    def read(self, headers: Headers, told: Any) -> Callable[[], None]:
        whole, _, cents = told["total_price"].partition(".")
        minor = int(whole) * 100 + int(cents)
        if told["financial_status"] != "paid":
            return lambda: None
        name, number = headers.get("x-shopify-webhook-id", ""), str(int(told["id"]))
        return self.pay(number, minor, told["currency"], message=name, payment=number)


class Recharge(Other):
    """Charges, by whichever signature came."""

    makes_orders = True

    def check(self, headers: Headers, body: bytes) -> None:
        secret, content = self.values["client_secret"].encode(), self.signed(body)
        if (newer := headers.get("x-recharge-webhook-signature")) is None:
            right, given = hashlib.sha256(secret + content).hexdigest(), headers.get("x-recharge-hmac-sha256", "")
        else:
            parts = dict(part.partition("=")[::2] for part in newer.split(","))
            stamp, given = parts.get("t", ""), parts.get("v1", "")
            self.recent(stamp, 172_800)
            right = hmac.new(secret, stamp.encode() + b"." + content, hashlib.sha256).hexdigest()
        if not self.equal(right, given):
            raise NotTheirsError

    def read(self, headers: Headers, told: Any) -> Callable[[], None]:
        charge = told["charge"]
        minor, number = round(float(charge["total_price"]) * 100), str(int(charge["id"]))
        if charge["status"] != "success":
            return lambda: None
        return self.pay(number, minor, charge["currency"], message=number, payment=number)


class Douyin(Other):
    """The trade system."""

    accepted = (200, "application/json", b'{"err_no":0,"err_tips":"success"}')

    def check(self, headers: Headers, body: bytes) -> None:
        key: Any = serialization.load_pem_public_key(self.values["platform_public_key"].encode())
        lines = [headers.get(name, "") for name in ("byte-timestamp", "byte-nonce-str")]
        text = "\n".join([*lines, self.signed(body).decode(), ""]).encode()
        try:
            signature = base64.b64decode(headers.get("byte-signature", ""))
            key.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature as error:
            raise NotTheirsError from error
        self.recent(lines[0], 172_800)

    def read(self, headers: Headers, told: Any) -> Callable[[], None]:
        message = json.loads(told["msg"])
        if message["app_id"] != self.values["app_id"] and self.mistake != "other merchant accepted":
            raise NotTheirsError
        minor, name = message["total_amount"], headers.get("byte-signature", "")
        if told["type"] != "payment" or message["status"] != "SUCCESS":
            return lambda: None
        return self.pay(message["out_order_no"], minor, "CNY", message=name, payment=message["order_id"])


class Hc1(Other):
    """A cashier's notifications."""

    accepted = (200, "application/json", b'{"result":"ok"}')

    def check(self, headers: Headers, body: bytes) -> None:
        stamp, nonce = headers.get("hc-timestamp", ""), headers.get("hc-nonce", "")
        lines = [
            "HC1",
            "NOTIFY",
            self.values["merchant_id"],
            stamp,
            nonce,
            hashlib.sha256(self.signed(body)).hexdigest(),
        ]
        right = hmac.new(self.values["secret"].encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
        scheme, _, given = headers.get("hc-signature", "").partition("=")
        if scheme != "v1" or headers.get("hc-key-id") != self.values["key_id"] or not self.equal(right, given):
            raise NotTheirsError
        self.recent(stamp)
        with self.lock:
            if nonce in self.seen:
                raise NotTheirsError
            self.seen.add(nonce)

    def read(self, headers: Headers, told: Any) -> Callable[[], None]:
        if told["merchant_id"] != self.values["merchant_id"] and self.mistake != "other merchant accepted":
            raise NotTheirsError
        data, name = told["data"], told["event_id"]
        amount = data["paid_amount"]
        if data["status"] != "SUCCEEDED":
            return lambda: None
        number, payment = data["merchant_payment_id"], data["payment_id"]
        return self.pay(number, amount["value"], amount["currency"], message=name, payment=payment)


class Stripe(Other):
    """Checkout sessions."""

    def check(self, headers: Headers, body: bytes) -> None:
        parts = [part.partition("=")[::2] for part in headers.get("stripe-signature", "").split(",")]
        stamp = dict(parts).get("t", "")
        text = stamp.encode() + b"." + self.signed(body)
        right = hmac.new(self.values["webhook_secret"].encode(), text, hashlib.sha256).hexdigest()
        if not any(self.equal(right, given) for name, given in parts if name == "v1"):
            raise NotTheirsError
        self.recent(stamp)

    def read(self, headers: Headers, told: Any) -> Callable[[], None]:
        session, name = told["data"]["object"], told["id"]
        if session["payment_status"] != "paid":
            return lambda: None
        number, minor = session["client_reference_id"], session["amount_total"]
        return self.pay(number, minor, session["currency"].upper(), message=name, payment=session["payment_intent"])


class Bigcommerce(Other):
    """Webhooks, which are hints."""

    def check(self, headers: Headers, body: bytes) -> None:
        name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        text = f"{name}.{stamp}.".encode() + self.signed(body)
        right = base64.b64encode(hmac.new(self.values["client_secret"].encode(), text, hashlib.sha256).digest())
        given = [one.partition(",")[::2] for one in headers.get("webhook-signature", "").split(" ")]
        if not any(scheme == "v1" and self.equal(right.decode(), one) for scheme, one in given):
            raise NotTheirsError
        self.recent(stamp)

    def read(self, headers: Headers, told: Any) -> Callable[[], None]:
        int(told["data"]["id"])
        return lambda: None


OTHERS: dict[str, type[Other]] = {
    "shopify": Shopify,
    "recharge": Recharge,
    "douyin": Douyin,
    "hc1": Hc1,
    "stripe": Stripe,
    "bigcommerce": Bigcommerce,
}

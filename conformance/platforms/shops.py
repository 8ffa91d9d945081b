"""Shopify and Recharge: the platform has the orders, and tells what became of them."""

from __future__ import annotations

import secrets
import time
import zlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..engine import Case, Failed
from ..signers import recharge, shopify
from ..wire import Message, pairs
from .base import Forgery, Json, Platform
from .shared import other_end
from .wechat import changed_after, written

if TYPE_CHECKING:
    from ..engine import Play
    from ..merchant import Order

NO_FALLBACK = (
    "the newer signature can be left out or spoilt: the older one, which is good for ever, still opens the door"
)


def number(run: str, count: int) -> str:
    """Return a number that no shop gives out soon: 15 digits, beginning with 9."""
    return f"9{zlib.crc32(run.encode()) % 10**10:010d}{count:04d}"


def _big_numbers(platform: Platform) -> Case:
    return Case(
        "state.big_number",
        "orders whose numbers are above 2^53 are told apart",
        2,
        5,
        "a program that reads numbers as JavaScript does pays somebody else's order",
        partial(_tell_apart, platform),
        False,
        ("create", "state"),
    )


def _tell_apart(platform: Platform, play: Play) -> None:
    order = play.order()
    big = f"1{order.number[1:]}1001"  # and its neighbour, which is the same number in floating point
    first, neighbour = replace(order, number=big), replace(order, number=big[:-1] + "0")
    play.accepts(platform.payment(play, first))
    play.becomes_paid(first)
    if play.is_paid(play.run.merchant.state(neighbour).word):
        raise Failed("an order was paid, and its neighbour is paid as well")


def money(minor: int) -> str:
    """Write minor units of a currency with two decimals."""
    return f"{minor // 100}.{minor % 100:02d}"


def moment(at: float) -> str:
    """Write a moment with its zone."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(at))


class Shopify(Platform):
    """Shopify's webhooks about orders."""

    name = "shopify"
    title = "Shopify webhooks"
    page = "https://shopify.dev/docs/apps/build/webhooks/subscribe/https"
    patience = 5.0
    window = None
    currency = "USD"
    merchant_creates = False

    @classmethod
    def new_keys(cls) -> Json:
        """Make an app's client secret and a shop."""
        return {
            "client_id": secrets.token_hex(16),
            "client_secret": "shpss_" + secrets.token_hex(16),
            "shop": "conformance-kit.myshopify.com",
            "shop_id": "70011229999",
        }

    def values(self) -> Json:
        """Return what the app's settings would show."""
        return dict(self.keys)

    def secrets(self) -> list[str]:
        """Return the client secret."""
        return [self.keys["client_secret"]]

    def number(self, run: str, count: int) -> str:
        """Return an order's id."""
        return number(run, count)

    def content(self, play: Play, order: Order, **changes: Any) -> Json:
        """Return an order as its webhook carries it."""
        minor = changes.get("minor") or order.minor
        status = changes.get("word") or "paid"
        total, currency = money(minor), changes.get("currency") or order.currency
        both = {side: {"amount": total, "currency_code": currency} for side in ("shop_money", "presentment_money")}
        return {
            "id": int(order.number),
            "admin_graphql_api_id": f"gid://shopify/Order/{order.number}",
            "cancel_reason": None,
            "cancelled_at": None,
            "confirmed": True,
            "created_at": moment(order.at - 120),
            "currency": currency,
            "presentment_currency": currency,
            "current_total_price": total,
            "current_total_price_set": both,
            "financial_status": status,
            "fulfillment_status": None,
            "name": "#CONF" + order.number[-6:],
            "note": "请放门口 ☕",
            "order_number": int(order.number[-6:]),
            "order_status_url": f"https://{self.keys['shop']}/{self.keys['shop_id']}/orders/{order.number}/authenticate",
            "payment_gateway_names": ["shopify_payments"],
            "processed_at": moment(order.at - 60),
            "refunds": [],
            "test": True,
            "total_outstanding": "0.00" if status == "paid" else total,
            "total_price": total,
            "total_price_set": both,
            "updated_at": moment(order.at - (90 if changes.get("earlier") else 0)),
            "line_items": [],
        }

    def payment(self, play: Play, order: Order, **changes: Any) -> Message:
        """Return a delivery; its topic, which nothing signs, always says that the order is paid."""
        content = changes.get("content")
        if content is None:
            content = self.content(play, order, **changes)
        return self.delivery(play, written(content, spelling=changes.get("spelling", False)))

    def delivery(self, play: Play, body: bytes, secret: str = "", shop: str = "") -> Message:
        """Return a signed request."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Shopify-Captain-Hook",
            "X-Shopify-Topic": "orders/paid",
            "X-Shopify-Hmac-Sha256": shopify.signature(secret or self.keys["client_secret"], body),
            "X-Shopify-Shop-Domain": shop or self.keys["shop"],
            "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": play.hexadecimal(32),
            "X-Shopify-Event-Id": play.hexadecimal(32),
            "X-Shopify-Triggered-At": moment(play.now()).replace("+00:00", ".000000Z"),
        }
        return Message(pairs(headers), body)

    def forgeries(self) -> list[Forgery]:
        """Return what strangers would try."""
        name = "X-Shopify-Hmac-Sha256"
        return [
            Forgery("key", "signed with another secret", self._by_stranger),
            Forgery("byte", "another amount than was signed", self._amount),
            Forgery("unsigned", "no signature", lambda p, o: self.payment(p, o).without(name)),
            Forgery("empty", "an empty signature", lambda p, o: self.payment(p, o).with_header(name, "")),
            Forgery("short", "the first characters of the right signature", partial(self._cut, name)),
            Forgery("tail", "the right signature with another end", partial(self._tail, name)),
            Forgery("twice", "a wrong signature beside a right one of other bytes", self._twice),
            Forgery("other_body", "the signature of another genuine message", self._other_body),
        ]

    def _by_stranger(self, play: Play, order: Order) -> Message:
        return self.delivery(play, self.payment(play, order).body, secret=play.token(32))

    def _amount(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_body(changed_after(message.body, b'"total_price":"', 0))

    def _cut(self, name: str, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_header(name, message.get(name)[:4])

    def _tail(self, name: str, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_header(name, other_end(message.get(name)))

    def _other_body(self, play: Play, order: Order) -> Message:
        return self.payment(play, order).with_body(written(self.content(play, order, minor=1)))

    def _twice(self, play: Play, order: Order) -> Message:
        other = shopify.signature(self.keys["client_secret"], b"{}")
        name = "X-Shopify-Hmac-Sha256"
        return self._by_stranger(play, order).and_header(name, other, first=play.random.random() < 0.5)

    def words(self) -> list[tuple[str, str]]:
        """Return what an order's money can be called besides paid."""
        return [
            ("pending", "an order that waits for its money, under a topic that says paid"),
            ("authorized", "money that is only held"),
            ("voided", "money that was let go"),
        ]

    def others(self) -> list[Case]:
        """Return what is about numbers."""
        return [_big_numbers(self)]


class Recharge(Platform):
    """Recharge's webhooks about charges."""

    name = "recharge"
    title = "Recharge webhooks"
    page = "https://docs.getrecharge.com/docs/webhooks-overview"
    patience = 5.0
    window = 172_800
    currency = "USD"
    merchant_creates = False

    @classmethod
    def new_keys(cls) -> Json:
        """Make a store's client secret."""
        return {"client_secret": secrets.token_hex(24)}

    def values(self) -> Json:
        """Return what the store's settings would show."""
        return dict(self.keys)

    def secrets(self) -> list[str]:
        """Return the client secret."""
        return [self.keys["client_secret"]]

    def number(self, run: str, count: int) -> str:
        """Return a charge's id."""
        return number(run, count)

    def content(self, order: Order, **changes: Any) -> Json:
        """Return a charge as its webhook carries it."""
        minor, word = changes.get("minor") or order.minor, changes.get("word") or "success"
        stamp = moment(order.at - (3600 if changes.get("earlier") else 0)).removesuffix("+00:00")
        total = money(minor)
        failed = word == "error"
        charge: Json = {
            "id": int(order.number),
            "address_id": 990000001,
            "created_at": moment(order.at - 86_400).removesuffix("+00:00"),
            "currency": changes.get("currency") or order.currency,
            "customer": {"id": 66001001, "email": "conformance@example.com"},
            "charge_attempts": 1,
            "error": "Your card was declined." if failed else None,
            "error_type": "CARD_DECLINED" if failed else None,
            "external_order_id": {"ecommerce": None},
            "external_transaction_id": {"payment_processor": None},
            "last_charge_attempt": stamp,
            "line_items": [],
            "note": "Llamar antes ☎",
            "payment_processor": "shopify_payments",
            "processed_at": stamp if word == "success" else None,
            "retry_date": None,
            "scheduled_at": stamp[:10],
            "status": word,
            "subtotal_price": total,
            "total_price": total,
            "total_refunds": "0.00",
            "type": "recurring",
            "updated_at": stamp,
        }
        return {"charge": charge}

    def payment(self, play: Play, order: Order, **changes: Any) -> Message:
        """Return a delivery with both signatures."""
        content = changes.get("content")
        if content is None:
            content = self.content(order, **changes)
        body = written(content, spelling=changes.get("spelling", False))
        made = recharge.headers(self.keys["client_secret"], body, play.now() + changes.get("at", 0))
        return Message(pairs(made), body)

    def repeat(self, play: Play, message: Message) -> Message:
        """Return the same bytes, signed at another moment."""
        return Message(pairs(recharge.headers(self.keys["client_secret"], message.body, play.now())), message.body)

    def forgeries(self) -> list[Forgery]:
        """Return what strangers would try."""
        newer = "X-Recharge-Webhook-Signature"
        return [
            Forgery("key", "signed with another secret", self._by_stranger),
            Forgery("byte", "another amount than was signed", self._amount),
            Forgery("unsigned", "no signature", self._unsigned),
            Forgery("empty", "empty signatures", self._empty),
            Forgery("short", "the first characters of the right signature", self._short),
            Forgery("tail", "the right signatures with another end", self._tail),
            Forgery("stamp", "another moment than was signed", self._stamp, NO_FALLBACK, 5, False),
            Forgery(
                "fallback",
                "a wrong newer signature beside a right older one",
                lambda p, o: self.payment(p, o).with_header(newer, f"t={p.now()},v1={'0' * 64}"),
                NO_FALLBACK,
                5,
                False,
            ),
            Forgery("other_body", "the signatures of another genuine message", self._other_body),
        ]

    def _by_stranger(self, play: Play, order: Order) -> Message:
        body = self.payment(play, order).body
        return Message(pairs(recharge.headers(play.token(48), body, play.now())), body)

    def _amount(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_body(changed_after(message.body, b'"total_price":"', 0))

    def _unsigned(self, play: Play, order: Order) -> Message:
        return self.payment(play, order).without(
            "X-Recharge-Hmac-Sha256", "X-Recharge-Webhook-Signature", "X-Recharge-Webhook-Timestamp"
        )

    def _empty(self, play: Play, order: Order) -> Message:
        message = self._unsigned(play, order)
        return message.with_header("X-Recharge-Hmac-Sha256", "").with_header("X-Recharge-Webhook-Signature", "")

    def _short(self, play: Play, order: Order) -> Message:
        body = self.payment(play, order).body
        older = recharge.legacy(self.keys["client_secret"], body)[:2]
        return Message(pairs({"Content-Type": "application/json", "X-Recharge-Hmac-Sha256": older}), body)

    def _tail(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        for name in ("X-Recharge-Hmac-Sha256", "X-Recharge-Webhook-Signature"):
            message = message.with_header(name, other_end(message.get(name)))
        return message

    def _stamp(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        _, digest = message.get("X-Recharge-Webhook-Signature").split(",")
        return message.with_header("X-Recharge-Webhook-Signature", f"t={play.now() + 1},{digest}")

    def _other_body(self, play: Play, order: Order) -> Message:
        return self.payment(play, order).with_body(written(self.content(order, minor=1)))

    def words(self) -> list[tuple[str, str]]:
        """Return what a charge can be besides successful."""
        return [("error", "a charge that failed"), ("queued", "a charge that is still to come")]

    def others(self) -> list[Case]:
        """Return what is about the older signature."""
        return [
            _big_numbers(self),
            Case(
                "genuine.older",
                "a message with the older signature alone is acknowledged",
                1,
                5,
                "stores that Recharge signs for in the older way lose their payments",
                self._older,
            ),
        ]

    def _older(self, play: Play) -> None:
        newer = ("X-Recharge-Webhook-Signature", "X-Recharge-Webhook-Timestamp")
        play.accepts(self.payment(play, play.order()).without(*newer), "the older signature alone")

"""HC1 and Stripe: cashiers that tell a merchant that a payment of his was paid."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from ..engine import Case
from ..signers import hc1, stripe
from ..wire import Message, pairs
from .base import REPLAY, Forgery, Json, Platform
from .shared import other_end
from .shops import moment
from .wechat import FOREIGN, changed_after, written

if TYPE_CHECKING:
    from ..engine import Play
    from ..merchant import Order
    from ..wire import Reply


class Hc1(Platform):
    """The HC1 contract of cashiers."""

    name = "hc1"
    title = "HC1 cashier"
    same_bytes_again = False  # a nonce is good for one request
    page = "docs/hc1.md"
    patience = 10.0
    window = 300
    currency = "USD"

    @classmethod
    def new_keys(cls) -> Json:
        """Make a merchant and its key."""
        return {
            "merchant_id": "m_" + secrets.token_hex(6),
            "key_id": "ak_" + secrets.token_hex(4),
            "secret": secrets.token_hex(32),
        }

    def values(self) -> Json:
        """Return what the cashier would show."""
        return dict(self.keys)

    def secrets(self) -> list[str]:
        """Return the secret."""
        return [self.keys["secret"]]

    def content(self, play: Play, order: Order, **changes: Any) -> Json:
        """Return what a notification says."""
        minor, currency = changes.get("minor") or order.minor, changes.get("currency") or order.currency
        word = changes.get("word") or "SUCCEEDED"
        paid = minor if word == "SUCCEEDED" else 0
        return {
            "event_id": "evt_" + play.hexadecimal(24),
            "event_type": f"payment.{word.lower()}",
            "created_at": moment(order.at).replace("+00:00", "Z"),
            "merchant_id": changes.get("merchant") or self.keys["merchant_id"],
            "data": {
                "payment_id": order.names.get("payment_id") or f"pay_{order.number}",
                "merchant_payment_id": order.names.get("reference") or order.number,
                "status": word,
                "amount": {"value": minor, "currency": currency},
                "paid_amount": {"value": paid, "currency": currency},
                "refunded_amount": {"value": 0, "currency": currency},
                "version": 1 if changes.get("earlier") else 2,
            },
        }

    def payment(self, play: Play, order: Order, **changes: Any) -> Message:
        """Return a signed notification."""
        content = changes.get("content")
        if content is None:
            content = self.content(play, order, **changes)
        body = written(content, spelling=changes.get("spelling", False))
        return self.signed(play, body, at=changes.get("at", 0))

    def signed(
        self, play: Play, body: bytes, *, at: int = 0, key: tuple[str, str] | None = None, merchant: str = ""
    ) -> Message:
        """Sign a body under a new nonce."""
        known = (self.keys["key_id"], self.keys["secret"])
        first = ["HC1", "NOTIFY", merchant or self.keys["merchant_id"]]
        return Message(pairs(hc1.headers(key or known, first, body, play.now() + at, play.hexadecimal(32))), body)

    def repeat(self, play: Play, message: Message) -> Message:
        """Return the same content under a new nonce: the contract says so."""
        return self.signed(play, message.body)

    def forgeries(self) -> list[Forgery]:
        """Return what strangers would try."""
        return [
            Forgery("key", "signed with another secret", self._by_stranger),
            Forgery("byte", "another amount than was signed", self._amount),
            Forgery("unsigned", "no signature", lambda p, o: self.payment(p, o).without("HC-Signature")),
            Forgery("bare", "none of the four headers", self._bare),
            Forgery("empty", "an empty signature", lambda p, o: self.payment(p, o).with_header("HC-Signature", "v1=")),
            Forgery("short", "the first characters of the right signature", self._short),
            Forgery("tail", "the right signature with another end", self._tail),
            Forgery(
                "key_id",
                "the name of an unknown key",
                lambda p, o: self.payment(p, o).with_header("HC-Key-Id", "ak_nobody"),
            ),
            Forgery("timestamp", "another timestamp than was signed", self._timestamp),
            Forgery(
                "nonce",
                "another nonce than was signed",
                lambda p, o: self.payment(p, o).with_header("HC-Nonce", p.hexadecimal(32)),
            ),
            Forgery(
                "twice", "an old signature under a second, new timestamp", self._two_timestamps, REPLAY, of_old=True
            ),
            Forgery("merchant", "another merchant's payment, signed with our key", self._merchant, FOREIGN),
        ]

    def _by_stranger(self, play: Play, order: Order) -> Message:
        return self.signed(play, self.payment(play, order).body, key=(self.keys["key_id"], play.token(64)))

    def _amount(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_body(changed_after(message.body, b'"paid_amount":{"value":', 0))

    def _bare(self, play: Play, order: Order) -> Message:
        return Message(pairs({"Content-Type": "application/json"}), self.payment(play, order).body)

    def _short(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_header("HC-Signature", message.get("HC-Signature")[:5])

    def _tail(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_header("HC-Signature", other_end(message.get("HC-Signature")))

    def _timestamp(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_header("HC-Timestamp", str(int(message.get("HC-Timestamp")) + 1))

    def _two_timestamps(self, play: Play, order: Order) -> Message:
        first = play.random.random() < 0.5
        return self.payment(play, order, at=-86_400).and_header("HC-Timestamp", str(play.now()), first=first)

    def _merchant(self, play: Play, order: Order) -> Message:
        return self.signed(play, written(self.content(play, order, merchant="m_somebody_else")))

    def words(self) -> list[tuple[str, str]]:
        """Return what a payment can be besides successful."""
        return [("FAILED", "a payment that failed"), ("EXPIRED", "a payment whose time was over")]

    def others(self) -> list[Case]:
        """Return what is about nonces."""
        return [
            Case(
                "fresh.nonce",
                "refused: a nonce that was used",
                1,
                5,
                "whoever saw a message sends it again within five minutes",
                self._nonce_again,
            )
        ]

    def _nonce_again(self, play: Play) -> None:
        message = self.payment(play, play.order())
        play.accepts(message)
        play.refuses(message, "the same nonce again")

    def exact(self, reply: Reply) -> bool:
        """Say whether it is the contract's one word."""
        return self.acknowledged(reply)

    def acknowledged(self, reply: Reply) -> bool:
        """Say whether it is 200 and exactly this content: anything else is sent again."""
        return reply.status == 200 and b"".join(reply.body.split()) == b'{"result":"ok"}'


class Stripe(Platform):
    """Stripe's events about Checkout sessions."""

    name = "stripe"
    title = "Stripe webhooks"
    page = "https://docs.stripe.com/webhooks"
    patience = 10.0
    window = 300
    currency = "USD"

    @classmethod
    def new_keys(cls) -> Json:
        """Make an endpoint's secret."""
        return {"webhook_secret": "whsec_" + secrets.token_hex(16)}

    def values(self) -> Json:
        """Return what the dashboard would show."""
        return dict(self.keys)

    def secrets(self) -> list[str]:
        """Return the endpoint's secret."""
        return [self.keys["webhook_secret"]]

    def content(self, play: Play, order: Order, **changes: Any) -> Json:
        """Return an event about a session."""
        word = changes.get("word") or "paid"
        session: Json = {
            "id": order.names.get("session") or f"cs_test_{order.number}",
            "object": "checkout.session",
            "amount_total": changes.get("minor") or order.minor,
            "client_reference_id": order.names.get("reference") or order.number,
            "created": order.at,
            "currency": (changes.get("currency") or order.currency).lower(),
            "metadata": {},
            "mode": "payment",
            "payment_intent": f"pi_{order.number}",
            "payment_status": word,
            "status": "complete",
        }
        return {
            "id": "evt_" + play.token(24),
            "object": "event",
            "api_version": "2026-10-28.basil",
            "created": order.at - (60 if changes.get("earlier") else 0),
            "data": {"object": session},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": "checkout.session.completed",
        }

    def payment(self, play: Play, order: Order, **changes: Any) -> Message:
        """Return a signed event."""
        content = changes.get("content")
        if content is None:
            content = self.content(play, order, **changes)
        body = written(content, spelling=changes.get("spelling", False))
        return self.signed(body, play.now() + changes.get("at", 0))

    def signed(self, body: bytes, at: int, secret: str = "") -> Message:
        """Sign a body."""
        made = stripe.signature(secret or self.keys["webhook_secret"], body, at)
        return Message(pairs({"Content-Type": "application/json", "Stripe-Signature": made}), body)

    def repeat(self, play: Play, message: Message) -> Message:
        """Return the same bytes, signed at another moment."""
        return self.signed(message.body, play.now())

    def forgeries(self) -> list[Forgery]:
        """Return what strangers would try."""
        name = "Stripe-Signature"
        return [
            Forgery("key", "signed with another secret", self._by_stranger),
            Forgery("byte", "another amount than was signed", self._amount),
            Forgery("unsigned", "no signature", lambda p, o: self.payment(p, o).without(name)),
            Forgery(
                "empty", "an empty signature", lambda p, o: self.payment(p, o).with_header(name, f"t={p.now()},v1=")
            ),
            Forgery("short", "the first characters of the right signature", self._short),
            Forgery("tail", "the right signature with another end", self._tail),
            Forgery("weaker", "the right digest under the name of the old scheme", self._weaker),
            Forgery("timestamp", "another timestamp than was signed", self._timestamp),
            Forgery(
                "twice", "an old signature with a second, new timestamp", self._two_timestamps, REPLAY, of_old=True
            ),
            Forgery("other_body", "the signature of another genuine message", self._other_body),
        ]

    def _by_stranger(self, play: Play, order: Order) -> Message:
        return self.signed(self.payment(play, order).body, play.now(), "whsec_" + play.hexadecimal(32))

    def _amount(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_body(changed_after(message.body, b'"amount_total":', 0))

    def _digest(self, message: Message, at: int) -> str:
        return stripe.digest(self.keys["webhook_secret"], message.body, at)

    def _short(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_header("Stripe-Signature", f"t={play.now()},v1={self._digest(message, play.now())[:2]}")

    def _tail(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        digest = other_end(self._digest(message, play.now()))
        return message.with_header("Stripe-Signature", f"t={play.now()},v1={digest}")

    def _weaker(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_header("Stripe-Signature", f"t={play.now()},v0={self._digest(message, play.now())}")

    def _timestamp(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        made = message.get("Stripe-Signature").replace(f"t={play.now()}", f"t={play.now() + 1}")
        if made == message.get("Stripe-Signature"):
            made = made.replace("t=", "t=1")
        return message.with_header("Stripe-Signature", made)

    def _two_timestamps(self, play: Play, order: Order) -> Message:
        message, old = self.payment(play, order), play.now() - 86_400
        stamps = [f"t={old}", f"t={play.now()}"]
        if play.random.random() < 0.5:
            stamps.reverse()
        return message.with_header("Stripe-Signature", f"{','.join(stamps)},v1={self._digest(message, old)}")

    def _other_body(self, play: Play, order: Order) -> Message:
        return self.payment(play, order).with_body(self.payment(play, order).body)

    def words(self) -> list[tuple[str, str]]:
        """Return what a complete session can be besides paid."""
        return [("unpaid", "a session that is complete and not paid yet")]

    def others(self) -> list[Case]:
        """Return what is about a change of secrets."""
        return [
            Case(
                "genuine.rotation",
                "signed with a new and an old secret at once: acknowledged",
                1,
                5,
                "payments are lost for a day whenever the secret is rolled",
                self._rotation,
            )
        ]

    def _rotation(self, play: Play) -> None:
        message, now = self.payment(play, play.order()), play.now()
        other = stripe.digest("whsec_" + play.hexadecimal(32), message.body, now)
        both = f"t={now},v1={other},v1={self._digest(message, now)}"
        play.accepts(message.with_header("Stripe-Signature", both), "one of two signatures right")

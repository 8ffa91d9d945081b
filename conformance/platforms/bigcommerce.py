"""BigCommerce: webhooks, which are hints, and what its control panel vouches for when it opens an app."""

from __future__ import annotations

import base64
import json
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from ..signers import jwt, standard_webhooks
from ..wire import Message, pairs
from .base import FORGED, REPLAY, Forgery, Json, Platform
from .shared import other_end
from .wechat import changed_after, written

if TYPE_CHECKING:
    from ..engine import Play
    from ..merchant import Order

OPENED = "whoever makes such a token is the store's owner in your app: orders, customers, refunds"


class _Bigcommerce(Platform):
    currency = "USD"
    judges_state = False
    window = 300
    patience = 10.0

    @classmethod
    def new_keys(cls) -> Json:
        """Make an app and a store where it is installed."""
        return {
            "client_id": secrets.token_hex(15),
            "client_secret": secrets.token_hex(32),
            "store_hash": "confkit01",
            "hook_token": secrets.token_hex(16),
        }

    def values(self) -> Json:
        """Return what the developer portal would show."""
        return dict(self.keys)

    def secrets(self) -> list[str]:
        """Return the client secret and the hook's own header."""
        return [self.keys["client_secret"], self.keys["hook_token"]]

    def words(self) -> list[tuple[str, str]]:
        """Return nothing: what is said of an order is read from the store."""
        return []


class Webhooks(_Bigcommerce):
    """Webhooks by the rules of Standard Webhooks."""

    name = "bigcommerce"
    title = "BigCommerce webhooks"
    page = "https://developer.bigcommerce.com/docs/integrations/webhooks"

    def content(self, play: Play, order: Order, **changes: Any) -> Json:
        """Return what is said of an order."""
        return {
            "producer": f"stores/{changes.get('merchant') or self.keys['store_hash']}",
            "hash": play.hexadecimal(40),
            "created_at": play.now(),
            "store_id": "1001234567",
            "scope": "store/order/statusUpdated",
            "data": {
                "type": "order",
                "id": 900_000_000 + int(order.number[-4:]),
                "status": {"previous_status_id": 7, "new_status_id": 11},
            },
        }

    def payment(self, play: Play, order: Order, **changes: Any) -> Message:
        """Return a signed delivery."""
        content = changes.get("content")
        if content is None:
            content = self.content(play, order, **changes)
        body = written(content, spelling=changes.get("spelling", False))
        return self.signed(play, body, at=changes.get("at", 0))

    def signed(self, play: Play, body: bytes, *, at: int = 0, secret: str = "") -> Message:
        """Sign a body."""
        made = standard_webhooks.headers(
            (secret or self.keys["client_secret"]).encode(), body, play.now() + at, message_id="msg_" + play.token(24)
        )
        return Message(pairs({"Content-Type": "application/json", "User-Agent": "akka-http/10.0.10", **made}), body)

    def forgeries(self) -> list[Forgery]:
        """Return what strangers would try."""
        name = "webhook-signature"
        return [
            Forgery("key", "signed with another secret", self._by_stranger),
            Forgery("byte", "another order than was signed", self._order),
            Forgery("unsigned", "no signature", lambda p, o: self.payment(p, o).without(name)),
            Forgery("bare", "none of the three headers", self._bare),
            Forgery("empty", "an empty signature", lambda p, o: self.payment(p, o).with_header(name, "v1,")),
            Forgery("short", "the first characters of the right signature", self._short),
            Forgery("tail", "the right signature with another end", self._tail),
            Forgery("scheme", "the right signature under another scheme's name", self._scheme),
            Forgery("timestamp", "another timestamp than was signed", self._timestamp),
            Forgery("message_id", "another id than was signed", self._message_id),
            Forgery(
                "twice", "an old signature under a second, new timestamp", self._two_timestamps, REPLAY, of_old=True
            ),
            Forgery("header", "the hook's own header guessed", self._guessed),
            Forgery("other_body", "the signature of another genuine message", self._other_body),
        ]

    def _by_stranger(self, play: Play, order: Order) -> Message:
        return self.signed(play, self.payment(play, order).body, secret=play.hexadecimal(64))

    def _order(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_body(changed_after(message.body, b'"id":', 1))

    def _bare(self, play: Play, order: Order) -> Message:
        return Message(pairs({"Content-Type": "application/json"}), self.payment(play, order).body)

    def _short(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_header("webhook-signature", message.get("webhook-signature")[:7])

    def _tail(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_header("webhook-signature", other_end(message.get("webhook-signature")))

    def _scheme(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_header("webhook-signature", message.get("webhook-signature").replace("v1,", "v0,", 1))

    def _timestamp(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_header("webhook-timestamp", str(int(message.get("webhook-timestamp")) + 1))

    def _message_id(self, play: Play, order: Order) -> Message:
        return self.payment(play, order).with_header("webhook-id", "msg_" + play.token(24))

    def _two_timestamps(self, play: Play, order: Order) -> Message:
        first = play.random.random() < 0.5
        return self.payment(play, order, at=-86_400).and_header("webhook-timestamp", str(play.now()), first=first)

    def _guessed(self, play: Play, order: Order) -> Message:
        return self._bare(play, order).with_header("x-bc-hook-token", play.hexadecimal(32))

    def _other_body(self, play: Play, order: Order) -> Message:
        return self.payment(play, order).with_body(self.payment(play, order).body)


class App(_Bigcommerce):
    """The `load` callback: a token says which store's user opens the app."""

    name = "bigcommerce-app"
    title = "BigCommerce app callbacks"
    page = "https://developer.bigcommerce.com/docs/integrations/apps/guide/callbacks"

    def claims(self, play: Play, *, at: int = 0, **changes: Any) -> Json:
        """Return what is vouched for."""
        owner = {"id": 12345, "email": "owner@example.com", "locale": "en-US"}
        now = play.now() + at
        return {
            "aud": self.keys["client_id"],
            "iss": "bc",
            "iat": now,
            "nbf": now,
            "exp": now + 86_400,
            "jti": play.hexadecimal(32),
            "sub": f"stores/{self.keys['store_hash']}",
            "user": owner,
            "owner": owner,
            "url": "/",
            "channel_id": None,
        } | changes

    def opened(self, token: str) -> Message:
        """Return a visit with a token."""
        return Message((), query=f"signed_payload_jwt={token}", method="GET")

    def payment(self, play: Play, order: Order, **changes: Any) -> Message:
        """Return a genuine visit."""
        claims = changes.get("content") or self.claims(play, at=changes.get("at", 0))
        if changes.get("at", 0) < 0:
            claims |= {"exp": play.now() - 60}
        header = {"typ": "JWT", "alg": "HS256"} if changes.get("spelling") else None
        return self.opened(jwt.token(self.keys["client_secret"], claims, header))

    def garbage(self, play: Play, body: bytes) -> Message:
        """Return a visit with garbage for a token."""
        text = base64.urlsafe_b64encode(body[:6000]).decode().rstrip("=")
        return self.opened(f"{text}.{text[:200]}.{text[:40]}")

    def forgeries(self) -> list[Forgery]:
        """Return what strangers would try."""
        return [
            Forgery("key", "signed with another secret", self._by_stranger, OPENED),
            Forgery("byte", "other claims than were signed", self._other_claims, OPENED),
            Forgery("none", "a token that says it needs no signature", partial(self._algorithm, "none"), OPENED),
            Forgery("algorithm", "a token that names another algorithm", partial(self._algorithm, "RS256"), OPENED),
            Forgery("unsigned", "a token without its last part", self._unsigned, OPENED),
            Forgery("tail", "the right signature with another end", self._tail, OPENED),
            Forgery("bare", "no token at all", lambda p, o: Message((), method="GET"), OPENED),
            Forgery("audience", "signed for another app", partial(self._claim, aud="another"), FORGED),
            Forgery(
                "shopper", "signed for a shopper, as any of them can get", partial(self._claim, iss="bc/apps"), OPENED
            ),
            Forgery("forever", "a token without an end", self._forever, REPLAY, 5, False),
            Forgery(
                "store",
                "a store that has not installed the app",
                partial(self._claim, sub="stores/nobody001"),
                OPENED,
                5,
                False,
            ),
        ]

    def _by_stranger(self, play: Play, order: Order) -> Message:
        return self.opened(jwt.token(play.hexadecimal(64), self.claims(play)))

    def _parts(self, play: Play) -> list[str]:
        return jwt.token(self.keys["client_secret"], self.claims(play)).split(".")

    def _other_claims(self, play: Play, order: Order) -> Message:
        head, _, signature = self._parts(play)
        other = jwt.segment(json.dumps(self.claims(play, user={"id": 1, "email": "thief@example.com"})).encode())
        return self.opened(f"{head}.{other}.{signature}")

    def _algorithm(self, name: str, play: Play, order: Order) -> Message:
        token = jwt.token(self.keys["client_secret"], self.claims(play), {"alg": name, "typ": "JWT"})
        return self.opened(token.rsplit(".", 1)[0] + "." if name == "none" else token)

    def _unsigned(self, play: Play, order: Order) -> Message:
        return self.opened(".".join(self._parts(play)[:2]) + ".")

    def _tail(self, play: Play, order: Order) -> Message:
        head, claims, signature = self._parts(play)
        return self.opened(f"{head}.{claims}.{other_end(signature)}")

    def _claim(self, play: Play, order: Order, **changes: Any) -> Message:
        return self.opened(jwt.token(self.keys["client_secret"], self.claims(play, **changes)))

    def _forever(self, play: Play, order: Order) -> Message:
        claims = self.claims(play)
        del claims["exp"]
        return self.opened(jwt.token(self.keys["client_secret"], claims))

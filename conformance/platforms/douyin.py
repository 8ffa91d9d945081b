"""Douyin: callbacks of the trade system and of guaranteed payment."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from ..signers import douyin, rsa_keys
from ..wire import Message, pairs
from .base import FORGED, REPLAY, Forgery, Json, Platform
from .shared import other_end
from .wechat import FOREIGN, changed_after, written

if TYPE_CHECKING:
    from ..engine import Case, Play
    from ..merchant import Order
    from ..wire import Reply

ACCEPTED = {"err_no": 0, "err_tips": "success"}
OTHER_APP = "tt00000000000000ff01"


class _Douyin(Platform):
    currency = "CNY"
    patience = 5.0
    page = "https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/ecpay/APIlist/callback"
    # Whether a retry carries the first moment again is said nowhere, and retries take hours. An old message may be
    # acknowledged and asked about: whether it pays is what is judged.
    window = 172_800
    old_is_refused = False
    names_currency = False

    @classmethod
    def new_keys(cls) -> Json:
        """Make an app, its token and the platform's key pair."""
        return {
            "app_id": "tt" + secrets.token_hex(9),
            "merchant_uid": "7" + "".join(str(secrets.randbelow(10)) for _ in range(19)),
            "token": secrets.token_hex(12),
            "salt": secrets.token_hex(20),
            "platform_pem": rsa_keys.private_pem(rsa_keys.new_private_key()),
            "stranger_pem": rsa_keys.private_pem(rsa_keys.new_private_key()),
        }

    def values(self) -> Json:
        """Return what the developer console would show."""
        pem = rsa_keys.public_pem(rsa_keys.private_key(self.keys["platform_pem"]).public_key())
        names = ("app_id", "merchant_uid", "token", "salt")
        return {name: self.keys[name] for name in names} | {"platform_public_key": pem}

    def secrets(self) -> list[str]:
        """Return the token, the salt and the private key's first line."""
        return [self.keys["token"], self.keys["salt"], self.keys["platform_pem"].splitlines()[1]]

    def acknowledged(self, reply: Reply) -> bool:
        """Say whether Douyin is content."""
        return 200 <= reply.status < 300 and b'"err_no":0' in reply.body.replace(b" ", b"")

    def exact(self, reply: Reply) -> bool:
        """Say whether it is what the page says, to the letter."""
        try:
            return reply.status == 200 and bool(json.loads(reply.body) == ACCEPTED)
        except ValueError:
            return False


class Trade(_Douyin):
    """The trade system: RSA over timestamp, nonce and body."""

    name = "douyin"
    title = "Douyin trade system"

    def inner(self, order: Order, **changes: Any) -> Json:
        """Return what is in `msg`."""
        return {
            "app_id": changes.get("merchant") or self.keys["app_id"],
            "out_order_no": order.number,
            "order_id": str(order.names.get("order_id") or "71" + order.number.encode().hex()[-17:].translate(_DIGITS)),
            "status": changes.get("word") or "SUCCESS",
            "total_amount": changes.get("minor") or order.minor,
            "discount_amount": 0,
            "pay_channel": 1,
            "channel_pay_id": "4200" + order.number.encode().hex().translate(_DIGITS)[-20:],
            "merchant_uid": self.keys["merchant_uid"],
            "message": "TIME_OUT" if changes.get("word") == "CANCEL" else "",
            "event_time": (order.at - (60 if changes.get("earlier") else 0)) * 1000,
            "cp_extra": "",
        }

    def payment(self, play: Play, order: Order, **changes: Any) -> Message:
        """Return a signed callback."""
        spelling = changes.get("spelling", False)
        if "content" in changes:
            body = written(changes["content"])
        else:
            text = written(self.inner(order, **changes)).decode()
            body = written({"version": "3.0", "type": "payment", "msg": text}, spelling=spelling)
        return self.signed(play, body, at=changes.get("at", 0))

    def signed(self, play: Play, body: bytes, *, at: int = 0, stranger: bool = False) -> Message:
        """Sign a body."""
        key = rsa_keys.private_key(self.keys["stranger_pem" if stranger else "platform_pem"])
        stamp, nonce = str(play.now() + at), play.hexadecimal(8)
        headers = {
            "Content-Type": "application/json",
            "Byte-Identifyname": "/common",
            "Byte-Logid": play.hexadecimal(32),
            "Byte-Timestamp": stamp,
            "Byte-Nonce-Str": nonce,
            "Byte-Signature": douyin.sign(key, stamp, nonce, body.decode()),
        }
        return Message(pairs(headers), body)

    def forgeries(self) -> list[Forgery]:
        """Return what strangers would try."""
        name = "Byte-Signature"
        return [
            Forgery("key", "signed with a stranger's key", self._by_stranger),
            Forgery("byte", "another amount than was signed", self._amount),
            Forgery("unsigned", "no signature", lambda p, o: self.payment(p, o).without(name)),
            Forgery("empty", "an empty signature", lambda p, o: self.payment(p, o).with_header(name, "")),
            Forgery("timestamp", "another timestamp than was signed", self._timestamp),
            Forgery(
                "nonce",
                "another nonce than was signed",
                lambda p, o: self.payment(p, o).with_header("Byte-Nonce-Str", p.hexadecimal(8)),
            ),
            Forgery("other_body", "the signature of another genuine message", self._other_body),
            Forgery("merchant", "another app's payment", lambda p, o: self.payment(p, o, merchant=OTHER_APP), FOREIGN),
        ]

    def _by_stranger(self, play: Play, order: Order) -> Message:
        return self.signed(play, self.payment(play, order).body, stranger=True)

    def _amount(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_body(changed_after(message.body, b'\\"total_amount\\":', 0))

    def _timestamp(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_header("Byte-Timestamp", str(int(message.get("Byte-Timestamp")) + 1))

    def _other_body(self, play: Play, order: Order) -> Message:
        return self.payment(play, order).with_body(self.payment(play, order, minor=1).body)

    def words(self) -> list[tuple[str, str]]:
        """Return what an order can be besides paid."""
        return [("CANCEL", "an order that ran out of time")]

    def others(self) -> list[Case]:
        """Return nothing more."""
        return []


class Ecpay(_Douyin):
    """Guaranteed payment: SHA-1 over four sorted texts, which leaves more open than it closes."""

    name = "douyin-ecpay"
    title = "Douyin guaranteed payment"

    def inner(self, order: Order, **changes: Any) -> Json:
        """Return what is in `msg`."""
        channel = "4200" + order.number.encode().hex().translate(_DIGITS)[-20:]
        return {
            "appid": changes.get("merchant") or self.keys["app_id"],
            "cp_orderno": order.number,
            "cp_extra": "",
            "way": "1",
            "channel_no": channel,
            "channel_gateway_no": "",
            "payment_order_no": f"PCP{channel[4:]}",
            "out_channel_order_no": channel,
            "total_amount": changes.get("minor") or order.minor,
            "status": changes.get("word") or "SUCCESS",
            "seller_uid": self.keys["merchant_uid"],
            "extra": "",
            "item_id": "",
            "paid_at": order.at - (60 if changes.get("earlier") else 0),
            "message": "",
            "order_id": str(
                order.names.get("order_id") or "N71" + order.number.encode().hex().translate(_DIGITS)[-16:]
            ),
        }

    def outer(self, play: Play, msg: str, *, at: int = 0, token: str = "") -> Json:
        """Return a signed callback's fields."""
        stamp, nonce = str(play.now() + at), str(play.random.randrange(1000, 10_000))
        signature = douyin.callback_sign(token or self.keys["token"], stamp, nonce, msg)
        return {"timestamp": stamp, "nonce": nonce, "msg": msg, "msg_signature": signature, "type": "payment"}

    def message(self, content: Json, *, spelling: bool = False) -> Message:
        """Return the request of a callback."""
        return Message(pairs({"Content-Type": "application/json"}), written(content, spelling=spelling))

    def fields(self, play: Play, order: Order, **changes: Any) -> Json:
        """Return a genuine callback's fields."""
        text = written(self.inner(order, **changes)).decode()
        return self.outer(play, text, at=changes.get("at", 0), token=changes.get("token", ""))

    def payment(self, play: Play, order: Order, **changes: Any) -> Message:
        """Return a signed callback."""
        if "content" in changes:
            return self.message(self.outer(play, written(changes["content"]).decode()))
        return self.message(self.fields(play, order, **changes), spelling=changes.get("spelling", False))

    def forgeries(self) -> list[Forgery]:
        """Return what strangers would try."""
        return [
            Forgery("key", "signed with another token", lambda p, o: self.payment(p, o, token=p.hexadecimal(24))),
            Forgery("byte", "another amount than was signed", self._amount),
            Forgery("unsigned", "no signature", self._unsigned),
            Forgery(
                "empty", "an empty signature", lambda p, o: self.message(self.fields(p, o) | {"msg_signature": ""})
            ),
            Forgery("short", "the first characters of the right signature", self._short),
            Forgery("tail", "the right signature with another end", self._tail),
            Forgery("timestamp", "another timestamp than was signed", self._timestamp),
            Forgery("shifted", "a digit moved from the timestamp to the nonce", self._shifted, REPLAY, 5, False),
            Forgery("swapped", "timestamp and nonce swapped", self._swapped, REPLAY, 5, False),
            Forgery("merchant", "another app's payment", lambda p, o: self.payment(p, o, merchant=OTHER_APP), FOREIGN),
            Forgery("double", "the message twice in one body", self._double, FORGED),
        ]

    def _amount(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_body(changed_after(message.body, b'\\"total_amount\\":', 0))

    def _unsigned(self, play: Play, order: Order) -> Message:
        fields = self.fields(play, order)
        del fields["msg_signature"]
        return self.message(fields)

    def _short(self, play: Play, order: Order) -> Message:
        fields = self.fields(play, order)
        return self.message(fields | {"msg_signature": fields["msg_signature"][:2]})

    def _timestamp(self, play: Play, order: Order) -> Message:
        fields = self.fields(play, order)
        return self.message(fields | {"timestamp": str(int(fields["timestamp"]) + 1)})

    def _tail(self, play: Play, order: Order) -> Message:
        fields = self.fields(play, order)
        return self.message(fields | {"msg_signature": other_end(fields["msg_signature"])})

    def _shifted(self, play: Play, order: Order) -> Message:
        fields = self.fields(play, order)
        stamp = fields["timestamp"]
        return self.message(fields | {"timestamp": stamp[:-1], "nonce": stamp[-1] + fields["nonce"]})

    def _swapped(self, play: Play, order: Order) -> Message:
        fields = self.fields(play, order)
        return self.message(fields | {"timestamp": fields["nonce"], "nonce": fields["timestamp"]})

    def _double(self, play: Play, order: Order) -> Message:
        body = self.payment(play, order, minor=1).body
        other = json.dumps(written(self.inner(order)).decode())
        return Message(pairs({"Content-Type": "application/json"}), b'{"msg":' + other.encode() + b"," + body[1:])

    def words(self) -> list[tuple[str, str]]:
        """Return what an order can be besides paid."""
        return [("FAIL", "a payment that failed")]


_DIGITS = str.maketrans("abcdef", "012345")

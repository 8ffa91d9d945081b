"""WeChat Pay: payment and refund notices of API v3 and v2."""

from __future__ import annotations

import base64
import json
import secrets
import string
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from ..engine import Case
from ..signers import rsa_keys
from ..signers import wechat as signer
from ..wire import Message, pairs
from .base import FORGED, REPLAY, Forgery, Json, Platform
from .shared import other_end, settles

if TYPE_CHECKING:
    from ..engine import Play
    from ..merchant import Order
    from ..wire import Reply

SUCCESS_V2 = b"<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"
OTHER_MERCHANT = "1900009999"
ALPHABET = string.ascii_letters + string.digits
FOREIGN = "anybody with an account of the same platform pays himself one cent and gets your goods"
WORDS = [("NOTPAY", "an order that nobody paid"), ("CLOSED", "a closed order"), ("PAYERROR", "a payment that failed")]


def _text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def beijing(now: float, form: str = "%Y-%m-%dT%H:%M:%S+08:00") -> str:
    """Write a moment as WeChat does."""
    return time.strftime(form, time.gmtime(now + 8 * 3600))


class _Wechat(Platform):
    currency = "CNY"
    patience = 5.0

    @classmethod
    def new_keys(cls) -> Json:
        """Make the platform's key pair, a stranger's, and the merchant's keys."""
        return {
            "mchid": "19" + "".join(secrets.choice(string.digits) for _ in range(8)),
            "appid": "wx" + secrets.token_hex(8),
            "api_v3_key": _text(32),
            "api_v2_key": _text(32),
            "sign_type": "HMAC-SHA256",
            "serial": "PUB_KEY_ID_01" + "".join(secrets.choice(string.digits) for _ in range(32)),
            "platform_pem": rsa_keys.private_pem(rsa_keys.new_private_key()),
            "stranger_pem": rsa_keys.private_pem(rsa_keys.new_private_key()),
        }

    def secrets(self) -> list[str]:
        """Return the two API keys and the private key's first line."""
        return [self.keys["api_v3_key"], self.keys["api_v2_key"], self.keys["platform_pem"].splitlines()[1]]

    @property
    def key(self) -> Any:
        """The platform's private key."""
        return rsa_keys.private_key(self.keys["platform_pem"])

    @property
    def stranger(self) -> Any:
        """A private key that is nobody's."""
        return rsa_keys.private_key(self.keys["stranger_pem"])


class WechatV3(_Wechat):
    """API v3: RSA over timestamp, nonce and body; the resource sealed with AES-256-GCM."""

    name = "wechat"
    title = "WeChat Pay API v3"
    page = "https://pay.weixin.qq.com/doc/v3/merchant/4012791861"
    window = 300

    def values(self) -> Json:
        """Return what the merchant platform would show."""
        pem = rsa_keys.public_pem(self.key.public_key())
        return {
            "mchid": self.keys["mchid"],
            "appid": self.keys["appid"],
            "api_v3_key": self.keys["api_v3_key"],
            "wechatpay_public_key": {"id": self.keys["serial"], "pem": pem},
        }

    def transaction(self, play: Play, order: Order, **changes: Any) -> Json:
        """Return what is sealed into a payment notice."""
        word = changes.get("word") or "SUCCESS"
        minor, currency = changes.get("minor") or order.minor, changes.get("currency") or order.currency
        return {
            "mchid": changes.get("merchant") or self.keys["mchid"],
            "appid": self.keys["appid"],
            "out_trade_no": order.number,
            "transaction_id": "4200" + _number_of(order.number, 24),
            "trade_type": "JSAPI",
            "trade_state": word,
            "trade_state_desc": "支付成功" if word == "SUCCESS" else word,
            "bank_type": "OTHERS",
            "attach": "",
            "success_time": beijing(order.at - (60 if changes.get("earlier") else 0)),
            "payer": {"openid": "oConformance0000000000000001"},
            "amount": {"total": minor, "payer_total": minor, "currency": currency, "payer_currency": currency},
        }

    def payment(self, play: Play, order: Order, **changes: Any) -> Message:
        """Return a signed notice."""
        content = changes.get("content")
        if content is None:
            event = f"TRANSACTION.{changes.get('word') or 'SUCCESS'}"
            content = self.envelope(play, event, "transaction", self.transaction(play, order, **changes))
        return self.signed(play, written(content, spelling=changes.get("spelling", False)), at=changes.get("at", 0))

    def envelope(self, play: Play, event: str, kind: str, resource: Json) -> Json:
        """Return a notice's body; each has another id."""
        plain = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
        h = play.hexadecimal(32)
        return {
            "id": f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}",
            "create_time": beijing(play.now()),
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": "支付成功",
            "resource": signer.seal(self.keys["api_v3_key"], kind, plain, play.token(12)),
        }

    def signed(self, play: Play, body: bytes, *, at: int = 0, key: Any = None, serial: str = "") -> Message:
        """Sign a body."""
        made = signer.headers(
            key or self.key, serial or self.keys["serial"], body, str(play.now() + at), play.token(32)
        )
        return Message(pairs({"Content-Type": "application/json", "User-Agent": "Mozilla/4.0", **made}), body)

    def forgeries(self) -> list[Forgery]:
        """Return what strangers would try."""
        return [
            Forgery("key", "signed with a stranger's key under the platform's serial", self._by_stranger),
            Forgery("byte", "one byte of the sealed resource changed", partial(self._byte, b'"ciphertext":"')),
            Forgery("envelope", "one byte of the envelope changed", partial(self._byte, b'"id":"')),
            Forgery("unsigned", "no signature header", lambda p, o: self.payment(p, o).without("Wechatpay-Signature")),
            Forgery("bare", "no header but the content type", self._bare),
            Forgery(
                "empty", "an empty signature", lambda p, o: self.payment(p, o).with_header("Wechatpay-Signature", "")
            ),
            Forgery("serial", "signed with the name of an unknown key", self._unknown_serial),
            Forgery("timestamp", "another timestamp than was signed", self._timestamp),
            Forgery("nonce", "another nonce than was signed", self._nonce),
            Forgery("swapped", "timestamp and nonce swapped", self._swapped),
            Forgery(
                "twice", "an old signature under a second, new timestamp", self._two_timestamps, REPLAY, of_old=True
            ),
            Forgery("probe", "the platform's own probe with a wrong signature", self._probe),
            Forgery("other_body", "the signature of another genuine message", self._other_body),
            Forgery(
                "merchant",
                "another merchant's payment, signed by the platform",
                lambda p, o: self.payment(p, o, merchant=OTHER_MERCHANT),
                FOREIGN,
                may_be_taken=True,
            ),
            Forgery(
                "other_key",
                "sealed with another merchant's API key",
                self._other_key,
                FOREIGN,
            ),
            Forgery(
                "double",
                "signed JSON in which names stand twice",
                self._double,
                "two readers of the same bytes see two amounts",
                5,
                False,
            ),
        ]

    def _by_stranger(self, play: Play, order: Order) -> Message:
        return self.signed(play, self.payment(play, order).body, key=self.stranger)

    def _unknown_serial(self, play: Play, order: Order) -> Message:
        return self.signed(play, self.payment(play, order).body, key=self.stranger, serial="PUB_KEY_ID_" + "0" * 34)

    def _byte(self, after: bytes, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_body(changed_after(message.body, after, play.random.randrange(12)))

    def _bare(self, play: Play, order: Order) -> Message:
        return Message(pairs({"Content-Type": "application/json"}), self.payment(play, order).body)

    def _timestamp(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        return message.with_header("Wechatpay-Timestamp", str(int(message.get("Wechatpay-Timestamp")) + 1))

    def _nonce(self, play: Play, order: Order) -> Message:
        return self.payment(play, order).with_header("Wechatpay-Nonce", play.token(32))

    def _swapped(self, play: Play, order: Order) -> Message:
        message = self.payment(play, order)
        stamp, nonce = message.get("Wechatpay-Timestamp"), message.get("Wechatpay-Nonce")
        return message.with_header("Wechatpay-Timestamp", nonce).with_header("Wechatpay-Nonce", stamp)

    def _two_timestamps(self, play: Play, order: Order) -> Message:
        return self.payment(play, order, at=-86_400).and_header(
            "Wechatpay-Timestamp", str(play.now()), first=play.random.random() < 0.5
        )

    def _probe(self, play: Play, order: Order) -> Message:
        body = self.payment(play, order).body
        made = signer.headers(self.key, self.keys["serial"], body, str(play.now()), play.token(32), probe=True)
        return Message(pairs({"Content-Type": "application/json", **made}), body)

    def _other_body(self, play: Play, order: Order) -> Message:
        return self.payment(play, order).with_body(self.payment(play, order).body)

    def _other_key(self, play: Play, order: Order) -> Message:
        plain = json.dumps(self.transaction(play, order)).encode()
        envelope = self.envelope(play, "TRANSACTION.SUCCESS", "transaction", {})
        envelope["resource"] = signer.seal(play.token(32), "transaction", plain, play.token(12))
        return self.signed(play, written(envelope))

    def _double(self, play: Play, order: Order) -> Message:
        body = self.payment(play, order).body
        return self.signed(play, b'{"event_type":"TRANSACTION.CLOSED","resource":{},' + body[1:])

    def words(self) -> list[tuple[str, str]]:
        """Return the states of a trade that is not paid."""
        return WORDS

    def others(self) -> list[Case]:
        """Return what is about refunds."""
        needs = ("create", "state")
        return [
            Case(
                "state.refund_first",
                "a refund that is told before its payment does not stop the payment",
                2,
                5,
                "money that was paid is lost",
                self._refund_first,
                False,
                needs,
            ),
            Case(
                "state.refund_other",
                "another merchant's refund changes nothing",
                2,
                8,
                "an order counts as refunded, and is refunded again by hand",
                self._refund_other,
                True,
                needs,
            ),
        ]

    def refund(self, play: Play, order: Order, **changes: Any) -> Message:
        """Return a signed refund notice."""
        resource = {
            "mchid": changes.get("merchant") or self.keys["mchid"],
            "out_trade_no": order.number,
            "transaction_id": "4200" + _number_of(order.number, 24),
            "out_refund_no": "R" + order.number,
            "refund_id": "5030" + _number_of(order.number, 24),
            "refund_status": "SUCCESS",
            "success_time": beijing(play.now()),
            "user_received_account": "支付用户零钱",
            "amount": dict.fromkeys(("total", "refund", "payer_total", "payer_refund"), order.minor),
        }
        return self.signed(play, written(self.envelope(play, "REFUND.SUCCESS", "refund", resource)))

    def _refund_first(self, play: Play) -> None:
        order = play.order()
        play.send(self.refund(play, order))
        play.accepts(self.payment(play, order), "a payment after its refund")
        settles(play, order)

    def _refund_other(self, play: Play) -> None:
        order = play.order()
        play.accepts(self.payment(play, order))
        play.becomes_paid(order)
        before = play.run.merchant.state(order)
        play.send_patiently(self.refund(play, order, merchant=OTHER_MERCHANT))
        play.unchanged_word(order, before, "another merchant's refund")

    def exact(self, reply: Reply) -> bool:
        """Say whether it is 200 or 204: API v3 looks at nothing else."""
        return reply.status in (200, 204)

    def acknowledged(self, reply: Reply) -> bool:
        """Say whether WeChat is content: a body that says FAIL is a refusal, whatever the status."""
        return 200 <= reply.status < 300 and b'"FAIL"' not in reply.body


class WechatV2(_Wechat):
    """API v2: a flat XML document signed with a shared key; nothing in it says when."""

    name = "wechat-v2"
    title = "WeChat Pay API v2"
    page = "https://pay.weixin.qq.com/doc/v2/merchant/4011985891"
    window = None

    def values(self) -> Json:
        """Return what the merchant platform would show."""
        return {name: self.keys[name] for name in ("mchid", "appid", "api_v2_key", "sign_type")}

    def fields(self, play: Play, order: Order, **changes: Any) -> dict[str, str]:
        """Return a payment notice's fields, unsigned."""
        word = changes.get("word") or "SUCCESS"
        minor = str(changes.get("minor") or order.minor)
        found = {
            "return_code": "SUCCESS",
            "result_code": "SUCCESS" if word == "SUCCESS" else "FAIL" if word == "FAIL" else word,
            "appid": self.keys["appid"],
            "mch_id": changes.get("merchant") or self.keys["mchid"],
            "nonce_str": play.token(32),
            "openid": "oConformance0000000000000001",
            "is_subscribe": "N",
            "trade_type": "JSAPI",
            "bank_type": "OTHERS",
            "total_fee": minor,
            "fee_type": changes.get("currency") or order.currency,
            "cash_fee": minor,
            "transaction_id": "4200" + _number_of(order.number, 24),
            "out_trade_no": order.number,
            "attach": "",
            "time_end": beijing(order.at - (60 if changes.get("earlier") else 0), "%Y%m%d%H%M%S"),
        }
        if word == "FAIL":
            found |= {"err_code": "SYSTEMERROR", "err_code_des": "payment failed"}
        return found

    def sealed(self, fields: dict[str, str], key: str = "", sign_type: str = "") -> dict[str, str]:
        """Return the fields with their signature."""
        return fields | {
            "sign": signer.sign_v2(fields, key or self.keys["api_v2_key"], sign_type or self.keys["sign_type"])
        }

    def payment(self, play: Play, order: Order, **changes: Any) -> Message:
        """Return a signed notice."""
        if "content" in changes:
            flat = {name: json.dumps(value) for name, value in changes["content"].items()}
            return self.message(signer.xml(self.sealed(flat)))
        made = self.sealed(self.fields(play, order, **changes))
        if changes.get("spelling"):
            lines = "".join(f"  <{name}>{value}</{name}>\n" for name, value in reversed(made.items()))
            return self.message(f'<?xml version="1.0" encoding="UTF-8"?>\n<xml>\n{lines}</xml>\n'.encode())
        return self.message(signer.xml(made))

    def message(self, body: bytes) -> Message:
        """Return the request of a document."""
        return Message(pairs({"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0"}), body)

    def forgeries(self) -> list[Forgery]:
        """Return what strangers would try."""
        found = [
            Forgery(
                "key",
                "signed with another key",
                lambda p, o: self.message(signer.xml(self.sealed(self.fields(p, o), p.token(32)))),
            ),
            Forgery("byte", "another amount than was signed", self._amount),
            Forgery("unsigned", "no signature", lambda p, o: self.message(signer.xml(self.fields(p, o)))),
            Forgery(
                "empty", "an empty signature", lambda p, o: self.message(signer.xml({**self.fields(p, o), "sign": ""}))
            ),
            Forgery("short", "the first characters of the right signature", self._short),
            Forgery("tail", "the right signature with another end", self._tail),
            Forgery("weaker", "signed with the weaker sign type than was agreed", self._weaker),
            Forgery("added", "a field added that nobody signed", self._added),
            Forgery(
                "merchant",
                "another merchant's payment, signed with our key",
                lambda p, o: self.payment(p, o, merchant=OTHER_MERCHANT),
                FOREIGN,
                8,
                False,
            ),
            Forgery("double", "the amount twice in one document", self._double, FORGED),
            Forgery(
                "doctype",
                "a document type with entities",
                self._doctype,
                "files of your server are read (XXE), or it is stopped with a few bytes",
            ),
        ]
        # Where MD5 was agreed there is nothing weaker.
        return [one for one in found if one.id != "weaker" or self.keys["sign_type"] != "MD5"]

    def _amount(self, play: Play, order: Order) -> Message:
        fields = self.sealed(self.fields(play, order, minor=1))
        return self.message(signer.xml(fields | {"total_fee": str(order.minor), "cash_fee": str(order.minor)}))

    def _short(self, play: Play, order: Order) -> Message:
        fields = self.sealed(self.fields(play, order))
        return self.message(signer.xml(fields | {"sign": fields["sign"][:1]}))

    def _tail(self, play: Play, order: Order) -> Message:
        fields = self.sealed(self.fields(play, order))
        return self.message(signer.xml(fields | {"sign": other_end(fields["sign"])}))

    def _weaker(self, play: Play, order: Order) -> Message:
        fields = self.fields(play, order) | {"sign_type": "MD5"}
        return self.message(signer.xml(self.sealed(fields, sign_type="MD5")))

    def _added(self, play: Play, order: Order) -> Message:
        return self.message(signer.xml(self.sealed(self.fields(play, order)) | {"coupon_fee_9": "1"}))

    def _double(self, play: Play, order: Order) -> Message:
        body = signer.xml(self.sealed(self.fields(play, order, minor=1)))
        twice = f"<total_fee>{order.minor}</total_fee>\n".encode()
        if play.random.random() < 0.5:
            return self.message(body.replace(b"<xml>\n", b"<xml>\n" + twice))
        return self.message(body.replace(b"</xml>", twice + b"</xml>"))

    def _doctype(self, play: Play, order: Order) -> Message:
        fields = self.sealed(self.fields(play, order) | {"attach": "conformance"})
        body = signer.xml(fields).replace(b"<![CDATA[conformance]]>", b"&attach;")
        return self.message(b'<!DOCTYPE xml [<!ENTITY attach "conformance">]>\n' + body)

    def words(self) -> list[tuple[str, str]]:
        """Return the result of a payment that failed."""
        return [("FAIL", "a payment that failed")]

    def others(self) -> list[Case]:
        """Return what is about refunds: their notices are sealed, and signed by nobody."""
        return [
            Case(
                "state.refund_hint",
                "a refund notice, which nobody signed, is a hint and no news",
                2,
                8,
                "whoever knows the API key's hash tells that orders were refunded",
                self._refund_hint,
                True,
                ("create", "state"),
            )
        ]

    def refund(self, play: Play, order: Order) -> Message:
        """Return a refund notice."""
        inner = {
            "out_refund_no": "R" + order.number,
            "out_trade_no": order.number,
            "refund_account": "REFUND_SOURCE_RECHARGE_FUNDS",
            "refund_fee": str(order.minor),
            "refund_id": "5030" + _number_of(order.number, 24),
            "refund_recv_accout": "支付用户零钱",
            "refund_request_source": "API",
            "refund_status": "SUCCESS",
            "settlement_refund_fee": str(order.minor),
            "settlement_total_fee": str(order.minor),
            "success_time": beijing(play.now(), "%Y-%m-%d %H:%M:%S"),
            "total_fee": str(order.minor),
            "transaction_id": "4200" + _number_of(order.number, 24),
        }
        sealed = signer.seal_refund(self.keys["api_v2_key"], signer.xml(inner, "root"))
        outer = {
            "return_code": "SUCCESS",
            "appid": self.keys["appid"],
            "mch_id": self.keys["mchid"],
            "nonce_str": play.token(32),
            "req_info": sealed,
        }
        return self.message(signer.xml(outer))

    def _refund_hint(self, play: Play) -> None:
        order = play.order()
        play.accepts(self.payment(play, order))
        play.becomes_paid(order)
        before = play.run.merchant.state(order)
        play.send(self.refund(play, order))
        play.unchanged_word(order, before, "a refund notice that nobody signed")

    def exact(self, reply: Reply) -> bool:
        """Say whether it is what API v2 wants to the letter."""
        return reply.status == 200 and reply.body.strip() == SUCCESS_V2

    def acknowledged(self, reply: Reply) -> bool:
        """Say whether WeChat is content: anything with SUCCESS as its return code is."""
        if not 200 <= reply.status < 300:
            return False
        return b"FAIL" not in reply.body


def written(content: Any, *, spelling: bool = False) -> bytes:
    """Write JSON as platforms do, or the same facts in other bytes."""
    if spelling:
        return json.dumps(content, ensure_ascii=True, indent=3, separators=(" ,", " : ")).replace("\n", "\r\n").encode()
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def changed_after(body: bytes, mark: bytes, by: int) -> bytes:
    """Return the body with one character after a mark made another of its kind."""
    at = body.index(mark) + len(mark) + by
    while not chr(body[at]).isalnum():
        at += 1
    return body[:at] + (b"0" if body[at : at + 1] != b"0" else b"1") + body[at + 1 :]


def _number_of(text: str, length: int) -> str:
    """Return a number that a text always gives."""
    value = int.from_bytes(base64.b16encode(text.encode()), "big")
    return str(value % 10**length).rjust(length, "0")

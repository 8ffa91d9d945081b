"""How a receiver reads what a platform sends: checked first, then parsed. `flaws` leaves one thing out."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

from cryptography.exceptions import InvalidTag

from ..signers import douyin as douyin_signer
from ..signers import hc1 as hc1_signer
from ..signers import recharge as recharge_signer
from ..signers import rsa_keys, standard_webhooks
from ..signers import shopify as shopify_signer
from ..signers import stripe as stripe_signer
from ..signers import wechat as wechat_signer

Json = dict[str, Any]


class NotTheirs(Exception):
    """Not from the platform, or not for this account: 401."""


class NotUnderstood(Exception):
    """From nobody or from the platform, and not of a shape that is known: 400."""


@dataclass(frozen=True)
class Request:
    """What came in."""

    headers: tuple[tuple[str, str], ...]
    body: bytes
    now: float
    query: str = ""
    nonces: set[str] = field(default_factory=set)  # that were used, which the receiver keeps

    def one(self, name: str) -> str:
        """Return a header that stands exactly once."""
        found = [value for key, value in self.headers if key.lower() == name]
        if len(found) != 1 or not found[0]:
            raise NotTheirs(f"{name} stands {len(found)} times")
        return found[0]

    def use(self, nonce: str) -> None:
        """Use a nonce up."""
        if nonce in self.nonces:
            raise NotTheirs("a used nonce")
        self.nonces.add(nonce)


@dataclass(frozen=True)
class News:
    """What a message says."""

    kind: str  # payment | refund | hint | nothing
    envelope: str = ""  # the message's own id, which differs when it is sealed anew
    order: str = ""
    payment: str = ""
    paid: bool = False
    minor: int = 0
    currency: str = ""


Reader = Callable[[Json, Request, frozenset[str]], News]


def same(expected: str, given: str, flaws: frozenset[str]) -> bool:
    """Compare a signature in constant time."""
    if "prefix compare" in flaws:
        return bool(given) and expected.startswith(given)
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def parse(body: bytes) -> Json:
    """Read JSON strictly: an object, in UTF-8, and no name twice."""

    def once(found: list[tuple[str, Any]]) -> Json:
        if len({name for name, _ in found}) != len(found):
            raise NotUnderstood("a name stands twice")
        return dict(found)

    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood("no JSON") from error
    if not isinstance(value, dict):
        raise NotUnderstood("no object")
    return value


def seen(body: bytes, flaws: frozenset[str]) -> bytes:
    """Return the bytes that a signature is checked over: those that came."""
    if "parsed before verified" in flaws:
        return json.dumps(parse(body), ensure_ascii=False, separators=(",", ":")).encode()
    return body


def fresh(text: str, request: Request, window: int, flaws: frozenset[str]) -> None:
    """Look whether a signed moment is near."""
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise NotTheirs("no moment")
    if "no freshness" not in flaws and abs(request.now - int(text)) > window:
        raise NotTheirs("of another time")


def whole(value: Any) -> int:
    """Return a whole number of minor units."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise NotUnderstood("no whole number")
    return value


def text(value: Any) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise NotUnderstood("no text")
    return value


def trusted(values: Json) -> list[Json]:
    """Return the platform's keys that are known: one, or several while it changes them."""
    several = values.get("wechatpay_public_keys")
    return several if isinstance(several, list) else [values["wechatpay_public_key"]]


def wechat(values: Json, request: Request, flaws: frozenset[str]) -> News:
    """Read a notice of API v3."""
    if "no signature check" not in flaws:
        stamp, nonce = request.one("wechatpay-timestamp"), request.one("wechatpay-nonce")
        fresh(stamp, request, 300, flaws)
        known = next((one for one in trusted(values) if one["id"] == request.one("wechatpay-serial")), None)
        if known is None:
            raise NotTheirs("an unknown key")
        signed = wechat_signer.signed_text(stamp, nonce, seen(request.body, flaws))
        if not rsa_keys.is_signed(rsa_keys.public_key(known["pem"]), request.one("wechatpay-signature"), signed):
            raise NotTheirs("another signature")
    envelope = parse(request.body)
    resource = envelope.get("resource")
    if not isinstance(resource, dict):
        raise NotUnderstood("no resource")
    try:
        content = parse(wechat_signer.open_sealed(values["api_v3_key"], resource))
    except InvalidTag as error:
        raise NotTheirs("sealed with another key") from error
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise NotUnderstood("not sealed") from error
    if content.get("mchid") != values["mchid"] and "other merchant accepted" not in flaws:
        raise NotTheirs("another merchant")
    amount = content.get("amount")
    if not isinstance(amount, dict):
        raise NotUnderstood("no amount")
    if "refund_status" in content:
        return News("refund", text(envelope.get("id")), text(content.get("out_trade_no")))
    return News(
        "payment",
        text(envelope.get("id")),
        text(content.get("out_trade_no")),
        str(content.get("transaction_id")),
        content.get("trade_state") == "SUCCESS",
        whole(amount.get("total")),
        text(amount.get("currency")),
    )


def _flat(body: bytes, flaws: frozenset[str], root: str = "xml") -> dict[str, str]:
    try:
        written = body.decode("utf-8-sig")
        if "<!" in written.replace("<![CDATA[", "") and "XXE on" not in flaws:
            raise NotUnderstood("a document type")
        document = ElementTree.fromstring(written)  # noqa: S314 - no document type gets this far, but on purpose
    except (ElementTree.ParseError, ValueError) as error:
        raise NotUnderstood("no XML") from error
    found: dict[str, str] = {}
    if document.tag != root:
        raise NotUnderstood("another document")
    for element in document:
        if element.tag in found or len(element):
            raise NotUnderstood("a name stands twice")
        found[element.tag] = element.text or ""
    return found


def wechat_v2(values: Json, request: Request, flaws: frozenset[str]) -> News:
    """Read a notice of API v2."""
    fields = _flat(request.body, flaws)
    key = values["api_v2_key"]
    if "req_info" in fields:
        if fields.get("mch_id") != values["mchid"]:
            raise NotTheirs("another merchant")
        try:
            inner = _flat(wechat_signer.open_refund(key, fields["req_info"]), flaws, "root")
        except ValueError as error:
            raise NotTheirs("sealed with another key") from error
        believed = "refund notice believed" in flaws
        return News("refund" if believed else "hint", fields.get("nonce_str", ""), text(inner.get("out_trade_no")))
    expected = wechat_signer.sign_v2(fields, key, values["sign_type"])
    if not same(expected, fields.get("sign", ""), flaws):
        raise NotTheirs("another signature")
    if fields.get("mch_id") != values["mchid"]:
        raise NotTheirs("another merchant")
    if not fields.get("total_fee", "").isascii() or not fields.get("total_fee", "").isdigit():
        raise NotUnderstood("no whole number")
    return News(
        "payment",
        fields.get("nonce_str", ""),
        text(fields.get("out_trade_no")),
        fields.get("transaction_id", ""),
        fields.get("return_code") == "SUCCESS" and fields.get("result_code") == "SUCCESS",
        int(fields["total_fee"]),
        fields.get("fee_type", "CNY"),
    )


def shopify(values: Json, request: Request, flaws: frozenset[str]) -> News:
    """Read an order of Shopify's."""
    expected = shopify_signer.signature(values["client_secret"], seen(request.body, flaws))
    if not same(expected, request.one("x-shopify-hmac-sha256"), flaws):
        raise NotTheirs("another signature")
    order = parse(request.body)
    if "financial_status" not in order:
        return News("hint")  # genuine, and about something else
    return News(
        "payment", request.one("x-shopify-webhook-id"), str(whole(order.get("id"))), str(order.get("id")),
        order.get("financial_status") == "paid", minor_of(order.get("total_price")), text(order.get("currency")),
    )  # fmt: skip


def minor_of(value: Any) -> int:
    """Return minor units of an amount with two decimals."""
    found = re.fullmatch(r"([0-9]{1,12})\.([0-9]{2})", text(value))
    if not found:
        raise NotUnderstood("no amount")
    return int(found[1] + found[2])


def recharge(values: Json, request: Request, flaws: frozenset[str]) -> News:
    """Read a charge of Recharge's: the older signature counts only where no newer one is."""
    secret, body = values["client_secret"], seen(request.body, flaws)
    named = {name.lower() for name, _ in request.headers}
    if "x-recharge-webhook-signature" in named:
        parts = [part.strip().partition("=") for part in request.one("x-recharge-webhook-signature").split(",")]
        stamps = [value for name, _, value in parts if name == "t"]
        if len(stamps) != 1:
            raise NotTheirs("no one moment")
        fresh(stamps[0], request, 172_800, flaws)
        right = recharge_signer.timestamped(secret, body, int(stamps[0])).partition("v1=")[2]
        if not any(same(right, value, flaws) for name, _, value in parts if name == "v1"):
            raise NotTheirs("another signature")
    elif not same(recharge_signer.legacy(secret, body), request.one("x-recharge-hmac-sha256"), flaws):
        raise NotTheirs("another signature")
    charge = parse(request.body).get("charge")
    if not isinstance(charge, dict):
        raise NotUnderstood("no charge")
    return News(
        "payment", "", str(whole(charge.get("id"))), str(charge.get("id")), charge.get("status") == "success",
        minor_of(charge.get("total_price")), text(charge.get("currency") or "USD"),
    )  # fmt: skip


def douyin(values: Json, request: Request, flaws: frozenset[str]) -> News:
    """Read a callback of the trade system."""
    stamp, nonce = request.one("byte-timestamp"), request.one("byte-nonce-str")
    key = rsa_keys.public_key(values["platform_public_key"])
    try:
        written = seen(request.body, flaws).decode()
    except UnicodeDecodeError as error:
        raise NotTheirs("not UTF-8") from error
    if not douyin_signer.is_signed(key, request.one("byte-signature"), stamp, nonce, written):
        raise NotTheirs("another signature")
    outer = parse(request.body)
    message = parse(text(outer.get("msg")).encode())
    if outer.get("type") != "payment":
        return News("hint")
    if message.get("app_id") != values["app_id"]:
        raise NotTheirs("another app")
    return _douyin_news(message, message.get("out_order_no"), (stamp, nonce), request, flaws)


def douyin_ecpay(values: Json, request: Request, flaws: frozenset[str]) -> News:
    """Read a callback of guaranteed payment: what is outside `msg` may hold nothing but what is signed."""
    outer = parse(request.body)
    if set(outer) != {"timestamp", "nonce", "msg", "msg_signature", "type"}:
        raise NotTheirs("fields that nobody signs")
    stamp, nonce, msg = str(outer["timestamp"]), text(outer["nonce"]), text(outer["msg"])
    if not re.fullmatch(r"[0-9]{10}", stamp) or not re.fullmatch(r"[0-9]{1,4}", nonce):
        raise NotTheirs("no moment and no nonce")
    expected = douyin_signer.callback_sign(values["token"], stamp, nonce, msg)
    if not same(expected, text(outer["msg_signature"]), flaws):
        raise NotTheirs("another signature")
    message = parse(msg.encode())
    if values["app_id"] not in (message.get("appid"), message.get("app_id")):
        raise NotTheirs("another app")
    if ("cp_orderno" in message) != (outer["type"] == "payment"):
        raise NotTheirs("another type, which nobody signs, than the message has")
    if outer["type"] != "payment":
        return News("hint")
    return _douyin_news(message, message.get("cp_orderno"), (stamp, nonce), request, flaws)


def _douyin_news(message: Json, order: Any, signed: tuple[str, str], request: Request, flaws: frozenset[str]) -> News:
    recent = "no freshness" in flaws or abs(request.now - int(signed[0])) <= 172_800
    return News(
        "payment" if recent else "hint", "-".join(signed), text(order), str(message.get("order_id")),
        message.get("status") == "SUCCESS", whole(message.get("total_amount")), "CNY",
    )  # fmt: skip


def bigcommerce(values: Json, request: Request, flaws: frozenset[str]) -> News:
    """Read a webhook: a hint to read the order from the store."""
    if not any(name.lower().startswith("webhook-") for name, _ in request.headers) and values.get("hook_token"):
        if not same(values["hook_token"], request.one("x-bc-hook-token"), flaws):
            raise NotTheirs("another header")
        return News("hint")
    stamp, name = request.one("webhook-timestamp"), request.one("webhook-id")
    given = request.one("webhook-signature").split(" ")
    fresh(stamp, request, 300, flaws)
    secret = values["client_secret"].encode()
    expected = standard_webhooks.signature(secret, seen(request.body, flaws), int(stamp), message_id=name)
    if not any(same(expected, one, flaws) for one in given):
        raise NotTheirs("another signature")
    data = parse(request.body).get("data")
    if not isinstance(data, dict):
        raise NotUnderstood("no data")
    return News("hint", name, str(data.get("id")))


def bigcommerce_app(values: Json, request: Request, flaws: frozenset[str]) -> News:
    """Read who opens the app."""
    found = parse_qs(request.query).get("signed_payload_jwt", [])
    parts = found[0].split(".") if len(found) == 1 else []
    if len(parts) != 3:
        raise NotTheirs("no token")
    try:
        head, claims = (parse(base64.urlsafe_b64decode(part + "===")) for part in parts[:2])
    except ValueError as error:
        raise NotUnderstood("no token") from error
    expected = hmac.new(values["client_secret"].encode(), ".".join(parts[:2]).encode(), "sha256").digest()
    right = base64.urlsafe_b64encode(expected).decode().rstrip("=")
    if head.get("alg") != "HS256" or not same(right, parts[2], flaws):
        raise NotTheirs("another signature")
    if claims.get("aud") != values["client_id"] or claims.get("iss") != "bc":
        raise NotTheirs("for somebody else")
    times = [one for name in ("iat", "nbf", "exp") if isinstance(one := claims.get(name), int)]
    if len(times) != 3:
        raise NotTheirs("without an end")
    if not (max(times[:2]) - 60 <= request.now < times[2]):
        raise NotTheirs("of another time")
    if claims.get("sub") != f"stores/{values['store_hash']}":
        raise NotTheirs("another store")
    return News("hint")


def hc1(values: Json, request: Request, flaws: frozenset[str]) -> News:
    """Read a notification of a cashier; who keeps the nonces is the receiver."""
    stamp, nonce, key_id = request.one("hc-timestamp"), request.one("hc-nonce"), request.one("hc-key-id")
    fresh(stamp, request, 300, flaws)
    secrets = values.get("keys") or {values["key_id"]: values["secret"]}
    if key_id not in secrets:
        raise NotTheirs("an unknown key")
    lines = ("HC1", "NOTIFY", values["merchant_id"], stamp, nonce)
    right = hc1_signer.signed(secrets[key_id], *lines, body=request.body)
    if not any(same(right, one, flaws) for one in request.one("hc-signature").split(",")):
        raise NotTheirs("another signature")
    request.use(nonce)
    content = parse(request.body)
    if content.get("merchant_id") != values["merchant_id"]:
        raise NotTheirs("another merchant")
    data = content.get("data")
    amount = data.get("paid_amount") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(amount, dict):
        raise NotUnderstood("no payment")
    return News(
        "payment", text(content.get("event_id")), text(data.get("merchant_payment_id")), str(data.get("payment_id")),
        data.get("status") == "SUCCEEDED" and content.get("event_type") == "payment.succeeded",
        whole(amount.get("value")), text(amount.get("currency")),
    )  # fmt: skip


def stripe(values: Json, request: Request, flaws: frozenset[str]) -> News:
    """Read an event about a session."""
    parts = [part.split("=", 1) for part in request.one("stripe-signature").split(",") if "=" in part]
    stamps = [value for name, value in parts if name == "t"]
    if len(stamps) != 1:
        raise NotTheirs("no one moment")
    fresh(stamps[0], request, 300, flaws)
    expected = stripe_signer.digest(values["webhook_secret"], seen(request.body, flaws), int(stamps[0]))
    if not any(same(expected, value, flaws) for name, value in parts if name == "v1"):
        raise NotTheirs("another signature")
    event = parse(request.body)
    data = event.get("data")
    session = data.get("object") if isinstance(data, dict) else None
    if not isinstance(session, dict):
        raise NotUnderstood("no session")
    return News(
        "payment", text(event.get("id")), text(session.get("client_reference_id")), str(session.get("payment_intent")),
        session.get("payment_status") == "paid", whole(session.get("amount_total")),
        text(session.get("currency")).upper(),
    )  # fmt: skip


READERS: dict[str, Reader] = {
    "wechat": wechat,
    "wechat-v2": wechat_v2,
    "douyin": douyin,
    "douyin-ecpay": douyin_ecpay,
    "shopify": shopify,
    "recharge": recharge,
    "bigcommerce": bigcommerce,
    "bigcommerce-app": bigcommerce_app,
    "hc1": hc1,
    "stripe": stripe,
}
_OK = (200, "application/json", b"{}")
_DOUYIN = (200, "application/json", b'{"err_no": 0, "err_tips": "success"}')
# What each platform wants to hear; anything else makes it send again.
ACCEPTED: dict[str, tuple[int, str, bytes]] = dict.fromkeys(READERS, _OK) | {
    "wechat": (204, "", b""),
    "wechat-v2": (
        200, "text/xml",
        b"<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>",
    ),
    "douyin": _DOUYIN,
    "douyin-ecpay": _DOUYIN,
    "hc1": (200, "application/json", b'{"result":"ok"}'),
}  # fmt: skip

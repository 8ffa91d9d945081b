"""How a receiver reads what a platform sends: checked first, then parsed. `flaws` leaves one thing out."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from cryptography.exceptions import InvalidTag

from ..signers import rsa_keys
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

    def one(self, name: str) -> str:
        """Return a header that stands exactly once."""
        found = [value for key, value in self.headers if key.lower() == name]
        if len(found) != 1 or not found[0]:
            raise NotTheirs(f"{name} stands {len(found)} times")
        return found[0]


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


def wechat(values: Json, request: Request, flaws: frozenset[str]) -> News:
    """Read a notice of API v3."""
    if "no signature check" not in flaws:
        stamp, nonce = request.one("wechatpay-timestamp"), request.one("wechatpay-nonce")
        fresh(stamp, request, 300, flaws)
        known = values["wechatpay_public_key"]
        if request.one("wechatpay-serial") != known["id"]:
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


READERS: dict[str, Reader] = {"wechat": wechat, "wechat-v2": wechat_v2}
# What each platform wants to hear, and what it hears where it is refused.
ACCEPTED: dict[str, tuple[int, str, bytes]] = {
    "wechat": (204, "", b""),
    "wechat-v2": (
        200,
        "text/xml",
        b"<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>",
    ),
}

"""Message pushes of mini programs and mini stores: sealed and signed, and repeated until the product says `success`."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import http
import json
import secrets
import threading
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sandbox.simulating.postman import Delivery, Message
from sandbox.simulators.wechat import crypto

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.simulating.postman import Clock, Postman
    from sandbox.simulators.wechat.accounts import Merchant
    from sandbox.simulators.wechat.store_orders import StoreOrder

RETRIES = (0, 0, 10, 60, 300, 1800, 3600, 3600, 3600)
PADDED_TO = 32
WAIT = 10.0
SPOILING = ("", "forge", "other_app", "other_key", "stale")
Json = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """How an app's messages go out, as its owner set it."""

    appid: str
    mode: str
    token: str
    aes_key: str
    form: str = "json"


class PushDelivery(Delivery):
    """One message on its way, signed anew at each attempt."""

    def __init__(self, account: str, content: Json, way: Way, spoil: str = "") -> None:
        url = f"https://sandbox.invalid/wechat/{account}/push"
        super().__init__(url, f"push {json.dumps(content, ensure_ascii=False)}", RETRIES)
        self.account, self.content, self.way, self.spoil = account, content, way, spoil

    def message(
        self, now: float, *, spoil: str = "", parameters: Mapping[str, Any] | None = None, copy: int = 0
    ) -> Message:
        """Write the push."""
        query, message = compose(self.content, self.way, now, spoil=self.spoil)
        return dataclasses.replace(message, query=urllib.parse.urlencode(query))

    def takes(self, status: int | None, answer: bytes) -> bool:
        """Say whether WeChat is content."""
        return status == http.HTTPStatus.OK and answer.strip() in (b"success", b"")

    def shown(self) -> Json:
        """Show what became of it; who sent it stays out."""
        what = {name: self.content.get(name) for name in ("MsgType", "Event", "order_info", "merchant_trade_no")}
        return {**what, "acknowledged": self.acknowledged, "attempts": list(self.attempts)}


class Pushes:
    """Sends what happens in mini programs and mini stores to their push URL."""

    def __init__(self, clock: Clock, postman: Postman) -> None:
        self._clock, self._postman = clock, postman
        self._lock = threading.Lock()
        self._sent: list[PushDelivery] = []

    def told(self, merchant: Merchant, event: str, order: StoreOrder, more: Json) -> None:
        """Push an event of the mini store's; without a token nobody has set a URL."""
        way = _way(merchant, "store") or _way(merchant, "program")
        if way is not None:
            info = {"order_id": order.order_id, **more}
            self._send(PushDelivery(merchant.account, self._event(event, order.openid, {"order_info": info}), way))

    def push(self, merchant: Merchant, body: Json) -> Json:
        """Push one message and return what was answered.

        {"account"} and, as wanted: "event" with its "fields", or a whole "message"; "app" (`store` or `program`),
        "form" (`json` or `xml`), "mode" (another than the document's), "spoil" (forge, other_app, other_key, stale),
        "wait" (false: do not wait for the first answer).
        """
        way, spoil = _way(merchant, str(body.get("app", "program"))), str(body.get("spoil", ""))
        if way is None or spoil not in SPOILING:
            raise ValueError(f"the account's document has no such push, or spoil is not one of {SPOILING}")
        changes = {name: str(body[name]) for name in ("form", "mode") if body.get(name)}
        way = Way(**{**vars(way), **changes})
        message = body.get("message") or self._event(str(body["event"]), "", dict(body.get("fields") or {}))
        delivery = PushDelivery(merchant.account, message, way, spoil)
        self._send(delivery, WAIT if body.get("wait", True) else 0.0)
        return delivery.shown()

    def pushes(self, merchant: Merchant, _: Json) -> Json:
        """List an account's messages and what was answered."""
        with self._lock:
            return {"pushes": [one.shown() for one in self._sent if one.account == merchant.account]}

    def _event(self, event: str, openid: str, fields: Json) -> Json:
        sender = openid or f"oPush{secrets.token_hex(11)}"
        head = {"ToUserName": "gh_0123456789ab", "FromUserName": sender, "CreateTime": int(self._clock.now())}
        return {**head, "MsgType": "event", "Event": event, **fields}

    def _send(self, delivery: PushDelivery, wait: float = 0.0) -> None:
        with self._lock:
            self._sent.append(delivery)
        self._postman.post(delivery, wait=wait)


def compose(message: Json, way: Way, at: float, *, spoil: str = "") -> tuple[dict[str, str], Message]:
    """Return the query and the request of one push."""
    token = crypto.nonce(16) if spoil == "forge" else way.token
    timestamp, nonce = str(int(at) - (4 * 3600 + 60 if spoil == "stale" else 0)), crypto.digits(10)
    content = _xml(message) if way.form == "xml" else _json(message)
    query = {"signature": signature(token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
    query["openid"] = str(message.get("FromUserName", ""))
    if way.mode != "plain":
        appid = f"wx{secrets.token_hex(8)}" if spoil == "other_app" else way.appid
        text = seal(content, crypto.push_key() if spoil == "other_key" else way.aes_key, appid)
        query |= {"encrypt_type": "aes", "msg_signature": signature(token, timestamp, nonce, text)}
        beside = message if way.mode == "compatible" else {"ToUserName": message.get("ToUserName", "")}
        outer = {**beside, "Encrypt": text}
        content = _xml(outer) if way.form == "xml" else _json(outer)
    kind = "text/xml" if way.form == "xml" else "application/json"
    return query, Message({"Content-Type": kind, "User-Agent": "Mozilla/4.0", "Accept": "*/*"}, content)


def signature(*parts: str) -> str:
    """Sign as the push does: a digest over the sorted parts."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def seal(content: bytes, aes_key: str, appid: str, random: bytes = b"") -> str:
    """Seal a message for an app; `random` are its first 16 bytes."""
    key = base64.b64decode(f"{aes_key}=")
    plain = (random or secrets.token_bytes(16)) + len(content).to_bytes(4, "big") + content + appid.encode()
    count = PADDED_TO - len(plain) % PADDED_TO
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()).decode()


def _way(merchant: Merchant, app: str) -> Way | None:
    document = merchant.store_push if app == "store" else merchant.push
    keys = document.get("encoding_aes_keys") or [""]
    if not document.get("token"):
        return None
    appid = merchant.store_appid if app == "store" else merchant.appid
    return Way(appid, str(document.get("mode") or "secure"), str(document["token"]), str(keys[0]))


def _json(message: Json) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _xml(message: Json) -> bytes:
    """Write a message as WeChat does: text in CDATA, numbers plain, objects as elements inside."""

    def written(value: Any) -> str:
        if isinstance(value, dict):
            return "".join(f"\n<{name}>{written(inner)}</{name}>" for name, inner in value.items()) + "\n"
        return str(value) if isinstance(value, int) else f"<![CDATA[{value}]]>"

    return f"<xml>{written(message)}</xml>".encode()

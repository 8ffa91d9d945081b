"""Message pushes of mini programs and mini stores: sealed and signed, and repeated until the product says `success`."""

from __future__ import annotations

import base64
import hashlib
import http
import http.client
import json
import secrets
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sandbox.simulators.wechat import crypto
from sandbox.simulators.wechat.notices import Message
from sandbox.simulators.wechat.postman import post_once

if TYPE_CHECKING:
    from sandbox.simulators.wechat.accounts import Merchant
    from sandbox.simulators.wechat.faults import Faults
    from sandbox.simulators.wechat.postman import Clock, Postman
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


@dataclass
class Letter:
    """One message on its way, and what became of each attempt."""

    account: str
    message: Json
    way: Way
    spoil: str = ""
    lost: int = 0
    acknowledged: bool = False
    attempts: list[Json] = field(default_factory=list)
    first_done: threading.Event = field(default_factory=threading.Event)


class Pushes:
    """Sends what happens in mini programs and mini stores to their push URL."""

    def __init__(self, clock: Clock, faults: Faults, postman: Postman) -> None:
        self._clock, self._faults, self._postman = clock, faults, postman
        self._lock = threading.Lock()
        self._letters: list[Letter] = []

    def told(self, merchant: Merchant, event: str, order: StoreOrder, more: Json) -> None:
        """Push an event of the mini store's; without a token nobody has set a URL."""
        way = _way(merchant, "store") or _way(merchant, "program")
        if way is not None:
            info = {"order_id": order.order_id, **more}
            self._send(Letter(merchant.account, self._event(event, order.openid, {"order_info": info}), way))

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
        letter = Letter(merchant.account, message, way, spoil)
        self._send(letter)
        if body.get("wait", True):
            letter.first_done.wait(WAIT)
        return _shown(letter)

    def pushes(self, merchant: Merchant, _: Json) -> Json:
        """List an account's messages and what was answered."""
        with self._lock:
            return {"pushes": [_shown(letter) for letter in self._letters if letter.account == merchant.account]}

    def _event(self, event: str, openid: str, fields: Json) -> Json:
        sender = openid or f"oPush{secrets.token_hex(11)}"
        head = {"ToUserName": "gh_0123456789ab", "FromUserName": sender, "CreateTime": int(self._clock.now())}
        return {**head, "MsgType": "event", "Event": event, **fields}

    def _send(self, letter: Letter) -> None:
        dropped = self._faults.take("drop", f"push {json.dumps(letter.message, ensure_ascii=False)}")
        if dropped is not None:
            letter.lost = int(dropped.get("attempts", len(RETRIES) + 1))
        with self._lock:
            self._letters.append(letter)
        self._postman.later(0, lambda: self._attempt(letter))

    def _attempt(self, letter: Letter) -> None:
        """Send a message once, signed anew, and plan the next attempt."""
        at, tried = self._clock.now(), len(letter.attempts)
        if letter.lost > 0:
            letter.lost -= 1
            letter.attempts.append({"at": at, "status": None, "answer": "lost"})
        else:
            letter.attempts.append({"at": at, **self._posted(letter, at)})
        letter.first_done.set()
        if not letter.acknowledged and tried < len(RETRIES):
            self._postman.later(RETRIES[tried], lambda: self._attempt(letter))

    def _posted(self, letter: Letter, at: float) -> Json:
        query, message = compose(letter.message, letter.way, at, spoil=letter.spoil)
        url = f"https://sandbox.invalid/wechat/{letter.account}/push?{urllib.parse.urlencode(query)}"
        started = time.monotonic()
        try:
            status, answer = post_once(self._postman.target(url), message)
        except (OSError, http.client.HTTPException) as error:
            return {"status": None, "answer": type(error).__name__}
        letter.acknowledged = status == http.HTTPStatus.OK and answer.strip() in (b"success", b"")
        seconds = round(time.monotonic() - started, 4)
        return {"status": status, "answer": answer.decode("utf-8", "replace")[:300], "seconds": seconds}


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


def _shown(letter: Letter) -> Json:
    """Show what became of a message; who sent it stays out."""
    what = {name: letter.message.get(name) for name in ("MsgType", "Event", "order_info", "merchant_trade_no")}
    return {**what, "acknowledged": letter.acknowledged, "attempts": list(letter.attempts)}

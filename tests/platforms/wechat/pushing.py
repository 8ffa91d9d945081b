"""Message pushes as WeChat makes them, without our code: sealed, signed, and wrong in every way that is wanted."""

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from countersign.http import HttpRequest
from countersign.platforms.wechat.settings import Settings
from tests.platforms.wechat.support import APPID, NOW, settings

TOKEN = "2Zi6W1MpKzIZ2Sg0E"
AES_KEY = "ikJUZTeiL8Si2IlHxrWGpj8Q9F0gP7CoBeuCoLkvJko"
OLD_AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
STORE_APPID = "wx0000000000000002"
STORE_TOKEN = "storeToken0123456"
STORE_AES_KEY = "QWERTYuiopASDFGHjklZXCVBnm0123456789qwertyU"
OPENID = "oThrow4wayOpenid_public-000001"
NONCE = "1320562132"
ORDER_ID = 3705115058471208928
PUSH = {"mode": "secure", "token": TOKEN, "encoding_aes_keys": [AES_KEY, OLD_AES_KEY]}
STORE = {
    "appid": STORE_APPID,
    "secret": "0123456789abcdef0123456789abcdee",
    "push": {"mode": "secure", "token": STORE_TOKEN, "encoding_aes_keys": [STORE_AES_KEY]},
}
NEW_ORDER: dict[str, Any] = {
    "ToUserName": "gh_0123456789ab",
    "FromUserName": OPENID,
    "CreateTime": NOW - 2,
    "MsgType": "event",
    "Event": "channels_ec_order_new",
    "order_info": {"order_id": ORDER_ID},
}


def account(**changes: Any) -> Settings:
    """Return an account whose mini program and mini store push messages."""
    return settings(**{"push": PUSH, "store": STORE, **changes})


def text_of(message: Any) -> bytes:
    """Return a message's bytes; text and bytes go in as they are."""
    if isinstance(message, bytes):
        return message
    return (message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)).encode()


def encrypted(plain: bytes, key: str = AES_KEY) -> str:
    """Encrypt bytes that are padded already."""
    raw = base64.b64decode(f"{key}=")
    encryptor = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def padded(plain: bytes, to: int = 32) -> bytes:
    """Pad as PKCS#7 does."""
    count = to - len(plain) % to
    return plain + bytes([count]) * count


def framed(message: Any, appid: str = APPID, length: int | None = None) -> bytes:
    """Put 16 random bytes and the length before a message, and the app behind it."""
    content = text_of(message)
    size = len(content) if length is None else length
    return b"0123456789abcdef" + size.to_bytes(4, "big") + content + appid.encode()


def sealed(message: Any, *, key: str = AES_KEY, appid: str = APPID) -> str:
    """Seal a message."""
    return encrypted(padded(framed(message, appid)), key)


def signature(*parts: str) -> str:
    """Sign as WeChat does."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def secure(
    message: Any = NEW_ORDER,
    *,
    encrypt: str = "",
    token: str = TOKEN,
    key: str = AES_KEY,
    appid: str = APPID,
    at: int = NOW,
    nonce: str = NONCE,
    as_xml: bool = False,
    beside: dict[str, Any] | None = None,
    query: dict[str, str] | None = None,
) -> HttpRequest:
    """Return a request of secure mode; with `beside`, of compatible mode."""
    text = encrypt or sealed(message, key=key, appid=appid)
    if as_xml:
        body = f"<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName><Encrypt><![CDATA[{text}]]></Encrypt></xml>"
    else:
        body = json.dumps({"ToUserName": "gh_0123456789ab", **(beside or {}), "Encrypt": text})
    signed = {
        "signature": signature(token, str(at), nonce),
        "timestamp": str(at),
        "nonce": nonce,
        "openid": OPENID,
        "encrypt_type": "aes",
        "msg_signature": signature(token, str(at), nonce, text),
    }
    return posted(body.encode(), signed | (query or {}))


def plain(message: Any = NEW_ORDER, *, token: str = TOKEN, at: int = NOW, nonce: str = NONCE) -> HttpRequest:
    """Return a request of plain mode."""
    signed = {"signature": signature(token, str(at), nonce), "timestamp": str(at), "nonce": nonce, "openid": OPENID}
    return posted(text_of(message), signed)


def posted(body: bytes, query: dict[str, str]) -> HttpRequest:
    """Return a request to the push URL."""
    headers = {"content-type": "application/json"}
    return HttpRequest("POST", "/wechat/shop/push", headers, body, {"account": "shop"}, query)

"""The account and the callbacks of the public vectors, and new callbacks signed without our code."""

import hashlib
import json
from pathlib import Path
from typing import Any

from countersign.http import HttpRequest
from countersign.platforms.douyin import settings as douyin_settings
from countersign.platforms.douyin.settings import Settings

DATA = json.loads((Path(__file__).parents[2] / "vectors" / "douyin_public.json").read_text(encoding="utf-8"))
VECTORS = {vector["name"]: vector for vector in DATA["vectors"]}
SECRETS, KEYS = DATA["secrets"], DATA["keys"]
APP_ID, TOKEN = SECRETS["app_id"], SECRETS["token"]
NOW = 1767225639


def document(**changes: Any) -> dict[str, Any]:
    """Return an account document with the keys of both systems."""
    return {
        "app_id": APP_ID,
        "system": "ecpay",
        "salts": [SECRETS["salt"]],
        "tokens": [TOKEN],
        "merchant_uid": SECRETS["merchant"],
        "app_secret": "6b1f0c2d9e8a47735512ab90cd34ef56",
        "app_private_key_pem": KEYS["pub_app"],
        "key_version": "1",
        "platform_public_keys": [KEYS["pub_platform_pub"]],
        "goods": {
            "type": 301,
            "tag_group_id": "tag_group_7272625659888058380",
            "image_url": "https://shop.example.com/item.png",
            "entry_path": "pages/order/index",
        },
    } | changes


def settings(**changes: Any) -> Settings:
    """Return that account as the product sees it."""
    return douyin_settings.load(document(**changes))


def request(body: bytes, headers: dict[str, str] | None = None) -> HttpRequest:
    """Return a callback as the entry point hands it on."""
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    return HttpRequest("POST", "/douyin/app/callback", lower, body)


def request_of(vector: dict[str, Any]) -> HttpRequest:
    """Return a vector's request."""
    raw = vector["raw_request"]
    return request(raw["body"].encode(), raw["headers"])


def message_of(name: str) -> dict[str, Any]:
    """Return what a vector's callback says, to be changed."""
    return dict(json.loads(json.loads(VECTORS[name]["raw_request"]["body"])["msg"]))


def outer(message: dict[str, Any] | str, kind: str = "payment", **changes: Any) -> dict[str, Any]:
    """Return a signed callback of guaranteed payment; `changes` are made after it was signed."""
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    token = changes.pop("token", TOKEN)
    signed = {"timestamp": str(changes.pop("at", NOW)), "nonce": changes.pop("nonce", "4711"), "msg": text}
    joined = "".join(sorted([token, *signed.values()], key=lambda value: value.encode()))
    signature = hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()
    return {**signed, "msg_signature": signature, "type": kind, **changes}


def ecpay(message: dict[str, Any] | str, kind: str = "payment", **changes: Any) -> HttpRequest:
    """Return the request that brings such a callback."""
    return request(json.dumps(outer(message, kind, **changes), ensure_ascii=False).encode())

"""What WeChat's sample events are made of: one moment, published throwaway keys, and stable numbers."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sandbox.events.shared import ROOT
from sandbox.simulators.wechat import crypto

CLASSIC_KEY = "Cl4ss1cThr0wAwayKey0fTheTestEvnt"
PUSH_TOKEN = "2Zi6W1MpKzIZ2Sg0E"  # noqa: S105 - as in the published vectors
PUSH_KEY = "ikJUZTeiL8Si2IlHxrWGpj8Q9F0gP7CoBeuCoLkvJko"
OPENID = "oThrow4wayOpenid_public-000001"
NOTICES: dict[str, dict[str, Any]] = {
    "buyer": {
        "channel": "message",
        "on": ["order.paid"],
        "to": "buyer",
        "template_id": "TemplateOfTheTestEvents",
        "data": {"character_string1": "{order_id}", "thing2": "{description}", "amount3": "{paid}"},
        "fallback": "mail",
    },
    "mail": {
        "channel": "email",
        "on": ["order.paid", "order.review"],
        "to": ["staff.canary@shop.example.com"],
        "from": "countersign@notices.example.com",
        "subject": "{event_zh} {order_id}",
        "text": "{description}: {paid}",
    },
}


class Keys:
    """WeChat's and two merchants' throwaway keys."""

    def __init__(self) -> None:
        published = json.loads((ROOT / "tests/vectors/wechat_public.json").read_text(encoding="utf-8"))
        self._keys = published["throwaway_platform_private_keys"]
        public, certificate = self._keys["wechatpay_public_key"], self._keys["platform_certificate"]
        self.public = crypto.SigningKey(public["id"], _private(public), public["public_pem"])
        self.certificate = crypto.SigningKey(certificate["serial"], _private(certificate), certificate["cert_pem"])
        self.api_v3_key = str(self._keys["apiv3_key"])

    def accounts(self) -> dict[str, dict[str, Any]]:
        """Return the account documents the events are for: `shop` (v3, and v2 while it moves) and `classic` (v2)."""
        merchant = self._keys["merchant"]
        shop = {
            "mchid": merchant["mchid"],
            "appid": "wxa1b2c3d4e5f60718",
            "api": "v3",
            "api_v3_keys": [self.api_v3_key],
            "api_v2_keys": [self._keys["api_v2_key"]],
            "v2_sign_type": "MD5",
            "merchant_private_key_pem": merchant["private_pem"],
            "merchant_serial": merchant["serial"],
            "merchant_cert_pem": merchant["cert_pem"],
            "wechatpay_public_keys": [{"id": self.public.serial, "pem": self.public.pem}],
            "platform_certificates": [self.certificate.pem],
            "mini_program_secret": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "push": {"mode": "secure", "token": PUSH_TOKEN, "encoding_aes_keys": [PUSH_KEY]},
            "store": {
                "appid": "wxa1b2c3d4e5f60720",
                "secret": "1f0e2d3c4b5a69788796a5b4c3d2e1f1",
                "push": {"mode": "secure", "token": f"store{PUSH_TOKEN}", "encoding_aes_keys": [PUSH_KEY[::-1]]},
            },
            "paid_late_policy": "ask",
            "notices": NOTICES,
        }
        classic = shop | {
            "mchid": "1900099002",
            "appid": "wxa1b2c3d4e5f60719",
            "api": "v2",
            "api_v3_keys": [],
            "api_v2_keys": [CLASSIC_KEY],
            "v2_sign_type": "HMAC-SHA256",
            "wechatpay_public_keys": [],
            "platform_certificates": [],
            "push": {"mode": "plain", "token": f"classic{PUSH_TOKEN}"},
            "store": None,
            "notices": {},
        }
        return {"shop": shop, "classic": classic}


def _private(entry: dict[str, str]) -> Any:
    return load_pem_private_key(entry["private_pem"].encode(), None)


class Maker:
    """Makes events for one moment; the same moment makes the same bytes."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.keys = Keys()
        self.documents = self.keys.accounts()

    def text(self, name: str, length: int) -> str:
        """Return something that looks random and is the same each time."""
        digest = base64.b64encode(hashlib.sha512(name.encode()).digest()).decode()
        return digest.replace("+", "x").replace("/", "y")[:length]

    def order(self, case: str, account: str = "shop") -> dict[str, Any]:
        """Return the terms of the order that a case is about."""
        system = self.documents[account]["api"]
        return {"account": account, "order_id": number(case), "minor": 8800, "currency": "CNY", "system": system}


def number(case: str) -> str:
    """Return a case's order number."""
    return f"EV-{case}"[:32]


def transaction_id(case: str) -> str:
    """Return a case's transaction id."""
    return f"42000029{int(hashlib.sha256(case.encode()).hexdigest()[:16], 16):020d}"[:28]

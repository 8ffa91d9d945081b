"""Which merchants exist: what WeChat knows of each account document."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from conformance.signers import rsa_keys
from sandbox.simulators.wechat import crypto


@dataclass(frozen=True)
class Merchant:
    """One account, as the platform sees it: current keys only, and the merchant's public half."""

    account: str
    mchid: str
    appids: tuple[str, ...]
    serial: str
    public_key: rsa.RSAPublicKey | None
    api_v3_key: str
    api_v2_key: str
    v2_sign_type: str
    mini_program_secret: str
    sub_mchid: str
    api_base: str
    store_appid: str
    store_secret: str
    push: dict[str, Any] = field(default_factory=dict, repr=False)
    store_push: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def appid(self) -> str:
        """The first appid, for what names none."""
        return self.appids[0]


class Merchants:
    """All accounts, found by name or merchant number."""

    def __init__(self, documents: dict[str, dict[str, Any]]) -> None:
        self._by_account = {name: _merchant(name, document) for name, document in documents.items()}

    def named(self, account: str) -> Merchant | None:
        """Find the account of that name."""
        return self._by_account.get(account)

    def numbered(self, mchid: str, serial: str | None = None) -> Merchant | None:
        """Find a merchant number; a key's serial decides where two documents share the number."""
        found = [merchant for merchant in self._by_account.values() if merchant.mchid == mchid]
        by_serial = [merchant for merchant in found if merchant.serial.upper() == (serial or "").upper()]
        return next(iter(by_serial or found), None)

    def with_appid(self, appid: str) -> Merchant | None:
        """Find the merchant that a mini program belongs to."""
        return next((merchant for merchant in self._by_account.values() if appid in merchant.appids), None)

    def app(self, appid: str) -> tuple[Merchant, str] | None:
        """Find a mini program or mini store, and its secret."""
        for merchant in self._by_account.values():
            if appid and appid == merchant.store_appid:
                return merchant, merchant.store_secret
            if appid in merchant.appids:
                return merchant, merchant.mini_program_secret
        return None


def _merchant(name: str, document: dict[str, Any]) -> Merchant:
    """Read a document; what is missing or broken simply does not work, as at the platform."""
    appids = [document.get("appid"), *(document.get("appids") or [])]
    return Merchant(
        account=name,
        mchid=str(document.get("mchid", "")),
        appids=tuple(dict.fromkeys(str(appid) for appid in appids if appid)) or ("",),
        serial=str(document.get("merchant_serial", "")),
        public_key=_public_key(document),
        api_v3_key=_first(document.get("api_v3_keys")),
        api_v2_key=_first(document.get("api_v2_keys")),
        v2_sign_type=document.get("v2_sign_type") or "MD5",
        mini_program_secret=str(document.get("mini_program_secret") or ""),
        sub_mchid=str(document.get("sub_mchid") or ""),
        api_base=str(document.get("api_base") or ""),
        store_appid=str((document.get("store") or {}).get("appid") or ""),
        store_secret=str((document.get("store") or {}).get("secret") or ""),
        push=document.get("push") or {},
        store_push=(document.get("store") or {}).get("push") or {},
    )


def _first(keys: list[str] | None) -> str:
    return str(keys[0]) if keys else ""


def _public_key(document: dict[str, Any]) -> rsa.RSAPublicKey | None:
    """Take the public half from the merchant's certificate, else from the private key."""
    try:
        if document.get("merchant_cert_pem"):
            key: object = x509.load_pem_x509_certificate(document["merchant_cert_pem"].encode()).public_key()
        else:
            key = load_pem_private_key(str(document.get("merchant_private_key_pem")).encode(), None).public_key()
    except ValueError:
        return None
    return key if isinstance(key, rsa.RSAPublicKey) else None


def prepare(document: dict[str, Any], api_base: str) -> dict[str, Any]:
    """Complete a document so that the product can talk to this simulator; everything that is there stays.

    Our public key goes first because the product asks for answers signed by its current key, and notices of both an
    old and our key must verify.
    """
    keys = list(document.get("wechatpay_public_keys") or [])
    if all(key.get("id") != crypto.PUBLIC_KEY_ID for key in keys):
        keys.insert(0, {"id": crypto.PUBLIC_KEY_ID, "pem": crypto.public_key_pair().pem})
    return {**document, "api_base": document.get("api_base") or api_base, "wechatpay_public_keys": keys}


# Who hears of what in the throwaway shop; the merchant's simulator adds the webhook's address and secret.
NOTICES: dict[str, dict[str, Any]] = {
    "staff": {
        "channel": "message",
        "on": ["order.paid"],
        "to": ["oSandboxStaff00000000000001"],
        "template_id": "SandboxTemplateOfNewOrders",
        "page": "pages/order?id={order_id}",
        "data": {
            "character_string1": "{order_id}",
            "amount2": "{paid}",
            "time3": "{paid_at}",
            "thing4": "{items}",
        },
        "fallback": "staff-mail",
    },
    "staff-mail": {
        "channel": "email",
        "on": ["order.review", "refund.needs_action", "shipment.needs_action"],
        "to": ["staff@shop.example.com"],
        "from": "countersign@notices.example.com",
        "subject": "{event_zh} {order_id}",
        "text": "{event_zh}: {order_id}, {items}, {paid}, {paid_at}\n{reason}\n{problem}",
    },
    "buyer": {
        "channel": "message",
        "on": ["shipment.reported"],
        "to": "buyer",
        "template_id": "SandboxTemplateOfShipments",
        "data": {"thing1": "{description}", "thing2": "{carrier}", "character_string3": "{tracking_no}"},
    },
    "receipt": {"channel": "print", "on": ["order.paid"], "printers": ["counter", "kitchen"], "title": "Milk tea 奶茶"},
    "erp": {"channel": "webhook", "on": ["order.paid", "refund.succeeded"]},
}


def _printers() -> list[dict[str, Any]]:
    return [
        {
            "kind": "feie",
            "name": "counter",
            "sn": "960000001",
            "user": "shop@example.com",
            "ukey": secrets.token_hex(16),
        },
        {
            "kind": "yilianyun",
            "name": "kitchen",
            "machine_code": "4004000001",
            "client_id": "1000000001",
            "client_secret": secrets.token_hex(16),
        },
    ]


def throwaway() -> dict[str, dict[str, Any]]:
    """Make a v3 account `shop` and a v2 account `classic`, with keys of their own."""
    return {
        "shop": _throwaway("1900000101", "v3", "MD5")
        | {
            "api_v3_keys": [secrets.token_hex(16)],
            "platform_certificates": [crypto.platform_certificate().pem],
            "printers": _printers(),
            "notices": NOTICES,
        },
        "classic": _throwaway("1900000202", "v2", "HMAC-SHA256")
        | {"api_v2_keys": [secrets.token_hex(16)], "paid_late_policy": "refund"},
    }


def _throwaway(mchid: str, api: str, sign_type: str) -> dict[str, Any]:
    key = rsa_keys.new_private_key()
    serial, certificate_pem = crypto.certificate(key, mchid)
    return {
        "mchid": mchid,
        "appid": f"wx{secrets.token_hex(8)}",
        "api": api,
        "api_v3_keys": [],
        "api_v2_keys": [],
        "v2_sign_type": sign_type,
        "merchant_private_key_pem": rsa_keys.private_pem(key),
        "merchant_serial": serial,
        "merchant_cert_pem": certificate_pem,
        "wechatpay_public_keys": [],
        "platform_certificates": [],
        "mini_program_secret": secrets.token_hex(16),
        "push": {"mode": "secure", "token": secrets.token_hex(8), "encoding_aes_keys": [crypto.push_key()]},
        "store": {
            "appid": f"wx{secrets.token_hex(8)}",
            "secret": secrets.token_hex(16),
            "push": {"mode": "secure", "token": secrets.token_hex(8), "encoding_aes_keys": [crypto.push_key()]},
        },
        "printers": [],
        "notices": {},
        "paid_late_policy": "ask",
    }

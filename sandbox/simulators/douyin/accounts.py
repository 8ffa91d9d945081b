"""Which apps exist: what Douyin knows of each account document."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from conformance.signers import rsa_keys
from sandbox.simulators.douyin import crypto


@dataclass
class App:
    """One mini program, as the platform sees it; the token is the merchant's to change."""

    account: str
    app_id: str
    salt: str
    token: str
    secret: str
    merchant_uid: str
    key_version: str
    api_base: str
    public_key: rsa.RSAPublicKey | None


class Apps:
    """All apps, found by the account's name or the app id."""

    def __init__(self, documents: dict[str, dict[str, Any]]) -> None:
        self._by_account = {name: _app(name, document) for name, document in documents.items()}

    def add(self, account: str, document: dict[str, Any]) -> None:
        """Learn of one more account."""
        self._by_account[account] = _app(account, document)

    def named(self, account: str) -> App | None:
        """Find the account of that name."""
        return self._by_account.get(account)

    def numbered(self, app_id: str) -> App | None:
        """Find an app id."""
        return next((app for app in self._by_account.values() if app.app_id == app_id), None)


def _app(name: str, document: dict[str, Any]) -> App:
    """Read a document; what is missing or broken simply does not work, as at the platform."""
    return App(
        account=name,
        app_id=str(document.get("app_id", "")),
        salt=_first(document.get("salts")),
        token=_first(document.get("tokens")),
        secret=str(document.get("app_secret") or ""),
        merchant_uid=str(document.get("merchant_uid") or ""),
        key_version=str(document.get("key_version") or ""),
        api_base=str(document.get("api_base") or ""),
        public_key=_public_key(document),
    )


def _first(values: list[str] | None) -> str:
    return str(values[0]) if values else ""


def _public_key(document: dict[str, Any]) -> rsa.RSAPublicKey | None:
    try:
        key = load_pem_private_key(str(document.get("app_private_key_pem")).encode(), None).public_key()
    except ValueError:
        return None
    return key if isinstance(key, rsa.RSAPublicKey) else None


def prepare(document: dict[str, Any], api_base: str) -> dict[str, Any]:
    """Complete a document so that the product can talk to this simulator; everything that is there stays."""
    keys, own = list(document.get("platform_public_keys") or []), crypto.public_pem(crypto.platform_key())
    if own not in keys:
        keys.append(own)
    return {**document, "api_base": document.get("api_base") or api_base, "platform_public_keys": keys}


def throwaway() -> dict[str, dict[str, Any]]:
    """Make an account `guaranteed` on guaranteed payment, which may move, and `trade` on the general trade system."""
    return {"guaranteed": _throwaway("ecpay"), "trade": _throwaway("trade")}


def _throwaway(system: str) -> dict[str, Any]:
    return {
        "app_id": f"tt{secrets.token_hex(9)}",
        "system": system,
        "goods": {
            "type": 301,
            "tag_group_id": "tag_group_7272625659888058380",
            "image_url": "https://shop.example.com/item.png",
            "entry_path": "pages/order/index",
        },
        "salts": [secrets.token_hex(30)],
        "tokens": [secrets.token_hex(12)],
        "merchant_uid": crypto.digits(20),
        "app_secret": secrets.token_hex(20),
        "app_private_key_pem": rsa_keys.private_pem(rsa_keys.new_private_key()),
        "key_version": "1",
        "platform_public_keys": [],
        "settle": {"after_days": 7, "receivers": [{"merchant_uid": "70000000000000000022", "basis_points": 1000}]},
        "paid_late_policy": "ask",
    }

"""Which merchants the cashiers know: what each account document says, by the cashier that it is for."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
LOOPBACK = ("http://127.0.0.1", "http://localhost", "http://[::1]")


@dataclass
class Merchant:
    """A merchant of an HC1 cashier."""

    account: str  # hc1/{account}
    merchant_id: str
    keys: dict[str, str]

    @property
    def current(self) -> tuple[str, str]:
        """Return the key that the cashier signs with: the merchant's first."""
        return next(iter(self.keys.items()))


class Merchants:
    """All merchants, found by the account's name or the key that signs."""

    def __init__(self, documents: dict[str, Json]) -> None:
        self._all = [
            Merchant(name, str(one["merchant_id"]), {key["id"]: key["secret"] for key in one["keys"]})
            for name, one in documents.items()
            if name.startswith("hc1/") and one.get("merchant_id") and one.get("keys")
        ]

    def named(self, account: str) -> Merchant | None:
        """Find the account of that name, `hc1/main` or `main`."""
        return next((one for one in self._all if one.account in (account, f"hc1/{account}")), None)

    def with_key(self, key_id: str, merchant_id: str | None = None) -> list[Merchant]:
        """Find the merchants that have a key of this name: names are the merchants' own."""
        return [one for one in self._all if key_id in one.keys and merchant_id in (None, one.merchant_id)]


def prepare(document: Json, api_base: str) -> Json:
    """Complete a document so that the product can talk to this simulator; everything that is there stays."""
    if "api_key" in document:
        return {**document, "api_base": document.get("api_base") or f"{api_base}/stripe", **_pages(document)}
    if "merchant_id" not in document:
        return document
    # A cashier on this machine that the document names is somebody's own.
    own = str(document.get("base_url", ""))
    mine = f"{api_base}/hc1"
    base = own if own.startswith(LOOPBACK) else mine
    return {**document, "base_url": own or mine, "api_base": document.get("api_base") or base}


def _pages(document: Json) -> Json:
    """Let Stripe's pages be on this machine too."""
    hosts = document.get("cashier_hosts") or []
    return {"cashier_hosts": [*hosts, *(host for host in ("127.0.0.1",) if host not in hosts)]}


def throwaway() -> dict[str, Json]:
    """Make `hc1/main` that can do everything, `stripe/main` in test mode, and a page over WeChat's account `shop`."""
    return {
        "wechat_native/qr": {"wechat": "shop", "shop_name": "Demo shop 演示商店"},
        "stripe/main": {
            "api_key": f"sk_test_{secrets.token_hex(16)}",
            "webhook_secrets": [f"whsec_{secrets.token_hex(16)}"],
        },
        "hc1/main": {
            "merchant_id": f"m_{secrets.token_hex(6)}",
            "keys": [{"id": f"ak_{secrets.token_hex(4)}", "secret": secrets.token_hex(32)}],
            "kinds": ["sale", "authorization", "capture", "void", "refund"],
        },
    }

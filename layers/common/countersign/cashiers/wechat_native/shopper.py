"""What a shopper's browser is answered about a page that it has the address of: what is recorded, nobody is asked."""

import re
from dataclasses import dataclass

from countersign.cashiers.wechat_native import page
from countersign.errors import CountersignError, NotFoundError
from countersign.http import HttpReply, HttpRequest, json_reply
from countersign.orders.state import Order
from countersign.signing import nonces
from countersign.store import OrderStore
from countersign.store.pages import Page, Pages

SAFE = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
HTML = "text/html; charset=utf-8"
_TOKEN = re.compile(r"[0-9a-f]{64}", re.ASCII)


def refused(request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Refuse: what does not exist and what is over look alike."""
    nonce, lang = nonces.nonce(), page.language("", request.headers.get("accept-language", "") if request else "")
    headers = {**SAFE, "content-security-policy": page.policy(nonce)}
    return HttpReply(error.status, page.render_gone(lang, nonce), HTML, headers)


@dataclass(frozen=True, slots=True)
class Shopper:
    """The pages of all accounts; an address that none has is a NotFoundError."""

    store: OrderStore
    pages: Pages

    def status(self, token: str, now: int) -> HttpReply:
        """Answer the page's own script what became of the payment."""
        _, order = self._find(token, now)
        return json_reply(200, {"state": page.state_of(order.status)}, headers=SAFE)

    def show(self, token: str, accepted: str, now: int) -> HttpReply:
        """Show the page; `accepted` are the browser's languages."""
        found, order = self._find(token, now)
        nonce = nonces.nonce()
        content = page.render(
            state=page.state_of(order.status),
            content=found.content,
            amount=order.terms.amount,
            description=order.terms.description,
            shop_name=found.shop_name,
            back=found.cancel_url or found.return_url,
            return_url=found.return_url,
            expires_at=found.expires_at,
            lang=page.language(found.locale, accepted),
            nonce=nonce,
            status_path=f"{token}/status",
            now=now,
        )
        return HttpReply(200, content, HTML, {**SAFE, "content-security-policy": page.policy(nonce)})

    def _find(self, token: str, now: int) -> tuple[Page, Order]:
        found = self.pages.get(token, now=now) if _TOKEN.fullmatch(token) else None
        order = self.store.get(found.key) if found else None
        if found is None or order is None:
            raise NotFoundError("no such page")
        return found, order
